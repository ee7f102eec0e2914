/**
 * Frames of a TCP connection between members, changed on their way: the receiver gets the frames that were sent, in
 * order, up to the first octet that was changed, and then a `ConnectionError`; never anything else. An input is how
 * long each frame is and how the octets are changed; no socket is used.
 */

import { equalBytes } from "../../../src/bytes/equal.ts";
import { Sealer } from "../../../src/cluster/wire/seal.ts";
import { nodeCipher } from "../../../node/cluster/cipher.ts";
import { ConnectionError, Frames } from "../../../node/cluster/frames.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const KEY = new Uint8Array(32).fill(7);
const CHALLENGE_OCTETS = 16;
const STALL_MS = 60_000;
const PLAIN_MAX = 4_096;
const octets = new Octets(64);

/** One end of a connection: reads what is given, keeps what is written. */
class Pipe {
  #incoming = new Uint8Array();
  #waiting: (() => void) | undefined;
  #ended = false;
  written = new Uint8Array();
  /** Octets per read. */
  readonly #step: number;

  constructor(step: number) {
    this.#step = step;
  }

  give(bytes: Uint8Array, ended = false): void {
    this.#incoming = concat(this.#incoming, bytes);
    this.#ended = ended;
    this.#waiting?.();
  }

  async read(into: Uint8Array): Promise<number | null> {
    if (this.#incoming.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    if (this.#incoming.length === 0) return null;
    const count = Math.min(into.length, this.#step, this.#incoming.length);
    into.set(this.#incoming.subarray(0, count));
    this.#incoming = this.#incoming.subarray(count);
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    this.written = concat(this.written, bytes);
    return Promise.resolve(bytes.length);
  }

  close(): void {}
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}

function sealer(node: number): Sealer {
  return new Sealer({
    self: { node, starts: 9, incarnation: node },
    keys: [KEY],
    isMember: () => true,
    cipher: nodeCipher,
  });
}

function frames(pipe: Pipe, node: number, client: boolean): Promise<Frames> {
  const conn = pipe as unknown as Deno.Conn;
  return Frames.start(conn, { sealer: sealer(node), client, stallMs: STALL_MS, refused: () => {} });
}

/** The octets as they arrive; `whole`: how many of them are as they were sent. */
function change(sent: Uint8Array, changes: Uint8Array): { readonly bytes: Uint8Array; readonly whole: number } {
  let bytes = sent.slice();
  for (let at = 0; at + 4 <= changes.length; at += 4) {
    const [kind = 0, high = 0, low = 0, value = 0] = changes.subarray(at, at + 4);
    const place = (high * 256 + low) % Math.max(1, bytes.length);
    switch (kind % 5) {
      case 0:
        if (bytes.length > 0) bytes[place] = (bytes[place] as number) ^ value;
        break;
      case 1:
        bytes = bytes.slice(0, place);
        break;
      case 2:
        bytes = concat(bytes.subarray(0, place), concat(new Uint8Array(value), bytes.subarray(place)));
        break;
      case 3:
        bytes = concat(bytes.subarray(0, place), bytes.subarray(place + value));
        break;
      default:
        // A part of it once more.
        bytes = concat(bytes, bytes.slice(place, place + 64 + value));
    }
  }
  let whole = 0;
  while (whole < bytes.length && whole < sent.length && bytes[whole] === sent[whole]) whole++;
  return { bytes, whole };
}

async function check(input: Uint8Array): Promise<string> {
  const [count = 0, step = 0, ...sizes] = input.subarray(0, 6);
  const [near, far] = [new Pipe(1 + step), new Pipe(1_024)];
  const starting = [frames(near, 1, false), frames(far, 2, true)] as const;
  near.give(far.written);
  far.give(near.written);
  const [receiver, sender] = await Promise.all(starting);
  const plains: Uint8Array[] = [];
  const ends: number[] = [];
  for (const size of sizes.slice(0, 1 + count % 4)) {
    const plain = new Uint8Array(4 * size).fill(size);
    plains.push(plain);
    await sender.write(plain);
    ends.push(far.written.length - CHALLENGE_OCTETS);
  }
  const sent = far.written.subarray(CHALLENGE_OCTETS);
  const { bytes, whole } = change(sent, input.subarray(6));
  near.give(bytes, true);
  const expected = ends.filter((end) => end <= whole).length;
  let got = 0;
  try {
    for (;; got++) {
      const plain = await receiver.read(PLAIN_MAX);
      if (plain === undefined) break;
      must(got < expected, "a frame must not be taken that was changed, repeated or moved");
      must(equalBytes(plain, plains[got] as Uint8Array), "a frame must be what was sent");
    }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    must(got === expected, "all frames before a change must be taken");
    return error.fault;
  }
  must(got === expected, "all frames before the end must be taken");
  return got === plains.length ? "whole" : "ended early";
}

export const stream: Surface = {
  name: "stream",
  weight: 3,
  quick: 2_500,
  labels: ["whole", "ended early", "refused", "closed", "tooLarge"],
  compose(dice) {
    octets.length = 0;
    octets.put(dice.roll(256)).put(dice.once(4) ? dice.roll(8) : 255);
    for (let frame = 0; frame < 4; frame++) octets.put(dice.size(255));
    for (let changes = dice.roll(4); changes > 0; changes--) {
      octets.put(dice.roll(256)).put(dice.once(2) ? 0 : dice.roll(16)).put(dice.roll(256)).put(1 << dice.roll(8));
    }
    return octets.view();
  },
  check,
};
