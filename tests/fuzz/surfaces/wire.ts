/**
 * Cluster messages as octets, as they are once opened. The corpus: every type, from the property tests' generator, and
 * what release 1.0 sent. Values are exchanged for others where CBOR has them, so that most inputs get past the parser.
 */

import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { equalBytes } from "../../../src/bytes/equal.ts";
import { fromHex } from "../../../src/bytes/hex.ts";
import { decodeMessage, encodeMessage, WIRE_ERRORS } from "../../../src/cluster/wire/codec.ts";
import { anyMessage } from "../../../src/cluster/wire/testing/any_message.ts";
import VERSION_1 from "../../../src/cluster/wire/testing/version1.json" with { type: "json" };
import type { Dice } from "../dice.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const octets = new Octets(8_192);
let corpus: Uint8Array[] = [];

/** Items that a decoder may trip over: limits, halves, negatives, NaN, texts, lists within lists. */
const ITEMS: readonly Uint8Array[] = [
  ...["00", "01", "17", "1818", "18ff", "19ffff", "1affffffff", "1b001fffffffffffff", "1b0020000000000000"],
  ...["1bffffffffffffffff", "20", "38ff", "3bffffffffffffffff", "f4", "f5", "f6", "f7", "f97e00", "fb3ff8000000000000"],
  ...["fb7ff8000000000000", "fb433fffffffffffff", "fb8000000000000000", "40", "4100", "58ff", "60", "6161", "62c328"],
  ...["78ff", "80", "8100", "8180", "818181818181818100", "9f00ff", "9affffffff", "a0", "a10001", "c000", "d81800"],
].map((hex) => fromHex(hex) as Uint8Array);

/** Makes the corpus, which takes some hundred milliseconds, once. */
export function loadMessages(): void {
  if (corpus.length > 0) return;
  const samples = fc.sample(anyMessage, { seed: 4711, numRuns: 600 });
  const version1 = Object.values(VERSION_1).flat().map((hex) => fromHex(hex) as Uint8Array);
  corpus = [...samples.map(({ envelope, message }) => encodeMessage(envelope, message)), ...version1]
    .filter(({ length }) => length < octets.max / 2);
}

/** Writes a message: one of the corpus, mutated up to `mutations` times. */
export function composeMessage(dice: Dice, octets: Octets, mutations = 4): void {
  octets.set(dice.pick(corpus));
  for (let count = dice.roll(mutations + 1); count > 0; count--) {
    if (dice.once(3)) octets.mutate(dice, dice.pick(corpus), 1);
    else exchangeItem(dice, octets, dice.pick(corpus));
  }
}

/** Where the items of a message are, as far as it is CBOR of definite length: start and end of each. */
function itemsOf(bytes: Uint8Array): number[] {
  const places: number[] = [];
  for (let at = 1; at < bytes.length;) {
    const head = bytes[at] as number;
    const info = head & 31;
    let next = at + 1;
    let value = info;
    if (info >= 24) {
      const size = info <= 27 ? 1 << (info - 24) : 0;
      value = 0;
      for (let index = 0; index < size; index++) value = value * 256 + (bytes[next + index] ?? 0);
      next += size;
    }
    const major = head >> 5;
    if (major === 2 || major === 3) next += value;
    if (next > bytes.length) break;
    places.push(at, next);
    at = next;
  }
  return places;
}

function exchangeItem(dice: Dice, octets: Octets, other: Uint8Array): void {
  const places = itemsOf(octets.view());
  if (places.length === 0) return;
  const index = 2 * dice.roll(places.length / 2);
  const [from = 1, to = 1] = places.slice(index, index + 2);
  const theirs = itemsOf(other);
  const taken = 2 * dice.roll(Math.max(1, theirs.length / 2));
  const item = dice.once(2) || theirs.length === 0 ? dice.pick(ITEMS) : other.slice(theirs[taken], theirs[taken + 1]);
  octets.splice(from, dice.once(8) ? 0 : to - from, dice.once(12) ? new Uint8Array() : item);
}

function check(input: Uint8Array): string {
  const decoded = decodeMessage(input);
  if (!decoded.ok) {
    must(WIRE_ERRORS.includes(decoded.error.kind), "an error must have a known kind");
    return decoded.error.kind;
  }
  const { envelope, message } = decoded;
  const written = encodeMessage(envelope, message);
  const again = decodeMessage(written);
  must(again.ok, "what was encoded must decode");
  must(equalBytes(encodeMessage(again.envelope, again.message), written), "encoding must be stable");
  if (input.length % 16 === 0) deepStrictEqual(again, decoded);
  return `version ${envelope.wireVersion}`;
}

export const wire: Surface = {
  name: "wire",
  weight: 10,
  quick: 40_000,
  labels: ["version 1", "version 2", "wireVersion", "malformed", "unknownType", "badValue"],
  open() {
    loadMessages();
    return Promise.resolve();
  },
  compose(dice) {
    composeMessage(dice, octets);
    return octets.view();
  },
  check,
};
