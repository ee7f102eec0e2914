/**
 * Who this node is towards the others beside its id: the random name of its disk, how often that disk was started, and whether
 * its slots are complete (lease agreement, "blank disk"). And what the others were: somebody whose disk changed, or whose
 * starts went back, has forgotten promises and does not count until it has joined anew (case 20).
 */

import type { NodeId } from "./messages.ts";

/** Keys of the durable facts. */
export const FACT = {
  diskId: "diskId",
  starts: "starts",
  blank: "blank",
  /** `<own disk> <the member's disk>`: the member was blank when it answered this disk. */
  blankPeer: (id: NodeId) => `blankPeer:${id}`,
  peer: (id: NodeId) => `peer:${id}`,
  /** Epoch up to which this node has everything. */
  settled: "settled",
} as const;

/** This disk. */
export interface DiskIdentity {
  /** 16 hex digits. */
  readonly diskId: string;
  /** This start included. */
  readonly starts: number;
  /** The slots here are not complete: neither propose nor vote. */
  readonly blank: boolean;
}

/** The identity of this start, and the facts that must be durable before the first message leaves. */
export function startIdentity(
  facts: ReadonlyMap<string, string>,
  random: () => number,
): { identity: DiskIdentity; writes: [string, string][] } {
  const diskId = facts.get(FACT.diskId) ?? newDiskId(random);
  const identity = {
    diskId,
    starts: Number(facts.get(FACT.starts) ?? 0) + 1,
    blank: facts.get(FACT.blank) !== "no",
  };
  return { identity, writes: [[FACT.diskId, diskId], [FACT.starts, String(identity.starts)]] };
}

/** A new random disk id. */
export function newDiskId(random: () => number): string {
  let text = "";
  for (let digit = 0; digit < 16; digit++) text += Math.floor(random() * 16).toString(16);
  return text;
}

/** What is known of another member's disk. */
export interface PeerDisk {
  readonly diskId: string;
  readonly starts: number;
}

/**
 * The other members' disks, remembered across restarts. A member is believed to have complete slots only on the disk that was
 * seen before, with starts that never go back; any other disk has to be seen joining first.
 */
export class PeerDisks {
  readonly #known = new Map<NodeId, PeerDisk>();
  readonly #write: (fact: [string, string]) => void;

  constructor(facts: ReadonlyMap<string, string>, write: (fact: [string, string]) => void) {
    this.#write = write;
    for (const [key, value] of facts) {
      const [, id] = /^peer:(\d+)$/.exec(key) ?? [];
      const [diskId, starts] = value.split(" ");
      if (id && diskId && starts) this.#known.set(Number(id), { diskId, starts: Number(starts) });
    }
  }

  /** Notes what a member says of its disk, and returns whether it is to be believed. */
  seen(id: NodeId, disk: PeerDisk, synced: boolean): boolean {
    const known = this.#known.get(id);
    const same = known?.diskId === disk.diskId;
    if (known !== undefined && synced && (!same || disk.starts < known.starts)) return false;
    // A late datagram of an earlier process must not turn the count back.
    if (same && disk.starts <= known.starts) return disk.starts === known.starts;
    this.#known.set(id, { diskId: disk.diskId, starts: disk.starts });
    this.#write([FACT.peer(id), `${disk.diskId} ${disk.starts}`]);
    return true;
  }
}
