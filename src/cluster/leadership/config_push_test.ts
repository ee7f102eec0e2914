import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { ConfigPusher, type PushRequest, type PushResult } from "./config_push.ts";
import type { NodeId } from "../wire/messages.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import { testContext } from "../testing/context.ts";
import { MemberCluster } from "../testing/member_cluster.ts";

/** Pushes at a member; what came of it within `ms`. */
function push(company: MemberCluster, id: NodeId, request: Partial<PushRequest>, ms = 1_000): PushResult | undefined {
  let result: PushResult | undefined;
  const whole = { text: "pools", revision: 0, checkOnly: false, ...request };
  company.member(id).push(whole, company.now(id), (came) => result = came);
  company.run(ms);
  return result;
}

const served = (company: MemberCluster, ids: readonly NodeId[]) =>
  ids.map((id) => company.member(id).configuration?.text);
const ALL = [1, 2, 3] as const;

Deno.test("push: any member accepts it, and every member serves it within two seconds as the next revision", () => {
  const company = new MemberCluster().form(...ALL).run(5_000);
  deepStrictEqual(push(company, 3, { text: "on the leader" }, 2_000), { ok: true, revision: 2, absent: [] });
  deepStrictEqual(served(company, ALL), Array(3).fill("on the leader 2"));
  deepStrictEqual(push(company, 1, { text: "on a follower", revision: 9 }, 2_000), {
    ok: true,
    revision: 9,
    absent: [],
  });
  deepStrictEqual(served(company, ALL), Array(3).fill("on a follower 9"));
});

Deno.test("push: one member that can't serve it is enough, and nothing changes anywhere; every reason is told", () => {
  const company = new MemberCluster().form(...ALL).run(5_000);
  for (const id of ALL) {
    deepStrictEqual(push(company, id, { text: "bad for 1, bad for 3" }), {
      ok: false,
      kind: "refused",
      problems: ["node 3: it is bad", "node 1: it is bad"],
    });
  }
  deepStrictEqual(served(company, ALL), Array(3).fill("{}"));
  deepStrictEqual(ALL.map((id) => company.member(id).configuration?.revision), [1, 1, 1]);
});

Deno.test("push: a check alone, an old revision, and what is no configuration change nothing", () => {
  const company = new MemberCluster().form(...ALL).run(5_000);
  deepStrictEqual(push(company, 2, { checkOnly: true }), { ok: true, revision: 2, absent: [] });
  const problem = (request: Partial<PushRequest>) => {
    const result = push(company, 2, request);
    return result?.ok === false ? `${result.kind}: ${result.problems}` : "";
  };
  match(problem({ revision: 1 }), /refused: revision 1 is not above 1/);
  match(problem({ text: "garbage" }), /refused: this is no service section/);
  deepStrictEqual(served(company, ALL), Array(3).fill("{}"));
});

Deno.test("push: an absent member is named and takes it later; without a majority nothing is taken", () => {
  const company = new MemberCluster().form(...ALL).run(5_000);
  company.kill(1);
  company.run(3_000);
  deepStrictEqual(push(company, 2, {}, 2_000), { ok: true, revision: 2, absent: [1] });
  company.start(1, [...ALL]);
  company.run(8_000);
  deepStrictEqual(served(company, ALL), Array(3).fill("pools 2"));
  company.kill(1);
  company.kill(2);
  company.run(4_000);
  const result = push(company, 3, {}, 5_000);
  strictEqual(result?.ok === false && result.kind, "unavailable");
});

Deno.test("push: a live member that gives no answer, as an older release, counts as a refusal", () => {
  const company = new MemberCluster().form(...ALL).run(5_000);
  company.deaf = (to, message) => to === 1 && message.type === "configCheck";
  const result = push(company, 2, {}, 3_000);
  match(result?.ok === false ? result.problems.join() : "", /^node 1: no answer in time/);
  deepStrictEqual(served(company, ALL), Array(3).fill("{}"));
});

Deno.test("push: of two at once one is decided, the other told to wait; a lost answer is given again", () => {
  const company = new MemberCluster().form(...ALL).run(5_000);
  const results: (PushResult | undefined)[] = [undefined, undefined];
  for (const [index, id] of [1, 2].entries()) {
    const request = { text: `of ${id}`, revision: 0, checkOnly: false };
    company.member(id).push(request, company.now(id), (result) => results[index] = result);
  }
  company.run(2_000);
  const told = results.map((result) => result?.ok === true ? "ok" : result?.problems[0]).sort();
  deepStrictEqual(told, ["another push is being decided: try again in a moment", "ok"]);
  let lost = 0;
  company.deaf = (_, message) => message.type === "configPushed" && lost++ < 2;
  strictEqual(push(company, 1, { text: "again" }, 3_000)?.ok, true);
  strictEqual(company.member(1).configuration?.text, "again 3", "it was carried out once");
});

Deno.test("push: a node alone decides by itself", () => {
  const company = new MemberCluster().form(1).run(3_000);
  deepStrictEqual(push(company, 1, {}), { ok: true, revision: 2, absent: [] });
  strictEqual(push(company, 1, { text: "bad for 1" })?.ok, false);
  deepStrictEqual(served(company, [1]), ["pools 2"]);
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
      validate: () => undefined,
      revise: (text) => text,
      take: () => {},
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
