/**
 * Which leases of another server a node takes, before the node checks whether the address is free: decided from the
 * configuration alone, so that a dry run decides the same.
 */

import type { CompiledService, Subnet } from "../../src/dhcp/server/compiled_service.ts";
import { newKeyOf } from "../../src/dhcp/server/identity.ts";
import type { Reservation } from "../../src/dhcp/server/reservations.ts";
import { INFINITE_SECONDS } from "../../src/config/duration.ts";
import type { ClientKey } from "../../src/lease/agreement/client_key.ts";
import type { LeaseDetail } from "../../src/lease/agreement/slot.ts";
import { type Ipv4, parseIpv4, rangeContains } from "../../src/net/ipv4.ts";
import { readOctets } from "../admin/leases.ts";

/** A lease that another server gave. */
export interface ImportedLease {
  readonly address: string;
  /** Hexadecimal; the client is known by it when it is given, else by its hardware address. */
  readonly identifier?: string | null | undefined;
  readonly htype?: number | undefined;
  readonly chaddr?: string | undefined;
  readonly hostname?: string | null | undefined;
  /** ISO 8601; null: it does not end. */
  readonly expires: string | null;
  /** `declined`: a host that no lease gave the address uses it, so it rests until then. */
  readonly state?: "bound" | "declined" | undefined;
}

/** What to propose, or why nothing. */
type Judged =
  | { readonly outcome: "refused"; readonly problem: string }
  | { readonly outcome: "expired" }
  | {
    readonly address: Ipv4;
    readonly client: ClientKey;
    readonly leaseMs: number;
    readonly detail: LeaseDetail;
    /** It is no lease: the address rests for this time. */
    readonly rests: boolean;
  };

/** Judges a lease; `maxLeaseMs` is the longest that any lease may run here, `nowMs` counts from 1970. */
export function judgeImport(
  lease: ImportedLease,
  { compiled, maxLeaseMs, nowMs }: {
    readonly compiled: CompiledService;
    readonly maxLeaseMs: number;
    readonly nowMs: number;
  },
): Judged {
  const refuse = (problem: string) => ({ outcome: "refused", problem }) as const;
  const address = parseIpv4(lease.address);
  if (address === undefined) return refuse("this is not an IPv4 address");
  const subnet = compiled.subnetOf(address);
  if (subnet === undefined) return refuse("no configured subnet has it: add the subnet first");
  const reserved = compiled.reservationAt(address);
  const pool = subnet.pools.find(({ range }) => rangeContains(range, address));
  if (pool === undefined && reserved === undefined) return refuse("it lies in no pool of its subnet");
  const rests = lease.state === "declined";
  const client = clientOf(rests ? decliner(lease, address) : lease, compiled, subnet);
  if (typeof client === "string") return refuse(client);
  // Of the place of its client a lease says nothing.
  if (!rests && reserved?.namesClient && client.reservation !== reserved) {
    return refuse("it is reserved for another client");
  }
  const endMs = lease.expires === null ? Infinity : Date.parse(lease.expires);
  if (Number.isNaN(endMs)) return refuse(`"${lease.expires}" is no time`);
  if (endMs <= nowMs) return { outcome: "expired" };
  const isEndless = endMs === Infinity && compiled.maxLeaseSeconds === INFINITE_SECONDS;
  if (!rests && endMs - nowMs > maxLeaseMs && !isEndless) {
    return refuse(
      "it runs longer than any lease may here, and its client would still use the address after it is free: " +
        "raise maxLeaseTime first",
    );
  }
  const longestMs = rests ? compiled.config.declineSeconds * 1_000 : maxLeaseMs;
  const leaseMs = Math.min(endMs - nowMs, longestMs);
  const detail = { ...client.detail, lastSeen: nowMs, expires: Math.floor(nowMs + leaseMs) };
  return { address, client: client.key, leaseMs, detail, rests };
}

/** The client in whose name an address rests: often none is known, as the other server heard a stranger there. */
function decliner(lease: ImportedLease, address: Ipv4): ImportedLease {
  const isKnown = lease.identifier || lease.chaddr;
  return isKnown ? lease : { ...lease, htype: 0, chaddr: address.toString(16).padStart(8, "0") };
}

interface ImportedClient {
  readonly key: ClientKey;
  readonly detail: LeaseDetail;
  readonly reservation: Reservation | undefined;
}

function clientOf(lease: ImportedLease, compiled: CompiledService, subnet: Subnet): ImportedClient | string {
  const chaddr = lease.chaddr === undefined || lease.chaddr === "" ? new Uint8Array() : readOctets(lease.chaddr);
  if (chaddr === undefined || chaddr.length > 16) return `"${lease.chaddr}" is no hardware address`;
  const { htype = 1, identifier } = lease;
  const hasIdentifier = identifier !== undefined && identifier !== null && identifier !== "";
  const octets = hasIdentifier ? readOctets(identifier) : undefined;
  if (hasIdentifier && (octets === undefined || octets.length < 2 || octets.length > 255)) {
    return `"${identifier}" is no client identifier`;
  }
  if (octets === undefined && chaddr.length === 0) return "it names neither a client identifier nor a hardware address";
  const hardware = Uint8Array.of(htype, ...chaddr);
  const identity = { clientId: octets, hardware };
  const reservation = compiled.reservationFor(subnet, identity);
  const key = newKeyOf({ identity, subnet, reservation });
  // Printable and at most 255 octets, like what clients send.
  const hostname = (lease.hostname ?? "").replaceAll(/[^\x21-\x7e]/g, "").slice(0, 255);
  const empty = new Uint8Array();
  const detail = { htype, chaddr, hostname, circuitId: empty, remoteId: empty, giaddr: 0, lastSeen: 0, expires: 0 };
  return { key, detail, reservation };
}
