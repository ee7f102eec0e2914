/**
 * The way down: a node's answer goes to the client it is for, or is dropped under a name. Decides whom it comes from,
 * which interface it belongs to and how the client is reached; sending is the business of `../wires/`.
 */

import { equalBytes } from "../../src/bytes/equal.ts";
import { type ClientDestination, clientDestination } from "../../src/dhcp/delivery.ts";
import { AT } from "../../src/dhcp/layout.ts";
import { BOOTREQUEST } from "../../src/dhcp/message.ts";
import { readRelayAgentInformation, removeRelayAgentInformation } from "../../src/dhcp/relayAgent.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { ForwardConfig } from "./config.ts";
import { byteAt, type HeaderFault, headerFault, messageTypeOf, readUint32 } from "./header.ts";

import type { DropReason, Outcome } from "./outcomes.ts";

/** What to do with a reply. `bytes` is what the client gets. */
export type ReplyDecision =
  | {
    readonly kind: "deliver";
    readonly outcome: Outcome;
    /** Which of the configured nodes answered, by index. */
    readonly node: number;
    /** Which of the configured interfaces the client is on, by index. */
    readonly interface: number;
    readonly destination: ClientDestination;
    readonly bytes: Uint8Array;
  }
  | { readonly kind: "drop"; readonly outcome: DropReason };

const FAULTS: Record<HeaderFault, DropReason> = {
  length: "replyLength",
  op: "replyOp",
  cookie: "replyCookie",
  hlen: "replyHlen",
};

const DELIVERED: Record<ClientDestination["kind"], Outcome> = {
  link: "deliveredLink",
  broadcast: "deliveredBroadcast",
  ip: "deliveredIp",
};

/** Decides about one datagram that reached an upstream socket from `from`:`port`. Never throws. */
export function forwardReply(config: ForwardConfig, bytes: Uint8Array, from: Ipv4, port: number): ReplyDecision {
  const fault = headerFault(bytes);
  if (fault !== undefined) return drop(FAULTS[fault]);
  // Client interfaces have sockets of their own. A request that came another way can't be placed: any circuit id given
  // to it might be untrue. Its sender ends up broadcasting on its own link (RFC 2131 §4.4.5), and that is forwarded.
  if (byteAt(bytes, AT.op) === BOOTREQUEST) return drop("requestFromUpstream");
  const node = nodeAt(config, from, port);
  if (node < 0) return drop("replyForged");
  const placement = placementOf(config, bytes);
  if (typeof placement === "string") return drop(placement);
  const stripped = placement.own ? removeRelayAgentInformation(bytes) : bytes;
  if (stripped === "malformed") return drop("replyOptions");
  const destination = destinationOf(bytes);
  return {
    kind: "deliver",
    outcome: DELIVERED[destination.kind],
    node,
    interface: placement.index,
    destination,
    bytes: stripped,
  };
}

/** Which interface a reply belongs to, and whether its option 82 is this relay's own. */
interface Placement {
  readonly index: number;
  readonly own: boolean;
}

/**
 * `giaddr` places a reply, and where interfaces share it, the circuit id does. Servers that don't know option 82 leave
 * it out (RFC 3046 §2.2), and behind a trusted interface it may be another device's: then `giaddr` has to do.
 */
function placementOf(config: ForwardConfig, bytes: Uint8Array): Placement | DropReason {
  const giaddr = readUint32(bytes, AT.giaddr);
  const first = interfaceWith(config, giaddr, 0);
  const trusted = config.interfaces[first]?.trusted;
  if (trusted === undefined) return "replyGiaddr";
  const shared = interfaceWith(config, giaddr, first + 1) >= 0;
  if (!trusted && !shared) return { index: first, own: true };
  const information = readRelayAgentInformation(bytes);
  if (information.kind === "malformed") return "replyOptions";
  const circuitId = information.kind === "present" ? information.value.circuitId : undefined;
  const named = circuitId === undefined ? -1 : interfaceWith(config, giaddr, first, circuitId);
  // RFC 3046 §2.1: option 82 "MUST be removed by either the relay agent or the trusted downstream network element
  // which added it". What is not this relay's own goes back to the device that added it.
  return named >= 0 ? { index: named, own: true } : { index: first, own: !trusted };
}

function destinationOf(bytes: Uint8Array): ClientDestination {
  return clientDestination({
    giaddr: readUint32(bytes, AT.giaddr),
    ciaddr: readUint32(bytes, AT.ciaddr),
    yiaddr: readUint32(bytes, AT.yiaddr),
    flags: (byteAt(bytes, AT.flags) << 8) | byteAt(bytes, AT.flags + 1),
    htype: byteAt(bytes, AT.htype),
    chaddr: bytes.subarray(AT.chaddr, AT.chaddr + byteAt(bytes, AT.hlen)),
    messageType: messageTypeOf(bytes),
  });
}

/** The index of the node that sends from this address and port, or -1. */
function nodeAt(config: ForwardConfig, address: Ipv4, port: number): number {
  for (let index = 0; index < config.nodes.length; index++) {
    const node = config.nodes[index];
    if (node?.address === address && node.port === port) return index;
  }
  return -1;
}

/** The index of the first interface from `start` on with this address and, if given, this circuit id; or -1. */
function interfaceWith(config: ForwardConfig, giaddr: Ipv4, start: number, circuitId?: Uint8Array): number {
  for (let index = start; index < config.interfaces.length; index++) {
    const candidate = config.interfaces[index];
    if (candidate?.giaddr !== giaddr) continue;
    if (circuitId === undefined || equalBytes(candidate.circuitId, circuitId)) return index;
  }
  return -1;
}

function drop(outcome: DropReason): ReplyDecision {
  return { kind: "drop", outcome };
}
