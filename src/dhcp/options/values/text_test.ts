import { strictEqual, throws } from "node:assert/strict";
import { complains, configures, reads, refuses, same } from "../testing.ts";
import { quote, text } from "./text.ts";

Deno.test("text: UTF-8, short and long", () => {
  same(text, "pc", "7063");
  same(text, "é", "c3a9");
  same(text, "x".repeat(40), "78".repeat(40));
  same(text, "\ufeffpc", "efbbbf7063");
});

Deno.test("text: trailing NULs are deleted (RFC 2132 §2), and nothing but NULs is empty", () => {
  reads(text, "706300", "pc");
  reads(text, "70630000", "pc");
  refuses(text, "", "badLength");
  refuses(text, "0000", "badLength");
});

Deno.test("text: octets that are no UTF-8 become U+FFFD", () => {
  reads(text, "70ff63", "p\ufffdc");
  reads(text, "ff".repeat(40), "\ufffd".repeat(40));
});

Deno.test("text: configuration takes text, not numbers, switches or controls", () => {
  configures(text, "example.net", "6578616d706c652e6e6574");
  for (const input of ["", 12, true, null, "a\nb", "a\u0000"]) complains(text, input);
  throws(() => text.encode(""));
});

Deno.test("quote() lets no control or direction mark through", () => {
  strictEqual(quote('a"\n\u001b[31m\u007f\u0085\u202e'), '"a\\"\\n\\u001b[31m\\u007f\\u0085\\u202e"');
  strictEqual(text.format("grün"), '"grün"');
});
