/** What two servers answered to one client: address, fields and every option, and where they differ. */

import { equalBytes } from "../../src/bytes/equal.ts";
import { toHex } from "../../src/bytes/hex.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { optionByKey, OPTIONS } from "../../src/dhcp/options/mod.ts";
import { formatIpv4, type Range, rangeContains } from "../../src/net/ipv4.ts";

/** `answer`, `address`, `siaddr`, `sname`, `file`, or the code of an option. */
export type Subject = "answer" | "address" | "siaddr" | "sname" | "file" | number;

/** One thing that differs. */
export interface Difference {
  readonly subject: Subject;
  readonly real: string;
  readonly ours: string;
}

/** Of the exchange, not of the configuration: message type, server, and what is echoed. */
const OF_EXCHANGE = new Set([53, 54, 61, 82]);
const VENDOR_CLASS = 60;
const [SUBNET_MASK, BROADCAST_ADDRESS, LEASE_TIME, RENEWAL_TIME, REBINDING_TIME] = [1, 28, 51, 58, 59] as const;
const DOMAIN_SEARCH = 119;
const NONE = "none";
const NO_BYTES = new Uint8Array();

/** Compares two answers; undefined is silence. `pools` are ours: within one, a server chooses. */
export function differences(
  asked: Message,
  real: Message | undefined,
  ours: Message | undefined,
  pools: readonly Range[],
): readonly Difference[] {
  if (real === undefined || ours === undefined) {
    if (real === ours) return [];
    const said = (message: Message | undefined) => message === undefined ? "silence" : formatIpv4(message.yiaddr);
    return [{ subject: "answer", real: said(real), ours: said(ours) }];
  }
  const found: Difference[] = [];
  const compare = (subject: Subject, one: string, other: string) => {
    if (one !== other) found.push({ subject, real: one, ours: other });
  };
  const together = pools.some((pool) => rangeContains(pool, real.yiaddr) && rangeContains(pool, ours.yiaddr));
  if (!together) compare("address", formatIpv4(real.yiaddr), formatIpv4(ours.yiaddr));
  // dnsmasq names itself as next server even where there is no boot file, or its URL names another.
  const own = /^(?:none|https?:)/.test(text(real.options.get(67) ?? real.file)) && ours.siaddr === 0 &&
    toHex(real.options.get(54) ?? new Uint8Array()) === real.siaddr.toString(16).padStart(8, "0");
  if (!own) compare("siaddr", formatIpv4(real.siaddr), formatIpv4(ours.siaddr));
  // RFC 2132 §9.4, §9.5: a server may put what a client asks for into the field or into the option.
  compare("sname", text(real.options.get(66) ?? real.sname), text(ours.options.get(66) ?? ours.sname));
  compare("file", text(real.options.get(67) ?? real.file), text(ours.options.get(67) ?? ours.file));
  const codes = new Set([...real.options.keys(), ...ours.options.keys()]);
  for (const code of [...codes].sort((a, b) => a - b)) {
    if (OF_EXCHANGE.has(code) || code === 66 || code === 67) continue;
    const [one, other] = [real.options.get(code), ours.options.get(code)];
    if (one === undefined && other !== undefined && isImplied(code, ours)) continue;
    if (code === LEASE_TIME && isEndless(one) && isEndless(other)) continue;
    // dnsmasq echoes the vendor class.
    if (code === VENDOR_CLASS && equalBytes(one ?? NO_BYTES, asked.options.get(code) ?? NO_BYTES)) continue;
    if (code === DOMAIN_SEARCH && one !== undefined && other !== undefined && equalNames(one, other)) continue;
    compare(code, value(one), value(other));
  }
  return found;
}

/** What our node adds, and every client supposes where the option is absent (RFC 2131 §4.4.5; RFC 1122 §3.3.6). */
function isImplied(code: number, { options, yiaddr }: Message): boolean {
  const number = (one: number) => [...options.get(one) ?? []].reduce((sum, octet) => sum * 256 + octet, 0);
  switch (code) {
    // PXE needs it in the reply.
    case VENDOR_CLASS:
      return true;
    case BROADCAST_ADDRESS:
      return ((yiaddr | ~number(SUBNET_MASK)) >>> 0) === number(code);
    case RENEWAL_TIME:
      return number(code) === Math.floor(number(LEASE_TIME) / 2);
    case REBINDING_TIME:
      return number(code) === Math.floor(number(LEASE_TIME) * 7 / 8);
    default:
      return false;
  }
}

/** How a report calls what differs. */
export function subjectName(subject: Subject): string {
  return typeof subject === "number" ? `option ${subject} (${optionByKey(String(subject))?.name})` : subject;
}

/** Beyond what dhcpd can count to: the year 2038. */
function isEndless(bytes: Uint8Array | undefined): boolean {
  return (bytes?.[0] ?? 0) >= 0x10;
}

/** RFC 3397: the same names, compressed or not. */
function equalNames(one: Uint8Array, other: Uint8Array): boolean {
  const [left, right] = [one, other].map((bytes) => OPTIONS.domainSearch.codec.decode(bytes, DOMAIN_SEARCH));
  return left?.kind === "present" && right?.kind === "present" && String(left.value) === String(right.value);
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return bytes.length === 0 ? NONE : String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
}

function value(bytes: Uint8Array | undefined): string {
  if (bytes === undefined || bytes.length === 0) return NONE;
  const printed = String.fromCharCode(...bytes);
  return /^[\x20-\x7e]{3,}$/.test(printed)
    ? JSON.stringify(printed)
    : bytes.length === 4 && bytes[0] !== 0
    ? [...bytes].join(".")
    : `0x${toHex(bytes)}`;
}
