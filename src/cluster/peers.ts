/**
 * What this node knows of the other members: one object per member, in which each part keeps its own fields. What they
 * mean is decided in the part that writes them.
 */

import type { LeaseBatch, NodeId } from "./wire/messages.ts";

/** A process on a disk, and the highest lsn heard of it. What it found there is in each of its claims. */
interface DiskProcess {
  readonly incarnation: number;
  lsn: number;
}

/** A member's disk. */
export interface KnownDisk {
  readonly diskId: string;
  bootCount: number;
  /** The process of this boot count; 0: not known. */
  incarnation: number;
  /** The highest of this disk and those before it; 0: no disk of this member was ever a voter's. */
  diskGeneration: number;
  /** The one heard last is the last. */
  readonly processes: DiskProcess[];
  /** The highest lsn of processes that are no longer in `processes`. */
  formerLsn: number;
}

/** The fields of a heartbeat beside the stream. */
export type PeerFacts =
  & Pick<LeaseBatch, "ready" | "synced" | "settled" | "witness" | "revision" | "free" | "seen">
  & { readonly incarnation: number; readonly first: number };

/** Another member. */
export interface Peer {
  /** Remembered across restarts; see `peer_disks.ts`. */
  disk: KnownDisk | undefined;
  /** Its disk that was blank while this node's was: it may have formed the cluster with that; see `state_sync.ts`. */
  blankDisk: string | undefined;
  /** The process whose last heartbeat in this epoch was trusted: only its answers count. */
  trusted: { readonly incarnation: number; readonly isVoter: boolean } | undefined;
  /** Its last heartbeat, trusted or not. */
  said: PeerFacts | undefined;
}

/** All other members that were ever heard of. */
export class Peers {
  readonly #peers = new Map<NodeId, Peer>();

  of(id: NodeId): Peer {
    const known = this.#peers.get(id);
    if (known !== undefined) return known;
    const peer = { disk: undefined, blankDisk: undefined, trusted: undefined, said: undefined };
    this.#peers.set(id, peer);
    return peer;
  }

  [Symbol.iterator](): IterableIterator<[NodeId, Peer]> {
    return this.#peers.entries();
  }
}
