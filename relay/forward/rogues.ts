/**
 * DHCP servers on the clients' links that are not ours. A link's own server answers where the relay does not hear it,
 * but it gives itself away: it broadcasts, and a client that takes its offer names it in a broadcast DHCPREQUEST
 * (RFC 2131 §3.1, step 3).
 */

import type { Ipv4 } from "../../src/net/ipv4.ts";
import { FORWARD } from "./limits.ts";

/** What gave a server away. */
export type RogueEvidence =
  /** It was heard. */
  | "reply"
  /** A client asked for it. */
  | "request";

/** A server that does not belong there. */
export interface Rogue {
  /** Index of the interface. */
  readonly link: number;
  readonly server: Ipv4;
  /** Its hardware address, where it was heard. */
  mac: Uint8Array | undefined;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  /** How often it was heard, and how often asked for. */
  replies: number;
  requests: number;
}

/** What was seen. */
export interface RogueSighting {
  readonly link: number;
  readonly server: Ipv4;
  readonly evidence: RogueEvidence;
  readonly mac?: Uint8Array;
}

/** A table of the last few; times are of the caller's clock. */
export class Rogues {
  /** By link and server; the one not seen for the longest first. */
  readonly #seen = new Map<string, Rogue>();
  /** All sightings, of those that were forgotten too. By link. */
  readonly #counts = new Map<number, number>();

  /** Takes a sighting and returns the server if it is a new one. */
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

  /** Those of the table, the one seen last first. */
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
