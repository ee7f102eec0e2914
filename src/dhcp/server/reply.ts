/**
 * Builds replies: which fields and options a DHCPOFFER, DHCPACK or DHCPNAK carries (RFC 2131 §4.3.1, table 3).
 * Requested options come in the client's order, after the type and server identifier; echoed ones come last.
 */

import { equalBytes } from "../../bytes/equal.ts";
import { type Ipv4, UNSPECIFIED } from "../../net/ipv4.ts";
import { BOOTP_TYPE, BOOTREPLY, BROADCAST_FLAG, type Message, MESSAGE_TYPE, type Options } from "../message.ts";
import { OPTIONS, readOption, writeOption } from "../options/mod.ts";
import type { LeaseSettings } from "./compiled_service.ts";
import type { Query } from "./query.ts";
import { writeTimes } from "./times.ts";

const NO_BYTES = new Uint8Array();

/** Option 53 by message type. */
const TYPE_BYTES = Array.from(
  { length: 1 + Math.max(...Object.values(MESSAGE_TYPE)) },
  (_, type) => Uint8Array.of(type),
);

/** RFC 2131 §2: every client takes a datagram of 576 octets; more only where it says so (option 57). */
const DATAGRAM_BYTES = { min: 576, max: 1500 };
const IP_UDP_HEADER_BYTES = 28;

/** How many octets of DHCP message the client can take. */
export function replyBytesMax(message: Message): number {
  const read = readOption(message.options, OPTIONS.maximumMessageSize);
  const datagram = read.kind === "present" ? read.value : DATAGRAM_BYTES.min;
  return Math.min(Math.max(datagram, DATAGRAM_BYTES.min), DATAGRAM_BYTES.max) - IP_UDP_HEADER_BYTES;
}

/** A DHCPOFFER or DHCPACK; `leaseSeconds` undefined for a DHCPINFORM, which gets no address and no times. */
export function buildReply(
  query: Query,
  options: { type: number; yiaddr: Ipv4; settings: LeaseSettings; leaseSeconds: number | undefined },
): Message {
  const { type, yiaddr, settings, leaseSeconds } = options;
  const { message } = query;
  const reply = startReply(query, type);
  reply.ciaddr = type === MESSAGE_TYPE.ACK ? message.ciaddr : UNSPECIFIED;
  reply.yiaddr = yiaddr;
  writeBootFields(reply, settings);
  if (leaseSeconds !== undefined) writeTimes(reply.options, settings, leaseSeconds);
  writeParameters(reply.options, query, settings);
  echo(reply.options, message, ECHOED);
  return reply;
}

/** The answer to a BOOTP client: without options of DHCP (RFC 1534 §2). The encoder leaves out what does not fit. */
export function buildBootpReply(query: Query, yiaddr: Ipv4, settings: LeaseSettings): Message {
  const { message } = query;
  const reply = { ...startReply(query, BOOTP_TYPE), options: new Map<number, Uint8Array>(), yiaddr };
  reply.ciaddr = message.ciaddr;
  writeBootFields(reply, settings);
  writeParameters(reply.options, query, settings);
  echo(reply.options, message, [OPTIONS.relayAgentInformation.code]);
  return reply;
}

function writeBootFields(reply: Message, { nextServer, serverName, bootFile }: LeaseSettings): void {
  reply.siaddr = nextServer;
  reply.sname = serverName.subarray(0, SNAME_OCTETS_MAX);
  reply.file = bootFile.length <= FILE_OCTETS_MAX ? bootFile : NO_BYTES;
}

/** RFC 2131 §2: the fields hold a terminating zero. */
const SNAME_OCTETS_MAX = 63;
const FILE_OCTETS_MAX = 127;

/** A DHCPNAK with the reason in option 56 (RFC 2131 §4.3.2). */
export function buildNak(query: Query, text: string, serverIdentifier: Ipv4): Message {
  const reply = startReply(query, MESSAGE_TYPE.NAK);
  writeOption(reply.options, OPTIONS.serverIdentifier, serverIdentifier);
  // RFC 2131 §4.3.2: "the server MUST set the broadcast bit … so that the relay agent will broadcast the DHCPNAK".
  if (query.message.giaddr !== UNSPECIFIED) reply.flags |= BROADCAST_FLAG;
  writeOption(reply.options, OPTIONS.message, text);
  echo(reply.options, query.message, ECHOED);
  return reply;
}

/** RFC 6842 §3; RFC 4578 §2.3 (a PXE client ignores replies without its machine identifier); RFC 3046 §2.2, last. */
const ECHOED = [
  OPTIONS.clientIdentifier.code,
  OPTIONS.uuidGuid.code,
  OPTIONS.relayAgentInformation.code,
] as const;

