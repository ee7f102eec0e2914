import { complains, configures, octets, reads, refuses, same } from "../testing.ts";
import { userClass } from "./user_class.ts";

Deno.test("userClass: a list with lengths (RFC 3004 §4)", () => {
  same(userClass, [octets("6163636f756e74"), octets("6c6162")], "07 6163636f756e74 03 6c6162");
});

Deno.test('userClass: the bare "iPXE" of iPXE is one class', () => {
  reads(userClass, "69505845", [octets("69505845")]);
});

Deno.test("userClass: neither empty nor half a list", () => {
  refuses(userClass, "", "badLength");
  reads(userClass, "0161 00", [octets("016100")]);
});

Deno.test("userClass: configuration takes texts and hex", () => {
  configures(userClass, ["lab", "0xff"], "03 6c6162 01 ff");
  complains(userClass, [""], "");
  complains(userClass, [5], 5);
});

Deno.test("userClass: a bare text that no class can be is malformed", () => {
  reads(userClass, "00".repeat(255), [new Uint8Array(255)]);
  refuses(userClass, "00".repeat(256), "badLength");
});
