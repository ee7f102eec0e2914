/**
 * Sabotages: each removes one safeguard, and random runs must notice it, or their success proves nothing. The cases
 * that random runs seldom reach are in `schedules.ts`.
 */

import * as mutations from "./mutations.ts";
import type { Mutation } from "./run.ts";
import type { Check } from "./violation.ts";

export interface Sabotage {
  readonly name: string;
  /** One of these checks must fail; another one that fails proves nothing. */
  readonly checks: readonly Check[];
  /** A new one for each run, as it may have state. */
  readonly mutation: () => Mutation;
  /** Nodes at the start, if three are too few. */
  readonly nodes?: number;
}

export const SABOTAGES: readonly Sabotage[] = [
  { name: "commit without majority", checks: ["(d)"], mutation: () => ({ safeguards: { countedMembers: 1 } }) },
  {
    name: "no conflict check",
    checks: ["(a)", "(b)"],
    mutation: () => mutations.rules({ accept: mutations.acceptAnyClient }),
  },
  { name: "blank disk votes", checks: ["(b)"], mutation: () => ({ safeguards: { blankAbstains: false } }) },
  { name: "answer before fsync", checks: ["(d)"], mutation: () => ({ safeguards: { answerAfterSync: false } }) },
  {
    name: "case 1: abort without singleVersion",
    checks: ["(b)"],
    mutation: () => mutations.rules({ end: mutations.endWithoutSingleVersion }),
  },
  {
    name: "case 2: any certificate",
    checks: ["(a)", "(b)"],
    mutation: () => mutations.rules({ accept: mutations.acceptAnyCertificate }),
  },
  {
    name: "case 4: shorter locks",
    checks: ["(b)"],
    mutation: () => mutations.rules({ accept: mutations.acceptShorter }),
  },
  { name: "case 5: late accepts count", checks: ["(d)"], mutation: mutations.countLateAccepts },
  { name: "case 8: cumulative", checks: ["(d)"], mutation: () => ({ arriving: mutations.acknowledgeCumulatively }) },
  { name: "case 10: sync answers", checks: ["(d)"], mutation: () => ({ arriving: mutations.acknowledgeSync }) },
  { name: "case 12: grants the full time", checks: ["(d)"], mutation: () => ({ agreement: mutations.grantFullTime }) },
  {
    name: "case 13: the wall clock alone",
    checks: ["(a)", "(b)"],
    mutation: () => ({ clock: () => new mutations.WallClock() }),
  },
  {
    name: "case 14: locks by the wall clock",
    checks: ["(a)", "(b)"],
    mutation: () => ({ clock: () => new mutations.WallBoundsClock() }),
    nodes: 5,
  },
  { name: "refusals count as votes", checks: ["(c)"], mutation: mutations.countRefusals },
  {
    name: "every node takes every allocation",
    checks: ["(e)"],
    mutation: () => ({ arriving: mutations.shareAllocations }),
  },
  { name: "locks never end", checks: ["(g)", "(h)"], mutation: () => mutations.locksNeverEnd },
];
