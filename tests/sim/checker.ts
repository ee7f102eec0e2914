/**
 * What must hold, checked from outside in true time: the checker knows what clients were told and what is on the disks, and
 * nothing of how the nodes came to it.
 */

import { equalBytes } from "../../src/bytes/equal.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { SimDisk } from "./disk.ts";

/** A promise broken. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly check: string;
  constructor(check: string, message: string) {
    super(`${check}: ${message}`);
    this.check = check;
  }
}

/** A lease as a client has it in its books. */
interface Held {
  readonly address: Ipv4;
  readonly endsAtMs: number;
}

export class Checker {
  readonly #now: () => number;
  readonly #disks: () => readonly SimDisk[];
  readonly #held = new Map<string, Held>();
  acknowledgements = 0;

  constructor(now: () => number, disks: () => readonly SimDisk[]) {
    this.#now = now;
    this.#disks = disks;
  }

  /** A client was told that it has an address until a time. */
  acknowledged(client: string, address: Ipv4, endsAtMs: number): void {
    this.acknowledgements += 1;
    for (const [other, held] of this.#held) {
      if (other !== client && held.address === address && held.endsAtMs > this.#now()) {
        throw new Violation("(a)", `${formatIpv4(address)} is held by ${other} and ${client}`);
      }
    }
    this.#held.set(client, { address, endsAtMs });
  }

  /**
   * (b) An acknowledgement leaves a node: a majority has the lease on disk. A disk that was replaced within the proposal time may
   * have had it; it counts, as the promise was made with it.
   */
  leaving(address: Ipv4, chaddr: Uint8Array): void {
    const disks = this.#disks();
    const having = disks.filter((disk) => {
      const row = disk.rows.get(address) ?? disk.lostRow(address, this.#now());
      return row !== undefined && equalBytes(row.detail.chaddr, chaddr);
    }).length;
    if (having < Math.floor(disks.length / 2) + 1) {
      throw new Violation(
        "(b)",
        `an acknowledged lease of ${formatIpv4(address)} is on ${having} of ${disks.length} disks`,
      );
    }
  }

  /** A client gave its lease up, or it ended in its books. */
  ended(client: string): void {
    this.#held.delete(client);
  }

  /** Who holds something now. */
  holding(client: string): boolean {
    const held = this.#held.get(client);
    return held !== undefined && held.endsAtMs > this.#now();
  }
}
