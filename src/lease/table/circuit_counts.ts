/**
 * How many running leases each circuit has (RFC 3046 §3.1), for a limit. Counted only while a configuration limits
 * them: it costs a look at the last record whenever one changes.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { LeaseDetail } from "../agreement/slot.ts";

/** Tells a subnet by an address in it; undefined outside all subnets. */
export type SubnetOf = (address: Ipv4) => number | undefined;

/**
 * A circuit of a subnet, as the agent that named it is told apart by its remote id; undefined without a circuit id.
 * Whether relays are redundant does not matter: it does not depend on giaddr.
 */
export function circuitOf(
  subnet: number | undefined,
  { circuitId, remoteId }: Pick<LeaseDetail, "circuitId" | "remoteId">,
): string | undefined {
  if (circuitId.length === 0) return undefined;
  return `${subnet} ${String.fromCharCode(circuitId.length, ...circuitId, ...remoteId)}`;
}

/** Leases by circuit, and which slots are counted. */
export class CircuitCounts {
  readonly subnetOf: SubnetOf;
  readonly #leases = new Map<string, number>();
  #counted: Uint8Array;

  constructor(slots: number, subnetOf: SubnetOf) {
    this.subnetOf = subnetOf;
    this.#counted = new Uint8Array(slots);
  }

  /** Running leases of a circuit. */
  of(circuit: string): number {
    return this.#leases.get(circuit) ?? 0;
  }

  isCounted(index: number): boolean {
    return this.#counted[index] === 1;
  }

  /** Counts the lease of a slot that is not counted. */
  add(index: number, circuit: string | undefined): void {
    if (circuit === undefined) return;
    this.#counted[index] = 1;
    this.#leases.set(circuit, this.of(circuit) + 1);
  }

  /** Counts the lease of a slot no longer, if it was; `circuit`: as it was added. */
  remove(index: number, circuit: string | undefined): void {
    if (circuit === undefined || !this.isCounted(index)) return;
    this.#counted[index] = 0;
    const left = this.of(circuit) - 1;
    if (left > 0) this.#leases.set(circuit, left);
    else this.#leases.delete(circuit);
  }

  grow(slots: number): void {
    const counted = new Uint8Array(slots);
    counted.set(this.#counted);
    this.#counted = counted;
  }
}
