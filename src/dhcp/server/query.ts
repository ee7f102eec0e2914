/**
 * What the server reads from one request before it decides: the client's identity, its subnet, its relay. No decision
 * about leases is taken here.
 */

import type { ClientKey } from "../../lease/agreement/client_key.ts";
import { type Ipv4, UNSPECIFIED } from "../../net/ipv4.ts";
import { isNoStation } from "../hardware_address.ts";
import { BOOTP_TYPE, BOOTREQUEST, type Message, MESSAGE_TYPE, messageTypeOf } from "../message.ts";
import { type OptionRead, OPTIONS, readOption } from "../options/mod.ts";
import {
  decodeRelayAgentInformation,
  type RelayAgentInformation,
  SUB_OPTION,
  subOption,
} from "../relay_agent_information.ts";
import type { Request } from "../expression/facts.ts";
import type { DropReason } from "./action.ts";
import { type ClientClass, NO_CLASSES } from "./client_classes.ts";
import { type CompiledService, type Identity, type Pool, poolsFor, type Subnet, subnetAt } from "./compiled_service.ts";
import { clientOf } from "./identity.ts";
import type { Reservation } from "./reservations.ts";
import type { ServerState } from "./state.ts";

/** How a datagram came in. */
export interface Arrival {
  /** Source address of the datagram; 0.0.0.0 from a client without an address. */
  readonly from: Ipv4;
  /** The address of this node that goes into option 54, unless a relay overrides it. */
  readonly serverIdentifier: Ipv4;
  /** An address in the network of the interface it came in by. */
  readonly receivedOn: Ipv4;
  /** Received on an attached link (an interface with clients of its own), not on the address for relays. */
  readonly onLink: boolean;
  /** Addresses of that interface beside `receivedOn`. */
  readonly further?: readonly Ipv4[];
}

/** One request, read. */
export interface Query {
  readonly message: Message;
  readonly type: number;
  readonly arrival: Arrival;
  readonly agent: RelayAgentInformation;
  readonly identity: Identity;
  /** The client's; of several on its link that of the address it names, else that of its relay or interface. */
  readonly subnet: Subnet;
  readonly client: ClientKey;
  readonly reservation: Reservation | undefined;
  readonly classes: readonly ClientClass[];
  /** The pools of the link whose addresses the client may have. */
  readonly pools: readonly Pool[];
  /** What goes into option 54 of the reply. */
  readonly serverIdentifier: Ipv4;
  /** Option 50. */
  readonly requestedAddress: Ipv4 | undefined;
  /** Option 54: the server that the client selected. */
  readonly selectedServer: Ipv4 | undefined;
  /** Option 118, where it is believed. */
  readonly subnetSelection: Ipv4 | undefined;
}

/** RFC 2132 §9.14: a type octet and at least one more; RFC 3396 would allow more than 255, but no client sends that. */
const CLIENT_ID_OCTETS = { min: 2, max: 255 };
const NO_AGENT: RelayAgentInformation = {};
const ABSENT = { kind: "absent" } as const;

