/** Log texts for requests that got no reply: the cause and, where needed, what to do. */

import type { DropReason } from "../../src/dhcp/server/action.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { LinkLimit } from "../../src/dhcp/server/link_budgets.ts";

/** One line per reason that needs no address; completes "No answer to … : ". */
const DROP_ADVICE: Readonly<Record<Exclude<DropReason, "unknownRelay">, string>> = {
  notRequest: "it is a reply, so another DHCP server's traffic or a forgery reaches this port",
  unexpectedType: "only servers send messages of this type, or this server does not know it",
  malformedOption: "option 50, 54 or 82 contradicts its own length",
  noIdentity: "it has neither a client identifier nor a hardware address",
  noStation: "its hardware address is zero, broadcast or multicast, which no client can have: a forgery or a defect",
  notRelayed:
    "it came by unicast and through no relay, as only renewals, releases and DHCPINFORMs do: a forgery, or a " +
    "relay that does not set giaddr",
  noSubnet:
    "no configured subnet has this network: add it to service.subnets, assign the relay to a link (relays), or " +
    "correct its giaddr",
  denied: "service.deny names a class that it is in",
  noPool: "the lists allow and deny leave no pool of its link for clients of its classes",
  otherServer: "the client chose another DHCP server of its network",
  otherMember: "the client chose another node of this cluster, which answers it",
  noAddress: "it names no address",
  notReserved: "it is a BOOTP client, which gets the address of its reservation, unless another client has it, or none",
  noRecord: "no lease of this client is known (RFC 2131 §4.3.2); it will ask for a new address",
  undecided: "another client's lease of the address waits for its majority",
  notAuthoritative: "it calls for a DHCPNAK, but service.authoritative is false",
  renewalsOnly: "after `members reset` only renewals are served for a while: leases that were lost may still run",
  exhausted:
    "no address is free in the pools for it (or in this node's share of them, for a moment): enlarge them, or " +
    "shorten lease times",
  strangerRate: "clients without a lease or a record send more on its link than service.strangers.messages",
  strangerLeases: "its subnet is nearly full, and clients without a record have what service.strangers leaves them",
  circuitFull: "its circuit has service.maxLeasesPerCircuit leases",
  notOwner: "the address is not this client's, or the request came another way than its lease; possibly a forgery",
};

/** Completes "No answer to … : " for a request of this source, through this relay. */
export function adviceOf(reason: DropReason, from: Ipv4, giaddr: Ipv4): string {
  if (reason !== "unknownRelay") return DROP_ADVICE[reason];
  const source = formatIpv4(from);
  const claim = from === giaddr
    ? `${source} is an address of a pool, where clients are, and no relay`
    : `${source} is neither that giaddr nor in dhcp.relays`;
  return `${claim}; if it is a relay of yours, add ${source} to dhcp.relays in the file of every node and reload ` +
    "them (SIGHUP); otherwise it is a forgery";
}

/** What a link does that exceeds a limit, and what to do; completes "Strangers on …". */
export const LIMIT_ADVICE: Readonly<Record<LinkLimit, string>> = {
  messages: "send more than service.strangers.messages allows, and the excess is dropped",
  leases: "want leases faster than service.strangers.leases allows, and their subnet is nearly full",
  share: "have the share of a nearly full subnet that service.strangers.share leaves to first leases",
  waiting: "want leases faster than this cluster can store them",
  circuit: "have all leases that service.maxLeasesPerCircuit allows for one circuit",
};

/** Reasons that need an operator's attention. */
export const DROP_WARNINGS: ReadonlySet<DropReason> = new Set(["exhausted", "noSubnet", "unknownRelay"]);
