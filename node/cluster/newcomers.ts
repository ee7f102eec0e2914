/**
 * Inbound connections that have not authenticated yet: how many there may be, and which one gives way. A program that
 * opens connections and says nothing must not keep members out.
 *
 * Each source address has room of its own, and in a full one the newest connection takes the place of the oldest, as a
 * member authenticates within a round trip or two. An address of no member has little room, beyond a rate its
 * connections are not listened to, and only so many of these addresses are listened to at a time: a member with several
 * addresses may connect from one that is in no membership.
 *
 * Pure: times are monotonic milliseconds.
 */

import { assert } from "../../src/assert.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { WindowCount } from "../../src/rate/window_count.ts";

export const NEWCOMER_LIMITS = {
  /** From one member's address. */
  perMemberMax: 8,
  /** From one other address, and how many of these addresses there may be. */
  perForeignMax: 4,
  foreignMax: 32,
  /** Connections per second from one other address; more are not listened to. */
  foreignPerSecond: 20,
} as const;

assert(
  NEWCOMER_LIMITS.foreignPerSecond > NEWCOMER_LIMITS.perForeignMax,
  "A full room lets the newest one in for a while",
);

const SECOND_MS = 1_000;

/** One source address. */
interface Room<Connection> {
  /** Oldest first. */
  readonly waiting: Set<Connection>;
  /** Connections of an address of no member. */
  readonly inSecond: WindowCount;
}

/** The connections of one node that have not authenticated. */
export class Newcomers<Connection> {
  readonly #rooms = new Map<Ipv4, Room<Connection>>();
  readonly #roomOf = new Map<Connection, Room<Connection>>();

  /** Whether a connection is admitted, and which one is to be closed for it. */
  arrived(
    connection: Connection,
    from: Ipv4,
    isMember: boolean,
    ms: number,
  ): { readonly admitted: boolean; readonly evicted?: Connection } {
    const room = this.#roomFor(from, isMember, ms);
    if (room === undefined) return { admitted: false };
    if (!isMember && room.inSecond.add(ms) > NEWCOMER_LIMITS.foreignPerSecond) return { admitted: false };
    this.#roomOf.set(connection, room);
    room.waiting.add(connection);
    const max = isMember ? NEWCOMER_LIMITS.perMemberMax : NEWCOMER_LIMITS.perForeignMax;
    if (room.waiting.size <= max) return { admitted: true };
    const [evicted = connection] = room.waiting;
    this.left(evicted);
    return { admitted: true, evicted };
  }

  /** A connection authenticated or ended; false when it had done so before, or was evicted. */
  left(connection: Connection): boolean {
    this.#roomOf.get(connection)?.waiting.delete(connection);
    return this.#roomOf.delete(connection);
  }

  #roomFor(from: Ipv4, isMember: boolean, ms: number): Room<Connection> | undefined {
    const known = this.#rooms.get(from);
    if (known !== undefined) return known;
    if (!isMember && this.#rooms.size >= NEWCOMER_LIMITS.foreignMax) {
      for (const [address, { waiting, inSecond }] of this.#rooms) {
        if (waiting.size === 0 && inSecond.at(ms) === 0) this.#rooms.delete(address);
      }
      if (this.#rooms.size >= NEWCOMER_LIMITS.foreignMax) return undefined;
    }
    const room = { waiting: new Set<Connection>(), inSecond: new WindowCount(SECOND_MS) };
    this.#rooms.set(from, room);
    return room;
  }
}
