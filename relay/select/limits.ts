/** Constants of the failure detector and the choice, and how they must relate. */

import { assert } from "../../src/assert.ts";

export const SELECT = {
  /** EWMA gains of RTT and deviation, RFC 6298 §2.3: alpha and beta. */
  rttGain: 1 / 8,
  deviationGain: 1 / 4,
  /** EWMA gain of jitter, RFC 3550 §6.4.1. */
  jitterGain: 1 / 16,
  /** The average starts as the median of this many samples. */
  medianSamples: 5,
  /** Path change: this many samples in a row beyond all others in the window restart the average. */
  shiftSamples: 3,
  shiftWindow: 30,
  /** Samples needed before the run to detect a change. */
  shiftSamplesBefore: 6,
  /** Outliers ignored among them, at either end. */
  shiftOutliers: 1,
  /** Beyond: by more than this, and by more than this share of the average. */
  shiftMsMin: 2,
  shiftShare: 0.5,
  /** Loss is counted over this many probes. */
  lossWindow: 20,
  /** Probation for loss: begins above the first, ends below the second. */
  lossyAbove: 0.25,
  lossyUntil: 0.1,
  /** This many lost probes in a row are an outage; loss is counted from zero after it. */
  outageProbes: 4,
  /**
   * Hysteresis: a node must be nearer than the chosen one by all of these: time, share of it, sum of both deviations.
   */
  hysteresisMs: 0.5,
  hysteresisShare: 0.2,
  hysteresisDeviations: 1,
  /** Hysteresis: and for this many probe rounds in a row, which grows with the number of samples. */
  hysteresisRoundsMin: 1,
  hysteresisRoundsMax: 20,
  hysteresisRoundsPerSample: 1 / 2,
  /** Lost probes in a row after which a node counts as down; a single one may be packet loss. */
  silentProbes: 2,
  /** Lost pings in a row, while the node answers HTTP, after which ICMP counts as filtered. */
  filteredPings: 3,
  /** Good probes in a row that end probation. */
  goodProbes: 3,
  /** Upper bound of that number, which doubles each time the node becomes suspect again. */
  goodProbesMax: 24,
  /** After this long without suspicion the number starts again at the minimum. */
  relapseMs: 300_000,
  /** DHCPREQUESTs for its own offers that a node ignores, in a row, until it is suspect without another's answer. */
  ignoredMax: 3,
  /** How long the request for a health URL stays open after its timeout: a late answer is an answer. */
  lateMs: 5_000,
  /**
   * Another node answered a DHCPDISCOVER: the node is asked at once whether the subnet is full there. Bounds of how
   * long that may take, and the factor of the deviation of the health URL's answer times.
   */
  verifyMsMin: 250,
  verifyMsMax: 500,
  verifyDeviations: 4,
  /** Rounds in a row without any change until probes become rarer: longer than hysteresis. */
  calmRounds: 30,
  /** While nothing changes a node is probed once in this many intervals; the number doubles up to this. */
  calmIntervalsMax: 8,
  /** Answers in a row later than usual by this many deviations that end the calm. */
  slowerAnswers: 2,
  slowerDeviations: 4,
  /** Exponential backoff of a suspect's trials (copies of a DHCPDISCOVER): first and longest delay. */
  trialBackoffMs: 1_000,
  trialBackoffMsMax: 30_000,
  /** A suspicion ends after this when no trial was possible. */
  suspectMsMax: 60_000,
  /**
   * How long a DHCP answer makes a node without health URL ready. Clients retransmit within 4 s to 8 s (RFC 2131 §4.1),
   * so a node that gets requests and serves answers more often than this.
   */
  answerValidMs: 10_000,
  /** Bounds of the hedging delay; the upper one also applies before the first answer. */
  hedgeMsMax: 250,
  hedgeMsMin: 50,
  /** RFC 6298 §2.3: K, the factor of the deviation. */
  hedgeDeviations: 4,
} as const;

assert(SELECT.medianSamples < SELECT.shiftSamplesBefore, "A path change is detected from an established average");
assert(SELECT.lossyUntil < SELECT.lossyAbove, "Loss has hysteresis");
assert(SELECT.lossyAbove * SELECT.lossWindow > SELECT.silentProbes, "A short silence does not make a node lossy");
assert(SELECT.silentProbes < SELECT.outageProbes, "An outage is longer than an accidental loss");
assert(
  SELECT.shiftSamples + SELECT.hysteresisRoundsMin <= 4,
  "A node that became slow is left within five intervals, at whatever point of an interval that begins",
);
assert(
  Math.floor(SELECT.shiftSamples * SELECT.hysteresisRoundsPerSample) <= SELECT.hysteresisRoundsMin,
  "After a path change the minimum of rounds suffices",
);
assert(SELECT.trialBackoffMsMax < SELECT.suspectMsMax, "Trials come before a suspicion ends by itself");
assert(SELECT.calmRounds > SELECT.hysteresisRoundsMax, "Probes become rarer only once the choice is made");
assert(SELECT.lateMs < SELECT.answerValidMs, "A slow health URL is no longer an excuse than DHCP answers are");
assert(SELECT.hedgeMsMin < SELECT.hedgeMsMax, "The hedging delay has room to adapt");
