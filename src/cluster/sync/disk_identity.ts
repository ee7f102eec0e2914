/**
 * The identity of this node's disk: a random disk id, a boot count, an lsn, and whether its slots are complete (lease
 * agreement, "disks").
 *
 * A member's disks have an order, so that a member that was away while another one got a new disk does not take the
 * new one for the old: a disk that joins takes a generation above the highest one that its sources remember, and not
 * below the seconds since 1970, as an older disk of another member may remember one that its sources have forgotten.
 */

import type { NodeId } from "../wire/messages.ts";

/** Keys of the durable facts. */
export const FACT = {
  diskId: "diskId",
  bootCount: "starts",
  blank: "blank",
  diskGeneration: "generation",
  lsn: "lsn",
  /** `<own disk> <the member's disk>`: that disk was blank while this one was. */
  blankPeer: (id: NodeId) => `blankPeer:${id}`,
  peer: (id: NodeId) => `peer:${id}`,
  /** `yes`: a backup was restored as what is left of a lost majority. The disk must not be used before the reset. */
  resetFirst: "resetFirst",
  /** Epoch up to which this node has everything. */
  settled: "settled",
} as const;

/**
 * How far a disk's slots are. `learner`: not complete, it neither proposes nor votes. `fenced`: the same, after a
 * voter's disk, so the cluster was formed. `voter`: complete. `settled`: it has everything of this epoch, too.
 */
export type Stage = "learner" | "fenced" | "voter" | "settled";

/** Values of the fact `blank`; a database without it is blank. The release before reads all but `no` as blank. */
export const BLANK = {
  /** Of a voter. */
  no: "no",
  fenced: "fenced",
} as const;

/** This disk. */
export interface DiskIdentity {
  /** 16 hex digits. */
  readonly diskId: string;
  /** This start included. */
  readonly bootCount: number;
  /** At the start of this process. */
  readonly startStage: Exclude<Stage, "settled">;
  /** Its place among this member's disks, from 1 up, below 2^32; 0 before it is a voter's. */
  readonly diskGeneration: number;
  /** Transactions on slots that this process found on the disk. */
  readonly lsnFound: number;
}

/**
 * The identity of this start, and the facts that must be durable before the first message leaves. `isBehind`: this disk
 * lacks what was durable on it once, so it starts as a learner, and as another disk.
 */
export function startIdentity(
  facts: ReadonlyMap<string, string>,
  random: () => number,
  { isBehind = false }: { readonly isBehind?: boolean } = {},
): { identity: DiskIdentity; writes: [string, string][] } {
  if (isBehind) {
    const { identity, writes } = startIdentity(new Map([...facts, ...fencedFacts(newDiskId(random))]), random);
    return { identity, writes: [...fencedFacts(identity.diskId), ...writes] };
  }
  const diskId = facts.get(FACT.diskId) ?? newDiskId(random);
  const blank = facts.get(FACT.blank);
  const identity: DiskIdentity = {
    diskId,
    bootCount: Number(facts.get(FACT.bootCount) ?? 0) + 1,
    startStage: blank === BLANK.no ? "voter" : blank === BLANK.fenced ? "fenced" : "learner",
    diskGeneration: Number(facts.get(FACT.diskGeneration) ?? 0),
    // A disk of the release before has none.
    lsnFound: Number(facts.get(FACT.lsn) ?? 0),
  };
  return { identity, writes: [[FACT.diskId, diskId], [FACT.bootCount, String(identity.bootCount)]] };
}

/** What makes a disk a learner's, under another id, whatever it was before. */
export function fencedFacts(diskId: string): [string, string][] {
  return [[FACT.diskId, diskId], [FACT.blank, BLANK.fenced], [FACT.diskGeneration, "0"]];
}

/** The generation of a disk that joins. `former`: the highest one of this member that is remembered. */
export function nextGeneration(former: number, wallMs: number): number {
  return Math.min(Math.max(former + 1, Math.floor(wallMs / 1_000)), 2 ** 32 - 1);
}

/** A new random disk id. */
export function newDiskId(random: () => number): string {
  let text = "";
  for (let digit = 0; digit < 16; digit++) text += Math.floor(random() * 16).toString(16);
  return text;
}
