/**
 * The state of one transaction (RFC 2131 §2: chaddr and xid): the client's last message and the attempts at nodes.
 * Every message of the client starts a round, and each round delivers at most one answer.
 */

import type { ClientDestination } from "../../src/dhcp/delivery.ts";
import { MESSAGE_TYPE } from "../../src/dhcp/message.ts";
import type { Standing } from "./admission.ts";
import type { Gateway } from "./config.ts";
import type { Outcome } from "./outcomes.ts";
import type { Removal } from "./request.ts";

/** A datagram to a node. */
export interface Send {
  /** Index of the client's interface. */
  readonly link: number;
  readonly gateway: Gateway;
  /** Index of the node. */
  readonly node: number;
  readonly bytes: Uint8Array;
  /** Undefined for messages that are not answered, such as a DHCPRELEASE. */
  readonly transaction: Transaction | undefined;
}

/** A datagram to a client. */
export interface Delivery {
  readonly link: number;
  readonly gateway: Gateway;
  readonly node: number;
  readonly destination: ClientDestination;
  readonly bytes: Uint8Array;
  readonly outcome: Outcome;
}

/** A request sent to one node. */
export interface Attempt {
  readonly node: number;
  readonly round: number;
  readonly atMs: number;
  /** Whether silence counts against the node. */
  readonly accountable: boolean;
  answered: boolean;
  /** No answer within {@link FORWARD.answerTimeoutMs}. */
  expired: boolean;
  /** The request was sent to another node as well, because this one was silent. */
  hedged: boolean;
  /** Another node answered the round first. */
  beaten: boolean;
}

/** A transaction. */
export interface Transaction {
  readonly key: string;
  readonly link: number;
  readonly client: string;
  /** As it was when the transaction began. */
  readonly standing: Standing;
  readonly circuit: string;
  /** Another relay is closer to the client (RFC 3046 §2.1.1); answers do not pass through this relay. */
  readonly chained: boolean;
  gateway: Gateway;
  removal: Removal;
  /** Type of the client's last message. */
  messageType: number;
  round: number;
  /** How often the client has retransmitted that message. */
  retransmissions: number;
  /** Counts its unanswered messages, where the interface has several gateways. */
  seeker: string | undefined;
  /** The node whose offer a DHCPREQUEST selects, -1: none; undefined while it is not known. */
  selected: number | undefined;
  /** The last message as relayed; released once it is answered. */
  bytes: Uint8Array | undefined;
  /** The pooled buffer that holds `bytes`. */
  buffer: Uint8Array | undefined;
  /** The current round has no answer yet. */
  waiting: boolean;
  /** The node that serves this transaction; -1: none yet. */
  node: number;
  attempts: Attempt[];
  /** When the request is hedged: sent to the next node as well. */
  hedgeAtMs: number;
  /** A held DHCPNAK, while other attempts are outstanding. */
  nak: { readonly delivery: Delivery; readonly untilMs: number } | undefined;
}

const { DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM } = MESSAGE_TYPE;
const { LEASEQUERY, LEASEUNASSIGNED, LEASEUNKNOWN, LEASEACTIVE } = MESSAGE_TYPE;

/** Reply types by request type; 0 is BOOTP, whose servers also answer DHCP clients (RFC 1534 §2). */
const ANSWERS: Readonly<Record<number, readonly number[]>> = {
  0: [0],
  // RFC 4039 §3.1: an ACK with rapid commit.
  [DISCOVER]: [OFFER, ACK, 0],
  [REQUEST]: [ACK, NAK],
  [INFORM]: [ACK],
  [LEASEQUERY]: [LEASEUNASSIGNED, LEASEUNKNOWN, LEASEACTIVE],
};

/**
 * Whether servers answer a message of this type (RFC 2131 §4.3.3, §4.3.4: not those two).
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual([1, 3, 4, 7].map(expectsAnswer), [true, true, false, false]);
 * ```
 */
export function expectsAnswer(messageType: number): boolean {
  return messageType !== DECLINE && messageType !== RELEASE;
}

/** Whether a reply of one type may answer a request of another; unknown types may. */
export function isAnswer(request: number, reply: number): boolean {
  return ANSWERS[request]?.includes(reply) ?? true;
}