/** Reads a decoded message, or returns why it gets no answer. */
export function readQuery(state: ServerState, message: Message, arrived: Arrival): Query | DropReason {
  const { compiled, relays } = state;
  if (message.op !== BOOTREQUEST) return "notRequest";
  const isBootp = compiled.config.bootp && !message.options.has(OPTIONS.messageType.code);
  const type = isBootp ? BOOTP_TYPE : messageTypeOf(message);
  if (type === undefined || (!isBootp && !CLIENT_TYPES.has(type))) return "unexpectedType";
  const isRelayed = message.giaddr !== UNSPECIFIED;
  if (isRelayed && !relays.believes(message.giaddr, arrived.from, compiled)) return "unknownRelay";
  const requested = readOption(message.options, OPTIONS.requestedIpAddress);
  const selected = readOption(message.options, OPTIONS.serverIdentifier);
  if (!isRelayed && !arrived.onLink && !mayBeRouted(type, message, selected.kind)) return "notRelayed";
  const named = compiled.config.subnetSelection ? readOption(message.options, OPTIONS.subnetSelection) : ABSENT;
  if ([requested, selected, named].some(({ kind }) => kind === "malformed")) return "malformedOption";
  const agent = readAgent(message);
  if (agent === undefined) return "malformedOption";
  if (isNoStation(message.htype, message.chaddr)) return "noStation";
  const identity = readIdentity(message);
  if (identity === undefined) return "noIdentity";
  const requestedAddress = requested.kind === "present" ? requested.value : undefined;
  const selectedServer = selected.kind === "present" ? selected.value : undefined;
  const asserted = assertedAddress(type, message, { requestedAddress, selectedServer });
  const arrival = isRelayed ? arrived : arrivalAt(compiled, arrived, selectedServer ?? asserted);
  const subnetSelection = named.kind === "present" ? named.value : undefined;
  const hinted = hintedSubnet(compiled, message, { agent, arrival, subnetSelection });
  if (hinted === undefined) return "noSubnet";
  const subnet = subnetAt(hinted.network, asserted ?? requestedAddress ?? message.ciaddr) ?? hinted;
  const own = compiled.reservationFor(subnet, identity, agent);
  const client = clientOf(state, { identity, subnet, reservation: own }, asserted);
  const reservation = own ?? reservationOfPlace(state, { message, identity, subnet, client }, asserted);
  const isKnown = reservation !== undefined;
  const membership = compiled.config.classes.length === 0
    ? { classes: NO_CLASSES, isKnown }
    : compiled.classes.of(requestOf(state, message, client, isKnown), reservation?.config.classes);
  if (compiled.denied?.(membership) === true) return "denied";
  return {
    message,
    type,
    arrival,
    agent,
    identity,
    subnet,
    client,
    reservation,
    classes: membership.classes,
    pools: poolsFor(subnet.network, membership),
    serverIdentifier: agent.serverIdentifierOverride ?? arrival.serverIdentifier,
    requestedAddress,
    selectedServer,
    subnetSelection,
  };
}

/**
 * What is reserved for the place at which a client got its address. A renewal by unicast does not show that; a client
 * that was moved asks through its relay.
 */
function reservationOfPlace(
  { compiled, table }: ServerState,
  { message, identity, subnet, client }: Pick<Query, "message" | "identity" | "subnet" | "client">,
  asserted: Ipv4 | undefined,
): Reservation | undefined {
  if (asserted === undefined || message.giaddr !== UNSPECIFIED || table.get(asserted).client !== client) {
    return undefined;
  }
  const { circuitId, remoteId } = table.detail(asserted);
  return circuitId.length + remoteId.length === 0
    ? undefined
    : compiled.reservationFor(subnet, identity, { circuitId, remoteId });
}

/**
 * Of several addresses of an interface the one that the client is served by: its server or the one in its subnet, as it
 * says; else the first one in a configured subnet.
 */
function arrivalAt(compiled: CompiledService, arrival: Arrival, said: Ipv4 | undefined): Arrival {
  const { receivedOn, further } = arrival;
  if (further === undefined || further.length === 0) return arrival;
  const own = [receivedOn, ...further];
  const subnet = said === undefined ? undefined : compiled.subnetOf(said);
  const address = own.find((address) => address === said) ??
    own.find((address) => subnet !== undefined && compiled.subnetOf(address) === subnet) ??
    own.find((address) => compiled.subnetOf(address) !== undefined) ?? receivedOn;
  return { ...arrival, serverIdentifier: address, receivedOn: address };
}

/** The address that a client says it has: in RENEWING, REBINDING and INIT-REBOOT, and when it gives it up. */
function assertedAddress(
  type: number,
  { ciaddr }: Message,
  { requestedAddress, selectedServer }: Pick<Query, "requestedAddress" | "selectedServer">,
): Ipv4 | undefined {
  if (type === MESSAGE_TYPE.RELEASE) return ciaddr;
  if (type === MESSAGE_TYPE.DECLINE) return requestedAddress;
  if (type !== MESSAGE_TYPE.REQUEST || selectedServer !== undefined) return undefined;
  return ciaddr !== UNSPECIFIED ? ciaddr : requestedAddress;
}

