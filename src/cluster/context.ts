/**
 * What the parts of one member share: the own id, the membership, the leadership and the effects. Each part takes this
 * object and options of its own.
 */

import type { Instant } from "../lease/agreement/clock.ts";
import type { Writes } from "../lease/agreement/slot.ts";
import type { Peers } from "./peers.ts";
import type { ClusterMessage, NodeId } from "./wire/messages.ts";

/** Effects of a member, performed in order after the event that caused them was handled. */
export interface Effects<Notice = never> {
  /** Sends to one member; the message may be lost. */
  send(to: NodeId, message: ClusterMessage): void;
  /** Sends to all other members; the message may be lost for each of them. */
  broadcast(message: ClusterMessage): void;
  /** Durable in the order of the calls; `durable` runs after the fsync. */
  persist(writes: Writes, durable: (now: Instant) => void): void;
  /** For log and status. */
  notice(notice: Notice): void;
}

/** The same effects, but for a `persist` of its own. */
export function persistingBy<Notice>(effects: Effects<Notice>, persist: Effects<Notice>["persist"]): Effects<Notice> {
  return {
    send: (to, message) => effects.send(to, message),
    broadcast: (message) => effects.broadcast(message),
    notice: (notice) => effects.notice(notice),
    persist,
  };
}

/** Whether two lists, of nodes or counts, are the same. */
export function isSameList(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((id, index) => id === b[index]));
}

export type Role = "leader" | "follower" | "candidate";

/** The state of the election; read at every use. */
export interface Leadership {
  readonly role: Role;
  readonly term: number;
  readonly leader: NodeId | undefined;
}

/** The members as this node knows them; read at every use. */
export interface MembershipView {
  readonly epoch: number;
  /** All members, this one too unless it was removed. */
  readonly ids: readonly NodeId[];
  /** All other members. */
  readonly others: readonly NodeId[];
  /** Until then (ms since 1970) no lease is proposed but for a client that renews it; 0: no such time. */
  readonly renewalsOnlyUntil: number;
}

/** What all parts of a member share. */
export interface MemberContext<Notice = never> {
  readonly self: NodeId;
  /** Random per process start, below 2^32. */
  readonly incarnation: number;
  readonly membership: MembershipView;
  readonly leadership: Leadership;
  /** What this node knows of each other member. */
  readonly peers: Peers;
  readonly effects: Effects<Notice>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}
