/** Who holds which address until when, as the clients see it: the judge of whether two ever held one. */

interface Holding {
  readonly client: number;
  readonly untilMs: number;
}

/** All leases that clients were acknowledged. Times are in milliseconds of any one clock. */
export class Holdings {
  readonly #byAddress = new Map<string, Holding>();
  /** A line each; empty while no two clients held one address. */
  readonly conflicts: string[] = [];

  /** A client was acknowledged an address. */
  acknowledged(address: string, client: number, nowMs: number, untilMs: number): void {
    const holding = this.#byAddress.get(address);
    if (holding !== undefined && holding.client !== client && holding.untilMs > nowMs) {
      const left = Math.round(holding.untilMs - nowMs);
      this.conflicts.push(`${address} went to client ${client}, ${left} ms before the lease of ${holding.client} ends`);
    }
    this.#byAddress.set(address, { client, untilMs });
  }

  /** A client does not use an address any more: it gave it back, or was refused it. */
  ended(address: string, client: number): void {
    if (this.#byAddress.get(address)?.client === client) this.#byAddress.delete(address);
  }
}
