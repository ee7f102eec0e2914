import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { ALL_OPTIONS, optionByCode, optionByName, OPTIONS } from "./mod.ts";

Deno.test("registry: every option of RFC 2132 has a row", () => {
  for (let code = 1; code <= 76; code++) ok(optionByCode(code) !== undefined, `option ${code} needs a row`);
});

Deno.test("registry: the options of the later RFCs that the design names have a row", () => {
  const codes = [77, 78, 79, 80, 81, 82, 85, 86, 87, 90, 91, 92, 93, 94, 97, 100, 101, 108, 114, 116, 117, 118, 119];
  for (const code of [...codes, 120, 121, 138, 150, 208, 209, 210, 211]) {
    ok(optionByCode(code) !== undefined, `${code}`);
  }
});

Deno.test("registry: no bytes make a codec throw; what decodes encodes to the same value", () => {
  for (const { name, code, codec } of ALL_OPTIONS) {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 4, max: 8 })), (bytes) => {
        const read = codec.decode(bytes, code);
        if (read.kind === "malformed") {
          strictEqual(read.error.field, `option ${code}`, name);
          ok(read.error.offset >= 0 && read.error.offset <= bytes.length, name);
          return;
        }
        strictEqual(typeof codec.format(read.value), "string");
        const again = codec.decode(codec.encode(read.value), code);
        deepStrictEqual(again, read, name);
      }),
      { numRuns: 200 },
    );
  }
});

Deno.test("registry: no formatted value breaks a log line", () => {
  const hostile = new TextEncoder().encode("a\r\nlevel=error\u001b[2J\u2028");
  for (const { codec, code, name } of ALL_OPTIONS) {
    for (const bytes of [hostile, Uint8Array.of(0, ...hostile), Uint8Array.of(0, 0, 0, ...hostile)]) {
      const read = codec.decode(bytes, code);
      // deno-lint-ignore no-control-regex -- control characters are what must not be there
      if (read.kind === "present") ok(!/[\u0000-\u001f\u007f-\u009f\u2028]/.test(codec.format(read.value)), name);
    }
  }
});

Deno.test("registry: any YAML value is parsed or refused, never thrown at", () => {
  for (const { codec, name } of ALL_OPTIONS) {
    fc.assert(
      fc.property(fc.jsonValue(), (input) => {
        const parsed = codec.parse(input);
        if (parsed.ok) ok(codec.encode(parsed.value) instanceof Uint8Array, name);
      }),
      { numRuns: 100 },
    );
  }
});

Deno.test("registry: what the server decides by itself can't be configured", () => {
  for (const code of [50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 80, 82]) {
    ok(optionByCode(code)?.reserved !== undefined, `option ${code} must be reserved`);
  }
});

Deno.test("registry: names of Kea and dhcpd lead to the same rows", () => {
  strictEqual(optionByName("boot-file-name"), OPTIONS.bootfileName);
  strictEqual(optionByName("bootfile-name"), OPTIONS.bootfileName);
  strictEqual(optionByName("rfc3442-classless-static-routes"), OPTIONS.classlessStaticRoutes);
  strictEqual(optionByName("v4-captive-portal"), OPTIONS.captivePortal);
  strictEqual(optionByName("pcode"), OPTIONS.tzPosix);
});
