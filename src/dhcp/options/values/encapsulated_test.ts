import { complains, configures, refuses, same } from "../testing.ts";
import { encapsulated } from "./encapsulated.ts";

Deno.test("encapsulated: bytes on the wire, since vendors have formats of their own", () => {
  same(encapsulated, Uint8Array.of(6, 1), "0601");
  refuses(encapsulated, "", "badLength");
});

Deno.test("encapsulated: hex or sub-options in configuration", () => {
  configures(encapsulated, "0x060108ff", "060108ff");
  configures(encapsulated, { 6: "0x08", 10: "0x0001", 71: "" }, "06 01 08 0a 02 0001 47 00");
  complains(encapsulated, { 0: "0x01" }, { 0: "0x01" });
  complains(encapsulated, { 255: "0x01" }, { 255: "0x01" });
  complains(encapsulated, { 6: 8 }, { 6: 8 });
  complains(encapsulated, {});
});
