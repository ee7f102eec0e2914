/** The clients' own view of who has which address until when: detects two clients with one address. */

interface Holding {
  readonly client: number;
  readonly untilMs: number;
}

/** All acknowledged leases. Times are milliseconds of one clock. */
export class Holdings {
  readonly #byAddress = new Map<string, Holding>();
  /** Cases of two clients with one address, a line each. */
  readonly conflicts: string[] = [];

  /** A client got a DHCPACK for an address. */
  acknowledged(address: string, client: number, nowMs: number, untilMs: number): void {
    const holding = this.#byAddress.get(address);
    if (holding !== undefined && holding.client !== client && holding.untilMs > nowMs) {
      const left = Math.round(holding.untilMs - nowMs);
      this.conflicts.push(`${address} went to client ${client}, ${left} ms before the lease of ${holding.client} ends`);
    }
    this.#byAddress.set(address, { client, untilMs });
  }

  /** A client no longer uses an address, after a release or a DHCPNAK. */
  ended(address: string, client: number): void {
    if (this.#byAddress.get(address)?.client === client) this.#byAddress.delete(address);
  }
}
