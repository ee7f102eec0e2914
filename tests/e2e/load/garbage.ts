/** Datagrams that every DHCP program must drop. Made from a seed, so that a crash can be replayed. */

import { chaddrOf, encodeClientMessage } from "../clients/raw/wire.ts";

/** A small generator (mulberry32), good enough for tests of robustness. */
export function prng(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

type Garbage = (next: () => number) => Uint8Array;

/** Offset of the options in a message. */
const OPTIONS = 240;

function valid(next: () => number): Uint8Array {
  const type = next() % 2 === 0 ? "DISCOVER" : "REQUEST";
  return encodeClientMessage({ type, xid: next(), chaddr: chaddrOf(next()), broadcast: true });
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  bytes[at] = value;
  return bytes;
}

/** Every kind of datagram that must be dropped. None is a message of a correct client. */
export const KINDS: Readonly<Record<string, Garbage>> = {
  truncated: (next) => valid(next).subarray(0, next() % OPTIONS),
  badCookie: (next) => withByte(valid(next), 236 + next() % 4, 0),
  badHardwareLength: (next) => withByte(valid(next), 2, 17 + next() % 239),
  badOperation: (next) => withByte(valid(next), 0, 3 + next() % 253),
  /** An option whose length points beyond the datagram. */
  badOptionLength: (next) => {
    const bytes = valid(next).subarray(0, OPTIONS + 20);
    bytes.set([55, 255], OPTIONS + 3);
    return bytes;
  },
  /** RFC 1542 §4.1.1: a message that was relayed more than 16 times is in a loop. */
  tooManyHops: (next) => withByte(valid(next), 3, 17 + next() % 239),
  /** Long options (RFC 3396) without a message type, as many as fit a datagram without fragmentation. */
  giantOptions: (next) => {
    const bytes = new Uint8Array(1_472);
    bytes.set(valid(next).subarray(0, OPTIONS));
    for (let at = OPTIONS; at + 257 <= bytes.length; at += 257) bytes.set([224, 255], at);
    return bytes;
  },
  /** A reply where only requests are expected. */
  unexpectedReply: (next) => withByte(valid(next), 0, 2),
  random: (next) => Uint8Array.from({ length: next() % 600 }, next),
};
