import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { ConfigPusher, type PushRequest, type PushResult } from "./config_push.ts";
import type { ClusterMessage, ConfigPatch, NodeId } from "../wire/messages.ts";
import { CLUSTER_LIMITS, configPatienceMs } from "../limits.ts";
import { testContext } from "../testing/context.ts";
import { formed, TestCluster } from "../testing/test_cluster.ts";

/** Pushes at a member; what came of it within `ms`. */
function push(cluster: TestCluster, id: NodeId, request: Partial<PushRequest>, ms = 1_000): PushResult | undefined {
  const given = cluster.command(id, {
    kind: "push",
    request: { text: "pools", revision: 0, checkOnly: false, ...request },
  });
  cluster.run(ms);
  return given.result;
}

const served = (cluster: TestCluster, ids: readonly NodeId[]) => ids.map((id) => cluster.served(id));
const ALL = [1, 2, 3] as const;
const isDecided = ({ result }: { readonly result: PushResult | undefined }) => result !== undefined;

Deno.test("push: any member accepts it, and every member serves it within two seconds as the next revision", () => {
  const cluster = formed(3);
  deepStrictEqual(push(cluster, 3, { text: "on the leader" }, 2_000), { ok: true, revision: 2, absent: [] });
  deepStrictEqual(served(cluster, ALL), Array(3).fill("on the leader 2"));
  deepStrictEqual(push(cluster, 1, { text: "on a follower", revision: 9 }, 2_000), {
    ok: true,
    revision: 9,
    absent: [],
  });
  deepStrictEqual(served(cluster, ALL), Array(3).fill("on a follower 9"));
});

Deno.test("push: a member says at once that it is on its disk, whenever its next heartbeat is due", () => {
  const cluster = formed(3);
  for (const [id, before] of [[3, "pools 2"], [1, "pools 3"], [3, "pools 4"], [1, "pools 5"]] as const) {
    strictEqual(push(cluster, id, {}, CLUSTER_LIMITS.heartbeatMs / 5)?.ok, true, before);
    cluster.run(CLUSTER_LIMITS.heartbeatMs / 5);
    deepStrictEqual(served(cluster, ALL), Array(3).fill(before));
  }
});

/** A long text, and the same one with a small difference. */
const [LONG, CHANGED] = ["old", "new"].map((word) => `${"pools, ".repeat(300)}${word}${", pools".repeat(300)}`);

/** Pushes a small change of a large text on a follower; `sees` may change each message with a patch on its way. */
function pushChange(sees: (patch: ConfigPatch, message: ClusterMessage, to: NodeId) => ConfigPatch) {
  const cluster = formed(3);
  deepStrictEqual(push(cluster, 3, { text: LONG ?? "" }, 2_000)?.ok, true);
  const whole: string[] = [];
  cluster.deaf = (to, message) => {
    if (!("text" in message)) return false;
    if (typeof message.text === "string") whole.push(`${message.type} to ${to}`);
    else Object.assign(message, { text: sees(message.text, message, to) });
    return false;
  };
  deepStrictEqual(push(cluster, 1, { text: CHANGED ?? "" }, 2_000), { ok: true, revision: 3, absent: [] });
  deepStrictEqual(served(cluster, ALL), Array(3).fill(`${CHANGED} 3`));
  return { cluster, whole };
}

Deno.test("push: a small change of a large text is sent as a change, and makes the same text everywhere", () => {
  const sent = new Set<string>();
  const { whole } = pushChange((patch, { type }, to) => {
    sent.add(`${type} to ${to}: ${patch.inserted}`);
    return patch;
  });
  deepStrictEqual(whole, []);
  deepStrictEqual([...sent].sort(), [
    "config to 1: new",
    "config to 2: new",
    "configCheck to 1: new",
    "configCheck to 2: new",
    "configPush to 3: new",
  ]);
});

