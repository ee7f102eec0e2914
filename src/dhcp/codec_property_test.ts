import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import type { Message, Options } from "./message.ts";

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
/** Text fields end at their first NUL, so they have none. */
const text = (maxLength: number) => fc.uint8Array({ min: 1, maxLength });

/** Every code but pad, End, overload and the message type, which every message has. */
const code = fc.integer({ min: 1, max: 254 }).filter((value) => value !== 52 && value !== 53);
const value = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 255, size: "max" }) },
  { weight: 2, arbitrary: fc.uint8Array({ minLength: 250, maxLength: 700, size: "max" }) },
);

const options: fc.Arbitrary<Options> = fc.tuple(
  fc.uint8Array({ minLength: 1, maxLength: 1 }),
  fc.uniqueArray(fc.tuple(code, value), { maxLength: 20, selector: ([number]) => number }),
  fc.nat(),
).map(([type, others, position]) => {
  const entries: [number, Uint8Array][] = [...others];
  entries.splice(position % (entries.length + 1), 0, [53, type]);
  return new Map(entries);
});

const message: fc.Arbitrary<Message> = fc.record({
  op: fc.constantFrom(1, 2),
  htype: fc.integer({ min: 0, max: 255 }),
  hops: fc.integer({ min: 0, max: 255 }),
  xid: u32,
  secs: u16,
  flags: u16,
  ciaddr: u32,
  yiaddr: u32,
  siaddr: u32,
  giaddr: u32,
  chaddr: fc.uint8Array({ maxLength: 16 }),
  sname: fc.oneof(fc.constant(new Uint8Array(0)), text(64)),
  file: fc.oneof(fc.constant(new Uint8Array(0)), text(128)),
  options,
}, { noNullPrototype: true });

function decoded(bytes: Uint8Array): Message {
  const result = decode(bytes);
  if (!result.ok) throw new Error(`Refused: ${JSON.stringify(result.error)}`);
  return result.value;
}

Deno.test("decoding undoes encoding when there is room", () => {
  fc.assert(fc.property(message, (original) => {
    const { bytes, omitted } = encode(original, { bytesMax: 65_507 });
    deepStrictEqual(omitted, []);
    const result = decoded(bytes);
    deepStrictEqual(result, original);
    const order = [...original.options.keys()].filter((key) => key !== 82);
    if (original.options.has(82)) order.push(82);
    deepStrictEqual([...result.options.keys()], order);
  }));
});

Deno.test("decoding undoes encoding in little room, but for what encode() says it omitted", () => {
  let overloaded = 0;
  fc.assert(
    fc.property(message, fc.integer({ min: 0, max: 1500 }), (original, bytesMax) => {
      const { bytes, omitted } = encode(original, { bytesMax });
      const relayed = original.options.get(82)?.length ?? 0;
      const relayedBytes = relayed === 0 ? 2 : relayed + 2 * Math.ceil(relayed / 255);
      ok(bytes.length <= Math.max(bytesMax, 548) + relayedBytes);
      ok(!omitted.includes(53) && !omitted.includes(82));
      const expected = new Map(original.options);
      for (const key of omitted) ok(expected.delete(key));
      if (bytes[240] === 52) overloaded++;
      deepStrictEqual(decoded(bytes), { ...original, options: expected });
    }),
    { numRuns: 500 },
  );
  ok(overloaded > 20, `Overload must be among what was tested: ${overloaded} times`);
});

Deno.test("decode() of any bytes neither throws nor depends on what lies around them", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400, size: "max" }), fc.boolean(), (tail, repaired) => {
    const bytes = new Uint8Array(240 + tail.length);
    bytes.set(tail, 240);
    if (repaired) bytes.set([1, 1, 6], 0);
    if (repaired) bytes.set([0x63, 0x82, 0x53, 0x63], 236);
    const surrounded = new Uint8Array(bytes.length + 512).fill(0x0c);
    surrounded.set(bytes, 256);
    deepStrictEqual(decode(surrounded.subarray(256, 256 + bytes.length)), decode(bytes));
  }));
});
