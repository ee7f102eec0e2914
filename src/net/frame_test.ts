import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { FRAME_HEADER_OCTETS, FRAME_PAYLOAD_OCTETS_MAX, type FrameRead, readFrame, writeFrame } from "./frame.ts";
import type { PacketAddressing } from "./packet.ts";

const ADDRESSING: PacketAddressing = {
  sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  destinationMac: Uint8Array.of(2, 0, 0, 0, 0, 9),
  source: 0x0a4d0001,
  sourcePort: 67,
  destination: 0x0a4d0101,
  destinationPort: 68,
};

// deno-fmt-ignore -- a line per field
const FRAME = Uint8Array.of(
  0x02, 0x00, 0x00, 0x00, 0x00, 0x09, // destination
  0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // source
  0x08, 0x00, // IPv4
  0x45, 0x00, 0x00, 0x1f, // version 4, five words; total length 31
  0x00, 0x00, 0x40, 0x00, // identification 0; do not fragment
  0x40, 0x11, 0x25, 0x33, // time to live 64, UDP, header checksum ~dacc
  0x0a, 0x4d, 0x00, 0x01, // 10.77.0.1
  0x0a, 0x4d, 0x01, 0x01, // 10.77.1.1
  0x00, 0x43, 0x00, 0x44, 0x00, 0x0b, // 67 to 68, length 11
  0xe5, 0xb3, // checksum
  0x01, 0x02, 0x03,
);

function frameOf(payload: Uint8Array, addressing = ADDRESSING): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_OCTETS + payload.length);
  strictEqual(writeFrame(frame, payload, addressing), frame.length);
  return frame;
}

/** Sets a 16-bit field and, on request, corrects the IPv4 header checksum. */
function changed(frame: Uint8Array, offset: number, value: number, fixHeader = true): Uint8Array {
  const copy = frame.slice();
  const view = new DataView(copy.buffer);
  view.setUint16(offset, value);
  if (fixHeader) {
    view.setUint16(24, 0);
    let total = 0;
    for (let at = 14; at < 14 + 4 * ((copy[14] ?? 0) & 15) && at + 1 < copy.length; at += 2) {
      total += view.getUint16(at);
    }
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    view.setUint16(24, ~total & 0xffff);
  }
  return copy;
}

function errorOf(read: FrameRead): string | undefined {
  return read.ok ? undefined : read.error;
}

const payloads = fc.uint8Array({ maxLength: 600 });
const macs = fc.uint8Array({ minLength: 6, maxLength: 6 });
const addresses = fc.integer({ min: 0, max: 0xffffffff });
const ports = fc.integer({ min: 0, max: 0xffff });
const addressings = fc.record({
  sourceMac: macs,
  destinationMac: macs,
  source: addresses,
  sourcePort: ports,
  destination: addresses,
  destinationPort: ports,
}, { noNullPrototype: true });

/** The sum over FRAME's pseudo-header: what a sender writes that leaves the checksum to hardware. */
const PARTIAL_CHECKSUM = 0x15b8;

Deno.test("writeFrame() builds the frame that was encoded by hand", () => {
  deepStrictEqual(frameOf(Uint8Array.of(1, 2, 3)), FRAME);
});

Deno.test("readFrame() is the inverse of writeFrame()", () => {
  fc.assert(fc.property(payloads, addressings, (payload, addressing) => {
    deepStrictEqual(readFrame(frameOf(payload, addressing)), { ok: true, payload, addressing });
  }));
});

Deno.test("writeFrame() takes the longest payload and refuses a longer one", () => {
  const longest = new Uint8Array(FRAME_PAYLOAD_OCTETS_MAX).fill(0xff);
  deepStrictEqual(readFrame(frameOf(longest)), { ok: true, payload: longest, addressing: ADDRESSING });
  throws(() => frameOf(new Uint8Array(FRAME_PAYLOAD_OCTETS_MAX + 1)), /Broken invariant/);
  throws(() => writeFrame(new Uint8Array(44), Uint8Array.of(1, 2, 3), ADDRESSING), /Broken invariant/);
});

