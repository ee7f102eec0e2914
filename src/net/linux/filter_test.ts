/** Runs the filter's program in a small interpreter, as asking the kernel takes root. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { FRAME_HEADER_OCTETS, writeFrame } from "../frame.ts";
import { arpProbe } from "../arp.ts";
import { arpFilter, sourcesFilter, udpPortFilter } from "./filter.ts";

const INCOMING = 0;
const OUTGOING = 4;
const PACKET_TYPE = 0xfffff004;

/** Runs classic BPF (the instructions used here) as the kernel does: reading outside the frame drops it. */
function accepts(program: Uint8Array<ArrayBuffer>, frame: Uint8Array, packetType: number): boolean {
  const code = new DataView(program.buffer);
  let accumulator = 0;
  let index = 0;
  const octet = (offset: number) => frame[offset];
  for (let at = 0; at < program.length; at += 8) {
    const k = code.getUint32(at + 4, true);
    const jump = (taken: boolean) => at += 8 * code.getUint8(at + (taken ? 2 : 3));
    const operation = code.getUint16(at, true);
    switch (operation) {
      case 0x30: { // ldb [k]
        const value = k === PACKET_TYPE ? packetType : octet(k);
        if (value === undefined) return false;
        accumulator = value;
        break;
      }
      case 0x28: // ldh [k]
      case 0x48: { // ldh [x + k]
        const offset = operation === 0x28 ? k : index + k;
        const [high, low] = [octet(offset), octet(offset + 1)];
        if (high === undefined || low === undefined) return false;
        accumulator = high * 256 + low;
        break;
      }
      case 0xb1: { // ldxb 4 * ([k] & 0xf)
        const value = octet(k);
        if (value === undefined) return false;
        index = 4 * (value & 15);
        break;
      }
      case 0x15: // jeq
        jump(accumulator === k);
        break;
      case 0x45: // jset
        jump((accumulator & k) !== 0);
        break;
      case 0x06: // ret
        return k > 0;
      default:
        throw new Error(`unexpected instruction ${operation.toString(16)}`);
    }
  }
  throw new Error("the program has no end");
}

function frame(destinationPort: number, change: (frame: Uint8Array) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_OCTETS + 4);
  writeFrame(bytes, new Uint8Array(4), {
    sourceMac: new Uint8Array(6),
    destinationMac: new Uint8Array(6),
    source: 1,
    sourcePort: 67,
    destination: 2,
    destinationPort,
  });
  change(bytes);
  return bytes;
}

Deno.test("udpPortFilter() passes its port only, and no outgoing frame", () => {
  const filter = udpPortFilter(68);
  for (let port = 0; port < 1024; port++) strictEqual(accepts(filter, frame(port), INCOMING), port === 68, `${port}`);
  strictEqual(accepts(udpPortFilter(65535), frame(65535), INCOMING), true);
  strictEqual(accepts(filter, frame(68), OUTGOING), false);
});

Deno.test("udpPortFilter() passes UDP in unfragmented IPv4 only, with or without IPv4 options", () => {
  const cases: [name: string, expected: boolean, change: (frame: Uint8Array) => void][] = [
    ["as it is", true, () => {}],
    ["don't fragment", true, (bytes) => bytes[20] = 0x40],
    ["may be fragmented", true, (bytes) => bytes[20] = 0x00],
    ["first fragment", false, (bytes) => bytes[20] = 0x20],
    ["later fragment", false, (bytes) => bytes[21] = 1],
    ["TCP", false, (bytes) => bytes[23] = 6],
    ["IPv6", false, (bytes) => bytes.set([0x86, 0xdd], 12)],
    ["ARP", false, (bytes) => bytes.set([0x08, 0x06], 12)],
    // The port is read one word later, where the UDP length and checksum are.
    ["longer header, other port", false, (bytes) => bytes[14] = 0x46],
    ["longer header, this port", true, (bytes) => {
      bytes[14] = 0x46;
      bytes.set([0, 68], 40);
    }],
  ];
  for (const [name, expected, change] of cases) {
    strictEqual(accepts(udpPortFilter(68), frame(68, change), INCOMING), expected, name);
  }
});

Deno.test("udpPortFilter() drops every frame that ends before the port", () => {
  const whole = frame(68);
  const passed = [];
  for (let size = 0; size <= whole.length; size++) {
    if (accepts(udpPortFilter(68), whole.subarray(0, size), INCOMING)) passed.push(size);
  }
  deepStrictEqual(passed[0], 38);
});

const SOURCE_ADDRESS = 0xfff0000c;
const RANDOM = 0xfffff038;

/** Runs a program on what it loads, by offset. */
function passes(program: Uint8Array<ArrayBuffer>, loaded: ReadonlyMap<number, number>): boolean {
  const code = new DataView(program.buffer);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const k = code.getUint32(at + 4, true);
    const jump = (taken: boolean) => at += 8 * code.getUint8(at + (taken ? 2 : 3));
    switch (code.getUint16(at, true)) {
      case 0x20: // ld [k]
        accumulator = loaded.get(k) ?? NaN;
        break;
      case 0x15:
        jump(accumulator === k);
        break;
      case 0x45:
        jump((accumulator & k) !== 0);
        break;
      case 0x06:
        return k > 0;
    }
  }
  throw new Error("the program has no end");
}

Deno.test("sources filter: passes these addresses, and of the others a sample", () => {
  const program = sourcesFilter([0x0a000001, 0xffffffff], 8);
  const from = (source: number, random: number) =>
    passes(program, new Map([[SOURCE_ADDRESS, source], [RANDOM, random]]));
  strictEqual(from(0x0a000001, 1), true);
  strictEqual(from(0xffffffff, 1), true);
  strictEqual(from(0x0a000002, 1), false);
  strictEqual(from(0x0a000002, 0xfffffff8), true, "the sample");
  strictEqual(passes(sourcesFilter([], 8), new Map([[SOURCE_ADDRESS, 0], [RANDOM, 7]])), false);
});

Deno.test("arpFilter() passes what others send", () => {
  const probe = arpProbe(new Uint8Array(6), 0x0a4d0102);
  deepStrictEqual([INCOMING, OUTGOING].map((type) => accepts(arpFilter(), probe, type)), [true, false]);
});
