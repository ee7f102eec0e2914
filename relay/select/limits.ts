/** The numbers by which a node is judged and chosen, in one place, with how they must relate. */

import { assert } from "../../src/assert.ts";

export const SELECT = {
  /** RFC 6298 §2.3: alpha and beta. */
  rttGain: 1 / 8,
  deviationGain: 1 / 4,
  /** RFC 3550 §6.4.1. */
  jitterGain: 1 / 16,
  /** The average begins as the median of so many samples. */
  medianSamples: 5,
  /** So many samples in a row beyond all of the window: the path has changed, and the average starts anew. */
  shiftSamples: 3,
  shiftWindow: 30,
  /** Samples before the run without which nothing is called a change. */
  shiftSamplesBefore: 6,
  /** How many of them may be as far off all the same, at either end. */
  shiftOutliers: 1,
  /** Beyond means by more than this, and by more than this share of the average. */
  shiftMsMin: 2,
  shiftShare: 0.5,
  /** Loss is counted over so many probes. */
  lossWindow: 20,
  /** A node that loses more is passed over, until it loses less than the second. */
  lossyAbove: 0.25,
  lossyUntil: 0.1,
  /** A silence of so many probes was an outage: what comes after it is counted anew. */
  outageProbes: 4,
  /** A node must be nearer than the chosen one by all of these: milliseconds, share, sum of both deviations. */
  hysteresisMs: 0.5,
  hysteresisShare: 0.2,
  hysteresisDeviations: 1,
  /** And for so many rounds of probes in a row: the more samples speak for the chosen one, the more rounds. */
  hysteresisRoundsMin: 1,
  hysteresisRoundsMax: 20,
  hysteresisRoundsPerSample: 1 / 2,
  /** Probes in a row without an answer after which a node is not there any more. One may get lost on the way. */
  silentProbes: 2,
  /** Pings in a row without an answer, while the node answers otherwise, after which ICMP counts as filtered. */
  filteredPings: 3,
  /** Good probes in a row that a node needs after it failed. */
  goodProbes: 3,
  /** The most it needs after it failed again and again in real traffic, twice as many each time. */
  goodProbesMax: 24,
  /** After so long without suspicion the count starts anew. */
  relapseMs: 300_000,
  /** Unanswered requests in a row that make a node suspect though no other node answered them either. */
  unansweredMax: 3,
  /** A suspect gets a copy of a DHCPDISCOVER after this, then after twice as long each time, up to the second. */
  trialBackoffMs: 1_000,
  trialBackoffMsMax: 30_000,
  /** A suspect that could not be tried is given another chance after this. */
  suspectMsMax: 60_000,
  /**
   * How long a DHCP answer vouches for a node whose health nobody can ask. Clients repeat within 4 s to 8 s
   * (RFC 2131 §4.1), so a node that is asked and serves is heard more often than this.
   */
  answerValidMs: 10_000,
  /** Bounds of the delay after which the next node is asked as well; the first also holds while nothing is known. */
  hedgeMsMax: 250,
  hedgeMsMin: 50,
  /** RFC 6298 §2.3: K. */
  hedgeDeviations: 4,
} as const;

assert(SELECT.medianSamples < SELECT.shiftSamplesBefore, "A change of path is seen from an average that stands");
assert(SELECT.lossyUntil < SELECT.lossyAbove, "A node may not be lossy and not lossy at once");
assert(SELECT.lossyAbove * SELECT.lossWindow > SELECT.silentProbes, "A short silence does not make a node lossy");
assert(SELECT.silentProbes < SELECT.outageProbes, "An outage is longer than what may be chance");
assert(
  SELECT.shiftSamples + SELECT.hysteresisRoundsMin <= 4,
  "A node that became slow is left within five intervals, wherever in the first one that begins",
);
assert(
  Math.floor(SELECT.shiftSamples * SELECT.hysteresisRoundsPerSample) <= SELECT.hysteresisRoundsMin,
  "After a change the past does not speak for a node",
);
assert(SELECT.trialBackoffMsMax < SELECT.suspectMsMax, "A suspect is tried before it is simply given another chance");
assert(SELECT.hedgeMsMin < SELECT.hedgeMsMax, "The hedging delay has room to adapt");
