/**
 * The leases of other servers' files, and the reason for every part of a file that gives none. The readers of the
 * formats are beside this file; the node decides what to do with a lease.
 */

import type { Ipv4 } from "../../net/ipv4.ts";
import { printable, withoutUnseen } from "../../unseen.ts";

/** The lease files this folder reads. */
export const LEASE_FORMATS = ["dhcpd", "kea", "dnsmasq"] as const;
export type LeaseFormat = typeof LEASE_FORMATS[number];

/** A line of a file, counted from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** A lease of a file. Empty text means absent; octets are in lower-case hexadecimal, to save memory. */
export interface ForeignLease {
  readonly address: Ipv4;
  /** `bound` as the file says; whether it still runs depends on `expires`. */
  readonly state: "bound" | "declined" | "ended";
  /** Option 61, whole. */
  readonly identifier: string;
  readonly htype: number;
  readonly chaddr: string;
  readonly hostname: string;
  /** Seconds since 1970; undefined: never. */
  readonly expires: number | undefined;
  readonly circuitId: string;
  readonly remoteId: string;
  readonly place: Place;
}

/** A part of a file that gives no lease. */
export interface Unusable extends Place {
  /** The beginning of it, on one line. */
  readonly text: string;
  /** A sentence: what is wrong and, where there is something to do, what. */
  readonly reason: string;
}

/** The result of reading. `records` is the sum of the numbers after it: every record is accounted for. */
interface LeaseTotals {
  /** Records of all kinds that were seen. */
  readonly records: number;
  /** One for each address that has a lease. */
  readonly leases: number;
  /** Earlier records of an address that a later one replaces. */
  readonly superseded: number;
  /** Addresses without a lease: free ones without a client, and leases that the server removed. */
  readonly free: number;
  /** Other parts: DHCPv6, failover, the server itself. */
  readonly other: number;
  readonly unusable: number;
}

export interface LeaseReading {
  /** By address, one each. */
  readonly leases: readonly ForeignLease[];
  readonly unusable: readonly Unusable[];
  readonly totals: LeaseTotals;
}

const SHOWN_CHARACTERS_MAX = 80;

/** The beginning of a record for a message: one line, without control characters. */
export function excerpt(text: string): string {
  const line = text.trimStart().slice(0, 4 * SHOWN_CHARACTERS_MAX).replaceAll(/\s+/g, " ")
    .replaceAll(/[^\x20-\x7e]/g, "?").trimEnd();
  return line.length > SHOWN_CHARACTERS_MAX ? `${line.slice(0, SHOWN_CHARACTERS_MAX)}…` : line;
}

/** Collects what a reader finds; later records of an address replace earlier ones. */
export class LeaseCollector {
  readonly #leases = new Map<Ipv4, ForeignLease | undefined>();
  readonly #unusable: Unusable[] = [];
  #records = 0;
  #superseded = 0;
  #other = 0;

  /** A lease. */
  lease(lease: ForeignLease): void {
    this.#put(lease.address, lease);
  }

  /** An address without a lease. */
  free(address: Ipv4): void {
    this.#put(address, undefined);
  }

  /** A part of the format that is no IPv4 lease. */
  other(): void {
    this.#records += 1;
    this.#other += 1;
  }

  unusable(place: Place, text: string, reason: string): void {
    this.#records += 1;
    this.#unusable.push({ file: place.file, line: place.line, text: excerpt(text), reason: printable(reason) });
  }

  #put(address: Ipv4, lease: ForeignLease | undefined): void {
    this.#records += 1;
    if (this.#leases.has(address)) this.#superseded += 1;
    this.#leases.set(address, lease);
  }

  result(): LeaseReading {
    const leases = [...this.#leases.values()].filter((lease) => lease !== undefined)
      .sort((a, b) => a.address - b.address);
    return {
      leases,
      unusable: this.#unusable,
      totals: {
        records: this.#records,
        leases: leases.length,
        superseded: this.#superseded,
        free: this.#leases.size - leases.length,
        other: this.#other,
        unusable: this.#unusable.length,
      },
    };
  }
}

/** Limits of what a lease can carry (RFC 2131 §2: `chaddr`; RFC 2132 §9.14: option 61). */
const CHADDR_OCTETS_MAX = 16;
const IDENTIFIER_OCTETS = { min: 2, max: 255 };
const HOSTNAME_OCTETS_MAX = 255;

/** Why a lease with these can't be used; undefined when it can. */
export function identityProblem(identifier: string, chaddr: string): string | undefined {
  const octets = { identifier: identifier.length / 2, chaddr: chaddr.length / 2 };
  if (octets.chaddr > CHADDR_OCTETS_MAX) return `its hardware address has ${octets.chaddr} octets; at most 16 fit`;
  if (octets.identifier > IDENTIFIER_OCTETS.max) {
    return `its client identifier has ${octets.identifier} octets; at most 255 fit`;
  }
  if (octets.identifier < IDENTIFIER_OCTETS.min && octets.chaddr === 0) {
    return "it names neither a client identifier nor a hardware address";
  }
  return undefined;
}

/** A client identifier shorter than RFC 2132 §9.14 allows is ignored: the node uses the hardware address. */
export function usableIdentifier(identifier: string): string {
  return identifier.length / 2 < IDENTIFIER_OCTETS.min ? "" : identifier;
}

/** Octets as files write them, with colons or without, as lower-case hexadecimal; undefined for anything else. */
export function plainHex(text: string): string | undefined {
  return /^(?:[0-9a-f]{2}(?::?[0-9a-f]{2})*)?$/i.test(text) ? text.replaceAll(":", "").toLowerCase() : undefined;
}

/** An address that a client can hold. */
export function isHostAddress(address: Ipv4): boolean {
  return address > 0x00ffffff && address < 0xe0000000;
}

/**
 * A host name of a file (whose characters are its octets) as text: UTF-8 where it is that, without what is
 * not seen. What is longer than a lease can carry is cut.
 */
export function hostnameOf(octets: string): string {
  if (octets.length <= HOSTNAME_OCTETS_MAX && /^[\x20-\x7e]*$/.test(octets)) return octets;
  const bytes = latin1Bytes(octets).subarray(0, HOSTNAME_OCTETS_MAX);
  return withoutUnseen(new TextDecoder().decode(bytes));
}

/** The octets of text in which every character stands for one. */
export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}
