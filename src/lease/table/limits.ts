/** Limits of offers and how they must relate. */

import { assert } from "../../assert.ts";

export const OFFER_LIMITS = {
  /** How long an offer lasts. dhclient collects offers for up to 10 s, other clients ask at once. */
  lastsMs: 15_000,
  /**
   * When no address is free, the oldest offer to a stranger that is at least this old goes to the next client: its
   * DHCPREQUEST would have come. A flood of `n` DHCPDISCOVERs a second then holds `2 n` addresses, not `15 n`.
   */
  keptMs: 2_000,
  /** Above this number the oldest offer ends: a flood of invented clients must not exhaust the memory. */
  offersMax: 65_536,
} as const;

assert(OFFER_LIMITS.keptMs < OFFER_LIMITS.lastsMs, "An offer that has ended gives way to nothing");
assert(
  OFFER_LIMITS.keptMs < 4_000,
  "RFC 2131 §4.1: a client that got no offer asks again after 4 s, and gets one then",
);
