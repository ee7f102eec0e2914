import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { complains, configures, octets, reads, refuses, same } from "../testing.ts";
import { domainNames } from "./domain_names.ts";

const compressed = domainNames({ compress: true });
const plain = domainNames({ compress: false });

// RFC 3397 §2: the RFC's example, "eng.apple.com." and "marketing.apple.com.", the second with a pointer.
const RFC_3397 = "03 656e67 05 6170706c65 03 636f6d 00 09 6d61726b6574696e67 c004";

Deno.test("domainNames: the example of RFC 3397", () => {
  same(compressed, ["eng.apple.com", "marketing.apple.com"], RFC_3397);
});

Deno.test("domainNames: pointers are understood where none are written", () => {
  reads(plain, RFC_3397, ["eng.apple.com", "marketing.apple.com"]);
  strictEqual(plain.encode(["a.b", "a.b"]).length, 10);
  strictEqual(compressed.encode(["a.b", "a.b"]).length, 7);
});

Deno.test("domainNames: pointers to themselves, forward and in circles are refused", () => {
  refuses(compressed, "c000", "badValue", 0);
  refuses(compressed, "c002 0161 00", "badValue", 0);
  refuses(compressed, "0161 c000", "badValue", 2);
  refuses(compressed, "0161 00 c005 c003", "badValue", 3);
  refuses(compressed, "02 c001 00 c001", "badValue", 1); // a pointer hidden in a label, to itself
  refuses(compressed, "0161 c0", "badLength", 2);
});

Deno.test("domainNames: labels and names that are too long, cut short or of an unknown kind are refused", () => {
  refuses(compressed, "", "badLength");
  refuses(compressed, "0161", "badLength", 2);
  refuses(compressed, "0561 00", "badLength", 0);
  refuses(compressed, "40 61 00", "badValue", 0);
  refuses(compressed, `${"01 61".repeat(128)} 00`, "badValue", 254);
  reads(compressed, `${"01 61".repeat(127)} 00`, [Array(127).fill("a").join(".")]);
});

Deno.test("domainNames: a pointer doesn't make a name longer than 255 octets", () => {
  const long = "3f" + "61".repeat(63);
  refuses(compressed, `${long.repeat(3)} 00 ${long} c000`, "badValue", 128);
});

Deno.test("domainNames: odd labels keep their octets", () => {
  same(plain, ["a\\.b.c\\\\d.\\007\\255"], "03 612e62 03 635c64 02 07ff 00");
  same(plain, ["."], "00");
});

Deno.test("domainNames: configuration", () => {
  configures(plain, ["example.net."], "07 6578616d706c65 03 6e6574 00");
  configures(plain, "a.b, c", "0161 0162 00 0163 00");
  for (const name of ["", ".", "a..b", "-a", "a b", "münchen.de", "x".repeat(64), 5]) complains(plain, [name], name);
  complains(domainNames({ compress: false, max: 1 }), ["a", "b"]);
  refuses(domainNames({ compress: false, max: 1 }), "0161 00 0162 00", "badLength", 3);
});

Deno.test("domainNames: what is no name can't be encoded", () => {
  for (const name of ["a..b", "x".repeat(64), "a\\", "ä\u0100", "\\999"]) throws(() => plain.encode([name]));
});

Deno.test("domainNames: decoding undoes encoding, compressed or not", () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 20 });
  const names = fc.array(fc.array(label, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(names, fc.boolean(), (lists, compress) => {
    const wire = lists.flatMap((labels) => [...labels.flatMap((bytes) => [bytes.length, ...bytes]), 0]);
    const decoded = plain.decode(Uint8Array.from(wire), 119);
    if (decoded.kind !== "present") throw new Error("Labels of up to 20 octets are well formed");
    const encoded = domainNames({ compress }).encode(decoded.value);
    deepStrictEqual(plain.decode(encoded, 119), decoded);
    if (!compress) deepStrictEqual([...encoded], wire);
    else strictEqual(encoded.length <= wire.length, true);
  }));
});

Deno.test("domainNames: work for a hostile value stays in proportion to its size", () => {
  const bytes = new Uint8Array(1400);
  bytes.set(octets("3f" + "61".repeat(63)), 0);
  for (let offset = 65; offset + 1 < bytes.length; offset += 2) bytes.set([0xc0, 0], offset);
  const read = compressed.decode(bytes, 119);
  strictEqual(read.kind === "present" && read.value.length, 1 + Math.floor((1400 - 65) / 2) + 1);
});
