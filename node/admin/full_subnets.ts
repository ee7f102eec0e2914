/**
 * Subnets that left requests unanswered on purpose: DHCPDISCOVERs because no address was free, or whatever strangers
 * sent beyond a limit. `/readyz` lists the ones that did so lately: a relay does not hold that silence against this
 * node, and tells its own operator which subnet is full.
 */

import { formatPrefix, type Prefix } from "../../src/net/ipv4.ts";

/** A subnet is listed for this long after the last such request: longer than clients wait between two. */
const FULL_MS = 60_000;

/** Most subnets in one answer: a relay reads no more than 16 KiB of it. */
const LISTED_MAX = 64;

/** A subnet, and how many requests it left unanswered since the node started. */
interface FullSubnet {
  readonly subnet: string;
  readonly unanswered: number;
}

/** Counts by subnet; times are of one monotonic clock. */
export class FullSubnets {
  /** The latest last; the keys are configured subnets, so their number is bounded. */
  readonly #subnets = new Map<string, FullSubnet & { readonly lastMs: number }>();

  /** A request of a subnet got no answer. */
  add(prefix: Prefix, nowMs: number): void {
    const subnet = formatPrefix(prefix);
    const unanswered = this.unanswered(prefix) + 1;
    this.#subnets.delete(subnet);
    this.#subnets.set(subnet, { subnet, unanswered, lastMs: nowMs });
  }

  /** Requests of a subnet that got no answer since the start. */
  unanswered(prefix: Prefix): number {
    return this.#subnets.get(formatPrefix(prefix))?.unanswered ?? 0;
  }

  /** The subnets that left one unanswered lately, the latest first. */
  list(nowMs: number): FullSubnet[] {
    return [...this.#subnets.values()].filter(({ lastMs }) => nowMs - lastMs < FULL_MS).reverse().slice(0, LISTED_MAX)
      .map(({ subnet, unanswered }) => ({ subnet, unanswered }));
  }
}
