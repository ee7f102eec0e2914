import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { LeaseAck } from "./messages.ts";
import {
  type DecodedMessage,
  decodeMessage,
  encodeMessage,
  WIRE_ERRORS,
  WIRE_VERSION,
  type WireError,
} from "./codec.ts";
import { WIRE_LIMITS } from "./limits.ts";
import { streamRecordBytesMax } from "./records.ts";
import VERSION_1 from "./testing/version1.json" with { type: "json" };
import { toHex } from "../../bytes/hex.ts";
import { anyMessage } from "./testing/any_message.ts";
import { busyBatch, ENVELOPE } from "./testing/batch.ts";

/** CBOR by hand: `[1, 2, 7, 1, 5, term]`, an Election, with the octets of the term given. */
function electionWith(...term: number[]): Uint8Array {
  return Uint8Array.of(WIRE_VERSION, 0x86, 1, 2, 7, 1, 5, ...term);
}

function errorOf(decoded: DecodedMessage): WireError | undefined {
  return decoded.ok ? undefined : decoded.error;
}

Deno.test("codec: every message comes back as it was", () => {
  const types = new Set<string>();
  fc.assert(
    fc.property(anyMessage, ({ envelope, message }) => {
      types.add(message.type);
      deepStrictEqual(decodeMessage(encodeMessage(envelope, message)), { ok: true, envelope, message });
    }),
    { numRuns: 3_000 },
  );
  strictEqual(types.size, 37);
});

Deno.test("codec: no strict prefix and no extension is a message", () => {
  fc.assert(
    fc.property(anyMessage, ({ envelope, message }) => {
      const bytes = encodeMessage(envelope, message);
      const step = Math.max(1, Math.floor(bytes.length / 300));
      for (let size = 0; size < bytes.length; size += step) {
        strictEqual(errorOf(decodeMessage(bytes.subarray(0, size)))?.kind, "malformed", `prefix of ${size}`);
      }
      strictEqual(errorOf(decodeMessage(Uint8Array.of(...bytes, 0)))?.kind, "malformed");
    }),
    { numRuns: 200 },
  );
});

