/**
 * What must hold, checked from outside in true time: the checker knows what clients were told, what is on the disks and what
 * members say of themselves, and nothing of how they came to it.
 */

import { equalBytes } from "../../src/bytes/equal.ts";
import type { NodeId } from "../../src/cluster/messages.ts";
import { MAX_CLOCK_SKEW_MS } from "../../src/lease/limits.ts";
import type { LeaseRow } from "../../src/lease/slot.ts";
import { formatIpv4, type Ipv4, type Range } from "../../src/net/ipv4.ts";
import type { SimDisk } from "./disk.ts";

/** What is checked; the letters are those of the issue that asked for it. */
export type Check = "(a)" | "(b)" | "(c)" | "(d)" | "(e)" | "(f)" | "(g)" | "(h)" | "(i)";

/** A promise broken. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly check: Check;
  constructor(check: Check, message: string) {
    super(`${check}: ${message}`);
    this.check = check;
  }
}

/** True time 0 as every right clock shows it. */
export const EPOCH_MS = 1_700_000_000_000;

/**
 * How much earlier than a lease ends in truth its lock may: a proposer's clock is anchored within S of a majority's, which are
 * within S/2 of the truth. The margin after a lock covers it.
 */
const EARLY_MS = 1.5 * MAX_CLOCK_SKEW_MS;

/** A lease as a client has it in its books. */
interface Held {
  readonly address: Ipv4;
  readonly chaddr: Uint8Array;
  readonly endsAtMs: number;
}

/** Where the leases are. */
export interface CheckedDisk {
  readonly id: NodeId;
  readonly disk: SimDisk;
}

export class Checker {
  readonly #now: () => number;
  readonly #disks: () => readonly CheckedDisk[];
  readonly #held = new Map<string, Held>();
  readonly #leaders = new Map<number, string>();
  /** Ranges by term and allocation version, by node. */
  readonly #ranges = new Map<string, Map<NodeId, readonly (readonly Range[])[]>>();
  /** Whether the members stay the same, so that a majority means the same all the time. */
  watchesDisks = true;
  acknowledgements = 0;

  constructor(now: () => number, disks: () => readonly CheckedDisk[]) {
    this.#now = now;
    this.#disks = disks;
  }

  /** (a) A client was told that it has an address until a time. */
  acknowledged(client: string, chaddr: Uint8Array, address: Ipv4, endsAtMs: number): void {
    this.acknowledgements += 1;
    for (const [other, held] of this.#held) {
      if (other !== client && held.address === address && held.endsAtMs > this.#now()) {
        throw new Violation("(a)", `${formatIpv4(address)} is held by ${other} and ${client}`);
      }
    }
    this.#held.set(client, { address, chaddr, endsAtMs });
  }

  /**
   * (b), (d) An acknowledgement leaves a node: a majority of its members has the lease on disk, and protects it for as long as
   * the client is told. A disk that was replaced within the proposal time may have had it; it counts, as the promise was
   * made with it.
   */
  leaving(members: readonly NodeId[], lease: { address: Ipv4; chaddr: Uint8Array; leaseMs: number }): void {
    const { address, chaddr, leaseMs } = lease;
    const rows = this.#disks().filter(({ id }) => members.includes(id))
      .map(({ disk }) => disk.rows.get(address) ?? disk.lostRow(address, this.#now()));
    const having = rows.filter((row) => row !== undefined && equalBytes(row.detail.chaddr, chaddr));
    const majority = Math.floor(members.length / 2) + 1;
    if (having.length < majority) {
      const text = `an acknowledged lease of ${formatIpv4(address)} is on ${having.length} of ${members.length} disks`;
      throw new Violation("(b)", text);
    }
    const until = EPOCH_MS + this.#now() + leaseMs - EARLY_MS;
    const holding = having.filter((row) => (row?.slot.hold ?? 0) >= until).length;
    if (holding < majority) {
      const text = `${holding} of ${members.length} disks protect ${
        formatIpv4(address)
      } for the ${leaseMs} ms that are told`;
      throw new Violation("(d)", text);
    }
    // Another address supersedes what the client had.
    for (const [client, held] of this.#held) {
      if (held.address !== address && equalBytes(held.chaddr, chaddr)) this.#held.delete(client);
    }
  }

  /** (b) A disk changed: every running lease of the address is still on a majority's, but for disks that are being replaced. */
  diskChanged(address: Ipv4): void {
    if (!this.watchesDisks) return;
    const now = this.#now();
    for (const [client, held] of this.#held) {
      if (held.address !== address || held.endsAtMs <= now) continue;
      const disks = this.#disks();
      const kept = disks.filter(({ disk }) => disk.isBlank || protects(disk.rows.get(address), held)).length;
      if (kept >= Math.floor(disks.length / 2) + 1) continue;
      throw new Violation("(b)", `the running lease of ${client} is left on ${kept} of ${disks.length} disks`);
    }
  }

  /** (c) A member says that it leads a term: nobody else ever did. */
  leads(term: number, process: string): void {
    const before = this.#leaders.get(term);
    if (before !== undefined && before !== process) {
      throw new Violation("(c)", `term ${term} has two leaders: ${before} and ${process}`);
    }
    this.#leaders.set(term, process);
  }

  /** (e) A member holds ranges: within one version nobody else holds the same. */
  holds(id: NodeId, held: { term: number; version: number; ranges: readonly (readonly Range[])[] }): void {
    if (held.version === 0) return;
    const key = `${held.term}/${held.version}`;
    const version = this.#ranges.get(key) ?? new Map();
    this.#ranges.set(key, version);
    version.set(id, held.ranges);
    for (const [other, ranges] of version) {
      if (other === id) continue;
      for (const mine of held.ranges.flat()) {
        for (const theirs of ranges.flat() as Range[]) {
          if (mine.first > theirs.last || theirs.first > mine.last) continue;
          throw new Violation("(e)", `nodes ${id} and ${other} hold ${formatIpv4(theirs.first)} in version ${key}`);
        }
      }
    }
  }

  /** (i) A DHCPNAK reached a client; `moved`: it asked in another network than its lease's. */
  refused(client: string, address: Ipv4, moved: boolean): void {
    const held = this.#held.get(client);
    if (!moved && held !== undefined && held.address === address && held.endsAtMs > this.#now()) {
      throw new Violation("(i)", `${client} holds ${formatIpv4(address)} and was told DHCPNAK`);
    }
  }

  /** A client gave its lease up, or it ended in its books. */
  ended(client: string): void {
    this.#held.delete(client);
  }
}

/** Whether a row keeps everybody else off an address for as long as a client holds it. */
function protects(row: LeaseRow | undefined, held: Held): boolean {
  if (row === undefined) return false;
  const until = EPOCH_MS + held.endsAtMs - EARLY_MS;
  if (row.slot.state === "blocked") return row.slot.hold >= until;
  return row.slot.state === "bound" && equalBytes(row.detail.chaddr, held.chaddr) && row.slot.hold >= until;
}