function startReply(query: Query, type: number): Message {
  const { message } = query;
  const options: Options = new Map();
  options.set(OPTIONS.messageType.code, TYPE_BYTES[type] as Uint8Array);
  writeOption(options, OPTIONS.serverIdentifier, query.serverIdentifier);
  // RFC 3011 §2: a server that uses the option must return it, and its client discards a reply without it.
  if (query.subnetSelection !== undefined) echo(options, message, [OPTIONS.subnetSelection.code]);
  return {
    op: BOOTREPLY,
    htype: message.htype,
    hops: 0,
    xid: message.xid,
    secs: 0,
    flags: message.flags,
    ciaddr: UNSPECIFIED,
    yiaddr: UNSPECIFIED,
    siaddr: UNSPECIFIED,
    giaddr: message.giaddr,
    chaddr: message.chaddr,
    sname: NO_BYTES,
    file: NO_BYTES,
    options,
  };
}

function echo(options: Options, message: Message, codes: readonly number[]): void {
  for (const code of codes) {
    const value = message.options.get(code);
    if (value === undefined) continue;
    options.delete(code);
    options.set(code, value);
  }
}

function writeParameters(options: Options, query: Query, settings: LeaseSettings): void {
  const { message } = query;
  const wanted = message.options.get(OPTIONS.parameterRequestList.code);
  if (wanted === undefined) {
    for (const [code, value] of settings.options) addParameter(options, code, value);
  } else {
    // Whether the client asks for it or not: without it, the client guesses by the class of its address.
    if (!wanted.includes(OPTIONS.subnetMask.code)) {
      addParameter(options, OPTIONS.subnetMask.code, settings.options.get(OPTIONS.subnetMask.code));
    }
    for (const code of wanted) {
      // RFC 2132 §3.3: the subnet mask comes before the routers.
      if (code === OPTIONS.routers.code && wanted.includes(OPTIONS.subnetMask.code)) {
        addParameter(options, OPTIONS.subnetMask.code, settings.options.get(OPTIONS.subnetMask.code));
      }
      addParameter(options, code, parameter(settings, query, code));
    }
  }
  for (const code of settings.alwaysSend) addParameter(options, code, parameter(settings, query, code));
  if (query.reservation?.hostname) {
    addParameter(options, OPTIONS.hostName.code, parameter(settings, query, OPTIONS.hostName.code));
  }
  // UEFI and PXE firmware ignores an offer that does not name its kind (UEFI 2.10 §24.7; PXE 2.1 §2.2).
  if (query.classes.length === 0) return;
  const vendorClass = settings.options.get(OPTIONS.vendorClassIdentifier.code) ?? bootVendorClass(query);
  addParameter(options, OPTIONS.vendorClassIdentifier.code, vendorClass);
}

const BOOT_VENDOR_CLASSES = ["PXEClient", "HTTPClient"].map((name) => new TextEncoder().encode(name));

/** The kind of boot a class answers, when the client asks for one of the two. */
function bootVendorClass(query: Query): Uint8Array | undefined {
  const asked = query.message.options.get(OPTIONS.vendorClassIdentifier.code) ?? NO_BYTES;
  if (!query.classes.some(({ asksVendorClass }) => asksVendorClass)) return undefined;
  return BOOT_VENDOR_CLASSES.find((name) => equalBytes(name, asked.subarray(0, name.length)));
}

/** An option as configured, also by a key of its own. */
function parameter(settings: LeaseSettings, query: Query, code: number): Uint8Array | undefined {
  const configured = settings.options.get(code);
  if (configured !== undefined) return configured;
  if (code === OPTIONS.bootfileName.code) return settings.bootFile;
  if (code === OPTIONS.tftpServerName.code) return settings.serverName;
  if (code === OPTIONS.hostName.code) return encoder.encode(query.reservation?.hostname ?? "");
  return undefined;
}

const encoder = new TextEncoder();

function addParameter(options: Options, code: number, value: Uint8Array | undefined): void {
  if (value === undefined || value.length === 0 || options.has(code)) return;
  options.set(code, value);
}

/** Shortens the times of a DHCPACK to what remains of the lease after its commit. */
export function completeAck(reply: Message, settings: LeaseSettings, leaseSeconds: number): void {
  const read = readOption(reply.options, OPTIONS.addressLeaseTime);
  if (read.kind === "present" && leaseSeconds < read.value) writeTimes(reply.options, settings, leaseSeconds);
}
