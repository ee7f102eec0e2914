import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatClientIdentifier, isClientIdentifier, parseClientIdentifier } from "./client_identifier.ts";
import { octets } from "./options/testing.ts";

const format = (hex: string) => formatClientIdentifier(octets(hex));

Deno.test("client identifier: at least two octets (RFC 2132 §9.14)", () => {
  strictEqual(isClientIdentifier(octets("")), false);
  strictEqual(isClientIdentifier(octets("01")), false);
  strictEqual(isClientIdentifier(octets("0100")), true);
  strictEqual(parseClientIdentifier(octets("01")), undefined);
  strictEqual(format("01"), "0x01");
  strictEqual(format(""), "0x");
});

Deno.test("client identifier: hardware address", () => {
  strictEqual(format("01 020000000009"), "02:00:00:00:00:09");
  strictEqual(format("01 0200000000"), "0x010200000000", "no Ethernet address has five octets");
});

Deno.test("client identifier: IAID and DUID of each type (RFC 4361 §6.1)", () => {
  strictEqual(
    format("ff 12345678 0001 0001 2a3b4c5d 020000000009"),
    "iaid 0x12345678 duid llt 02:00:00:00:00:09 708529245",
  );
  strictEqual(format("ff 00000001 0002 00000009 0cc084d3"), "iaid 0x00000001 duid en 9 0cc084d3");
  strictEqual(format("ff 00000001 0003 0001 020000000009"), "iaid 0x00000001 duid ll 02:00:00:00:00:09");
  strictEqual(
    format("ff 00000001 0004 00112233445566778899aabbccddeeff"),
    "iaid 0x00000001 duid uuid 00112233-4455-6677-8899-aabbccddeeff",
  );
  strictEqual(format("ff 00000001 0009 01"), "iaid 0x00000001 duid 0x000901");
  strictEqual(format("ff 00000001 0004 0011"), "iaid 0x00000001 duid 0x00040011", "a UUID has sixteen octets");
  strictEqual(format("ff 00000001"), "0xff00000001", "no DUID at all");
});

Deno.test("client identifier: text is text only when it can't break a log line", () => {
  strictEqual(format("00 636f6e66"), '"conf"');
  strictEqual(format("00 636f0a66"), "0x00636f0a66");
  strictEqual(format("00 226f"), "0x00226f");
  deepStrictEqual(parseClientIdentifier(octets("00 6162")), { kind: "opaque", type: 0, bytes: octets("6162") });
});

Deno.test("client identifier: any bytes have a printable form", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, duid) => {
    const shown = formatClientIdentifier(duid ? Uint8Array.of(255, 0, 0, 0, 1, 0, ...bytes) : bytes);
    strictEqual(/^[\x20-\x7e]+$/.test(shown), true);
  }));
});
