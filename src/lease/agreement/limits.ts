/** The lease agreement's constants and how they relate (README.md, CLOCK and propose). */

import { assert } from "../../assert.ts";

/** S: right clocks are within half of this of true time. */
export const MAX_CLOCK_SKEW_MS = 5_000;

/**
 * MARGIN: how long a lock still runs after `lockedUntil`: the skew between three clocks, and the client's own slack.
 */
export const MARGIN_MS = 3 * MAX_CLOCK_SKEW_MS + 10_000;

/** P: a proposal that has no quorum by then is aborted. */
export const PROPOSAL_MS = 2_000;

/** An anchor lapses when no quorum has confirmed it for this long. */
export const ANCHOR_LIFETIME_MS = 3_600_000;

/** A client waits four seconds before its first retransmission (RFC 2131 §4.1). */
const FIRST_RETRANSMISSION_MS = 4_000;

assert(PROPOSAL_MS < FIRST_RETRANSMISSION_MS, "A proposal is decided before its client asks again");
assert(MARGIN_MS > 3 * MAX_CLOCK_SKEW_MS, "A margin of 2 S is one S short (case 15)");
assert(MARGIN_MS >= PROPOSAL_MS + 4 * MAX_CLOCK_SKEW_MS, "No voter takes for ended what a late proposal may lock");
