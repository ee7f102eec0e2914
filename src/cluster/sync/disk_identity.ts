/**
 * The identity of this node's disk: a random disk id, a boot count, and whether the slots are complete (lease
 * agreement, "disks"); and the remembered identities of the others. A member with an earlier disk or a lower boot
 * count has lost accepted records: it is not trusted until it has joined again (case 20).
 *
 * A member's disks have an order, so that a member that was away while another one got a new disk does not take the
 * new one for the old: a disk that joins takes the next generation after the highest one that its sources remember.
 */

import type { NodeId } from "../wire/messages.ts";

/** Keys of the durable facts. */
export const FACT = {
  diskId: "diskId",
  bootCount: "starts",
  blank: "blank",
  diskGeneration: "generation",
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
  readonly bootCount: number;
  /** The slots here are not complete: neither propose nor vote. */
  readonly blank: boolean;
  /** Its place among this member's disks, from 1 up; 0 while it is blank. */
  readonly diskGeneration: number;
}

/** The identity of this start, and the facts that must be durable before the first message leaves. */
export function startIdentity(
  facts: ReadonlyMap<string, string>,
  random: () => number,
): { identity: DiskIdentity; writes: [string, string][] } {
  const diskId = facts.get(FACT.diskId) ?? newDiskId(random);
  const identity = {
    diskId,
    bootCount: Number(facts.get(FACT.bootCount) ?? 0) + 1,
    blank: facts.get(FACT.blank) !== "no",
    diskGeneration: Number(facts.get(FACT.diskGeneration) ?? 0),
  };
  return { identity, writes: [[FACT.diskId, diskId], [FACT.bootCount, String(identity.bootCount)]] };
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
  readonly bootCount: number;
  readonly diskGeneration: number;
}

/** A disk with the process that runs on it, 0: any. */
type KnownDisk = PeerDisk & { readonly incarnation: number };

/**
 * The other members' disks, remembered across restarts. A member is trusted on the disk that was seen before, with
 * boot counts that never go back and one process per start, and on a disk of a later generation.
 */
export class PeerDisks {
  readonly #known = new Map<NodeId, KnownDisk>();
  readonly #write: (fact: [string, string]) => void;

  constructor(facts: ReadonlyMap<string, string>, write: (fact: [string, string]) => void) {
    this.#write = write;
    for (const [key, value] of facts) {
      const [, id] = /^peer:(\d+)$/.exec(key) ?? [];
      const [diskId, bootCount, diskGeneration = 0, incarnation = 0] = value.split(" ");
      if (!id || !diskId || !bootCount) continue;
      this.#known.set(Number(id), {
        diskId,
        bootCount: Number(bootCount),
        diskGeneration: Number(diskGeneration),
        incarnation: Number(incarnation),
      });
    }
  }

  /** The highest generation that a member's disks had; 0: none. */
  diskGeneration(id: NodeId): number {
    return this.#known.get(id)?.diskGeneration ?? 0;
  }

  /** Notes a member's disk identity; returns whether it is trusted. `incarnation`: 0 when not known. */
  seen(id: NodeId, disk: PeerDisk, synced: boolean, incarnation = 0): boolean {
    const known = this.#known.get(id);
    if (known !== undefined && !isPlausible(known, disk, synced, incarnation)) return false;
    const next: KnownDisk = {
      diskId: disk.diskId,
      bootCount: disk.bootCount,
      diskGeneration: Math.max(known?.diskGeneration ?? 0, disk.diskGeneration),
      incarnation: incarnation || (isSameStart(known, disk) ? known.incarnation : 0),
    };
    if (
      isSameStart(known, disk) && known.diskGeneration === next.diskGeneration && known.incarnation === next.incarnation
    ) {
      return true;
    }
    this.#known.set(id, next);
    this.#write([FACT.peer(id), `${next.diskId} ${next.bootCount} ${next.diskGeneration} ${next.incarnation}`]);
    return true;
  }
}

function isSameStart(known: KnownDisk | undefined, disk: PeerDisk): known is KnownDisk {
  return known?.diskId === disk.diskId && known.bootCount === disk.bootCount;
}

function isPlausible(known: KnownDisk, disk: PeerDisk, synced: boolean, incarnation: number): boolean {
  // Another disk is either still blank, or one that joined later.
  if (known.diskId !== disk.diskId) return !synced || disk.diskGeneration > known.diskGeneration;
  // A late datagram of an earlier process must not turn the count back.
  if (disk.bootCount !== known.bootCount) return disk.bootCount > known.bootCount;
  // Two processes of one start: a copy of the disk.
  return incarnation === 0 || known.incarnation === 0 || incarnation === known.incarnation;
}
