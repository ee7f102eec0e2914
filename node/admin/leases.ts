/**
 * `GET /leases`: who has which address, by address, page by page. A page that finds little lets DHCP go on in between.
 */

import { z } from "zod";
import { toHex } from "../../src/bytes/hex.ts";
import { CLIENT_TAG, isConflict, parseClientKey } from "../../src/lease/agreement/client_key.ts";
import { recordTest } from "../../src/lease/table/record.ts";
import type { LeaseRow, SlotState } from "../../src/lease/agreement/slot.ts";
import type { LeaseSearch } from "../../src/lease/table/lease_table.ts";
import { compareVersions } from "../../src/lease/agreement/version.ts";
import {
  formatIpv4,
  formatPrefix,
  type Ipv4,
  parseIpv4,
  parsePrefix,
  parseRange,
  prefixContains,
  prefixRange,
  type Range,
} from "../../src/net/ipv4.ts";
import { type Route, route } from "../../src/http/routes.ts";
import { readClocks } from "../clocks.ts";
import type { Node } from "../node.ts";

/** How a lease stands, for people. */
export const LEASE_STATES = ["bound", "expired", "released", "declined", "blocked", "aborted"] as const;
type LeaseState = typeof LEASE_STATES[number];

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
/** Looked at in one go: some milliseconds. */
const SLICE = 160_000;

const iso = z.iso.datetime();

/** One lease. */
const LEASE = z.object({
  address: z.ipv4(),
  subnet: z.string().nullable().describe("The configured subnet it lies in."),
  state: z.enum(LEASE_STATES),
  reason: z.enum(["declined", "conflict"]).nullable()
    .describe("Why it rests: its client declined it, or a host uses it without a lease (`client`); null: it does not."),
  client: z.object({
    identifier: z.string().nullable().describe("Option 61 in hexadecimal; null: the client is known by its hardware."),
    htype: z.number(),
    chaddr: z.string().describe("Hexadecimal, with colons."),
  }),
  hostname: z.string().nullable(),
  expires: iso.nullable().describe("As the client was told; null: it never was."),
  remainingSeconds: z.number().describe("0 when the lease has ended."),
  restsUntil: iso.nullable().describe("Until when a declined or blocked address is not leased; null: it is neither."),
  lastSeen: iso.nullable().describe("When the client was last heard."),
  circuitId: z.string().nullable().describe("Hexadecimal."),
  remoteId: z.string().nullable().describe("Hexadecimal."),
  giaddr: z.ipv4().nullable(),
  node: z.number().describe("Id of the node that granted, or ended, it."),
  certified: z.boolean().describe("Whether this node knows that a majority has it on disk."),
});
export type Lease = z.infer<typeof LEASE>;

/** A page. */
export const LEASES = z.object({
  leases: z.array(LEASE),
  next: z.ipv4().nullable().describe("Give it as `after` for what follows; null: that was all."),
  time: iso,
});

const ADDRESS_FORMS = "an address, a prefix (10.77.0.0/16, or 10.77.), or a range (10.77.1.0-10.77.1.255)";

/** An address, prefix, beginning or range as the addresses it stands for. */
export function readAddresses(text: string): Range | undefined {
  const address = parseIpv4(text);
  if (address !== undefined) return { first: address, last: address };
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return prefixRange(prefix);
  const beginning = /^(\d{1,3}\.){1,3}$/.exec(text);
  if (beginning !== null) {
    const octets = text.split(".").slice(0, -1);
    const whole = parseIpv4([...octets, ...Array(4 - octets.length).fill("0")].join("."));
    return whole === undefined ? undefined : prefixRange({ address: whole, prefixLength: 8 * octets.length });
  }
  return parseRange(text);
}

/** Hexadecimal with or without colons or 0x; undefined when it is neither, or half an octet too long. */
export function readOctets(text: string): Uint8Array | undefined {
  const digits = text.replace(/^0x/i, "").replaceAll(/[:.\-]/g, "");
  if (!/^(?:[0-9a-f]{2})+$/i.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function parsed<T>(wanted: string, read: (text: string) => T | undefined) {
  return z.string().transform((text, context): T => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `"${text.slice(0, 64)}" is not ${wanted}` });
    return z.NEVER;
  });
}

export const LEASES_QUERY = z.strictObject({
  state: z.enum([...LEASE_STATES, "all"]).default("bound").describe("`bound`: leases that run."),
  address: parsed(ADDRESS_FORMS, readAddresses).optional().describe(ADDRESS_FORMS),
  subnet: parsed("a subnet such as 10.77.0.0/16", (text) => {
    const prefix = parsePrefix(text);
    return prefix && prefixRange(prefix);
  }).optional(),
  client: parsed("hexadecimal octets", readOctets).optional()
    .describe("Hardware address or client identifier in hexadecimal, or its beginning."),
  hostname: z.string().min(1).max(255).optional().describe("A part of it; case does not matter."),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
  after: parsed("an IPv4 address", parseIpv4).optional().describe("The last address seen."),
});
type LeasesQuery = z.output<typeof LEASES_QUERY>;

