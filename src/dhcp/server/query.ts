/**
 * What the server reads from one request before it decides: the client's identity, its subnet, its relay. No decision
 * about leases is taken here.
 */

import type { ClientKey } from "../../lease/agreement/client_key.ts";
import { type Ipv4, UNSPECIFIED } from "../../net/ipv4.ts";
import { isNoStation } from "../hardware_address.ts";
import { BOOTREQUEST, type Message, MESSAGE_TYPE, messageTypeOf } from "../message.ts";
import { type OptionRead, OPTIONS, type OptionSpec, readOption } from "../options/mod.ts";
import { decodeRelayAgentInformation, type RelayAgentInformation } from "../relay_agent_information.ts";
import type { ClassConfig } from "../../config/service_schema.ts";
import type { DropReason } from "./action.ts";
import { type CompiledService, type Identity, type Subnet, subnetAt } from "./compiled_service.ts";
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
  readonly classes: readonly ClassConfig[];
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
const NO_CLASSES: readonly ClassConfig[] = [];
const NO_AGENT: RelayAgentInformation = {};
const NO_BYTES = new Uint8Array();

/** Reads a decoded message, or returns why it gets no answer. */
export function readQuery(state: ServerState, message: Message, arrival: Arrival): Query | DropReason {
  const { compiled, relays } = state;
  if (message.op !== BOOTREQUEST) return "notRequest";
  const type = messageTypeOf(message);
  if (type === undefined || !CLIENT_TYPES.has(type)) return "unexpectedType";
  const isRelayed = message.giaddr !== UNSPECIFIED;
  if (isRelayed && !relays.believes(message.giaddr, arrival.from, compiled)) return "unknownRelay";
  const requested = readOption(message.options, OPTIONS.requestedIpAddress);
  const selected = readOption(message.options, OPTIONS.serverIdentifier);
  if (!isRelayed && !arrival.onLink && !mayBeRouted(type, message, selected.kind)) return "notRelayed";
  const named = compiled.config.subnetSelection ? readOption(message.options, OPTIONS.subnetSelection) : ABSENT;
  if ([requested, selected, named].some(({ kind }) => kind === "malformed")) return "malformedOption";
  const agent = readAgent(message);
  if (agent === undefined) return "malformedOption";
  if (isNoStation(message.htype, message.chaddr)) return "noStation";
  const identity = readIdentity(message);
  if (identity === undefined) return "noIdentity";
  const subnetSelection = named.kind === "present" ? named.value : undefined;
  const hinted = hintedSubnet(compiled, message, { agent, arrival, subnetSelection });
  if (hinted === undefined) return "noSubnet";
  const requestedAddress = requested.kind === "present" ? requested.value : undefined;
  const selectedServer = selected.kind === "present" ? selected.value : undefined;
  const asserted = assertedAddress(type, message, { requestedAddress, selectedServer });
  const subnet = subnetAt(hinted.network, asserted ?? requestedAddress ?? message.ciaddr) ?? hinted;
  const reservation = compiled.reservationOn(subnet.network, identity);
  return {
    message,
    type,
    arrival,
    agent,
    identity,
    subnet,
    client: clientOf(state, { identity, subnet, reservation }, asserted),
    reservation,
    classes: compiled.config.classes.length === 0 ? NO_CLASSES : classesOf(compiled, message),
    serverIdentifier: agent.serverIdentifierOverride ?? arrival.serverIdentifier,
    requestedAddress,
    selectedServer,
    subnetSelection,
  };
}

const ABSENT = { kind: "absent" } as const;

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

function classesOf(compiled: CompiledService, message: Message): readonly ClassConfig[] {
  return compiled.config.classes.filter(({ match }) =>
    (match.vendorClass === undefined || startsWith(message, OPTIONS.vendorClassIdentifier, match.vendorClass)) &&
    (match.userClass === undefined || userClasses(message).includes(match.userClass)) &&
    (match.architecture === undefined || architectures(message).some((code) => match.architecture?.includes(code)))
  );
}

function startsWith(message: Message, spec: OptionSpec, wanted: string): boolean {
  return latin1(message.options.get(spec.code) ?? NO_BYTES).startsWith(wanted);
}

function architectures(message: Message): readonly number[] {
  const read = readOption(message.options, OPTIONS.clientSystem);
  return read.kind === "present" ? read.value : [];
}

/** RFC 3004 §4 wants lengths in front of each class; iPXE and others send bare text, so both readings count. */
function userClasses(message: Message): string[] {
  const bytes = message.options.get(OPTIONS.userClass.code) ?? NO_BYTES;
  const classes = [latin1(bytes)];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + (bytes[at] as number);
    if (end > bytes.length) break;
    classes.push(latin1(bytes.subarray(at + 1, end)));
    at = end;
  }
  return classes;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
