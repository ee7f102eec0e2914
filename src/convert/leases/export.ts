/**
 * Leases for other programs: CSV (RFC 4180) for spreadsheets and scripts, and Kea's `kea-leases4.csv`. Rows are made
 * one by one, so memory does not grow with the number of leases.
 */

import { fromHex, toHex } from "../../bytes/hex.ts";
import { INFINITE_SECONDS } from "../../config/duration.ts";
import { parseIpv4, type Prefix, prefixContains } from "../../net/ipv4.ts";
import { printable } from "../../unseen.ts";
import { isoSeconds } from "./time.ts";

/** A lease as the HTTP API returns it; times in ISO 8601, bytes in hexadecimal. */
export interface ApiLease {
  readonly address: string;
  readonly subnet: string | null;
  readonly state: string;
  readonly client: {
    readonly identifier: string | null;
    readonly htype: number | null;
    readonly chaddr: string | null;
  };
  readonly hostname: string | null;
  /** Null: the client was not told an expiry. */
  readonly expires: string | null;
  readonly circuitId: string | null;
  readonly remoteId: string | null;
  readonly giaddr: string | null;
  readonly node: number | null;
}

const COLUMNS = [
  ...["address", "subnet", "state", "client_id", "htype", "hwaddr", "hostname", "expires", "circuit_id", "remote_id"],
  ...["giaddr", "node"],
] as const;

/** RFC 4180 §2: a header, and lines that end with CR LF. */
export const CSV_HEADER = `${COLUMNS.join(",")}\r\n`;

/** The value of a lease without end in the API. */
const FOREVER = "9999-12-31T23:59:59.000Z";

/** A lease as one line of CSV, its end included. An empty value is absent; a lease without end has `never`. */
export function csvRow(lease: ApiLease): string {
  const { client } = lease;
  const values = [
    lease.address,
    lease.subnet,
    lease.state,
    colons(client.identifier),
    client.htype,
    colons(client.chaddr),
    lease.hostname,
    lease.expires === FOREVER ? "never" : lease.expires,
    colons(lease.circuitId),
    colons(lease.remoteId),
    lease.giaddr,
    lease.node,
  ];
  return `${values.map((value) => csvValue(value === null ? "" : String(value))).join(",")}\r\n`;
}

/** What a spreadsheet takes for a formula (OWASP, "CSV Injection"); some take the full-width characters, too. */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/;

/**
 * A value as RFC 4180 §2 has it: in quotes when it has a comma or a quote. Clients choose their host names, so a text
 * that a spreadsheet would take for a formula gets an apostrophe in front, and what changes how text is shown (tabs,
 * line ends, marks of direction) becomes U+FFFD.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(csvValue('a "b", c'), '"a ""b"", c"');
 * strictEqual(csvValue("printer"), "printer");
 * strictEqual(csvValue("=1+1"), "'=1+1");
 * ```
 */
export function csvValue(text: string): string {
  const harmless = (FORMULA.test(text) ? "'" : "") + printable(text);
  return /[",]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function colons(hex: string | null): string {
  const bytes = hex === null ? undefined : fromHex(hex);
  return bytes === undefined ? "" : toHex(bytes, ":");
}

/** Every Kea reads this schema (2.1); newer ones add the columns they have since. */
export const KEA_HEADER =
  "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n";

/** What is left of a lease without end is a little less; half of it is 68 years. */
const AS_GOOD_AS_INFINITE_SECONDS = 0x7fffffff;

/** Kea knows a lease's subnet by a number that its configuration gives. */
export interface KeaSubnet {
  readonly prefix: Prefix;
  readonly id: number;
}

/** A row for Kea, or the reason why there is none. */
type KeaRow = { readonly ok: true; readonly row: string } | { readonly ok: false; readonly reason: string };

/**
 * A lease as a row of Kea's file. `nowSeconds` stands for the client's last transaction, so that the valid lifetime is
 * the remaining time.
 */
export function keaRow(lease: ApiLease, subnets: readonly KeaSubnet[], nowSeconds: number): KeaRow {
  const declined = lease.state === "declined";
  if (lease.state !== "bound" && !declined) return { ok: false, reason: `it is ${lease.state}` };
  const address = parseIpv4(lease.address);
  const subnet = subnets.find(({ prefix }) => address !== undefined && prefixContains(prefix, address));
  if (subnet === undefined) return { ok: false, reason: "no subnet contains its address" };
  const endSeconds = lease.expires === null ? undefined : isoSeconds(lease.expires);
  if (endSeconds === undefined) return { ok: false, reason: "it does not say when it ends" };
  const left = endSeconds - nowSeconds;
  const lifetime = left > AS_GOOD_AS_INFINITE_SECONDS ? INFINITE_SECONDS : left;
  if (!(lifetime > 0)) return { ok: false, reason: "it has ended" };
  const hardware = colons(lease.client.chaddr);
  const identifier = colons(lease.client.identifier);
  if (!declined && hardware === "" && identifier === "") return { ok: false, reason: "it names no client" };
  const values = [
    lease.address,
    // Kea keeps no client with an address that was declined.
    declined ? "" : hardware,
    declined ? "" : identifier,
    lifetime,
    nowSeconds + lifetime,
    subnet.id,
    0,
    0,
    keaText(declined ? "" : lease.hostname ?? ""),
    declined ? 1 : 0,
    "",
  ];
  return { ok: true, row: `${values.join(",")}\n` };
}

/**
 * Kea's CSV has no quotes: a comma is written as its code; characters that host names can't have are omitted. Kea reads
 * it, not a spreadsheet: an apostrophe before a formula would become part of the name.
 */
function keaText(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]/g, "").replaceAll(/[,&]/g, (one) => `&#x${one.charCodeAt(0).toString(16)}`);
}
