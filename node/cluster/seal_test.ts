import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { REPLAY_WINDOW, ReplayWindow } from "../../src/cluster/wire/replay_window.ts";
import {
  DOMAIN,
  HEADER_BYTES,
  nextStarts,
  type Opened,
  type Run,
  SEAL_BYTES,
  Sealer,
  TAG_BYTES,
} from "../../src/cluster/wire/seal.ts";
import { nodeCipher } from "./cipher.ts";

const KEY = new Uint8Array(32).fill(7);
const OTHER_KEY = new Uint8Array(32).fill(8);
const TEXT = new TextEncoder().encode("a datagram");

/** `believesAll`: proofs are in `src/cluster/wire/peering_test.ts`. */
function sealer(self: Partial<Run> = {}, keys: readonly Uint8Array[] = [KEY], believesAll = true): Sealer {
  return new Sealer({
    self: { node: 1, starts: 100, incarnation: 0xfeedf00d, ...self },
    keys,
    isMember: (node) => node <= 3,
    cipher: nodeCipher,
    believesAll,
  });
}

function said(opened: Opened): string {
  return opened.ok ? new TextDecoder().decode(opened.plain) : opened.error;
}

Deno.test("seal: opens what another member sealed, and says who it was", () => {
  const opened = sealer({ node: 2 }).open(DOMAIN.datagram, sealer().seal(DOMAIN.datagram, TEXT));
  deepStrictEqual(opened, {
    ok: true,
    run: { node: 1, starts: 100, incarnation: 0xfeedf00d },
    counter: 0,
    plain: TEXT,
  });
  const empty = sealer({ node: 2 }).open(DOMAIN.datagram, sealer().seal(DOMAIN.datagram, new Uint8Array()));
  strictEqual(empty.ok && empty.plain.length, 0);
});

Deno.test("seal: any changed bit and any prefix is refused", () => {
  const bytes = sealer().seal(DOMAIN.datagram, TEXT);
  const receiver = sealer({ node: 2 });
  const errors = new Set<string>();
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    const opened = receiver.open(DOMAIN.datagram, changed);
    ok(!opened.ok, `bit ${bit}`);
    errors.add(opened.error);
  }
  deepStrictEqual([...errors].sort(), [
    "badMagic",
    "forged",
    "sealVersion",
    "wrongDomain",
    "wrongKey",
  ]);
  for (let size = 0; size < bytes.length; size++) {
    strictEqual(
      said(receiver.open(DOMAIN.datagram, bytes.subarray(0, size))),
      size < SEAL_BYTES ? "tooShort" : "forged",
    );
  }
  // Nothing of that changed what the receiver takes.
  strictEqual(said(receiver.open(DOMAIN.datagram, bytes)), "a datagram");
});

Deno.test("seal: in version 1, a changed header is refused as well", () => {
  const bytes = sealer().seal(DOMAIN.datagram, TEXT, undefined, 1);
  const receiver = sealer({ node: 2 });
  const errors = new Set<string>();
  for (let bit = 0; bit < 8 * HEADER_BYTES; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    errors.add(said(receiver.open(DOMAIN.datagram, changed)));
  }
  deepStrictEqual([...errors].sort(), [
    "badMagic",
    "forged",
    "sealVersion",
    "unknownSender",
    "wrongDomain",
    "wrongKey",
  ]);
  strictEqual(said(receiver.open(DOMAIN.datagram, bytes)), "a datagram");
});

Deno.test("seal: the mark of a datagram does not tell the key, and a stranger cannot make it", () => {
  const marks = new Set<string>();
  const one = sealer();
  for (let count = 0; count < 100; count++) marks.add(one.seal(DOMAIN.datagram, TEXT).slice(4, 8).toHex());
  strictEqual(marks.size, 100);
  const receiver = sealer({ node: 2 }, [KEY], false);
  const bytes = one.challenge();
  strictEqual(receiver.openDatagram(bytes).ok, true);
  strictEqual(said(receiver.openDatagram(bytes)), "replayed", "a challenge is answered once");
  strictEqual(said(receiver.openDatagram(one.seal(DOMAIN.datagram, TEXT))), "unproven");
  strictEqual(said(receiver.openDatagram(one.proof({ node: 2, starts: 99, incarnation: 0xfeedf00d }))), "wrongKey");
  strictEqual(receiver.isProven(1), false);
  strictEqual(said(receiver.openDatagram(one.proof({ node: 2, starts: 100, incarnation: 0xfeedf00d }))), "");
  strictEqual(receiver.isProven(1), true);
  strictEqual(said(receiver.openDatagram(one.seal(DOMAIN.datagram, TEXT))), "a datagram");
});

