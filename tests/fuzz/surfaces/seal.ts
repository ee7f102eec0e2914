/**
 * Sealed cluster datagrams. What one member sealed opens for another once, and only as it was: replayed, changed or
 * made without the key it does not. Each input is a step: seal, deliver, change, replay, restart the sender.
 */

import { equalBytes } from "../../../src/bytes/equal.ts";
import { DOMAIN, SEAL_ERRORS, Sealer } from "../../../src/cluster/wire/seal.ts";
import { nodeCipher } from "../../../node/cluster/cipher.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const KEYS = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)] as const;
const octets = new Octets(512);

interface Sealed {
  readonly bytes: Uint8Array;
  readonly plain: Uint8Array;
  /** Which start of the sender. */
  readonly starts: number;
  /** Of a start that had proved itself. */
  readonly isProven: boolean;
  isOpened: boolean;
}

let sender: Sealer;
let starts = 100;
let receiver: Sealer;
/** The newest start that has proved to the receiver that it runs. */
let proven = 0;
let sealed: Sealed[] = [];

function sealer(node: number, starts: number, keys: readonly Uint8Array[]): Sealer {
  const self = { node, starts, incarnation: 0xfeed0000 + starts };
  return new Sealer({ self, keys, isMember: (id) => id <= 3, cipher: nodeCipher });
}

function deliver(message: Sealed): string {
  const opened = receiver.open(DOMAIN.datagram, message.bytes);
  const expected = !message.isOpened && message.isProven && message.starts === proven;
  must(opened.ok === expected, `a message must ${expected ? "open" : "not open"} for the receiver`);
  if (!opened.ok) return opened.error;
  must(equalBytes(opened.plain, message.plain), "what was opened must be what was sealed");
  must(opened.run.node === 1 && opened.run.starts === message.starts, "the sender must be named");
  message.isOpened = true;
  return "opened";
}

function check(input: Uint8Array): string {
  const [kind = 0, which = 0] = input;
  const rest = input.subarray(2);
  const target = sealed[sealed.length === 0 ? 0 : which % sealed.length];
  if (target === undefined || kind % 8 <= 1) {
    const plain = rest.slice();
    sealed.push({
      bytes: sender.seal(DOMAIN.datagram, plain),
      plain,
      starts,
      isProven: starts === proven,
      isOpened: false,
    });
    return "sealed";
  }
  switch (kind % 8) {
    case 2:
    case 3:
    case 4:
      return deliver(target);
    case 5:
    case 6: {
      const changed = target.bytes.slice();
      // Somewhere in header, text or tag; or cut off.
      for (let at = 0; at + 1 < rest.length && at < 4; at += 2) {
        const place = (rest[at] as number) % changed.length;
        changed[place] = (changed[place] as number) ^ (rest[at + 1] as number);
      }
      const bytes = (kind & 64) === 0 ? changed : changed.subarray(0, which % (changed.length + 1));
      if (equalBytes(bytes, target.bytes)) return deliver(target);
      const opened = receiver.open(DOMAIN.datagram, bytes);
      must(!opened.ok, "what was changed must not open");
      must(SEAL_ERRORS.includes(opened.error), "an error must be a known one");
      return opened.error;
    }
    default: {
      if ((kind & 64) !== 0) {
        const opened = receiver.open((kind & 128) === 0 ? DOMAIN.stream : DOMAIN.datagram, rest);
        must(!opened.ok, "what was made without the key must not open");
        return opened.error;
      }
      starts += 1;
      // Sometimes with the key that both have, but that is not the first.
      sender = sealer(1, starts, which % 2 === 0 ? KEYS : [KEYS[1], KEYS[0]]);
      if ((kind & 32) === 0) prove();
      return "restarted";
    }
  }
}

/** The sender proves that it runs. */
function prove(): void {
  const challenged = sender.openDatagram(receiver.challenge());
  must(challenged.ok, "a challenge must open");
  must(receiver.openDatagram(sender.proof(challenged.run)).ok, "a proof must open");
  must(receiver.believes({ node: 1, starts, incarnation: 0xfeed0000 + starts }), "a proof must prove");
  proven = starts;
}

export const seal: Surface = {
  name: "seal",
  weight: 4,
  caseInputs: 48,
  quick: 8_000,
  labels: ["sealed", "opened", "replayed", "stale", "unproven", "forged", "badMagic", "wrongKey", "tooShort"],
  begin() {
    starts = 100;
    sealed = [];
    sender = sealer(1, starts, KEYS);
    receiver = sealer(2, 50, KEYS);
    prove();
  },
  compose(dice) {
    octets.length = 0;
    octets.put(dice.once(12) ? 7 : dice.roll(256)).put(dice.roll(256)).randomise(dice, dice.size(200));
    return octets.view();
  },
  check,
};
