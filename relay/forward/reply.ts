/**
 * One reply: its faults, what the client gets of it, and how the client is reached. `forwarder.ts` decides whether it
 * is the answer that the client waits for.
 */

import { equalBytes } from "../../src/bytes/equal.ts";
import { type ClientDestination, clientDestination } from "../../src/dhcp/delivery.ts";
import { AT } from "../../src/dhcp/layout.ts";
import { BOOTREQUEST } from "../../src/dhcp/message.ts";
import {
  appendRelayAgentInformation,
  type OptionScan,
  relayAgentInformationIn,
  removeRelayAgentInformation,
} from "../../src/dhcp/relay_agent.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { DATAGRAM_BYTES_MAX, type ForwardConfig, type Gateway } from "./config.ts";
import { byteAt, type HeaderFault, headerFault, readUint32 } from "./header.ts";
import type { DropReason, Outcome } from "./outcomes.ts";
import type { Removal } from "./request.ts";

const FAULTS: Record<HeaderFault, DropReason> = {
  length: "replyLength",
  op: "replyOp",
  cookie: "replyCookie",
  hlen: "replyHlen",
};

/** The outcome of a delivery by kind of destination. */
export const DELIVERED: Record<ClientDestination["kind"], Outcome> = {
  link: "deliveredLink",
  broadcast: "deliveredBroadcast",
  ip: "deliveredIp",
};

/** The fault of a datagram received on an upstream socket, independent of its sender. */
export function replyFault(bytes: Uint8Array): DropReason | undefined {
  const fault = headerFault(bytes);
  if (fault !== undefined) return FAULTS[fault];
  // Client interfaces have sockets of their own. The interface of a request received here is unknown, so its circuit id
  // would be a guess. Its sender finally broadcasts on its own link (RFC 2131 §4.4.5), and that is relayed.
  return byteAt(bytes, AT.op) === BOOTREQUEST ? "requestFromUpstream" : undefined;
}

/** The index of the node that sends from this address and port, or -1. */
export function nodeAt(config: ForwardConfig, address: Ipv4, port: number): number {
  return config.nodes.findIndex((node) => node.address === address && node.port === port);
}

/**
 * What the client gets. RFC 3046 §2.1: option 82 "MUST be removed by either the relay agent or the trusted downstream
 * network element which added it"; so what this relay did not add stays. `into`: a buffer for the result.
 */
export function stripReply(
  bytes: Uint8Array,
  options: OptionScan,
  { removal, gateway, into }: { readonly removal: Removal; readonly gateway: Gateway; readonly into?: Uint8Array },
): Uint8Array | "malformed" {
  if (!options.wellFormed) return "malformed";
  if (removal === "nothing") return bytes;
  const stripped = removeRelayAgentInformation(bytes, into, options);
  if (removal === "all" || stripped === "malformed" || stripped === bytes) return stripped;
  const value = relayAgentInformationIn(bytes, options);
  const others = value.kind === "present" ? withoutSuffix(value.value, gateway.information) : undefined;
  if (others === undefined) return stripped;
  const kept = appendRelayAgentInformation(stripped, {
    giaddr: readUint32(bytes, AT.giaddr),
    hops: byteAt(bytes, AT.hops),
    information: others,
    bytesMax: DATAGRAM_BYTES_MAX,
  });
  return typeof kept === "string" ? "malformed" : kept;
}

/** The part before this relay's own sub-options; undefined when it is empty, or the server changed the value. */
function withoutSuffix(value: Uint8Array, { broadcast, unicast }: Gateway["information"]): Uint8Array | undefined {
  for (const own of [broadcast, unicast]) {
    const size = value.length - own.length;
    if (size > 0 && equalBytes(value.subarray(size), own)) return value.subarray(0, size);
  }
  return undefined;
}

/** How the client is reached. */
export function destinationOf(bytes: Uint8Array, messageType: number): ClientDestination {
  return clientDestination({
    ciaddr: readUint32(bytes, AT.ciaddr),
    yiaddr: readUint32(bytes, AT.yiaddr),
    flags: (byteAt(bytes, AT.flags) << 8) | byteAt(bytes, AT.flags + 1),
    htype: byteAt(bytes, AT.htype),
    chaddr: bytes.subarray(AT.chaddr, AT.chaddr + byteAt(bytes, AT.hlen)),
    messageType,
  });
}