Deno.test("seal: arbitrary octets are refused and never throw", () => {
  const receiver = sealer({ node: 2 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
    ok(!receiver.open(DOMAIN.datagram, bytes).ok);
  }));
});

Deno.test("seal: one purpose and one context, no other", () => {
  const context = Uint8Array.of(1, 2, 3);
  const bytes = sealer().seal(DOMAIN.stream, TEXT, context);
  const receiver = sealer({ node: 2 });
  strictEqual(said(receiver.open(DOMAIN.datagram, bytes)), "wrongDomain");
  strictEqual(said(receiver.open(DOMAIN.stream, bytes)), "forged");
  strictEqual(said(receiver.open(DOMAIN.stream, bytes, Uint8Array.of(1, 2, 4))), "forged");
  strictEqual(said(receiver.open(DOMAIN.stream, bytes, context)), "a datagram");
});

Deno.test("seal: a message is taken once", () => {
  const sender = sealer();
  const receiver = sealer({ node: 2 });
  const [first, second, third] = [1, 2, 3].map(() => sender.seal(DOMAIN.datagram, TEXT)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  strictEqual(said(receiver.open(DOMAIN.datagram, third)), "a datagram");
  strictEqual(said(receiver.open(DOMAIN.datagram, first)), "a datagram");
  strictEqual(said(receiver.open(DOMAIN.datagram, first)), "replayed");
  strictEqual(said(receiver.open(DOMAIN.datagram, third)), "replayed");
  strictEqual(said(receiver.open(DOMAIN.datagram, second)), "a datagram");
});

Deno.test("seal: an old run is refused once a newer one was heard, and a copy of a run always", () => {
  const receiver = sealer({ node: 2 });
  const old = sealer({ starts: 100 });
  const recorded = old.seal(DOMAIN.datagram, TEXT);
  strictEqual(said(receiver.open(DOMAIN.datagram, old.seal(DOMAIN.datagram, TEXT))), "a datagram");
  const renewed = sealer({ starts: 101, incarnation: 5 });
  // A forged newer run does not lock the true one out.
  const forged = sealer({ starts: 4_000_000_000 }).seal(DOMAIN.datagram, TEXT);
  forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
  strictEqual(said(receiver.open(DOMAIN.datagram, forged)), "forged");
  strictEqual(said(receiver.open(DOMAIN.datagram, renewed.seal(DOMAIN.datagram, TEXT))), "a datagram");
  strictEqual(said(receiver.open(DOMAIN.datagram, recorded)), "stale");
  strictEqual(
    said(receiver.open(DOMAIN.datagram, sealer({ starts: 101, incarnation: 6 }).seal(DOMAIN.datagram, TEXT))),
    "copied",
  );
  strictEqual(said(receiver.open(DOMAIN.datagram, renewed.seal(DOMAIN.datagram, TEXT))), "a datagram");
});

Deno.test("seal: keys rotate without a refused message in between", () => {
  const one = sealer({ node: 1 });
  const two = sealer({ node: 2 });
  const exchange = () => {
    strictEqual(said(two.open(DOMAIN.datagram, one.seal(DOMAIN.datagram, TEXT))), "a datagram");
    strictEqual(said(one.open(DOMAIN.datagram, two.seal(DOMAIN.datagram, TEXT))), "a datagram");
  };
  exchange();
  for (const keys of [[KEY, OTHER_KEY], [OTHER_KEY, KEY], [OTHER_KEY]]) {
    one.setKeys(keys);
    exchange();
    two.setKeys(keys);
    exchange();
  }
  const latest = sealer({ node: 3 }).seal(DOMAIN.datagram, TEXT);
  strictEqual(said(one.open(DOMAIN.datagram, latest)), "wrongKey");
  strictEqual(one.keyIds.length, 1);
  throws(() => one.setKeys([]), /32 octets/);
  throws(() => one.setKeys([new Uint8Array(31)]), /32 octets/);
});

Deno.test("seal: who is no member is told so", () => {
  strictEqual(said(sealer().open(DOMAIN.datagram, sealer({ node: 4 }).seal(DOMAIN.datagram, TEXT))), "unknownSender");
});

Deno.test("seal: another run never uses the same key and nonce, even with the same starts", () => {
  const bodies = [sealer(), sealer({ starts: 101 }), sealer({ incarnation: 1 }), sealer({ node: 2 })]
    .map((one) => one.seal(DOMAIN.datagram, TEXT).subarray(HEADER_BYTES, -TAG_BYTES));
  for (const [index, body] of bodies.entries()) {
    for (const other of bodies.slice(index + 1)) notDeepStrictEqual(body, other);
  }
});

Deno.test("seal: a process that goes on as a later run is heard as one, and takes answers to both", () => {
  const one = sealer({}, [KEY], false);
  const two = sealer({ node: 2, starts: 7 }, [KEY], false);
  const challenged = (own: Sealer) => {
    const opened = two.openDatagram(own.challenge());
    ok(opened.ok);
    return opened.run;
  };
  const answers = [two.proof(challenged(one))];
  const before = one.seal(DOMAIN.datagram, TEXT);
  one.renew(200);
  strictEqual(one.isOwn(before), true);
  const renewed = challenged(one);
  deepStrictEqual(renewed, { node: 1, starts: 200, incarnation: 0xfeedf00d });
  answers.push(two.proof(renewed));
  for (const answer of answers) strictEqual(said(one.openDatagram(answer)), "");
  strictEqual(said(two.openDatagram(one.proof({ node: 2, starts: 7, incarnation: 0xfeedf00d }))), "");
  strictEqual(said(two.openDatagram(one.seal(DOMAIN.datagram, TEXT))), "a datagram");
  strictEqual(said(two.openDatagram(before)), "stale");
  one.setKeys([OTHER_KEY, KEY]);
  two.setKeys([KEY, OTHER_KEY]);
  strictEqual(said(two.openDatagram(one.seal(DOMAIN.datagram, TEXT))), "a datagram");
});

Deno.test("seal: starts rise whatever the clock or the disk forgot", () => {
  strictEqual(nextStarts(0, 0), 1);
  strictEqual(nextStarts(5, 0), 6);
  strictEqual(nextStarts(5, 1_790_000_000_000), 1_790_000_000);
  strictEqual(nextStarts(1_800_000_000, 1_790_000_000_000), 1_800_000_001);
  const farAhead = nextStarts(0, 9_000_000_000_000);
  strictEqual(nextStarts(farAhead, 9_000_000_000_000), farAhead + 1, "a clock that is far ahead leaves later ones");
});

/** Anywhere, close together, and where the window's words are used again. */
const COUNTER = fc.oneof(
  fc.nat(3 * REPLAY_WINDOW),
  fc.nat(300),
  fc.tuple(fc.nat(3), fc.nat(9)).map(([lap, offset]) => lap * (REPLAY_WINDOW + 32) + 31 * offset),
);

Deno.test("replay window: takes each counter once while it is within reach", () => {
  fc.assert(
    fc.property(fc.array(COUNTER, { maxLength: 300 }), (counters) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let highest = -1;
      for (const counter of counters) {
        const expected = !seen.has(counter) && counter > highest - REPLAY_WINDOW;
        strictEqual(window.mayCome(counter), expected, `${counter} after ${highest}`);
        if (!expected) continue;
        window.mark(counter);
        seen.add(counter);
        highest = Math.max(highest, counter);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("replay window: what a lap ago was seen says nothing about now", () => {
  const window = new ReplayWindow();
  const lap = REPLAY_WINDOW + 32;
  for (const counter of [0, 100, lap + 100]) window.mark(counter);
  strictEqual(window.mayCome(lap), true);
  strictEqual(window.mayCome(lap + 100), false);
});

Deno.test("seal: a run that may not begin is opened and ends no other", () => {
  const receiver = sealer({ node: 2 });
  const present = sealer({ starts: 100 });
  strictEqual(said(receiver.open(DOMAIN.datagram, present.seal(DOMAIN.datagram, TEXT))), "a datagram");
  const other = sealer({ starts: 101, incarnation: 6 }).seal(DOMAIN.datagram, TEXT);
  strictEqual(said(receiver.open(DOMAIN.datagram, other, undefined, false)), "a datagram");
  strictEqual(said(receiver.open(DOMAIN.datagram, present.seal(DOMAIN.datagram, TEXT))), "a datagram");
  strictEqual(said(receiver.open(DOMAIN.datagram, other)), "a datagram");
  strictEqual(said(receiver.open(DOMAIN.datagram, present.seal(DOMAIN.datagram, TEXT))), "stale");
});
