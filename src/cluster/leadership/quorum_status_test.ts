import { testContext } from "../testing/context.ts";
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { ClusterStatus, NodeId } from "../wire/messages.ts";
import type { Leadership } from "../context.ts";
import { type QuorumNotice, QuorumStatus } from "./quorum_status.ts";

function at(ms: number) {
  return { wallMs: 0, monotonicMs: ms };
}

function start(self: NodeId, members: NodeId[], leadership: Leadership) {
  const sent: ClusterStatus[] = [];
  const said: string[] = [];
  const status = new QuorumStatus(testContext<QuorumNotice>({
    self,
    members: () => members,
    leadership,
    effects: {
      broadcast: (message) => sent.push(message as ClusterStatus),
      notice: ({ kind }) => said.push(kind),
    },
  }));
  return { status, sent, said };
}

function statusOf(term: number, majority = true): ClusterStatus {
  return { type: "clusterStatus", term, present: majority ? [2, 3] : [3], majority };
}

Deno.test("status: the leader speaks every interval and at once after a change", () => {
  const leadership = { role: "leader" as const, term: 4, leader: 3 };
  const { status, sent } = start(3, [1, 2, 3], leadership);
  for (let ms = 0; ms < 2_000; ms += 20) status.tick(at(ms), [2, 3]);
  strictEqual(sent.length, 4);
  deepStrictEqual(sent[0], { type: "clusterStatus", term: 4, present: [2, 3], majority: true });
  status.tick(at(2_000), [2, 3]);
  status.tick(at(2_020), [1, 2, 3]);
  deepStrictEqual(sent.at(-1)?.present, [1, 2, 3]);
  strictEqual(sent.length, 6);
  strictEqual(status.hasQuorum(at(2_020)), true);
  status.tick(at(2_040), [3]);
  strictEqual(sent.at(-1)?.majority, false);
  strictEqual(status.hasQuorum(at(2_040)), false);
});

Deno.test("status: a follower knows of a quorum for statusMs after a leader's status, also during an election", () => {
  const leadership = { role: "follower" as const, term: 4, leader: 3 as NodeId | undefined };
  const { status, sent, said } = start(1, [1, 2, 3], leadership);
  strictEqual(status.hasQuorum(at(0)), false);
  status.receive(3, statusOf(4), at(0));
  strictEqual(status.hasQuorum(at(CLUSTER_LIMITS.statusMs)), true);
  status.tick(at(CLUSTER_LIMITS.statusMs), [1, 2, 3]);
  status.tick(at(CLUSTER_LIMITS.statusMs + 1), [1, 2, 3]);
  deepStrictEqual(said, ["quorumFound", "quorumLost"]);
  status.receive(3, statusOf(3), at(3_000));
  strictEqual(status.hasQuorum(at(3_000)), false);
  status.receive(3, statusOf(4, false), at(3_000));
  strictEqual(status.hasQuorum(at(3_000)), false);
  status.receive(3, statusOf(4), at(3_000));
  strictEqual(status.hasQuorum(at(3_000)), true);
  leadership.leader = undefined;
  strictEqual(status.hasQuorum(at(3_000)), true);
  leadership.leader = 2;
  leadership.term = 5;
  strictEqual(status.hasQuorum(at(3_000 + CLUSTER_LIMITS.statusMs)), true);
  strictEqual(status.hasQuorum(at(3_001 + CLUSTER_LIMITS.statusMs)), false);
  strictEqual(sent.length, 0, "a follower says nothing");
});

Deno.test("status: a single member always has its quorum; a removed node never", () => {
  const leadership = { role: "follower" as const, term: 0, leader: undefined };
  strictEqual(start(1, [1], leadership).status.hasQuorum(at(1e9)), true);
  strictEqual(start(2, [1], leadership).status.hasQuorum(at(1e9)), false);
});

Deno.test("status: whatever arrives, the term of the newest never falls and strangers are not heard", () => {
  const message = fc.record({ from: fc.integer({ min: 2, max: 4 }), term: fc.nat(6), wait: fc.nat(900) });
  fc.assert(fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
    const leadership = { role: "follower" as const, term: 3, leader: 2 };
    const { status } = start(1, [1, 2, 3], leadership);
    let ms = 0;
    let term = 0;
    let heardMs = -1e9;
    for (const { from, term: said, wait } of messages) {
      ms += wait;
      status.receive(from, statusOf(said), at(ms));
      if (from !== 4 && said >= term) {
        term = said;
        heardMs = ms;
      }
      strictEqual(status.newest?.term ?? 0, term);
      strictEqual(status.hasQuorum(at(ms)), ms - heardMs <= CLUSTER_LIMITS.statusMs);
    }
  }));
});
