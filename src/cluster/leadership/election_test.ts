import { testContext } from "../testing/context.ts";
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Election } from "./election.ts";
import { VOTE_FACT } from "./vote.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import { at, cluster, followed, isolate, Network, type Process, randomNetworks } from "../testing/election_network.ts";

Deno.test("election: the highest of three leads, all others follow", () => {
  const network = cluster(3);
  ok(network.run(2_000, () => followed(network).every((leader) => leader === 3)));
  deepStrictEqual(network.running.map((process) => process.election.role), ["follower", "follower", "leader"]);
  deepStrictEqual(network.running.map((process) => process.election.term), [1, 1, 1]);
  network.run(60_000);
  deepStrictEqual([...network.leaders.keys()], [1], "a quiet network has no second election");
});

Deno.test("election: a single member leads at once, also with a blank disk and before it is synced", () => {
  for (const stored of [undefined, "41 1"]) {
    const facts: string[] = [];
    const election = new Election(
      testContext({
        self: 5,
        random: () => 0,
        effects: {
          persist: ({ facts: written = [] }, durable) => {
            facts.push(String(written[0]));
            durable(at(1));
          },
        },
      }),
      stored,
    );
    election.tick(at(0), { present: [5], synced: false });
    strictEqual(election.role, "leader");
    strictEqual(election.leader, 5);
    deepStrictEqual(facts, [stored === undefined ? "vote,1 5" : "vote,42 5"]);
  }
});

Deno.test("election: a dead leader is replaced within two seconds", () => {
  for (const size of [3, 5, 9]) {
    for (let seed = 1; seed <= 50; seed++) {
      const network = cluster(size, seed);
      network.run(5_000 + 37 * seed);
      deepStrictEqual(network.leading, [size]);
      network.kill(size);
      const replaced = () => followed(network).every((leader) => leader === size - 1);
      ok(network.run(2_000, replaced), `no leader within 2 s, size ${size}, seed ${seed}`);
    }
  }
});

Deno.test("election: a dead leader is replaced within two seconds though the next one can't lead", () => {
  const network = cluster(5);
  network.unsynced.add(4);
  network.run(5_000);
  network.kill(5);
  ok(network.run(2_000, () => followed(network).every((leader) => leader === 3)));
});

Deno.test("election: an unsynced node does not lead, and takes over once it was synced for takeoverMs", () => {
  const network = cluster(3);
  network.unsynced.add(3);
  network.run(20_000);
  deepStrictEqual(network.leading, [2]);
  network.unsynced.delete(3);
  network.run(CLUSTER_LIMITS.takeoverMs - 100);
  deepStrictEqual(network.leading, [2]);
  ok(network.run(1_000, () => followed(network).every((leader) => leader === 3)));
});

Deno.test("election: a leader that restarts comes back after takeoverMs, not at once", () => {
  const network = cluster(3);
  network.run(3_000);
  network.kill(3);
  network.run(2_500);
  deepStrictEqual(network.leading, [2]);
  network.start(3);
  network.run(CLUSTER_LIMITS.takeoverMs - 500);
  deepStrictEqual(network.leading, [2]);
  ok(network.run(2_000, () => followed(network).every((leader) => leader === 3)));
});

Deno.test("election: a leader without a majority steps down, the majority elects, healing brings one leader", () => {
  const network = cluster(5);
  network.run(3_000);
  isolate(network, [4, 5]);
  network.run(2_500);
  deepStrictEqual(network.leading, [3]);
  strictEqual(network.election(5).role, "follower");
  strictEqual(network.election(5).leader, undefined);
  const { term } = network.election(5);
  network.run(30_000);
  strictEqual(network.election(5).term, term, "a minority does not raise terms");
  network.cut.clear();
  network.run(CLUSTER_LIMITS.takeoverMs + 3_000);
  deepStrictEqual(network.leading, [5]);
  deepStrictEqual(followed(network), [5, 5, 5, 5, 5]);
});

Deno.test("election: a follower that loses the leader's datagrams cannot unseat it, and follows after healing", () => {
  const network = cluster(3);
  network.run(3_000);
  network.cut.add("3>1");
  network.run(30_000);
  deepStrictEqual(network.leading, [3]);
  strictEqual(network.election(2).leader, 3);
  strictEqual(network.election(1).leader, undefined);
  network.cut.clear();
  ok(network.run(2_500, () => followed(network).every((leader) => leader === 3)));
});

Deno.test("election: a node behind a partial cut, whose pre-votes are refused, costs no term", () => {
  for (const [a, b] of [[3, 1], [3, 2]] as const) {
    const network = cluster(3);
    network.run(3_000);
    network.cut.add(`${a}>${b}`).add(`${b}>${a}`);
    network.run(60_000);
    deepStrictEqual([network.leading, network.term], [[3], 1]);
    strictEqual(network.election(b).leader, undefined);
    network.cut.clear();
    ok(network.run(1_000, () => followed(network).every((leader) => leader === 3)));
    strictEqual(network.term, 1);
  }
});

