/**
 * IPv4 addresses, prefixes and ranges as numbers.
 *
 * An address is an unsigned 32-bit integer in network order, so that ranges are arithmetic and a million of them fit
 * in a typed array. Text appears only at the edges: configuration, logs, HTTP.
 */

/** An IPv4 address: an integer from 0 to 2^32 - 1, most significant octet first. */
export type Ipv4 = number;

/** 0.0.0.0: "this host" (RFC 1122 §3.2.1.3); in DHCP, a field that is not set. */
export const UNSPECIFIED: Ipv4 = 0;

/** 255.255.255.255: limited broadcast (RFC 919 §7). */
export const BROADCAST: Ipv4 = 0xffffffff;

/** A prefix; `address` has no bits set beyond `prefixLength`. */
export interface Prefix {
  readonly address: Ipv4;
  /** 0..32. */
  readonly prefixLength: number;
}

/** Consecutive addresses, both ends included. */
export interface Range {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

const DOTTED = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/**
 * Reads dotted-decimal text. Returns undefined for anything else: no shorthand, no leading zeros, no octal.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(parseIpv4("10.77.0.1"), 0x0a4d0001);
 * strictEqual(parseIpv4("10.77.0.256"), undefined);
 * ```
 */
export function parseIpv4(text: string): Ipv4 | undefined {
  const match = DOTTED.exec(text);
  if (match === null) return undefined;
  let address = 0;
  for (const octet of match.slice(1)) {
    if (octet.length > 1 && octet.startsWith("0")) return undefined;
    const value = Number(octet);
    if (value > 255) return undefined;
    address = address * 256 + value;
  }
  return address;
}

/**
 * Formats an address as dotted decimal.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(formatIpv4(0x0a4d0001), "10.77.0.1");
 * ```
 */
export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** The netmask of a prefix length 0..32. */
export function netmask(prefixLength: number): Ipv4 {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

/** The prefix of a given length that an address lies in. */
export function prefixOf(address: Ipv4, prefixLength: number): Prefix {
  return { address: (address & netmask(prefixLength)) >>> 0, prefixLength };
}

/**
 * Reads `address/length`. Returns undefined when the text has another form or when host bits are set, which is nearly
 * always a mistake.
 *
 * @example
 * ```ts
 * import { deepStrictEqual, strictEqual } from "node:assert/strict";
 * deepStrictEqual(parsePrefix("10.77.0.0/16"), { address: 0x0a4d0000, prefixLength: 16 });
 * strictEqual(parsePrefix("10.77.0.1/16"), undefined);
 * ```
 */
export function parsePrefix(text: string): Prefix | undefined {
  const network = networkOf(text);
  return network !== undefined && text.startsWith(`${formatIpv4(network.address)}/`) ? network : undefined;
}

/** The network of `address/length`, whichever address of it that is. */
export function networkOf(text: string): Prefix | undefined {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(text);
  if (match === null) return undefined;
  const address = parseIpv4(match[1] as string);
  const prefixLength = Number(match[2]);
  return address === undefined || prefixLength > 32 ? undefined : prefixOf(address, prefixLength);
}

/** Formats a prefix as `address/length`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIpv4(prefix.address)}/${prefix.prefixLength}`;
}

/** Whether an address lies in a prefix. */
export function prefixContains(prefix: Prefix, address: Ipv4): boolean {
  return ((address & netmask(prefix.prefixLength)) >>> 0) === prefix.address;
}

/** First and last address of a prefix: network and directed broadcast address when it is shorter than 31 bits. */
export function prefixRange(prefix: Prefix): Range {
  return {
    first: prefix.address,
    last: (prefix.address | ~netmask(prefix.prefixLength)) >>> 0,
  };
}

/**
 * Reads `first-last` (spaces allowed around the dash) or a single address. Returns undefined when the text has another
 * form or the range is empty.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual(parseRange("10.0.0.1-10.0.0.9"), { first: 0x0a000001, last: 0x0a000009 });
 * ```
 */
export function parseRange(text: string): Range | undefined {
  const [head, tail, more] = text.split("-");
  if (more !== undefined) return undefined;
  const first = parseIpv4((head ?? "").trim());
  const last = tail === undefined ? first : parseIpv4(tail.trim());
  if (first === undefined || last === undefined || last < first) return undefined;
  return { first, last };
}

/** Formats a range as `first-last`. */
export function formatRange(range: Range): string {
  return `${formatIpv4(range.first)}-${formatIpv4(range.last)}`;
}

/** How many addresses a range has. */
export function rangeSize(range: Range): number {
  return range.last - range.first + 1;
}

/** Whether an address lies in a range. */
export function rangeContains(range: Range, address: Ipv4): boolean {
  return range.first <= address && address <= range.last;
}
