/**
 * Feeds random and mutated datagrams to the codec and checks what must hold for all of them:
 *
 * - nothing throws: neither decoding, nor reading and formatting options, nor the relay's patches;
 * - nothing depends on octets outside the datagram, and every view lies inside it;
 * - a rejection names an offset inside the datagram;
 * - what decodes encodes to a datagram that decodes to the same message, and encodes to the same octets again; with
 *   little room too, but for what the encoder says it omitted.
 *
 * `deno run tests/fuzz/codec_fuzz.ts [seed] [count] [first]`. Every datagram has its own generator, seeded with the
 * run's seed and its index: a failure prints the command that repeats that one datagram.
 */

import { toHex } from "../../src/bytes/hex.ts";
import { equalBytes } from "../../src/bytes/equal.ts";
import { decode } from "../../src/dhcp/decode.ts";
import { encode } from "../../src/dhcp/encode.ts";
import type { Decoded, Message, Options } from "../../src/dhcp/message.ts";
import { formatOption, optionByCode } from "../../src/dhcp/options/mod.ts";
import { PACKETS } from "../../src/dhcp/packets_test_data.ts";
import {
  appendRelayAgentInformation,
  readRelayAgentInformation,
  removeRelayAgentInformation,
} from "../../src/dhcp/relay_agent.ts";

/** Counts of a run. A run in which nothing decoded, or some kind of error never occurred, has tested too little. */
interface FuzzResult {
  readonly decoded: number;
  readonly overloaded: number;
  readonly omitting: number;
  readonly refused: Readonly<Record<string, number>>;
}

/** A run: its seed and number of datagrams; `first` skips to one of them. */
interface FuzzRun {
  readonly seed: number;
  readonly count: number;
  readonly first?: number;
}

const ARENA_BYTES = 4096;
const START = 1024;

/** Mulberry32: 32 bits of state, good enough to choose octets. */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  /** 0 ≤ result < sides. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.roll(items.length)] as T;
  }
}

/** Overload in both fields, parts of one option in all three, padding in between. */
function overloadedPacket(): Uint8Array {
  const bytes = PACKETS.ack.slice();
  bytes.set([52, 1, 3, 53, 1, 5, 0, 0, 12, 2, 97, 98, 255], 240);
  bytes.set([12, 2, 99, 100, 0, 67, 3, 97, 98, 99, 255], 108);
  bytes.set([12, 2, 101, 102, 66, 1, 97, 255], 44);
  return bytes;
}

const BASES: readonly Uint8Array[] = [...Object.values(PACKETS), overloadedPacket()];

/** Octets with a meaning somewhere in a message. */
const TELLING = [0, 1, 2, 3, 4, 5, 52, 53, 61, 63, 64, 82, 119, 120, 121, 127, 128, 192, 254, 255];

/** Writes a datagram to the front of `scratch`; returns its length. */
function compose(dice: Dice, scratch: Uint8Array): number {
  const kind = dice.roll(16);
  if (kind === 0) {
    const length = dice.roll(600);
    for (let index = 0; index < length; index++) scratch[index] = dice.roll(256);
    return length;
  }
  const base = dice.pick(BASES);
  scratch.set(base);
  let length = base.length;
  if (kind <= 5) {
    // Options of any code and nearly right lengths after a valid header.
    length = 243;
    while (length < 700 && dice.roll(20) !== 0) {
      const size = dice.roll(4) === 0 ? dice.roll(256) : dice.roll(12);
      scratch[length++] = dice.roll(3) === 0 ? dice.pick(TELLING) : dice.roll(256);
      scratch[length++] = dice.roll(24) === 0 ? dice.roll(256) : size;
      for (let index = 0; index < size; index++) {
        scratch[length++] = dice.roll(2) === 0 ? dice.pick(TELLING) : dice.roll(256);
      }
    }
    scratch.set([53, 1, 1], 240);
  }
  for (let mutations = dice.roll(6); mutations > 0; mutations--) {
    const at = dice.roll(3) === 0
      ? dice.roll(length || 1)
      : Math.min(240 + dice.roll(Math.max(1, length - 240)), length);
    switch (dice.roll(6)) {
      case 0:
        scratch[at] = dice.roll(256);
        break;
      case 1:
        scratch[at] = dice.pick(TELLING);
        break;
      case 2:
        scratch[at] = (scratch[at] as number) ^ (1 << dice.roll(8));
        break;
      case 3:
        length = Math.min(length, at);
        break;
      case 4: {
        const size = dice.roll(40);
        scratch.copyWithin(at + size, at, length);
        length = Math.min(length + size, 1200);
        break;
      }
      default:
        // Overload, over any former content.
        scratch.set([52, 1, dice.roll(5)], Math.min(at, 1200));
    }
  }
  return length;
}

function sameOptions(left: Options, right: Options, but: readonly number[] = []): boolean {
  if (left.size !== right.size + but.length) return false;
  for (const [code, value] of left) {
    if (but.includes(code)) continue;
    const other = right.get(code);
    if (other === undefined || !equalBytes(value, other)) return false;
  }
  return true;
}

function sameMessage(left: Message, right: Message, but: readonly number[] = []): boolean {
  return left.op === right.op && left.htype === right.htype && left.hops === right.hops && left.xid === right.xid &&
    left.secs === right.secs && left.flags === right.flags && left.ciaddr === right.ciaddr &&
    left.yiaddr === right.yiaddr && left.siaddr === right.siaddr && left.giaddr === right.giaddr &&
    equalBytes(left.chaddr, right.chaddr) && equalBytes(left.sname, right.sname) &&
    equalBytes(left.file, right.file) && sameOptions(left.options, right.options, but);
}