Deno.test("push: a member that lacks what a change is made for asks for the whole", () => {
  const { cluster, whole } = pushChange((patch) => ({ ...patch, baseDigest: 1 }));
  for (const sent of ["configPush to 3", "configCheck to 1", "configCheck to 2"]) {
    strictEqual(whole.includes(sent), true);
  }
  strictEqual(cluster.said(1).includes("configUnfit"), false);
});

Deno.test("push: a change that makes another text than the sender's is refused, and the whole asked for", () => {
  const { cluster, whole } = pushChange((patch, { type }) =>
    type === "configCheck" ? { ...patch, inserted: "odd" } : patch
  );
  deepStrictEqual(whole.filter((sent) => sent.startsWith("configCheck")).sort(), [
    "configCheck to 1",
    "configCheck to 2",
  ]);
  for (const id of [1, 2]) strictEqual(cluster.said(id).includes("configUnfit"), true);
});

Deno.test("push: one member that can't serve it is enough, and nothing changes anywhere; every reason is told", () => {
  const cluster = formed(3);
  for (const id of ALL) {
    deepStrictEqual(push(cluster, id, { text: "bad for 1, bad for 3." }), {
      ok: false,
      kind: "refused",
      problems: ["node 3: it is bad", "node 1: it is bad"],
    });
  }
  deepStrictEqual(served(cluster, ALL), Array(3).fill("{}"));
  deepStrictEqual(ALL.map((id) => cluster.member(id).configuration?.revision), [1, 1, 1]);
});

Deno.test("push: a check alone, an old revision, and what is no configuration change nothing", () => {
  const cluster = formed(3);
  deepStrictEqual(push(cluster, 2, { checkOnly: true }), { ok: true, revision: 2, absent: [] });
  const problem = (request: Partial<PushRequest>) => {
    const result = push(cluster, 2, request);
    return result?.ok === false ? `${result.kind}: ${result.problems}` : "";
  };
  match(problem({ revision: 1 }), /refused: revision 1 is not above 1/);
  match(problem({ text: "garbage" }), /refused: this is no service section/);
  deepStrictEqual(served(cluster, ALL), Array(3).fill("{}"));
});

Deno.test("push: an absent member is named and takes it later; without a majority nothing is taken", () => {
  const cluster = formed(3);
  cluster.kill(1);
  cluster.run(3_000);
  deepStrictEqual(push(cluster, 2, {}, 2_000), { ok: true, revision: 2, absent: [1] });
  cluster.start(1);
  cluster.run(8_000);
  deepStrictEqual(served(cluster, ALL), Array(3).fill("pools 2"));
  cluster.kill(1);
  cluster.kill(2);
  cluster.run(4_000);
  const result = push(cluster, 3, {}, 5_000);
  strictEqual(result?.ok === false && result.kind, "unavailable");
});

Deno.test("push: a live member that gives no answer, as an older release, counts as a refusal", () => {
  const cluster = formed(3);
  cluster.deaf = (to, message) => to === 1 && message.type === "configCheck";
  const result = push(cluster, 2, {}, 3_000);
  match(result?.ok === false ? result.problems.join() : "", /^node 1: no answer in time/);
  deepStrictEqual(served(cluster, ALL), Array(3).fill("{}"));
});

Deno.test("push: of two at once one is decided, the other told to wait; a lost answer is given again", () => {
  const cluster = formed(3);
  const given = [1, 2].map((id) =>
    cluster.command(id, { kind: "push", request: { text: `of ${id}`, revision: 0, checkOnly: false } })
  );
  cluster.run(2_000);
  const told = given.map(({ result }) => result?.ok === true ? "ok" : result?.problems[0]).sort();
  deepStrictEqual(told, ["another push is being decided: try again in a moment", "ok"]);
  let lost = 0;
  cluster.deaf = (_, message) => message.type === "configPushed" && lost++ < 2;
  strictEqual(push(cluster, 1, { text: "again" }, 3_000)?.ok, true);
  strictEqual(cluster.served(1), "again 3", "it was carried out once");
});

