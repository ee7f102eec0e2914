/**
 * Limits of the DHCP server that are not configured, and how they must relate. Those of offers are in
 * `src/lease/table/limits.ts`; what operators set is `strangers` in `src/config/service_schema.ts`. The guide's table
 * of limits (`node/README.md`) says what happens at each.
 */

import { assert } from "../../assert.ts";
import { STRANGERS_DEFAULT } from "../../config/service_schema.ts";
import { PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import { OFFER_LIMITS } from "../../lease/table/limits.ts";

export const SERVER_LIMITS = {
  /** Messages of strangers from all links together; more are dropped. Above it a node would serve nothing else. */
  strangerMessages: { perSecond: 8_000, burst: 40_000 },
  /**
   * New leases for strangers that are being agreed at a time; more wait, and known clients pass them. Large enough that
   * a group commit is full, small enough that a renewal waits for one group of them at most.
   */
  strangerProposalsMax: 256,
  /** DHCPREQUESTs of strangers that wait; more are dropped. */
  strangersWaitingMax: 4_096,
  /** One that has waited for so long is dropped: its client asks again. */
  strangerWaitMs: 2_000,
  /** Links whose rates are tracked; more drop out, the one that was quiet longest first. */
  linksMax: 4_096,
  /** A link that was quiet for this long is forgotten. */
  linkQuietMs: 600_000,
  /** Links that metrics name; more are counted together. */
  linksNamedMax: 64,
  /** The log names a link that exceeds a limit at most this often. */
  linkNewsMs: 60_000,
  /**
   * When the strangers of a subnet are a flood (`flood_signs.ts`): in a window they want more new leases than
   * `strangers.leases`; or, in one to two windows, there are so many per address of its pools, or this share of its
   * addresses was leased to clients that did not renew. A node that sees a flood tells the others each `tellMs`, and is
   * believed for `toldMs`. Of one address in `undecidedPart`, other nodes may be granting leases at the same moment.
   */
  flood: {
    windowMs: 150_000,
    strangersPerAddress: 2,
    unrenewedShare: 1 / 16,
    tellMs: 500,
    toldMs: 2_000,
    undecidedPart: 256,
  },
  /**
   * A first lease beyond `strangers.share` is agreed this much later, so that a flood is recognized before it takes the
   * rest of a subnet, and a network of new devices loses no more than this.
   */
  beyondShareMs: 1_000,
  /** Addresses in pools that are not leased since relays have them: forged ones must not use up the pools. */
  heardMax: 1_024,
  /** A subnet with fewer addresses is never nearly full: every device counts there. */
  smallSubnet: 32,
  /** Settings that are remembered of a pool and the classes of a client; then all are forgotten. */
  settingsByClasses: 4_096,
} as const;

assert(
  SERVER_LIMITS.strangerMessages.perSecond > STRANGERS_DEFAULT.messages.perSecond,
  "A flood on one link must leave room for strangers on the others",
);
assert(
  SERVER_LIMITS.strangerWaitMs + PROPOSAL_MS <= 4_000,
  "RFC 2131 §4.1: a request that waited is decided before its client asks again",
);
assert(
  SERVER_LIMITS.beyondShareMs < OFFER_LIMITS.keptMs,
  "An address that waits for its turn is still offered to its client",
);
assert(
  SERVER_LIMITS.flood.tellMs < SERVER_LIMITS.beyondShareMs,
  "While a first lease beyond the share waits, the others' floods are heard of",
);
assert(
  3 * SERVER_LIMITS.flood.tellMs < SERVER_LIMITS.flood.toldMs,
  "A flood is known although two messages in a row are lost",
);
assert(
  4 * SERVER_LIMITS.flood.unrenewedShare <= STRANGERS_DEFAULT.share / 100,
  "A flood that leaves its share unrenewed is recognized by that",
);
assert(
  SERVER_LIMITS.linkQuietMs > 1_000 * STRANGERS_DEFAULT.leases.burst / STRANGERS_DEFAULT.leases.perSecond,
  "A link is forgotten only when it has its full burst again",
);