function sameDecoded(left: Decoded<Message>, right: Decoded<Message>): boolean {
  if (left.ok) return right.ok && sameMessage(left.value, right.value);
  return !right.ok && left.error.kind === right.error.kind && left.error.field === right.error.field &&
    left.error.offset === right.error.offset;
}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function mustLieInside(view: Uint8Array, datagram: Uint8Array): void {
  if (view.buffer !== datagram.buffer || view.length === 0) return;
  const start = datagram.byteOffset;
  must(
    view.byteOffset >= start && view.byteOffset + view.length <= start + datagram.length,
    "a view reaches outside the datagram",
  );
}

const INFORMATION = Uint8Array.of(1, 4, 108, 97, 110, 48);

function decodeAgain(bytes: Uint8Array): Message {
  const decoded = decode(bytes);
  must(decoded.ok, "what was encoded must decode");
  return decoded.value;
}

function checkEncoding(message: Message, dice: Dice): boolean {
  const roomy = encode(message, { bytesMax: 8192 });
  must(roomy.omitted.length === 0, "with room, nothing may be omitted");
  const again = decodeAgain(roomy.bytes);
  must(sameMessage(message, again), "encoding must keep the message");
  must(equalBytes(roomy.bytes, encode(again, { bytesMax: 8192 }).bytes), "encoding must be stable");

  const tight = encode(message, { bytesMax: dice.roll(900) });
  must(!tight.omitted.includes(82), "option 82 must survive");
  const rest = decode(tight.bytes);
  if (tight.omitted.includes(53)) return true; // A message type of hundreds of octets: no message.
  must(rest.ok, "what was encoded tightly must decode");
  must(sameMessage(message, rest.value, tight.omitted), "tight encoding must keep all but what it omitted");
  return tight.omitted.length > 0;
}

function checkPatches(datagram: Uint8Array): void {
  readRelayAgentInformation(datagram);
  const appended = appendRelayAgentInformation(datagram, { giaddr: 1, hops: 1, information: INFORMATION });
  const removed = removeRelayAgentInformation(datagram);
  if (appended === "malformed") must(removed === "malformed", "patches must agree about what is malformed");
  if (typeof appended !== "string") {
    must(removed === datagram, "there is nothing to remove where something could be appended");
    const read = readRelayAgentInformation(appended);
    must(read.kind === "present" && read.value.circuitId !== undefined, "what was appended must be readable");
    must(equalBytes(read.value.circuitId, INFORMATION.subarray(2)), "what was appended must be what is read");
  }
  if (typeof removed !== "string") must(readRelayAgentInformation(removed).kind === "absent", "removed is removed");
}

/** Runs, and throws at the first datagram for which a check fails. */
export function fuzzCodec({ seed, count, first = 0 }: FuzzRun): FuzzResult {
  const scratch = new Uint8Array(ARENA_BYTES);
  const arenas = [new Uint8Array(ARENA_BYTES).fill(0x01), new Uint8Array(ARENA_BYTES).fill(0xff)] as const;
  const refused: Record<string, number> = {};
  let accepted = 0;
  let overloaded = 0;
  let omitting = 0;
  for (let index = first; index < first + count; index++) {
    const dice = new Dice(Math.imul(seed, 0x9e3779b1) ^ index);
    const length = compose(dice, scratch);
    const [left, right] = arenas;
    left.set(scratch.subarray(0, length), START);
    right.set(scratch.subarray(0, length), START);
    const datagram = left.subarray(START, START + length);
    try {
      const decoded = decode(datagram);
      must(
        sameDecoded(decoded, decode(right.subarray(START, START + length))),
        "octets outside the datagram were read",
      );
      if (decoded.ok) {
        const message = decoded.value;
        accepted++;
        if (message.sname.length === 0 && message.file.length === 0 && datagram.subarray(44, 236).some(Boolean)) {
          overloaded++;
        }
        for (const view of [message.chaddr, message.sname, message.file]) mustLieInside(view, datagram);
        for (const [code, value] of message.options) {
          mustLieInside(value, datagram);
          formatOption(optionByCode(code), value);
        }
        if (checkEncoding(message, dice)) omitting++;
      } else {
        const { kind, offset } = decoded.error;
        refused[kind] = (refused[kind] ?? 0) + 1;
        must(offset >= 0 && offset <= length, "an error must lie inside the datagram");
      }
      checkPatches(datagram);
      must(equalBytes(datagram, scratch.subarray(0, length)), "the datagram must stay as it was");
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const replay = `deno run tests/fuzz/codec_fuzz.ts ${seed} 1 ${index}`;
      throw new Error(`${message}: replay with ${replay}\n${toHex(datagram)}`, { cause });
    }
    left.fill(0x01, START, START + length);
    right.fill(0xff, START, START + length);
  }
  return { decoded: accepted, overloaded, omitting, refused };
}

if (import.meta.main) {
  const [seed = 1, count = 1_000_000, first = 0] = Deno.args.map(Number);
  // deno-lint-ignore no-console -- a command's output
  console.log(`seed ${seed}:`, fuzzCodec({ seed, count, first }));
}
