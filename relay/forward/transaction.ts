/**
 * One transaction (RFC 2131 §2: chaddr and xid): what its client sent last, which nodes were asked, and what came of it.
 * It goes through rounds: every message of the client starts one, and is owed one answer.
 */

import type { ClientDestination } from "../../src/dhcp/delivery.ts";
import { MESSAGE_TYPE } from "../../src/dhcp/message.ts";
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
  /** Whose; undefined for what is not answered. */
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

/** A node that was asked. */
export interface Attempt {
  readonly node: number;
  readonly round: number;
  readonly atMs: number;
  /** Its silence would be a fault. */
  readonly accountable: boolean;
  answered: boolean;
  /** It has had its time. */
  expired: boolean;
  /** Another node was asked since, as it was silent. */
  hedged: boolean;
  /** Another node has answered. */
  beaten: boolean;
}

/** What is remembered. */
export interface Transaction {
  readonly key: string;
  readonly link: number;
  readonly client: string;
  readonly circuit: string;
  /** Answers don't come through this relay. */
  readonly chained: boolean;
  gateway: Gateway;
  removal: Removal;
  /** Of the client's last message. */
  messageType: number;
  round: number;
  /** How often the client has repeated that message. */
  retransmissions: number;
  /** The last message as it went up; forgotten once it has been answered. */
  bytes: Uint8Array | undefined;
  /** The memory that is in; given back with it. */
  buffer: Uint8Array | undefined;
  /** The client waits for an answer. */
  waiting: boolean;
  /** The node it sticks to; -1: none yet. */
  node: number;
  attempts: Attempt[];
  /** When the next node is asked if none has answered. */
  hedgeAtMs: number;
  /** A DHCPNAK that waits for what other nodes say. */
  nak: { readonly delivery: Delivery; readonly untilMs: number } | undefined;
}

const { DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM } = MESSAGE_TYPE;
const { LEASEQUERY, LEASEUNASSIGNED, LEASEUNKNOWN, LEASEACTIVE } = MESSAGE_TYPE;

/** What answers what; 0 is BOOTP, whose servers answer DHCP clients as well (RFC 1534 §2). */
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

/** Whether a reply may answer a request; types that are not known here may. */
export function isAnswer(request: number, reply: number): boolean {
  return ANSWERS[request]?.includes(reply) ?? true;
}
