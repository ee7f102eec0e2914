/**
 * One request: its faults, and its relayed form with giaddr, hops and option 82. `forwarder.ts` decides which node gets
 * it.
 */

import { AT } from "../../src/dhcp/layout.ts";
import { isNoStation } from "../../src/dhcp/hardware_address.ts";
import { BOOTREPLY } from "../../src/dhcp/message.ts";
import {
  appendRelayAgentInformation,
  type OptionScan,
  removeRelayAgentInformation,
} from "../../src/dhcp/relay_agent.ts";
import { type Ipv4, prefixContains, UNSPECIFIED } from "../../src/net/ipv4.ts";
import { DATAGRAM_BYTES_MAX, type ForwardConfig, type ForwardInterface, type Gateway, HOPS_LIMIT } from "./config.ts";
import { byteAt, type HeaderFault, headerFault, readUint32 } from "./header.ts";
import { FORWARD } from "./limits.ts";
import type { DropReason, Outcome } from "./outcomes.ts";

/** What is removed from the answer: nothing, all of option 82, or the sub-options appended by this relay. */
export type Removal = "nothing" | "all" | "appended";

/** A relayed request. `bytes` is a new datagram; the received one is not modified. */
export interface Relayed {
  readonly outcome: Outcome;
  readonly bytes: Uint8Array;
  readonly removal: Removal;
  /** Answers go to the relay closer to the client, and not through this one. */
  readonly chained: boolean;
}

const FAULTS: Record<HeaderFault, DropReason> = {
  length: "requestLength",
  op: "requestOp",
  cookie: "requestCookie",
  hlen: "requestHlen",
};

/** The fault of a datagram received on a client interface, as far as its header shows. */
export function requestFault(config: ForwardConfig, from: ForwardInterface, bytes: Uint8Array): DropReason | undefined {
  const fault = headerFault(bytes);
  if (fault !== undefined) return FAULTS[fault];
  // Only rogue servers reply on a client link; nodes reply to the upstream socket.
  if (byteAt(bytes, AT.op) === BOOTREPLY) return "replyFromClientSide";
  const chaddr = bytes.subarray(AT.chaddr, AT.chaddr + byteAt(bytes, AT.hlen));
  if (isNoStation(byteAt(bytes, AT.htype), chaddr)) return "requestHardware";
  const hops = byteAt(bytes, AT.hops);
  if (hops > config.hopsMax || hops >= HOPS_LIMIT) return "requestHops";
  const giaddr = readUint32(bytes, AT.giaddr);
  if (giaddr === UNSPECIFIED) return undefined;
  // RFC 3046 §2.1.1: a request with this relay's own giaddr is spoofed.
  if (config.interfaces.some(({ gateways }) => gateways.some((own) => own.giaddr === giaddr))) return "giaddrSpoofed";
  return from.trusted ? undefined : "giaddrUntrusted";
}

/**
 * The gateway for a client: the one that the offer it took names as its server (RFC 5107), as on a link with several
 * subnets the address may be in another one; then the one in whose subnet its address or requested address is;
 * otherwise the primary one, and after `unanswered` messages of the client the next. Undefined while the interface has
 * none.
 */
export function gatewayFor(
  { gateways }: ForwardInterface,
  bytes: Uint8Array,
  { requestedAddress, serverIdentifier }: OptionScan,
  unanswered: number,
): Gateway | undefined {
  if (gateways.length === 1) return gateways[0];
  const address = readUint32(bytes, AT.ciaddr) || requestedAddress;
  const chosen = gateways.find(({ giaddr, local }) => serverIdentifier === giaddr || serverIdentifier === local);
  const own = address === UNSPECIFIED ? undefined : gateways.find((gateway) => isBehind(gateway, address));
  return chosen ?? own ?? gateways[Math.floor(unanswered / FORWARD.messagesPerGateway) % gateways.length];
}

function isBehind({ subnet }: Gateway, address: Ipv4): boolean {
  return subnet !== undefined && prefixContains(subnet, address);
}

/**
 * Relays a request whose header has been checked. `unicast`: it was sent to the relay's own address. `into`: a buffer
 * for the result.
 */
export function relayRequest(
  from: ForwardInterface,
  gateway: Gateway,
  bytes: Uint8Array,
  { options, unicast, into }: { readonly options: OptionScan; readonly unicast: boolean; readonly into?: Uint8Array },
): Relayed | DropReason {
  const hops = byteAt(bytes, AT.hops) + 1;
  const giaddr = readUint32(bytes, AT.giaddr);
  // RFC 3046 §2.1.1: another relay is closer to the client; its giaddr and option 82 are kept.
  if (giaddr !== UNSPECIFIED) return patchHeader("relayedChained", bytes, { hops, giaddr, into, options });
  const header = { hops, giaddr: gateway.giaddr, into, options };
  const information = unicast ? gateway.information.unicast : gateway.information.broadcast;
  const patched = appendRelayAgentInformation(bytes, { ...header, information }, options);
  switch (patched) {
    case "malformed":
      return "requestOptions";
    case "alreadyPresent":
      return from.trusted ? applyPolicy(from, bytes, { ...header, information }) : "informationUntrusted";
    case "tooLong":
      return patchHeader("relayedWithoutInformation", bytes, header);
    default:
      return { outcome: "relayed", bytes: patched, removal: "all", chained: false };
  }
}

interface Patch {
  readonly hops: number;
  readonly giaddr: Ipv4;
  readonly into: Uint8Array | undefined;
  readonly information: Uint8Array;
  readonly options: OptionScan;
}

/** A trusted device has added option 82 already. */
function applyPolicy({ option82 }: ForwardInterface, bytes: Uint8Array, patch: Patch): Relayed | DropReason {
  if (option82 === "drop") return "informationPolicy";
  // RFC 3046 §2.1: "the relay agent does NOT add a second relay agent option".
  if (option82 === "forward") return patchHeader("relayedKeepingInformation", bytes, patch);
  const [base, outcome, removal] = option82 === "append"
    ? [bytes, "relayedAppendingInformation", "appended"] as const
    : [removeRelayAgentInformation(bytes, undefined, patch.options), "relayedReplacingInformation", "all"] as const;
  if (base === "malformed") return "requestOptions";
  // Without its option 82 the message is another datagram, to be scanned again.
  const options = base === bytes ? patch.options : undefined;
  const patched = appendRelayAgentInformation(base, { ...patch, join: option82 === "append" }, options);
  if (patched === "tooLong") return patchHeader("relayedKeepingInformation", bytes, patch);
  return typeof patched === "string" ? "requestOptions" : { outcome, bytes: patched, removal, chained: false };
}

/** Relays a copy in which only the header changes. RFC 1542 §4.1.1: one more hop. */
function patchHeader(outcome: Outcome, bytes: Uint8Array, patch: Omit<Patch, "information">): Relayed | DropReason {
  const { hops, giaddr, into, options } = patch;
  const patched = appendRelayAgentInformation(bytes, { hops, giaddr, into, bytesMax: DATAGRAM_BYTES_MAX }, options);
  if (typeof patched === "string") return "requestOptions";
  return { outcome, bytes: patched, removal: "nothing", chained: outcome === "relayedChained" };
}
