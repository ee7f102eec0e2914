import { ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { escapeUnseen, printable, withoutUnseen } from "./unseen.ts";

/** A terminal's controls of both ranges, every mark of direction, separators, invisible and unpaired characters. */
const HOSTILE = [
  ..."\x00\x07\x1b\x7f\x9b\xad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060",
  ..."\u2066\u2067\u2068\u2069\ufeff\u{e0041}",
  "\ud800",
];

Deno.test("unseen: each character that acts on a display is removed, replaced or escaped", () => {
  for (const character of HOSTILE) {
    strictEqual(withoutUnseen(`a${character}b`), "ab");
    strictEqual(printable(`a${character}b`), "a\ufffdb");
    strictEqual(JSON.parse(`"${escapeUnseen(character)}"`), character);
    ok(/^[\x21-\x7e]+$/.test(escapeUnseen(character)));
  }
  strictEqual(printable("Drucker im Büro 日本 אב 🖨"), "Drucker im Büro 日本 אב 🖨");
});

Deno.test("unseen: JSON stays the same value", () => {
  fc.assert(fc.property(fc.json(), (json) => strictEqual(JSON.stringify(JSON.parse(escapeUnseen(json))), json)));
});
