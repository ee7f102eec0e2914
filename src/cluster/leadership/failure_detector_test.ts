import { testContext } from "../testing/context.ts";
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { CLUSTER_LIMITS } from "../limits.ts";
import { FailureDetector, type FailureNotice } from "./failure_detector.ts";

function at(ms: number) {
  return { wallMs: 0, monotonicMs: ms };
}

function start() {
  const said: string[] = [];
  const presence = new FailureDetector(
    testContext({
      self: 1,
      incarnation: 7,
      members: () => [3, 1, 2],
      effects: { notice: (notice: FailureNotice) => said.push(`${notice.kind} ${notice.id}`) },
    }),
    at(0),
  );
  return { presence, said, flush: () => said.splice(0) };
}

Deno.test("presence: found, lost after the limit, found again", () => {
  const { presence, flush } = start();
  deepStrictEqual(presence.live(at(0)), [1]);
  presence.heard(3, 30, at(10));
  deepStrictEqual(presence.live(at(10)), [1, 3]);
  deepStrictEqual(presence.live(at(10 + CLUSTER_LIMITS.suspectMs)), [1, 3]);
  presence.tick(at(10 + CLUSTER_LIMITS.suspectMs));
  deepStrictEqual(flush(), ["memberFound 3"]);
  const latest = at(11 + CLUSTER_LIMITS.suspectMs);
  deepStrictEqual(presence.live(latest), [1]);
  presence.tick(latest);
  presence.tick(latest);
  deepStrictEqual(flush(), ["memberLost 3"]);
  presence.heard(3, 30, at(9_000));
  deepStrictEqual(flush(), ["memberFound 3"]);
  deepStrictEqual(presence.peers(at(9_000)), [
    { id: 3, live: true, lastSeenMs: 9_000, incarnation: 30 },
    { id: 2, live: false, lastSeenMs: undefined, incarnation: undefined },
  ]);
});

Deno.test("presence: a restart is noticed once, and late datagrams of the former process are no sign of life", () => {
  const { presence, flush } = start();
  presence.heard(2, 20, at(0));
  strictEqual(presence.heard(2, 21, at(100)), true);
  strictEqual(presence.heard(2, 20, at(1_500)), false);
  deepStrictEqual(flush(), ["memberFound 2", "memberRestarted 2"]);
  deepStrictEqual(presence.live(at(1_700)), [1]);
});

Deno.test("presence: a late datagram that passed for a new process costs no more than the limit", () => {
  const { presence } = start();
  presence.heard(2, 21, at(0));
  presence.heard(2, 20, at(10));
  strictEqual(presence.heard(2, 21, at(1_000)), false);
  strictEqual(presence.heard(2, 21, at(11 + CLUSTER_LIMITS.suspectMs)), true);
  strictEqual(presence.heard(2, 21, at(12 + CLUSTER_LIMITS.suspectMs)), true);
});

Deno.test("presence: two processes with one id are told apart from late datagrams, and said once", () => {
  const { presence, flush } = start();
  for (let ms = 0; ms <= 2 * CLUSTER_LIMITS.duplicateIdMs; ms += 500) {
    presence.heard(2, 20, at(ms));
    strictEqual(presence.heard(2, 21, at(ms)), true);
  }
  deepStrictEqual(flush(), ["memberFound 2", "memberRestarted 2", "duplicateId 2"]);
  // The one that took over goes away: the other one is listened to again.
  const later = 2 * CLUSTER_LIMITS.duplicateIdMs + CLUSTER_LIMITS.suspectMs + 1;
  strictEqual(presence.heard(2, 20, at(later)), true);
  deepStrictEqual(flush(), ["memberRestarted 2"]);
});

Deno.test("presence: another process with this node's own id is said once and never listened to", () => {
  const { presence, flush } = start();
  strictEqual(presence.heard(1, 7, at(1)), true);
  strictEqual(presence.heard(1, 8, at(1)), false);
  strictEqual(presence.heard(1, 8, at(CLUSTER_LIMITS.duplicateIdMs + 1)), false);
  strictEqual(presence.heard(1, 8, at(CLUSTER_LIMITS.duplicateIdMs + 2)), false);
  deepStrictEqual(flush(), ["duplicateId 1"]);
});

Deno.test("presence: live() is who was heard within the limit, and found and lost alternate", () => {
  const step = fc.record({ from: fc.constantFrom(2, 3), wait: fc.nat(2_000) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { presence, said } = start();
    const last = new Map<number, number>();
    let ms = 0;
    for (const { from, wait } of steps) {
      ms += wait;
      presence.tick(at(ms));
      presence.heard(from, from, at(ms));
      last.set(from, ms);
      const expected = [2, 3].filter((id) => ms - (last.get(id) ?? -1e9) <= CLUSTER_LIMITS.suspectMs);
      deepStrictEqual(presence.live(at(ms)), [1, ...expected]);
    }
    for (const id of [2, 3]) {
      const changes = said.filter((line) => line.endsWith(String(id)));
      changes.forEach((line, index) => strictEqual(line, `${index % 2 === 0 ? "memberFound" : "memberLost"} ${id}`));
    }
  }));
});
