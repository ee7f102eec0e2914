import { deepStrictEqual } from "node:assert/strict";
import { BLANK, FACT, startIdentity } from "./disk_identity.ts";

Deno.test("identity: a new disk is blank and has a name of its own; starts are counted", () => {
  let digit = 0;
  const { identity, writes } = startIdentity(new Map(), () => (digit++ % 16) / 16);
  deepStrictEqual(identity, {
    diskId: "0123456789abcdef",
    bootCount: 1,
    startStage: "learner",
    diskGeneration: 0,
    lsnFound: 0,
  });
  const facts = new Map([...writes, [FACT.blank, BLANK.no] as const, [FACT.lsn, "7"] as const]);
  const next = { ...identity, bootCount: 2, startStage: "voter" as const, lsnFound: 7 };
  deepStrictEqual(startIdentity(facts, Math.random).identity, next);
  facts.set(FACT.blank, BLANK.fenced);
  deepStrictEqual(startIdentity(facts, Math.random).identity, { ...next, startStage: "fenced" });
  // As the release before wrote it.
  facts.set(FACT.blank, "yes");
  deepStrictEqual(startIdentity(facts, Math.random).identity, { ...next, startStage: "learner" });
});

Deno.test("identity: a disk that lacks what it had is another one, of a learner that never forms the cluster", () => {
  const facts = new Map([
    [FACT.diskId, "0123456789abcdef"],
    [FACT.bootCount, "4"],
    [FACT.blank, BLANK.no],
    [FACT.diskGeneration, "2"],
    [FACT.lsn, "7"],
  ]);
  const { identity, writes } = startIdentity(facts, () => 0, { isBehind: true });
  const diskId = "0000000000000000";
  deepStrictEqual(identity, { diskId, bootCount: 5, startStage: "fenced", diskGeneration: 0, lsnFound: 7 });
  // A crash right after this start changes nothing.
  const { identity: next } = startIdentity(new Map([...facts, ...writes]), Math.random);
  deepStrictEqual(next, { ...identity, bootCount: 6 });
});