Deno.test("election: a leader that no quorum hears steps down and stays away", () => {
  const network = cluster(3);
  network.run(3_000);
  network.cut.add("3>1").add("3>2").add("2>3");
  network.run(CLUSTER_LIMITS.statusMs + 100);
  ok(network.said.some((line) => line.includes('n3 {"kind":"steppedDown","term":1,"reason":"unheard"}')));
  deepStrictEqual(network.leading, [2]);
  network.cut.clear();
  network.run(CLUSTER_LIMITS.unheardRestMs - 5_000);
  deepStrictEqual([network.leading, followed(network), network.term], [[2], [2, 2, 2], 2]);
  ok(network.run(10_000 + CLUSTER_LIMITS.takeoverMs, () => followed(network).every((leader) => leader === 3)));
});

Deno.test("election: a leader that all members hear badly leads again when no other does", () => {
  const network = cluster(3);
  network.run(3_000);
  for (const a of [1, 2, 3]) for (const b of [1, 2, 3]) if (a > b) network.cut.add(`${a}>${b}`);
  network.run(10_000);
  deepStrictEqual(network.leading, []);
  network.cut.clear();
  ok(network.run(2 * CLUSTER_LIMITS.leaderlessMs, () => network.leading.length === 1));
});

Deno.test("election: stepDown() hands over at once and stays away; forceElection() takes the lead back", () => {
  const network = cluster(3);
  network.run(3_000);
  network.election(3).stepDown(at(network.ms));
  ok(network.run(1_500, () => followed(network).every((leader) => leader === 2)));
  network.run(8_000);
  deepStrictEqual(network.leading, [2]);
  strictEqual(network.election(3).forceElection(at(network.ms)), true);
  ok(network.run(500, () => followed(network).every((leader) => leader === 3)));
});

Deno.test("election: without Coordinator after Okay the higher node is skipped", () => {
  const network = cluster(3);
  network.run(3_000);
  // Node 2 hears and answers, but its disk hangs: it never gets to stand.
  const process = network.processes.get(2) as Process;
  const stuck = new Election(
    testContext({
      self: 2,
      members: () => network.members,
      random: () => 0,
      effects: {
        send: (to, message) => deliverLater(() => network.election(to).receive(2, message, at(network.ms))),
      },
    }),
    "1 3",
  );
  const later: (() => void)[] = [];
  function deliverLater(run: () => void): void {
    later.push(run);
  }
  network.processes.set(2, { ...process, election: stuck });
  network.run(1_600, () => {
    for (const run of later.splice(0)) run();
    return false;
  });
  network.kill(3);
  const seen = new Set<string>();
  network.run(8_000, () => {
    for (const run of later.splice(0)) run();
    seen.add(network.election(1).role);
    return network.said.some((line) => line.includes(" n1 ") && line.includes("electionFailed"));
  });
  ok(seen.has("candidate"));
  // It stood although node 2 is higher and said Okay; node 2's vote never reached its disk, so it has one of two.
  ok(network.said.some((line) => line.includes(" n1 ") && line.includes('"accepted":1,"needed":2')));
});

Deno.test("election: a blank disk asks how far the terms are before it votes", () => {
  const network = cluster(3);
  network.run(3_000);
  network.loseDisk(2);
  network.run(100);
  network.start(2);
  strictEqual(network.election(2).blank, true);
  network.run(CLUSTER_LIMITS.blankWaitMs - 200);
  strictEqual(network.disks.get(2)?.has(VOTE_FACT), false);
  network.run(1_000);
  strictEqual(network.election(2).blank, false);
  ok(Number(network.disks.get(2)?.get(VOTE_FACT)?.split(" ")[0]) >= 1);
});

Deno.test("election: first formation starts at term 1", () => {
  const network = new Network([1, 2, 3]);
  for (const id of network.members) {
    network.disks.set(id, new Map());
    network.start(id);
    network.election(id).formed();
  }
  network.run(3_000);
  deepStrictEqual(network.leading, [3]);
  deepStrictEqual([...network.leaders.keys()], [1]);
});

Deno.test("election: one leader per term, ever, and the highest synced one after healing (200 random networks)", () => {
  randomNetworks(200);
});

Deno.test("election: a rolling upgrade from a release without pre-votes costs no leader its term", () => {
  const network = new Network([1, 2, 3]);
  for (const id of network.members) {
    network.old.add(id);
    network.start(id);
  }
  network.run(5_000);
  deepStrictEqual([network.leading, network.term], [[3], 1]);
  for (const id of [1, 2]) {
    network.kill(id);
    network.run(500);
    network.old.delete(id);
    network.start(id);
    network.run(10_000);
  }
  deepStrictEqual([network.leading, network.term], [[3], 1], "the leader is of the former release");
  network.kill(3);
  ok(network.run(2_000, () => followed(network).every((leader) => leader === 2)));
  network.old.delete(3);
  network.start(3);
  ok(network.run(CLUSTER_LIMITS.takeoverMs + 2_000, () => followed(network).every((leader) => leader === 3)));
  network.run(20_000);
  deepStrictEqual([network.leading, network.term], [[3], 3]);
});

Deno.test("election: the last member of a former release goes away, and the leader stays", () => {
  const network = cluster(3);
  network.run(3_000);
  network.kill(1);
  network.old.add(1);
  network.start(1);
  network.run(30_000);
  network.kill(1);
  network.old.delete(1);
  network.run(30_000);
  deepStrictEqual([network.leading, network.term], [[3], 1]);
});