Deno.test("push: a node alone decides by itself", () => {
  const cluster = new TestCluster().form(1).run(3_000);
  deepStrictEqual(push(cluster, 1, {}), { ok: true, revision: 2, absent: [] });
  strictEqual(push(cluster, 1, { text: "bad for 1." })?.ok, false);
  deepStrictEqual(served(cluster, [1]), ["pools 2"]);
});

for (const role of ["leader", "follower"] as const) {
  Deno.test(`push: on a ${role}, ticks at its deadlines alone repeat what is unanswered and end it in time`, () => {
    const sentMs: number[] = [];
    let ms = 0;
    const context = testContext({
      self: 1,
      members: () => [1, 2],
      leadership: { role, term: 1, leader: role === "leader" ? 1 : 2 },
      effects: { send: () => void sentMs.push(ms) },
    });
    const pusher = new ConfigPusher(context, {
      present: () => [1, 2],
      hasQuorum: () => true,
      newest: () => 1,
      active: () => 1,
      validate: (_text, done) => done(undefined, { wallMs: 0, monotonicMs: ms }),
      revise: (text) => text,
      take: () => {},
      textFor: (_to, text) => text,
    });
    strictEqual(pusher.nextDeadline, Infinity);
    let result: PushResult | undefined;
    pusher.push(
      { text: "pools", revision: 0, checkOnly: false },
      { wallMs: 0, monotonicMs: 0 },
      (came) => result = came,
    );
    while (result === undefined) {
      ms = pusher.nextDeadline;
      pusher.tick({ wallMs: ms, monotonicMs: ms });
    }
    strictEqual(ms, role === "leader" ? CLUSTER_LIMITS.pushCheckMs : CLUSTER_LIMITS.pushMs);
    deepStrictEqual(sentMs, sentMs.map((_, index) => index * CLUSTER_LIMITS.repeatMs));
    strictEqual(sentMs.length, ms / CLUSTER_LIMITS.repeatMs);
    strictEqual(pusher.nextDeadline, Infinity);
  });
}

Deno.test("push: repeats of a check that goes on are not compiled again, and nothing is served before", () => {
  const cluster = formed(3);
  cluster.holdsCompilations = true;
  const before = served(cluster, ALL);
  const given = cluster.command(3, { kind: "push", request: { text: "slow", revision: 0, checkOnly: false } });
  cluster.run(CLUSTER_LIMITS.pushCheckMs - CLUSTER_LIMITS.repeatMs);
  strictEqual(isDecided(given), false);
  deepStrictEqual(served(cluster, ALL), before);
  strictEqual(cluster.waitingCompilations, 3, "one for each member");
  cluster.compile();
  cluster.run(1_000);
  strictEqual(given.result?.ok, true);
  deepStrictEqual(served(cluster, ALL), Array(3).fill("slow 2"));
  strictEqual(cluster.waitingCompilations, 0, "what was checked is served without compiling it again");
});

Deno.test("push: a member whose check takes too long is told by its number, the leader too", () => {
  const cluster = formed(3);
  cluster.holdsCompilations = true;
  const refused = push(cluster, 3, { text: "slow" }, CLUSTER_LIMITS.pushCheckMs + 500);
  const told = refused?.ok === false ? refused.problems : [];
  deepStrictEqual(told.map((problem) => problem.slice(0, 25)).sort(), [
    "node 1: no answer in time",
    "node 2: no answer in time",
    "node 3: it is still being",
  ]);
});

Deno.test("push: a large configuration gets the time that carrying and checking it takes", () => {
  const large = "x".repeat(1_600_000);
  strictEqual(configPatienceMs("pools"), 0);
  strictEqual(configPatienceMs(large), 8_000);
  const cluster = formed(3);
  cluster.holdsCompilations = true;
  const given = cluster.command(1, { kind: "push", request: { text: large, revision: 0, checkOnly: false } });
  cluster.run(8_000);
  strictEqual(isDecided(given), false);
  cluster.compile();
  cluster.run(1_000);
  strictEqual(given.result?.ok, true);
});
