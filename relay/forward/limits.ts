/** Constants of the forwarding core and how they must relate. Configurable limits are in {@link ForwardLimits}. */

import { assert } from "../../src/assert.ts";
import { SELECT } from "../select/limits.ts";

export const FORWARD = {
  /** Lifetime of a transaction after its last message, while there is room. */
  ttlMs: 10_000,
  /** Most transactions kept; under a flood the oldest are evicted early. */
  transactionsMax: 65_536,
  /** Most clients whose last offer is kept, whose rate is tracked, and that are known per interface. */
  clientsMax: 65_536,
  /** A client is known for so long after its last message; twice as long while there is room. */
  knownTtlMs: 12 * 3_600_000,
  /** This share of an interface's rate is for known clients alone. */
  reservedForKnown: 1 / 4,
  /** Without an answer for this long an attempt expires: the node has left the request unanswered. */
  answerTimeoutMs: 250,
  /** A DHCPNAK is held this long while another node's answer is outstanding. */
  nakHoldMs: 250,
  /**
   * Hedge budget (token bucket): copies sent to further nodes because the first was silent, is suspect or worse, or
   * none is reachable. The burst covers the
   * requests that a node under load leaves behind when it fails. Answers that needed no hedge refill the bucket: when
   * all nodes are overloaded, copies would make it worse.
   */
  hedges: { perSecond: 20, burst: 4_000 },
  hedgeBudgetPerAnswer: 1 / 4,
  /** Of these, hedges of strangers' requests per interface. Half of the budget is for known clients alone. */
  strangerHedges: { perSecond: 10, burst: 2_000 },
  /** After this many unanswered messages of a client the interface's next gateway is tried. */
  messagesPerGateway: 3,
  /** A client's unanswered messages are counted until it is silent for this long: udhcpc pauses for 20 s. */
  unansweredTtlMs: 60_000,
  /** Most attempts kept per transaction. */
  attemptsMax: 16,
  /** Size of a pooled request buffer; longer requests allocate. */
  bufferBytes: 640,
  buffersFreeMax: 4_096,
  /** Granularity of deadlines. */
  tickMs: 5,
  /** A tick later than this means that the relay itself was stalled: nodes are not blamed for the silence. */
  stallMs: 40,
  /** Most rogue DHCP servers kept. */
  roguesMax: 64,
} as const;

assert(FORWARD.answerTimeoutMs >= SELECT.hedgeMsMax, "The hedge is sent before the first attempt expires");
assert(
  FORWARD.nakHoldMs + SELECT.hedgeMsMax < 1_000,
  "RFC 2131 §4.1: a held DHCPNAK must reach the client before it retransmits, which takes seconds",
);
assert(FORWARD.ttlMs > 8_000, "RFC 2131 §4.1: a client retransmits after 4 s, then after 8 s");
assert(
  FORWARD.strangerHedges.perSecond < FORWARD.hedges.perSecond &&
    FORWARD.strangerHedges.burst <= FORWARD.hedges.burst / 2,
  "A flood on one interface must leave hedges for the others",
);
assert(FORWARD.tickMs < FORWARD.stallMs, "Ordinary timer delay is not a stall");
