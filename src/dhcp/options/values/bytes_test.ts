import { strictEqual } from "node:assert/strict";
import { complains, configures, refuses, same } from "../testing.ts";
import { bytes } from "./bytes.ts";

Deno.test("bytes: as they are, within the option's bounds", () => {
  same(bytes(), Uint8Array.of(1, 255), "01ff");
  refuses(bytes(), "", "badLength");
  refuses(bytes({ min: 2 }), "01", "badLength");
  refuses(bytes({ min: 4, max: 4 }), "0102030405", "badLength");
});

Deno.test("bytes: hex with 0x in configuration", () => {
  configures(bytes(), "0x0102FF", "0102ff");
  configures(bytes(), "0x01:02:ff", "0102ff");
  for (const input of ["0102ff", "0x012", "0xgg", "0x", 258, null]) complains(bytes(), input);
  complains(bytes({ max: 1 }), "0x0102");
  strictEqual(bytes({ min: 4, max: 4 }).wanted, '4 bytes in hex, such as "0x01010101"');
});