/** A small fast generator, so that hundreds of thousands of inputs take seconds. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

Deno.test("codec: 200,000 mutated and random byte strings never throw", () => {
  const next = generator(3);
  const samples = fc.sample(anyMessage, { seed: 7, numRuns: 300 })
    .map(({ envelope, message }) => encodeMessage(envelope, message)).filter((bytes) => bytes.length < 6_000);
  const kinds = new Map<string, number>();
  for (let run = 0; run < 200_000; run++) {
    const sample = samples[next(samples.length)] as Uint8Array;
    let bytes: Uint8Array;
    if (run % 4 === 0) {
      bytes = new Uint8Array(next(60));
      for (let at = 0; at < bytes.length; at++) bytes[at] = next(256);
      bytes[0] = WIRE_VERSION;
      if (run % 8 === 0) bytes[1] = 0x80 + next(24);
    } else {
      bytes = sample.slice();
      for (let change = 1 + next(4); change > 0; change--) bytes[1 + next(bytes.length - 1)] = next(256);
    }
    const decoded = decodeMessage(bytes);
    const kind = decoded.ok ? "ok" : decoded.error.kind;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  // Mutation reaches everything that can happen, an octet of some string included.
  for (const kind of ["ok", "malformed", "unknownType", "badValue"]) {
    ok((kinds.get(kind) ?? 0) > 50, `${kind}: ${kinds.get(kind)}`);
  }
  ok(WIRE_ERRORS.every((kind) => kind === "tooLong" || kind === "wireVersion" || kinds.has(kind)));
});

Deno.test("codec: numbers must be whole and within their field", () => {
  const double = (value: number) => [0xfb, ...new Uint8Array(new Float64Array([value]).buffer).reverse()];
  ok(decodeMessage(electionWith(23)).ok);
  const large = decodeMessage(electionWith(0x1b, 0, 0x1f, 255, 255, 255, 255, 255, 255));
  deepStrictEqual(large.ok && large.message, { type: "election", term: Number.MAX_SAFE_INTEGER });
  const bad = {
    infinity: double(Infinity),
    minusInfinity: double(-Infinity),
    nan: double(NaN),
    fraction: double(1.5),
    negative: [0x20],
    beyondSafe: [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0],
    beyondSafeDouble: double(2 ** 53),
    true: [0xf5],
    null: [0xf6],
    text: [0x61, 0x37],
    bytes: [0x41, 7],
    array: [0x81, 7],
  };
  for (const [name, octets] of Object.entries(bad)) {
    deepStrictEqual(errorOf(decodeMessage(electionWith(...octets))), { kind: "badValue", field: "term" }, name);
  }
  const minusZero = decodeMessage(electionWith(...double(-0)));
  ok(minusZero.ok && minusZero.message.type === "election" && Object.is(minusZero.message.term, 0));
});

Deno.test("codec: CBOR beyond the subset is refused before the decoder sees it", () => {
  const beyond = {
    map: [0xa0],
    objectWithProto: [0xa1, 0x69, ...new TextEncoder().encode("__proto__"), 0],
    tag: [0xc1, 7],
    dateTag: [0xc0, 0x61, 0x30],
    bigNumberTag: [0xc2, 0x41, 1],
    setTag: [0xd9, 1, 2, 0x80],
    regExpTag: [0xd8, 27, 0x82, 0x66, ...new TextEncoder().encode("RegExp"), 0x61, 0x61],
    sharedTag: [0xd8, 28, 0x80],
    referenceTag: [0xd8, 29, 0],
    recordTag: [0xd9, 0xdf, 0xff, 0x83, 0, 0x81, 0x61, 0x61, 1],
    typedArrayTag: [0xd8, 69, 0x42, 1, 2],
    undefined: [0xf7],
    simple: [0xf8, 32],
    half: [0xf9, 0, 0],
    single: [0xfa, 0, 0, 0, 0],
    indefiniteArray: [0x9f, 0xff],
    indefiniteBytes: [0x5f, 0x41, 1, 0xff],
    break: [0xff],
    reserved: [0x1c],
    hugeArray: [0x9b, 0, 0, 0, 0, 255, 255, 255, 255],
    hugeBytes: [0x5b, 255, 255, 255, 255, 255, 255, 255, 255],
    deep: [0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0],
  };
  for (const [name, octets] of Object.entries(beyond)) {
    deepStrictEqual(errorOf(decodeMessage(electionWith(...octets))), { kind: "malformed" }, name);
  }
});

Deno.test("codec: versions, types and lengths it does not know", () => {
  const bytes = electionWith(5);
  for (const version of [0, WIRE_VERSION + 1]) {
    bytes[0] = version;
    deepStrictEqual(errorOf(decodeMessage(bytes)), { kind: "wireVersion", version });
  }
  bytes[0] = WIRE_VERSION;
  bytes[2] = 0;
  deepStrictEqual(errorOf(decodeMessage(bytes)), { kind: "unknownType", code: 0 });
  const later = Uint8Array.of(...bytes.subarray(0, 2), 0x18, 200, ...bytes.subarray(3));
  deepStrictEqual(errorOf(decodeMessage(later)), { kind: "unknownType", code: 200 });
  const octets = WIRE_LIMITS.messageBytesMax + 1;
  deepStrictEqual(errorOf(decodeMessage(new Uint8Array(octets))), { kind: "tooLong", octets });
  deepStrictEqual(errorOf(decodeMessage(Uint8Array.of(WIRE_VERSION, 0x87, 1, 2, 7, 1, 5, 1, 1))), {
    kind: "badValue",
    field: "end",
  });
});

Deno.test("codec: fields have their limits", () => {
  const batch = busyBatch(2);
  const [one, two] = batch.records;
  ok(one !== undefined && two !== undefined && one.kind === "lock");
  const field = (message: Parameters<typeof encodeMessage>[1]) => {
    const error = errorOf(decodeMessage(encodeMessage(ENVELOPE, message)));
    return error?.kind === "badValue" ? error.field : error?.kind;
  };
  strictEqual(field(batch), undefined);
  const detail = (changes: Partial<typeof one.detail>) => ({
    ...batch,
    records: [two, { ...one, detail: { ...one.detail, ...changes } }],
  });
  strictEqual(field(detail({ chaddr: new Uint8Array(17) })), "chaddr");
  strictEqual(field(detail({ chaddr: new Uint8Array(300) })), "chaddr");
  strictEqual(field(detail({ circuitId: new Uint8Array(256) })), "circuitId");
  strictEqual(field(detail({ remoteId: new Uint8Array(256) })), "remoteId");
  strictEqual(field(detail({ htype: 256 })), "htype");
  strictEqual(field(detail({ giaddr: 2 ** 32 })), "giaddr");
  strictEqual(field(detail({ expires: -1 })), "expires");
  strictEqual(field(detail({ lastSeen: 2 ** 53 })), "lastSeen");
  const record = (changes: Partial<typeof one.record>) => ({
    ...batch,
    records: [two, { ...one, record: { ...one.record, ...changes } }],
  });
  strictEqual(field(record({ version: { ...one.record.version, clock: WIRE_LIMITS.clockMax + 1 } })), "version");
  strictEqual(field(record({ version: { clock: 5, node: 0, incarnation: 1 } })), "version");
  strictEqual(field(record({ version: { clock: 5, node: 1, incarnation: 2 ** 32 } })), "version");
  strictEqual(field(record({ lockedUntil: -1 })), "lockedUntil");
  strictEqual(field(record({ lockedUntil: Infinity })), "lockedUntil");
  strictEqual(field({ ...batch, diskId: "0123456789ABCDEF" }), "diskId");
  strictEqual(field({ ...batch, first: 0 }), "first");
  strictEqual(field({ ...batch, committed: [{ first: 5, last: 4 }] }), "last");
  strictEqual(field({ ...batch, records: new Array(WIRE_LIMITS.recordsMax + 1).fill(one) }), "records");
  strictEqual(field({ ...batch, free: new Array(WIRE_LIMITS.poolsMax + 1).fill(0) }), "free");
  const ack: LeaseAck = {
    type: "leaseAck",
    incarnation: 1,
    first: 1,
    answers: new Array(WIRE_LIMITS.recordsMax + 1).fill({ ok: true }),
  };
  strictEqual(field(ack), "answers");
  strictEqual(field({ type: "clusterStatus", term: 1, present: [0], majority: true }), "node");
});

Deno.test("codec: records take at most the octets that batches are filled by", () => {
  const empty = encodeMessage(ENVELOPE, busyBatch(0)).length;
  const batch = busyBatch(15);
  const bytes = encodeMessage(ENVELOPE, batch).length;
  ok(bytes <= CLUSTER_LIMITS.datagramBytesMax, `15 leases are ${bytes} octets`);
  fc.assert(
    fc.property(anyMessage, ({ envelope, message }) => {
      if (message.type !== "leaseBatch" || message.records.length === 0) return;
      // Headers, and the base that the records add.
      const without = encodeMessage(envelope, { ...message, records: [] }).length + 2 + 8;
      const bound = message.records.reduce((sum, record) => sum + streamRecordBytesMax(record), without);
      const octets = encodeMessage(envelope, message).length;
      ok(octets <= bound, `${octets} octets, not ${bound}`);
    }),
    { numRuns: 2_000 },
  );
  ok(bytes - empty <= batch.records.reduce((sum, record) => sum + streamRecordBytesMax(record), 10));
});

/**
 * Recorded messages of the first release. A cluster is upgraded node by node: until the last node is upgraded, each
 * release must read these messages and write them as the same octets. A later release only adds messages, which earlier
 * ones count and drop.
 */
Deno.test("codec: messages of the first release are read, and written as it wrote them", () => {
  for (const [type, recorded] of Object.entries(VERSION_1)) {
    for (const hex of recorded) {
      const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
      const decoded = decodeMessage(bytes);
      ok(decoded.ok, `${type}: ${hex}`);
      strictEqual(decoded.message.type, type);
      strictEqual(toHex(encodeMessage(decoded.envelope, decoded.message)), hex);
    }
  }
  strictEqual(Object.keys(VERSION_1).length, 20);
});
