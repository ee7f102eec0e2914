/**
 * All outcomes of a datagram in one table: the forwarding core returns these names, the driver counts them, metrics and
 * `/status` show them, and the operator's guide lists them.
 */

/** One outcome. */
interface OutcomeSpec {
  /** Direction of the datagram. */
  readonly path: "request" | "reply";
  /** Whether it was forwarded. */
  readonly result: "forwarded" | "dropped";
  /** One line for metrics and documentation. */
  readonly help: string;
}

/** Every outcome by name. */
export const OUTCOMES = {
  relayed: { path: "request", result: "forwarded", help: "giaddr set, option 82 added, sent to a node" },
  relayedChained: {
    path: "request",
    result: "forwarded",
    help: "came through another relay on a trusted interface: only hops changed (RFC 3046 §2.1.1)",
  },
  relayedKeepingInformation: {
    path: "request",
    result: "forwarded",
    help: "a trusted device had added option 82 already: giaddr set, no second option (RFC 3046 §2.1)",
  },
  relayedAppendingInformation: {
    path: "request",
    result: "forwarded",
    help: "a trusted device had added option 82 already: this relay's sub-options appended",
  },
  relayedReplacingInformation: {
    path: "request",
    result: "forwarded",
    help: "a trusted device had added option 82 already: replaced by this relay's",
  },
  relayedWithoutInformation: {
    path: "request",
    result: "forwarded",
    help: "no room for option 82 in one frame: giaddr set, option left out (RFC 3046 §2.1)",
  },
  requestInterfaceRate: {
    path: "request",
    result: "dropped",
    help: "the interface's limit of messages per second is exceeded",
  },
  requestStrangerRate: {
    path: "request",
    result: "dropped",
    help: "clients without a lease here ask more than nodes answer, beyond `limits.strangers`",
  },
  requestClientRate: {
    path: "request",
    result: "dropped",
    help: "the client's limit of messages per second is exceeded",
  },
  requestCircuitFull: { path: "request", result: "dropped", help: "too many unanswered transactions of one circuit" },
  requestLength: {
    path: "request",
    result: "dropped",
    help: "shorter than a DHCP message, or over 4096 octets",
  },
  requestOp: { path: "request", result: "dropped", help: "neither BOOTREQUEST nor BOOTREPLY" },
  requestCookie: { path: "request", result: "dropped", help: "the magic cookie is not 99.130.83.99 (RFC 2131 §3)" },
  requestHlen: { path: "request", result: "dropped", help: "hardware address longer than 16 octets" },
  requestHardware: {
    path: "request",
    result: "dropped",
    help: "hardware address zero, broadcast or multicast: no client has such a one",
  },
  requestOptions: {
    path: "request",
    result: "dropped",
    help: "an option runs past the end, or option 82 is in file or sname",
  },
  requestHops: { path: "request", result: "dropped", help: "passed too many relays: a loop? (RFC 1542 §4.1.1)" },
  giaddrSpoofed: { path: "request", result: "dropped", help: "claims to come through this relay (RFC 3046 §2.1.1)" },
  giaddrUntrusted: { path: "request", result: "dropped", help: "giaddr set on an interface that is not trusted" },
  informationUntrusted: {
    path: "request",
    result: "dropped",
    help: "option 82 present on an interface that is not trusted (RFC 3046 §2.1)",
  },
  informationPolicy: {
    path: "request",
    result: "dropped",
    help: "a trusted device had added option 82 already, and the interface's policy is drop",
  },
  requestFromUpstream: {
    path: "request",
    result: "dropped",
    help: "a request that did not arrive through a client interface",
  },
  requestUnsent: { path: "request", result: "dropped", help: "the system refused to send it to any chosen node" },
  deliveredLink: { path: "reply", result: "forwarded", help: "to the client's hardware address" },
  deliveredBroadcast: { path: "reply", result: "forwarded", help: "broadcast on the client's link" },
  deliveredIp: { path: "reply", result: "forwarded", help: "to the address the client already has" },
  replyForged: { path: "reply", result: "dropped", help: "not from a configured node's address and port" },
  replyFromClientSide: {
    path: "reply",
    result: "dropped",
    help: "a reply received on a client interface, to nothing asked there",
  },
  replyLength: { path: "reply", result: "dropped", help: "shorter than a DHCP message, or over 4096 octets" },
  replyOp: { path: "reply", result: "dropped", help: "neither BOOTREQUEST nor BOOTREPLY" },
  replyCookie: { path: "reply", result: "dropped", help: "the magic cookie is not 99.130.83.99 (RFC 2131 §3)" },
  replyHlen: { path: "reply", result: "dropped", help: "hardware address longer than 16 octets" },
  replyOptions: {
    path: "reply",
    result: "dropped",
    help: "an option runs past the end, or option 82 is in file or sname",
  },
  replyGiaddr: { path: "reply", result: "dropped", help: "giaddr is not an address of this relay" },
  replyUnasked: {
    path: "reply",
    result: "dropped",
    help: "from a node, but no transaction waits for it: forged, repeated, or very late",
  },
  replyLater: {
    path: "reply",
    result: "dropped",
    help: "the client already has an answer, from another node or from this one",
  },
  nakOverruled: { path: "reply", result: "dropped", help: "a DHCPNAK overruled by another node's DHCPACK" },
  replyUndelivered: { path: "reply", result: "dropped", help: "the system refused to send it to the client" },
} as const satisfies Record<string, OutcomeSpec>;

/** The name of an outcome. */
export type Outcome = keyof typeof OUTCOMES;

/** The outcomes of dropped datagrams. */
export type DropReason = { [K in Outcome]: (typeof OUTCOMES)[K]["result"] extends "dropped" ? K : never }[Outcome];

/** How often each outcome occurred. */
export type OutcomeCounts = Record<Outcome, number>;

/** All names, in table order. */
export const OUTCOME_NAMES = Object.keys(OUTCOMES) as readonly Outcome[];

/**
 * A fresh set of counters, all zero.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const counts = zeroCounts();
 * counts.relayed++;
 * strictEqual(counts.relayed, 1);
 * strictEqual(counts.replyForged, 0);
 * ```
 */
export function zeroCounts(): OutcomeCounts {
  return Object.fromEntries(OUTCOME_NAMES.map((name) => [name, 0])) as OutcomeCounts;
}