Deno.test("writeFrame() sends a checksum of zero as all ones", () => {
  // Over all payloads of one word the checksum takes every value but 0, and ffff stands for it.
  const counts = new Map<number, number>();
  for (let word = 0; word <= 0xffff; word++) {
    const frame = frameOf(Uint8Array.of(word >>> 8, word & 255));
    const checksum = new DataView(frame.buffer).getUint16(40);
    counts.set(checksum, (counts.get(checksum) ?? 0) + 1);
    if (checksum === 0xffff) ok(readFrame(frame).ok);
  }
  deepStrictEqual([counts.get(0), counts.has(0xffff), counts.size], [undefined, true, 0xffff]);
});

Deno.test("readFrame() ignores padding after the datagram", () => {
  const padded = new Uint8Array(60).fill(0xaa);
  padded.set(FRAME);
  deepStrictEqual(readFrame(padded), { ok: true, payload: Uint8Array.of(1, 2, 3), addressing: ADDRESSING });
});

Deno.test("readFrame() skips IPv4 options", () => {
  const withOptions = new Uint8Array(FRAME.length + 4);
  withOptions.set(FRAME.subarray(0, 34));
  withOptions.set([1, 1, 1, 0], 34);
  withOptions.set(FRAME.subarray(34), 38);
  withOptions[14] = 0x46;
  const frame = changed(withOptions, 16, 0x23);
  deepStrictEqual(readFrame(frame), { ok: true, payload: Uint8Array.of(1, 2, 3), addressing: ADDRESSING });
});

Deno.test("readFrame() accepts no UDP checksum, the right one and the unfinished one, and no other", () => {
  const accepted = [];
  for (let checksum = 0; checksum <= 0xffff; checksum++) {
    const read = readFrame(changed(FRAME, 40, checksum, false));
    if (read.ok) accepted.push(checksum);
    else strictEqual(read.error, "UDP checksum");
  }
  deepStrictEqual(accepted, [0, PARTIAL_CHECKSUM, 0xe5b3]);
});

Deno.test("readFrame() names what is wrong", () => {
  const cases: [name: string, frame: Uint8Array, error: string][] = [
    ["ethertype", changed(FRAME, 12, 0x86dd), "not IPv4"],
    ["version", changed(FRAME, 14, 0x6500), "not IPv4"],
    ["header of 16 octets", changed(FRAME, 14, 0x4400), "IPv4 header length"],
    ["total length below the headers'", changed(FRAME, 16, 27), "IPv4 total length"],
    ["total length beyond the frame", changed(FRAME, 16, 32), "truncated"],
    ["header checksum", changed(FRAME, 24, 0x2534, false), "IPv4 header checksum"],
    ["first fragment", changed(FRAME, 20, 0x2000), "fragment"],
    ["later fragment", changed(FRAME, 20, 0x0010), "fragment"],
    ["TCP", changed(FRAME, 22, 0x4006), "not UDP"],
    ["UDP length below its header's", changed(FRAME, 38, 7), "UDP length"],
    ["UDP length beyond the datagram", changed(FRAME, 38, 12), "UDP length"],
    ["payload", changed(FRAME, 42, 0x0302, false), "UDP checksum"],
    ["source address", changed(FRAME, 28, 0x0002), "UDP checksum"],
  ];
  for (const [name, frame, error] of cases) strictEqual(errorOf(readFrame(frame)), error, name);
});

Deno.test("readFrame() rejects every strict prefix", () => {
  for (let size = 0; size < FRAME.length; size++) {
    strictEqual(errorOf(readFrame(FRAME.subarray(0, size))), "truncated", `${size} octets`);
  }
});

Deno.test("readFrame() detects every changed octet except those of the link and the unused one", () => {
  for (let at = 12; at < FRAME.length; at++) {
    const frame = FRAME.slice();
    frame[at] = (frame[at] ?? 0) ^ 0x5a;
    strictEqual(readFrame(frame).ok, false, `octet ${at}`);
  }
});

Deno.test("readFrame() never throws and never reads outside the frame", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.tuple(fc.nat(FRAME.length - 1), fc.nat(255)).map(([at, octet]) => {
      const frame = FRAME.slice();
      frame[at] = octet;
      return frame;
    }),
  );
  fc.assert(
    fc.property(bytes, (frame) => {
      // The same octets inside a larger block must read the same.
      const block = new Uint8Array(frame.length + 64).fill(0x11);
      block.set(frame, 32);
      const inside = readFrame(block.subarray(32, 32 + frame.length));
      deepStrictEqual(inside, readFrame(frame));
      if (inside.ok) ok(inside.payload.byteOffset + inside.payload.length <= 32 + frame.length);
    }),
    { numRuns: 5_000 },
  );
});
