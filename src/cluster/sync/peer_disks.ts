/**
 * The other members' disks, remembered across restarts (lease agreement, "disks"). A member is trusted on the disk that
 * was seen before and has not gone back, and on a disk of a later generation; a learner on any disk.
 *
 * A disk went back if a process found an lsn on it below the highest one heard of another process (cases 20 and 26), or
 * if its boot count fell: that is durable before a process sends anything. One process per start: another one with the
 * same boot count runs on a copy.
 */

import { CLUSTER_LIMITS } from "../limits.ts";
import type { KnownDisk, Peers } from "../peers.ts";
import type { DiskClaim, NodeId } from "../wire/messages.ts";
import { FACT } from "./disk_identity.ts";

/** Processes that are remembered one by one; of earlier ones only the highest lsn. */
const PROCESSES_MAX = 4;

/** What is known of the other members' disks. */
export class PeerDisks {
  readonly #peers: Peers;
  /** Members of whom only the lsn has risen since the last write. */
  readonly #risen = new Set<NodeId>();
  readonly #write: (facts: readonly [string, string][], durable: () => void) => void;
  /** The last tick's write is not durable yet. */
  #isWriting = false;
  #writtenMs = -Infinity;

  constructor(
    peers: Peers,
    facts: ReadonlyMap<string, string>,
    write: (facts: readonly [string, string][], durable: () => void) => void,
  ) {
    this.#peers = peers;
    this.#write = write;
    for (const [key, value] of facts) {
      const [, id] = /^peer:(\d+)$/.exec(key) ?? [];
      if (id !== undefined) peers.of(Number(id)).disk = readPeerDisk(value);
    }
  }

  /** The highest generation that a member's disks had; 0: none was ever heard of as a voter's. */
  diskGeneration(id: NodeId): number {
    return this.#peers.of(id).disk?.diskGeneration ?? 0;
  }

  /** Notes what a member says of its disk; returns whether it is trusted. `incarnation`: 0 when not known. */
  seen(id: NodeId, claim: DiskClaim, incarnation: number): boolean {
    const peer = this.#peers.of(id);
    const known = peer.disk;
    if (known?.diskId !== claim.diskId) {
      // Another disk is either still a learner's, or one that joined later.
      const former = known?.diskGeneration ?? 0;
      if (claim.diskGeneration > 0 && claim.diskGeneration <= former) return false;
      peer.disk = {
        diskId: claim.diskId,
        bootCount: claim.bootCount,
        incarnation,
        diskGeneration: Math.max(former, claim.diskGeneration),
        processes: incarnation === 0 ? [] : [{ incarnation, lsn: claim.lsn }],
        formerLsn: 0,
      };
      this.#store(id);
      return true;
    }
    const othersLsn = this.#note(id, known, claim, incarnation);
    if (claim.lsnFound < othersLsn) return false;
    // It joined again since: this copy is from before.
    if (claim.diskGeneration > 0 && claim.diskGeneration < known.diskGeneration) return false;
    // A late datagram of an earlier process must not turn the count back.
    if (claim.bootCount < known.bootCount) return false;
    const isSameStart = claim.bootCount === known.bootCount;
    // Two processes of one start: a copy of the disk.
    if (isSameStart && incarnation !== 0 && known.incarnation !== 0 && incarnation !== known.incarnation) return false;
    const { incarnation: formerIncarnation, diskGeneration: formerGeneration } = known;
    known.bootCount = claim.bootCount;
    known.incarnation = incarnation || (isSameStart ? known.incarnation : 0);
    known.diskGeneration = Math.max(known.diskGeneration, claim.diskGeneration);
    const isNews = !isSameStart || formerIncarnation !== known.incarnation ||
      formerGeneration !== known.diskGeneration;
    if (isNews) this.#store(id);
    return true;
  }

  /** Monotonic time at which {@link tick} has something to write. */
  get nextDeadline(): number {
    return this.#risen.size > 0 && !this.#isWriting ? this.#writtenMs + CLUSTER_LIMITS.peerLsnMs : Infinity;
  }

  /** Writes what has risen, for all members at once: heartbeats carry a new lsn several times a second. */
  tick(nowMs: number): void {
    if (nowMs < this.nextDeadline) return;
    this.#writtenMs = nowMs;
    this.#isWriting = true;
    this.#write([...this.#risen].map((id) => this.#fact(id)), () => this.#isWriting = false);
    this.#risen.clear();
  }

  /** Notes the lsn of a process, trusted or not; returns the highest one of the other processes on the disk. */
  #note(id: NodeId, known: KnownDisk, claim: DiskClaim, incarnation: number): number {
    if (incarnation !== 0) moveLast(known, incarnation);
    let othersLsn = known.formerLsn;
    for (const process of known.processes) {
      if (process.incarnation !== incarnation) othersLsn = Math.max(othersLsn, process.lsn);
      else if (claim.lsn > process.lsn) {
        process.lsn = claim.lsn;
        this.#risen.add(id);
      }
    }
    return othersLsn;
  }

  #store(id: NodeId): void {
    this.#risen.delete(id);
    this.#write([this.#fact(id)], () => {});
  }

  #fact(id: NodeId): [string, string] {
    const { disk } = this.#peers.of(id);
    return [FACT.peer(id), disk === undefined ? "" : written(disk)];
  }
}

/** Makes a process the last one on its disk, where it nearly always is already. */
function moveLast(known: KnownDisk, incarnation: number): void {
  const { processes } = known;
  if (processes.at(-1)?.incarnation === incarnation) return;
  const index = processes.findIndex((process) => process.incarnation === incarnation);
  const [process = { incarnation, lsn: 0 }] = index === -1 ? [] : processes.splice(index, 1);
  processes.push(process);
  const dropped = processes.length > PROCESSES_MAX ? processes.shift() : undefined;
  if (dropped !== undefined) known.formerLsn = Math.max(known.formerLsn, dropped.lsn);
}

/** The highest lsn that was heard of any process on a disk. */
export function highestLsn({ processes, formerLsn }: Pick<KnownDisk, "processes" | "formerLsn">): number {
  return processes.reduce((highest, { lsn }) => Math.max(highest, lsn), formerLsn);
}

/** The first four values are those of the release before, which ignores the others. */
function written({ diskId, bootCount, diskGeneration, incarnation, formerLsn, processes }: KnownDisk): string {
  const each = processes.map((process) => `${process.incarnation}:${process.lsn}`);
  return [diskId, bootCount, diskGeneration, incarnation, formerLsn, ...each].join(" ");
}

/** Reads the fact of one member. */
export function readPeerDisk(value: string): KnownDisk | undefined {
  const [diskId, bootCount, diskGeneration = 0, incarnation = 0, formerLsn = 0, ...each] = value.split(" ");
  if (!diskId || !bootCount) return undefined;
  return {
    diskId,
    bootCount: Number(bootCount),
    diskGeneration: Number(diskGeneration),
    incarnation: Number(incarnation),
    formerLsn: Number(formerLsn),
    processes: each.map((process) => {
      const [incarnation = 0, lsn = 0] = process.split(":").map(Number);
      return { incarnation, lsn };
    }),
  };
}
