import { strictEqual } from "node:assert/strict";
import { textOf } from "./text.ts";

Deno.test("textOf() decodes ASCII, UTF-8 and octets that are neither", () => {
  strictEqual(textOf(new Uint8Array()), "");
  strictEqual(textOf(new TextEncoder().encode("printer-7")), "printer-7");
  strictEqual(textOf(new TextEncoder().encode("Büro")), "Büro");
  strictEqual(textOf(Uint8Array.of(0x61, 0xff)), "a\ufffd");
});