/** What the table looks for. `nowMs`: since 1970. Undefined when nothing can match. */
function searchOf(query: LeasesQuery, nowMs: number): LeaseSearch | undefined {
  const { address, subnet, state } = query;
  const ranges = [address, subnet].filter((range) => range !== undefined);
  const range = ranges.length === 0 ? undefined : {
    first: Math.max(...ranges.map(({ first }) => first)),
    last: Math.min(...ranges.map(({ last }) => last)),
  };
  if (range !== undefined && range.first > range.last) return undefined;
  const { client, hostname } = query;
  const test = recordTest({
    ...(client === undefined ? {} : { client }),
    ...(hostname === undefined ? {} : { hostname }),
  });
  return {
    states: state === "all" ? () => true : (slot, lockedUntil) => stateOf(slot, lockedUntil, nowMs) === state,
    ...(range === undefined ? {} : { range }),
    ...(test === undefined ? {} : { test }),
  };
}

function stateOf(slot: SlotState, lockedUntil: number, nowMs: number): LeaseState {
  if (slot === "released" || slot === "aborted") return slot;
  if (slot === "free" || lockedUntil <= nowMs) return "expired";
  return slot;
}

/** The leases of a page. Between slices of the table other things go on; `signal` ends it. */
export async function findLeases(node: Node, query: LeasesQuery): Promise<z.infer<typeof LEASES>> {
  const nowMs = readClocks().wallMs;
  const time = new Date(nowMs).toISOString();
  const search = searchOf(query, nowMs);
  const leases: Lease[] = [];
  if (search === undefined) return { leases, next: null, time };
  const { table } = node.parts.service;
  for (let after: number = query.after ?? -1;;) {
    const found = table.search(after, search, { limit: query.limit - leases.length, passedMax: SLICE });
    for (const row of found.rows) leases.push(describeLease(node, row, nowMs));
    after = found.after;
    if (found.isDone) return { leases, next: null, time };
    if (leases.length === query.limit) return { leases, next: leases.at(-1)?.address ?? null, time };
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** A lease as JSON. */
function describeLease(node: Node, { address, slot, detail }: LeaseRow, nowMs: number): Lease {
  const client = slot.client === undefined ? undefined : parseClientKey(slot.client);
  const state = stateOf(slot.state, slot.lockedUntil, nowMs);
  const runs = state === "bound" && detail.expires > nowMs;
  const rests = state === "declined" || state === "blocked";
  const octets = (bytes: Uint8Array) => bytes.length === 0 ? null : toHex(bytes);
  return {
    address: formatIpv4(address),
    subnet: subnetOf(node, address),
    state,
    reason: state !== "declined"
      ? null
      : slot.client !== undefined && isConflict(slot.client)
      ? "conflict"
      : "declined",
    client: {
      identifier: client?.tag === CLIENT_TAG.clientIdentifier ? toHex(client.bytes) : null,
      htype: detail.htype,
      chaddr: toHex(detail.chaddr, ":"),
    },
    hostname: detail.hostname === "" ? null : detail.hostname,
    expires: instant(detail.expires),
    remainingSeconds: runs ? Math.floor((detail.expires - nowMs) / 1_000) : 0,
    restsUntil: rests ? instant(slot.lockedUntil) : null,
    lastSeen: instant(detail.lastSeen),
    circuitId: octets(detail.circuitId),
    remoteId: octets(detail.remoteId),
    giaddr: detail.giaddr === 0 ? null : formatIpv4(detail.giaddr),
    node: slot.version.node,
    certified: compareVersions(slot.committedVersion, slot.version) === 0,
  };
}

/** Beyond what a Date can say is for ever. */
const FOREVER = "9999-12-31T23:59:59.000Z";

/** A time as it is written in JSON. */
export function instant(ms: number): string | null {
  if (ms === 0) return null;
  return ms > Date.parse(FOREVER) ? FOREVER : new Date(ms).toISOString();
}

function subnetOf(node: Node, address: Ipv4): string | null {
  const subnet = node.parts.service.compiled.subnets.find(({ prefix }) => prefixContains(prefix, address));
  return subnet === undefined ? null : formatPrefix(subnet.prefix);
}

export function leaseRoutes(node: Node): Route[] {
  return [route({
    method: "get",
    path: "/leases",
    access: "read",
    summary: "Leases by address, page by page.",
    query: LEASES_QUERY,
    response: LEASES,
    handle: async ({ query }) => ({ body: await findLeases(node, query) }),
  })];
}
