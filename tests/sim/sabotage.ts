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
  /** The faults that the safeguard is for, as on the command line; undefined: the default. */
  readonly faults?: string;
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
  { name: "locks never end", checks: ["(g)", "(h)", "(l)"], mutation: () => mutations.locksNeverEnd },
  {
    name: "case 24: suspended, and never late",
    checks: ["(a)", "(b)", "(d)"],
    mutation: () => mutations.rules({ vote: mutations.neverLate }),
    faults: "suspension",
  },
  {
    // A node that is not ready as no quorum confirms its clock is seldom asked.
    name: "case 24: at half speed, and never late",
    checks: ["(a)", "(b)", "(d)"],
    mutation: () => ({ ...mutations.rules({ vote: mutations.neverLate }), servesUnready: true }),
    faults: "slowMachine",
  },
  {
    name: "case 28: power failure, and nothing is proposed once more",
    checks: ["(f)"],
    mutation: () => mutations.lost("slotRead"),
    faults: "powerFailure,lossyNode,pairCut,longLeases",
  },
  {
    name: "case 29: repair has a maximum",
    checks: ["(f)"],
    mutation: () => mutations.repairUpTo(60_000),
    faults: "maxLease,partition,longLeases",
  },
  ...["pairCut", "lossyNode", "multicastLost"].map((fault): Sabotage => ({
    name: `${fault}, and nothing is repaired or sent again`,
    checks: ["(f)"],
    mutation: () => mutations.lost("syncChunk", "retransmit"),
    faults: `${fault},longLeases`,
  })),
  {
    name: "case 25: locks end with a step of all clocks",
    checks: ["(a)", "(b)"],
    mutation: () => ({ clock: () => new mutations.UnsteppedClock() }),
    faults: "commonStep",
  },
  ...["rollback", "lyingDisk"].map((fault): Sabotage => ({
    name: `case 20: ${fault}, and no memory of disks`,
    checks: ["(b)", "(n)"],
    mutation: () => ({ arriving: mutations.rememberNoDisk }),
    faults: `${fault},crash`,
  })),
  {
    name: "case 20: a first disk, and blank for ever",
    checks: ["(b)", "(n)"],
    mutation: () => ({ arriving: mutations.alwaysBlank }),
    faults: "firstImage",
  },
  {
    name: "a restored backup is believed",
    checks: ["(a)", "(b)", "(n)"],
    mutation: () => ({ believesBackups: true }),
    faults: "restoredBackup",
  },
  {
    // The others would notice it in most cases.
    name: "a disk whose end is lost is believed",
    checks: ["(a)", "(b)", "(n)"],
    mutation: () => ({ believesCutDisks: true, arriving: mutations.rememberNoDisk }),
    faults: "cutDisk",
  },
  {
    name: "case 30: new clients right after a reset",
    checks: ["(a)"],
    mutation: () => ({ resetServesAll: true }),
    faults: "lostMajority,partition",
  },
  {
    name: "case 31: a newcomer that died stays",
    checks: ["(g)"],
    mutation: () => ({ arriving: mutations.removeNoMember }),
    faults: "deadNewcomer",
  },
  {
    name: "streams are always lost",
    checks: ["(g)"],
    mutation: () => mutations.lost("syncChunk", "config"),
    faults: "streamsLost,newDisk,push",
  },
  {
    name: "an import commits without a majority",
    checks: ["(b)", "(d)"],
    mutation: () => ({ safeguards: { countedMembers: 1 } }),
    faults: "leaseImport,partition,crash",
  },
  {
    name: "recorded datagrams are believed after a restart",
    checks: ["(o)"],
    mutation: () => ({ believesAll: true }),
    faults: "replay,sealed",
  },
  {
    name: "an empty disk and a clock that is behind: the node keeps the number of its run",
    checks: ["(g)"],
    mutation: () => ({ keepsRun: true }),
    faults: "newMachine,sealed",
  },
  {
    name: "a node keeps the old key",
    checks: ["(g)"],
    mutation: () => ({ keepsKeys: (node) => node.id === 1 }),
    faults: "keyRotation",
  },
  {
    name: "ready, and accepts nothing",
    checks: ["(j)"],
    mutation: () => mutations.lost("leaseAck"),
    faults: "crash",
  },
];
