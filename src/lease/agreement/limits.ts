/** The lease agreement's constants and how they relate (lease-agreement.md, CLOCK and `propose`). */

import { assert } from "../../assert.ts";

/** S: right clocks are within half of this of each other. */
export const MAX_CLOCK_SKEW_MS = 5_000;

/** MARGIN: how long past `hold` a lock still counts, for skew between three clocks and the client's own slack. */
export const MARGIN_MS = 3 * MAX_CLOCK_SKEW_MS + 10_000;

/** P: a proposal that has no majority by then is aborted. */
export const PROPOSAL_MS = 2_000;

/** An anchor that no round trip confirmed for this long is forgotten. */
export const ANCHOR_LIFETIME_MS = 3_600_000;

/** A client waits four seconds before its first retransmission (RFC 2131 §4.1). */
const FIRST_RETRANSMISSION_MS = 4_000;

assert(PROPOSAL_MS < FIRST_RETRANSMISSION_MS, "A proposal is decided before its client asks again");
assert(MARGIN_MS > 3 * MAX_CLOCK_SKEW_MS, "A margin of 2 S is one S short (case 15)");