const CLIENT_TYPES: ReadonlySet<number> = new Set([
  MESSAGE_TYPE.DISCOVER,
  MESSAGE_TYPE.REQUEST,
  MESSAGE_TYPE.DECLINE,
  MESSAGE_TYPE.RELEASE,
  MESSAGE_TYPE.INFORM,
]);

/**
 * Whether a client sends such a message by unicast to a server that is not on its link: to renew, to release, and to
 * ask for parameters (RFC 2131 §4.4.5, §4.4.6, §4.4.3).
 */
function mayBeRouted(type: number, { ciaddr }: Message, selected: OptionRead<Ipv4>["kind"]): boolean {
  if (ciaddr === UNSPECIFIED) return false;
  return type === MESSAGE_TYPE.RELEASE || type === MESSAGE_TYPE.INFORM ||
    (type === MESSAGE_TYPE.REQUEST && selected === "absent");
}

function readAgent(message: Message): RelayAgentInformation | undefined {
  const bytes = message.options.get(OPTIONS.relayAgentInformation.code);
  if (bytes === undefined) return NO_AGENT;
  const decoded = decodeRelayAgentInformation(bytes);
  return decoded.ok ? decoded.value : undefined;
}

/** RFC 2131 §4.2: the client identifier when there is one, else the hardware type and address. */
function readIdentity(message: Message): Identity | undefined {
  const option = message.options.get(OPTIONS.clientIdentifier.code);
  const usable = option !== undefined && option.length >= CLIENT_ID_OCTETS.min &&
    option.length <= CLIENT_ID_OCTETS.max;
  if (!usable && message.chaddr.length === 0) return undefined;
  const hardware = new Uint8Array(1 + message.chaddr.length);
  hardware[0] = message.htype;
  hardware.set(message.chaddr, 1);
  return { clientId: usable ? option : undefined, hardware };
}

/** How a request tells where its client is. */
interface Hints extends Pick<Query, "agent" | "arrival" | "subnetSelection"> {}

/** The subnet of the client's relay or interface; where relays are assigned to a link, one of that link. */
function hintedSubnet(compiled: CompiledService, message: Message, hints: Hints): Subnet | undefined {
  const { giaddr } = message;
  const assigned = giaddr === UNSPECIFIED ? undefined : compiled.networkOfRelay(giaddr, hints.agent);
  if (assigned !== undefined) return subnetAt(assigned, giaddr) ?? assigned.subnets[0];
  return compiled.subnetOf(subnetHint(message, hints));
}

/**
 * An address in the client's network: link selection (RFC 3527), else subnet selection (RFC 3011), else giaddr, else
 * the network of the interface (RFC 2131 §4.3.1). A routed client that renews by unicast is in the network of its
 * address; a client on an attached link is in the network of that link, whatever address it has.
 */
function subnetHint(message: Message, { agent, arrival, subnetSelection }: Hints): Ipv4 {
  const isRelayed = message.giaddr !== UNSPECIFIED;
  if (isRelayed && agent.linkSelection !== undefined) return agent.linkSelection;
  if (subnetSelection !== undefined) return subnetSelection;
  if (isRelayed) return message.giaddr;
  if (message.ciaddr !== UNSPECIFIED && !arrival.onLink) return message.ciaddr;
  return arrival.receivedOn;
}

/**
 * What classes are asked of. A renewal by unicast does not pass the relay: giaddr, circuit and agent are those of the
 * lease then, or its client would be in other classes than when it got the lease.
 */
function requestOf({ table }: ServerState, message: Message, client: ClientKey, known: boolean): Request {
  const { giaddr, ciaddr, options } = message;
  const bytes = options.get(OPTIONS.relayAgentInformation.code);
  const isDirect = bytes === undefined && giaddr === UNSPECIFIED && ciaddr !== UNSPECIFIED;
  if (!isDirect || table.get(ciaddr).client !== client) {
    return { message, giaddr, agent: (code) => bytes && subOption(bytes, code), known };
  }
  const detail = table.detail(ciaddr);
  const agent = (code: number) => {
    const value = code === SUB_OPTION.circuitId ? detail.circuitId : detail.remoteId;
    return (code === SUB_OPTION.circuitId || code === SUB_OPTION.remoteId) && value.length > 0 ? value : undefined;
  };
  return { message, giaddr: detail.giaddr, agent, known };
}
