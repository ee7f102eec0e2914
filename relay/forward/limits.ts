/** The numbers of transactions, in one place, with how they must relate. What operators may change is in the file. */

import { assert } from "../../src/assert.ts";
import { SELECT } from "../select/limits.ts";

export const FORWARD = {
  /** A transaction is remembered for at least this after its last message, while there is room. */
  ttlMs: 10_000,
  /** Transactions remembered at most; under a flood the oldest go earlier. */
  transactionsMax: 65_536,
  /** Clients whose last offer is remembered, and clients whose rate is watched, at most; likewise. */
  clientsMax: 65_536,
  /** After so long without an answer a node has left a request unanswered. */
  answerTimeoutMs: 250,
  /** A DHCPNAK waits at most so long for another node that was asked as well. */
  nakHoldMs: 250,
  /**
   * Requests sent to a second node as the first was silent: so many at once, which is what a node leaves behind that
   * ends under load, and so many per second. More of them have to be earned by answers that came without: where all
   * nodes are slow since they have too much to do, copies would make it worse.
   */
  hedges: { perSecond: 20, burst: 4_000 },
  hedgeBudgetPerAnswer: 1 / 4,
  /** An interface's next address is tried when a client has repeated itself so often without an answer. */
  retransmissionsPerGateway: 3,
  /** Questions to nodes that a transaction remembers. */
  attemptsMax: 16,
  /** Octets kept ready for each datagram that goes up; for longer ones memory is made when they come. */
  bufferBytes: 640,
  buffersFreeMax: 4_096,
  /** Deadlines are kept to this. */
  tickMs: 5,
  /** A tick that comes later than this shows that the relay was not running: nobody is to blame for the silence. */
  stallMs: 40,
  /** DHCP servers on client links that are told apart. */
  roguesMax: 64,
} as const;

assert(FORWARD.answerTimeoutMs >= SELECT.hedgeMsMax, "The next node is asked before the first one is given up");
assert(
  FORWARD.nakHoldMs + SELECT.hedgeMsMax < 1_000,
  "RFC 2131 §4.1: a client waits for seconds; a DHCPNAK that was held back must reach it before it repeats itself",
);
assert(FORWARD.ttlMs > 8_000, "RFC 2131 §4.1: a client repeats itself within 4 s, then within 8 s");
assert(FORWARD.tickMs < FORWARD.stallMs, "Ordinary lateness is no sleep");
