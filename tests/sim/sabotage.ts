/**
 * One safeguard less each: what a random run must notice, or it proves nothing. The cases that chance seldom reaches are in
 * `schedules.ts`.
 */

import * as bent from "./mutations.ts";
import type { Tampering } from "./tampering.ts";
import type { Check } from "./violation.ts";

/** A way to be unsafe. */
export interface Sabotage {
  readonly name: string;
  /** Any of these must notice it; that another one does proves nothing. */
  readonly checks: readonly Check[];
  /** Made anew for each run, as it may remember things. */
  readonly tampering: () => Tampering;
  /** Nodes to start with, where it takes more than three. */
  readonly nodes?: number;
}

export const SABOTAGES: readonly Sabotage[] = [
  { name: "commit without majority", checks: ["(d)"], tampering: () => ({ safeguards: { countedMembers: 1 } }) },
  { name: "no conflict check", checks: ["(a)", "(b)"], tampering: () => bent.rules({ accept: bent.acceptAnyClient }) },
  { name: "blank disk votes", checks: ["(b)"], tampering: () => ({ safeguards: { blankAbstains: false } }) },
  { name: "answer before fsync", checks: ["(d)"], tampering: () => ({ safeguards: { answerAfterSync: false } }) },
  {
    name: "case 1: abort without sole",
    checks: ["(b)"],
    tampering: () => bent.rules({ end: bent.endWithoutSingleVersion }),
  },
  {
    name: "case 2: any certificate",
    checks: ["(a)", "(b)"],
    tampering: () => bent.rules({ accept: bent.acceptAnyCertificate }),
  },
  { name: "case 3: accepted, not kept", checks: ["(d)"], tampering: () => bent.rules({ accept: bent.acceptOlder }) },
  { name: "case 4: shorter locks", checks: ["(b)"], tampering: () => bent.rules({ accept: bent.acceptShorter }) },
  { name: "case 5: late accepts count", checks: ["(d)"], tampering: bent.countLateAccepts },
  { name: "case 8: cumulative", checks: ["(d)"], tampering: () => ({ arriving: bent.acknowledgeCumulatively }) },
  { name: "case 10: sync answers", checks: ["(d)"], tampering: () => ({ arriving: bent.acknowledgeSync }) },
  { name: "case 12: tells all of T", checks: ["(d)"], tampering: () => ({ agreement: bent.tellAll }) },
  {
    name: "case 13: the wall clock alone",
    checks: ["(a)", "(b)"],
    tampering: () => ({ clock: () => new bent.WallClock() }),
  },
  {
    name: "case 14: locks by the wall clock",
    checks: ["(a)", "(b)"],
    tampering: () => ({ clock: () => new bent.WallBoundsClock() }),
    nodes: 5,
  },
  { name: "refusals count as votes", checks: ["(c)"], tampering: bent.countRefusals },
  { name: "allocations are everybody's", checks: ["(e)"], tampering: () => ({ arriving: bent.shareAllocations }) },
  { name: "locks never end", checks: ["(g)", "(h)"], tampering: () => bent.lockForEver },
];
