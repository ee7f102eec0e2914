/**
 * The DHCP server of RFC 2131 §4.3, pure: a decoded message and the time in, one decision out. It reads leases and
 * offers, and notes new offers. `dhcp_server.ts` grants and ends leases, as a DHCPACK may leave only after a majority
 * has the lease on disk. Every DHCPNAK is decided in `nak.ts`.
 */

import { equalBytes } from "../../bytes/equal.ts";
import { PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import { isLocked } from "../../lease/agreement/rule.ts";
import { isConflict } from "../../lease/agreement/client_key.ts";
import type { Bounds, Instant } from "../../lease/agreement/clock.ts";
import { isLeaseRecord, type LeaseDetail } from "../../lease/agreement/slot.ts";
import { type Ipv4, rangeContains, UNSPECIFIED } from "../../net/ipv4.ts";
import { withoutUnseen } from "../../unseen.ts";
import { INFINITE_SECONDS } from "../../config/duration.ts";
import { BOOTP_BYTES_MIN } from "../layout.ts";
import { BOOTP_TYPE, BROADCAST_FLAG, type Message, MESSAGE_TYPE } from "../message.ts";
import { OPTIONS, readOption, writeOption } from "../options/mod.ts";
import { type Action, drop, dropShed, type FirstLease } from "./action.ts";
import { chooseAddress, mayKeep, mayLease, mayTake } from "./choose.ts";
import { type LeaseSettings, poolAt, subnetAt } from "./compiled_service.ts";
import { formerKey, hasRecord } from "./identity.ts";
import { nakByMajority, nakWrongSubnet } from "./nak.ts";
import { type Arrival, type Query, readQuery } from "./query.ts";
import { buildBootpReply, buildReply, replyBytesMax } from "./reply.ts";
import type { ServerState } from "./state.ts";
import {
  isFirstLease,
  mustWait,
  onProbation,
  shedCircuit,
  shedLease,
  shedMessage,
  shedOffer,
  type Wanted,
} from "./strangers.ts";
import { leaseSecondsFor } from "./times.ts";

const NO_BYTES = new Uint8Array();
const HOSTNAME_OCTETS_MAX = 255;

/** Decides about one message. `time` is the anchored clock's reading of `now`. */
export function decide(state: ServerState, message: Message, arrival: Arrival, now: Instant, time: Bounds): Action {
  const query = readQuery(state, message, arrival);
  if (typeof query === "string") return drop(query);
  for (const own of [message.giaddr, arrival.receivedOn, query.serverIdentifier]) state.hear(own, time);
  const shed = shedMessage(state, query, now);
  if (shed !== undefined) return dropShed(shed);
  endOwnConflict(state, query);
  switch (query.type) {
    case MESSAGE_TYPE.DISCOVER:
      // An offer would be refused as a REQUEST; a client that asks on may reach a server that serves it.
      return state.isRenewalsOnly() ? drop("renewalsOnly") : discover(state, query, now, time);
    case MESSAGE_TYPE.REQUEST:
      return request(state, query, now, time);
    case MESSAGE_TYPE.DECLINE:
      return decline(state, query, now);
    case MESSAGE_TYPE.RELEASE:
      return release(state, query, now);
    case MESSAGE_TYPE.INFORM:
      return inform(state, query);
    case BOOTP_TYPE:
      return bootp(state, query, now, time);
    default:
      return drop("unexpectedType");
  }
}

/**
 * The host that was found to use a free address turns out to be a client: its lease was lost, or made by another
 * server. It may have the address as if it had not been found.
 */
function endOwnConflict(state: ServerState, { message, requestedAddress, reservation }: Query): void {
  const address = message.ciaddr !== UNSPECIFIED ? message.ciaddr : requestedAddress;
  if (address === undefined || reservation !== undefined) return;
  const slot = state.table.get(address);
  if (slot.state !== "declined" || slot.client === undefined || !isConflict(slot.client)) return;
  if (equalBytes(state.table.detail(address).chaddr, message.chaddr)) state.endConflict(address);
}

/** RFC 2131 §4.3.1. */
function discover(state: ServerState, query: Query, now: Instant, time: Bounds): Action {
  // An offer that its REQUEST would not get misleads the client.
  const shed = shedOffer(state, query, now, time);
  if (shed !== undefined) return dropShed(shed);
  const address = chooseAddress(state, query, now, time);
  const wanted = query.pools.map((pool) => pool.number);
  if (address === undefined && wanted.length === 0 && query.subnet.network.pools.length > 0) return drop("noPool");
  if (address === undefined) return { kind: "drop", reason: "exhausted", wanted, full: query.subnet.prefix };
  const settings = settingsAt(state, query, address);
  // RFC 4039 §3.1: the client asked to skip the second exchange, and the configuration allows it.
  if (state.compiled.config.rapidCommit && query.message.options.has(OPTIONS.rapidCommit.code)) {
    const granted = grant(state, query, { address, now, time });
    if (granted.kind === "grant") writeRapidCommit(granted.reply);
    return granted;
  }
  noteBeginning(state, query, now);
  const leaseSeconds = leaseSecondsOf(state, query, settings, { address, now, time });
  const reply = buildReply(query, { type: MESSAGE_TYPE.OFFER, yiaddr: address, settings, leaseSeconds });
  const offer = { kind: "reply", reply, bytesMax: replyBytesMax(query.message) } as const;
  // The address lies in another member's range: this node's own ranges have none left.
  const isForeign = state.table.get(address).client !== query.client && !state.table.owns(address);
  return isForeign && query.reservation?.address !== address ? { ...offer, wanted } : offer;
}

/**
 * Notes what the client has when its exchange begins: its DHCPREQUEST in the same exchange shows that it has given that
 * up. The first copy of a DHCPDISCOVER counts, a later one may have been sent before.
 */
function noteBeginning({ began, table }: ServerState, { client, message }: Query, now: Instant): void {
  if (began.get(client, message.xid, now.monotonicMs) !== undefined) return;
  const versions = table.addressesBoundBy(client).map((address) => table.get(address).version);
  began.set(client, message.xid, versions, now.monotonicMs);
}

/** Option 82 stays last (RFC 3046 §2.1). */
function writeRapidCommit(reply: Message): void {
  writeOption(reply.options, OPTIONS.rapidCommit, true);
  const agent = reply.options.get(OPTIONS.relayAgentInformation.code);
  if (agent === undefined) return;
  reply.options.delete(OPTIONS.relayAgentInformation.code);
  reply.options.set(OPTIONS.relayAgentInformation.code, agent);
}

/** RFC 2131 §4.3.2: the four states a REQUEST can come from, told apart by what it carries. */
function request(state: ServerState, query: Query, now: Instant, time: Bounds): Action {
  const { message, requestedAddress, selectedServer } = query;
  if (selectedServer !== undefined) {
    // SELECTING: server identifier and requested address, ciaddr zero.
    if (state.isRenewalsOnly()) return drop("renewalsOnly");
    const address = requestedAddress ?? message.ciaddr;
    if (!isForUs(query)) {
      const serves = state.serves(selectedServer);
      const isSilent = serves === undefined || (serves && !asksAgain(state, query, now));
      if (isSilent && (serves === undefined || state.offers.of(query.client) !== address)) {
        state.offers.end(query.client);
      }
      if (isSilent) return drop(serves === undefined ? "otherServer" : "otherMember");
    }
    if (address === UNSPECIFIED) return drop("noAddress");
    if (mayTake(state, query, address, time)) return grant(state, query, { address, now, time });
    return nakByMajority(state, query, address, time, "this address is not available: ask for a new one");
  }
  // INIT-REBOOT carries the address in option 50, RENEWING and REBINDING in ciaddr.
  const address = message.ciaddr !== UNSPECIFIED ? message.ciaddr : requestedAddress;
  if (address === undefined || address === UNSPECIFIED) return drop("noAddress");
  return confirm(state, query, address, now, time);
}

/**
 * Whether the member that a client selected left its REQUEST unanswered: the same request came before, and that
 * member's proposal is decided by now. Until then the others stay silent (RFC 2131 §4.3.2), or a relay that copies to
 * all members would get an answer from each.
 */
function asksAgain(state: ServerState, { client, message }: Query, now: Instant): boolean {
  const firstMs = state.named.get(client, message.xid, now.monotonicMs)?.atMs;
  if (firstMs === undefined) state.named.set(client, message.xid, true, now.monotonicMs);
  return firstMs !== undefined && now.monotonicMs - firstMs > PROPOSAL_MS;
}

/** A client confirms an address that it holds or held (INIT-REBOOT, RENEWING, REBINDING). */
function confirm(state: ServerState, query: Query, address: Ipv4, now: Instant, time: Bounds): Action {
  if (!rangeContains(query.subnet.range, address)) return nakWrongSubnet(state, query, address);
  if (state.isRenewalsOnly()) return renewOnly(state, query, address, now, time);
  const slot = state.table.get(address);
  const locked = isLocked(slot, time);
  const own = slot.client === query.client && isLeaseRecord(slot.state);
  const reserved = query.reservation?.address === address;
  if ((own || reserved) && mayKeep(state, query, address, time)) return grant(state, query, { address, now, time });
  if (locked && !state.compiled.config.authoritative && !hasRecord(state, query, address)) {
    return drop("notAuthoritative");
  }
  if (locked && !own) return nakByMajority(state, query, address, time, "this address is in use by another client");
  if (own && isBlind(state, query, address)) return drop("noPool");
  if (own) return nakByMajority(state, query, address, time, "this address is kept for another use");
  // RFC 2131 §4.3.2: "if the server has a record of this client and the requested address is incorrect": DHCPNAK.
  if (state.table.find(query.client) !== undefined) {
    return nakByMajority(state, query, address, time, "this is not the address you had");
  }
  // A renewal goes to the server that gave the lease, or to all: a lease without a record was lost with a disk.
  const isRenewal = query.message.ciaddr !== UNSPECIFIED;
  if (
    isRenewal && comesFrom(query, address) && state.compiled.config.authoritative &&
    mayLease(state, query, address, time)
  ) {
    return grant(state, query, { address, now, time });
  }
  // RFC 2131 §4.3.2, INIT-REBOOT: "If the DHCP server has no record of this client, then it MUST remain silent".
  return drop("noRecord");
}

/**
 * Whether a client's classes leave it no address of its pool, but it renews by unicast, which does not show all that
 * they depend on. It will ask through its relay (RFC 2131 §4.4.5, REBINDING).
 */
function isBlind({ compiled }: ServerState, { message, arrival, subnet, ...query }: Query, address: Ipv4): boolean {
  return compiled.classes.needRelay && message.giaddr === UNSPECIFIED && !arrival.onLink &&
    poolAt(subnet.network, address) !== undefined && poolAt(query, address) === undefined;
}

/** Whether only the host with this address, or one on a client's link, can have sent the message. */
function comesFrom({ message, arrival }: Query, address: Ipv4): boolean {
  return message.giaddr !== UNSPECIFIED || arrival.onLink || arrival.from === address;
}

/**
 * After a forced recovery. In RENEWING and REBINDING the client has the address, so that no other client can (RFC 2131
 * §4.3.2: `ciaddr` set, no requested address). Any other client, and each contradiction by a record that may be
 * outdated, is left without an answer.
 */
function renewOnly(state: ServerState, query: Query, address: Ipv4, now: Instant, time: Bounds): Action {
  const { message, requestedAddress } = query;
  const renews = message.ciaddr !== UNSPECIFIED && requestedAddress === undefined;
  // Every client may be a stranger to what is left of the disks.
  const mayRenew = renews && comesFrom(query, address) && mayLease(state, query, address, time);
  return mayRenew ? propose(state, query, { address, now, time }) : drop("renewalsOnly");
}

/** RFC 2131 §4.3.3. Easily forged, and it takes an address out of use: it must come through the relay of the lease. */
function decline(state: ServerState, query: Query, now: Instant): Action {
  const { requestedAddress, client } = query;
  if (!isForCluster(state, query)) return drop("otherServer");
  if (requestedAddress === undefined) return drop("noAddress");
  const slot = state.table.get(requestedAddress);
  const isOwner = slot.state === "bound" && slot.client === client;
  if (isOwner && !sameRelay(state, query, requestedAddress)) return drop("notOwner");
  // Also without its lease: the record may still be on its way from the member that granted it.
  state.refused.set(client, requestedAddress, { xid: undefined }, now.monotonicMs);
  if (!isOwner) return drop("notOwner");
  const detail = { ...detailOf(state, query, requestedAddress, now), expires: 0 };
  return { kind: "end", how: "declined", named: !isForUs(query), address: requestedAddress, client, detail };
}

/** RFC 2131 §4.3.4. Easily forged: it must come from the subnet, or the address itself. */
function release(state: ServerState, query: Query, now: Instant): Action {
  const { message, client } = query;
  if (!isForCluster(state, query)) return drop("otherServer");
  if (message.ciaddr === UNSPECIFIED) return drop("noAddress");
  const slot = state.table.get(message.ciaddr);
  if (slot.state !== "bound" || slot.client !== client || !comesFromHolder(state, query)) return drop("notOwner");
  const detail = { ...state.table.detail(message.ciaddr), lastSeen: now.wallMs, expires: now.wallMs };
  return { kind: "end", how: "released", named: !isForUs(query), address: message.ciaddr, client, detail };
}

/** Directly from the address, through another relay of its subnet, or through the relay and circuit of the lease. */
function comesFromHolder(state: ServerState, query: Query): boolean {
  const { message: { giaddr, ciaddr }, arrival, subnet } = query;
  if (giaddr === UNSPECIFIED) return arrival.from === ciaddr;
  if (giaddr === state.table.detail(ciaddr).giaddr) return sameRelay(state, query, ciaddr);
  return rangeContains(subnet.range, ciaddr);
}

/** Through the relay and circuit of the lease; or both without a relay. */
function sameRelay(state: ServerState, query: Query, address: Ipv4): boolean {
  const known = state.table.detail(address);
  return known.giaddr === query.message.giaddr && equalBytes(known.circuitId, query.agent.circuitId ?? NO_BYTES);
}

/** The client selected no server, or this one by its own identifier or the one that its relay put in. */
function isForUs(query: Query): boolean {
  const { selectedServer } = query;
  return selectedServer === undefined || selectedServer === query.serverIdentifier ||
    selectedServer === query.arrival.serverIdentifier;
}

/**
 * A DECLINE or RELEASE counts at every member that it reaches, whichever it names: where a relay copied the REQUEST to
 * all, each may have a record of its own, which only it can end.
 */
function isForCluster(state: ServerState, query: Query): boolean {
  const { selectedServer } = query;
  return isForUs(query) || (selectedServer !== undefined && state.serves(selectedServer) !== undefined);
}

/**
 * RFC 2131 §4.3.5: parameters only, to the address the client has. A client that says none is reached through its
 * relay, which has to broadcast.
 */
function inform(state: ServerState, query: Query): Action {
  const { ciaddr, giaddr } = query.message;
  if (ciaddr === UNSPECIFIED && giaddr === UNSPECIFIED) return drop("noAddress");
  const settings = settingsAt(state, query, ciaddr);
  const reply = buildReply(query, { type: MESSAGE_TYPE.ACK, yiaddr: UNSPECIFIED, settings, leaseSeconds: undefined });
  if (ciaddr === UNSPECIFIED) reply.flags |= BROADCAST_FLAG;
  return { kind: "reply", reply, bytesMax: replyBytesMax(query.message) };
}

/**
 * RFC 1534 §2: a BOOTP client gets an address that is reserved for it, for good: it can neither renew nor release it.
 * While another client has it, none is given.
 */
function bootp(state: ServerState, query: Query, now: Instant, time: Bounds): Action {
  if (state.isRenewalsOnly()) return drop("renewalsOnly");
  const address = query.reservation?.address;
  if (address === undefined || !mayTake(state, query, address, time)) return drop("notReserved");
  return propose(state, query, { address, now, time });
}

/** Grants or extends a lease, unless the client is a stranger that gets none now. */
function grant(state: ServerState, query: Query, wanted: Wanted): Action {
  const shed = shedCircuit(state, query, wanted) ?? shedLease(state, query, wanted);
  if (shed !== undefined) return dropShed(shed);
  const isFirst = isFirstLease(state, query, wanted);
  return propose(state, query, wanted, isFirst ? { via: query, waits: mustWait(state, query) } : undefined);
}

function propose(state: ServerState, query: Query, wanted: Wanted, first?: FirstLease): Action {
  const { address, now } = wanted;
  const settings = settingsAt(state, query, address);
  const isBootp = query.type === BOOTP_TYPE;
  const leaseSeconds = isBootp ? INFINITE_SECONDS : leaseSecondsOf(state, query, settings, wanted);
  const answer = isBootp ? { reply: buildBootpReply(query, address, settings), bytesMax: BOOTP_BYTES_MIN } : {
    reply: buildReply(query, { type: MESSAGE_TYPE.ACK, yiaddr: address, settings, leaseSeconds }),
    bytesMax: replyBytesMax(query.message),
  };
  const detail = { ...detailOf(state, query, address, now), expires: now.wallMs + leaseSeconds * 1_000 };
  return {
    kind: "grant",
    address,
    client: query.client,
    former: formerKey(state, query, address),
    first,
    xid: query.message.xid,
    leaseSeconds,
    settings,
    detail,
    ...answer,
  };
}

function settingsAt(state: ServerState, query: Query, address: Ipv4): LeaseSettings {
  const { classes, reservation } = query;
  const subnet = subnetAt(query.subnet.network, address) ?? query.subnet;
  return state.compiled.settingsFor(subnet, { pool: poolAt(subnet, address), classes, reservation });
}

function leaseSecondsOf(state: ServerState, query: Query, settings: LeaseSettings, wanted: Wanted): number {
  const read = readOption(query.message.options, OPTIONS.addressLeaseTime);
  const leaseSeconds = leaseSecondsFor(settings, read.kind === "present" ? read.value : undefined);
  return onProbation(state, query, wanted, leaseSeconds);
}

function detailOf(state: ServerState, query: Query, address: Ipv4, now: Instant): LeaseDetail {
  const { message, agent } = query;
  // A renewal by unicast does not show the client's relay: keep the known one.
  const known = message.giaddr === UNSPECIFIED && state.table.get(address).client === query.client
    ? state.table.detail(address)
    : undefined;
  return {
    htype: message.htype,
    chaddr: message.chaddr,
    hostname: query.reservation?.hostname || hostnameOf(message),
    circuitId: agent.circuitId ?? known?.circuitId ?? NO_BYTES,
    remoteId: agent.remoteId ?? known?.remoteId ?? NO_BYTES,
    giaddr: message.giaddr || (known?.giaddr ?? UNSPECIFIED),
    lastSeen: now.wallMs,
    expires: 0,
  };
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function hostnameOf(message: Message): string {
  const bytes = message.options.get(OPTIONS.hostName.code);
  if (bytes === undefined) return "";
  const text = withoutUnseen(decoder.decode(bytes.subarray(0, HOSTNAME_OCTETS_MAX)));
  // Replacement characters may have made it longer; cut at a character.
  const { read } = encoder.encodeInto(text, new Uint8Array(HOSTNAME_OCTETS_MAX));
  return text.slice(0, read);
}
