/**
 * The way up: a client's message becomes a relayed one, or is dropped under a name. Decides whether and how a request
 * is forwarded; to which node is the business of `../select/`, sockets are that of `../wires/`.
 */

import { AT } from "../../src/dhcp/layout.ts";
import { BOOTREPLY } from "../../src/dhcp/message.ts";
import { appendRelayAgentInformation } from "../../src/dhcp/relayAgent.ts";
import { UNSPECIFIED } from "../../src/net/ipv4.ts";
import { DATAGRAM_BYTES_MAX, type ForwardConfig, type ForwardInterface, HOPS_LIMIT } from "./config.ts";
import { byteAt, type HeaderFault, headerFault, readUint32 } from "./header.ts";
import type { DropReason, Outcome } from "./outcomes.ts";

/** Where a request came in. */
export interface Arrival {
  readonly interface: ForwardInterface;
  /** Whether it was sent to the relay's own address; otherwise it was a broadcast. */
  readonly unicast: boolean;
}

/** What to do with a request. `bytes` is a new datagram: the one that came in stays as it was. */
export type RequestDecision =
  | { readonly kind: "forward"; readonly outcome: Outcome; readonly bytes: Uint8Array }
  | { readonly kind: "drop"; readonly outcome: DropReason };

const FAULTS: Record<HeaderFault, DropReason> = {
  length: "requestLength",
  op: "requestOp",
  cookie: "requestCookie",
  hlen: "requestHlen",
};

/** Decides about one datagram from a client interface. Never throws, whatever the bytes are. */
export function forwardRequest(config: ForwardConfig, bytes: Uint8Array, arrival: Arrival): RequestDecision {
  const fault = headerFault(bytes);
  if (fault !== undefined) return drop(FAULTS[fault]);
  // Clients have no business answering clients, and nodes answer to the upstream socket.
  if (byteAt(bytes, AT.op) === BOOTREPLY) return drop("replyFromClientSide");
  const hops = byteAt(bytes, AT.hops);
  if (hops > config.hopsMax || hops >= HOPS_LIMIT) return drop("requestHops");
  const giaddr = readUint32(bytes, AT.giaddr);
  return giaddr === UNSPECIFIED ? fromClient(bytes, hops, arrival) : fromRelay(config, bytes, hops, arrival, giaddr);
}

/** RFC 3046 §2.1: this relay is the first one. */
function fromClient(bytes: Uint8Array, hops: number, arrival: Arrival): RequestDecision {
  const { giaddr, trusted, information } = arrival.interface;
  const patched = appendRelayAgentInformation(bytes, {
    giaddr,
    hops: hops + 1,
    information: arrival.unicast ? information.unicast : information.broadcast,
  });
  switch (patched) {
    case "malformed":
      return drop("requestOptions");
    case "alreadyPresent":
      // "In this case, the relay agent does NOT add a second relay agent option"; from others it is a forgery.
      return trusted ? patchHeader("relayedKeepingInformation", bytes, hops, giaddr) : drop("informationUntrusted");
    case "tooLong":
      return patchHeader("relayedWithoutInformation", bytes, hops, giaddr);
    default:
      return { kind: "forward", outcome: "relayed", bytes: patched };
  }
}

/** RFC 3046 §2.1.1: another relay is closer to the client; its giaddr and option 82 stay as they are. */
function fromRelay(
  config: ForwardConfig,
  bytes: Uint8Array,
  hops: number,
  arrival: Arrival,
  giaddr: number,
): RequestDecision {
  for (const own of config.interfaces) {
    if (own.giaddr === giaddr) return drop("giaddrSpoofed");
  }
  if (!arrival.interface.trusted) return drop("giaddrUntrusted");
  return patchHeader("relayedChained", bytes, hops, giaddr);
}

/** Forwards a copy with nothing changed but the header. RFC 1542 §4.1.1: one more hop. */
function patchHeader(outcome: Outcome, bytes: Uint8Array, hops: number, giaddr: number): RequestDecision {
  const patched = appendRelayAgentInformation(bytes, { giaddr, hops: hops + 1, bytesMax: DATAGRAM_BYTES_MAX });
  if (typeof patched === "string") return drop("requestOptions");
  return { kind: "forward", outcome, bytes: patched };
}

function drop(outcome: DropReason): RequestDecision {
  return { kind: "drop", outcome };
}
