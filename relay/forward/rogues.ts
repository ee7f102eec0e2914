/**
 * Rogue DHCP servers on client links. The relay does not receive a rogue's unicast replies, but it detects its
 * broadcasts and the broadcast DHCPREQUESTs of clients that selected it (RFC 2131 §3.1, step 3).
 */

import type { Ipv4 } from "../../src/net/ipv4.ts";
import { FORWARD } from "./limits.ts";

/** How a rogue was detected. */
export type RogueEvidence =
  /** One of its replies was received. */
  | "reply"
  /** A client's DHCPREQUEST named it. */
  | "request";

/** A DHCP server that is neither a node nor known. */
export interface Rogue {
  /** Index of the interface. */
  readonly link: number;
  readonly server: Ipv4;
  /** Its hardware address, if one of its replies was received. */
  mac: Uint8Array | undefined;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  /** Replies received from it, and requests that named it. */
  replies: number;
  requests: number;
}

/** One detection. */
interface RogueSighting {
  readonly link: number;
  readonly server: Ipv4;
  readonly evidence: RogueEvidence;
  readonly mac?: Uint8Array;
}

/** The most recent rogues; times are of the caller's clock. */
export class Rogues {
  /** By link and server; least recently seen first. */
  readonly #seen = new Map<string, Rogue>();
  /** Sightings per link, including those of evicted servers. */
  readonly #counts = new Map<number, number>();

  /** Records a sighting; returns the server if it is new. */
  add({ link, server, evidence, mac }: RogueSighting, nowMs: number): Rogue | undefined {
    this.#counts.set(link, this.count(link) + 1);
    const key = `${link}/${server}`;
    const known = this.#seen.get(key);
    const rogue = known ??
      { link, server, mac: undefined, firstSeenMs: nowMs, lastSeenMs: nowMs, replies: 0, requests: 0 };
    rogue.lastSeenMs = nowMs;
    if (mac !== undefined) rogue.mac = mac.slice();
    if (evidence === "reply") rogue.replies++;
    else rogue.requests++;
    this.#seen.delete(key);
    this.#seen.set(key, rogue);
    if (this.#seen.size > FORWARD.roguesMax) this.#forgetOldest();
    return known === undefined ? rogue : undefined;
  }

  /** All rogues, most recently seen first. */
  list(): Rogue[] {
    return [...this.#seen.values()].reverse();
  }

  /** Sightings on an interface. */
  count(link: number): number {
    return this.#counts.get(link) ?? 0;
  }

  #forgetOldest(): void {
    for (const key of this.#seen.keys()) {
      this.#seen.delete(key);
      return;
    }
  }
}
