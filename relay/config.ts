/**
 * relay.yaml: its schema and how its values must relate. `resolve.ts` adds what comes from the machine's interfaces
 * (addresses, hardware addresses).
 */

import type { z } from "zod";
import { assert } from "../src/assert.ts";
import { formatIpv4, type Ipv4 } from "../src/net/ipv4.ts";
import { formatSeconds, milliseconds } from "../src/config/duration.ts";
import { defined, type Field, flag, integer, list, mapping, oneOf, readOnly, text } from "../src/config/field.ts";
import { hostAddress, httpUrl, interfaceName, port, textOrHexBytes } from "../src/config/fields.ts";
import type { Path, Report } from "../src/config/issue.ts";
import { Unique } from "../src/config/places.ts";
import { asList, asMapping, type Mapping } from "../src/config/plain.ts";
import { type HttpConfig, httpSection, type LogConfig, logSection } from "../src/config/sections.ts";
import { type ForwardLimits, type Option82Policy, OPTION_82_POLICIES, type Rate } from "./forward/config.ts";

/** A client-facing interface. */
export interface RelayInterface {
  readonly name: string;
  /** Its `giaddr`; undefined: the interface's first IPv4 address. */
  readonly address?: Ipv4;
  /** The `giaddr`s of its other subnets; undefined: the interface's other IPv4 addresses. */
  readonly secondary?: readonly Ipv4[];
  /** Whether requests may already carry giaddr or option 82 (RFC 3046 §2.1.1). */
  readonly trusted: boolean;
  /** What to do with an option 82 that a request already carries. */
  readonly option82: Option82Policy;
  /** RFC 3046 §3.1; undefined: the interface's name. */
  readonly circuitId?: Uint8Array;
  /** RFC 3046 §3.2; undefined: the relay's. */
  readonly remoteId?: Uint8Array;
  /** RFC 3993; undefined: none. */
  readonly subscriberId?: Uint8Array;
  /** Legitimate DHCP servers on the link. */
  readonly knownServers: readonly Ipv4[];
}

/** A node that requests are forwarded to. */
interface RelayNode {
  readonly id: number;
  readonly address: Ipv4;
  readonly port: number;
  /** Answers 200 while the node can serve. */
  readonly health: string;
  /** Divisor of its round-trip time when nodes are compared. */
  readonly weight: number;
  /** Its site; nodes of the relay's own site are preferred. */
  readonly site?: string;
}

/** The contents of relay.yaml, defaults filled in. */
export interface RelayConfig {
  readonly relay: {
    /** The relay's site. */
    readonly site?: string;
    readonly interfaces: readonly RelayInterface[];
    /** Requests with more hops than this are dropped. */
    readonly hopsMax: number;
    /** RFC 3046 §3.2; undefined: the interface's hardware address. */
    readonly remoteId?: Uint8Array;
    /** RFC 6925; undefined: none. */
    readonly relayId?: Uint8Array;
    readonly limits: ForwardLimits;
    /** Add the link selection sub-option (RFC 3527). */
    readonly linkSelection: boolean;
    /** Add the server identifier override sub-option (RFC 5107), so that renewals come back through the relay. */
    readonly serverIdentifierOverride: boolean;
    /** UDP port of the relay. */
    readonly port: number;
    /** UDP port of clients. */
    readonly clientPort: number;
  };
  readonly nodes: readonly RelayNode[];
  readonly probe: { readonly intervalMs: number; readonly timeoutMs: number; readonly ping: boolean };
  readonly http: HttpConfig;
  readonly log: LogConfig;
}

/** RFC 1542 §4.1.1: at most 16, default 4. */
const HOPS_MAX_DEFAULT = 4;
const HOPS_LIMIT = 16;

const HTTP_PORT_DEFAULT = 8068;
const NODE_HTTP_PORT_DEFAULT = 8067;
const NODES_MAX = 255;

/** RFC 3046 §2.0: all sub-options together have at most 255 octets: four of these and the fixed-size ones. */
const AGENT_ID_OCTETS_MAX = 56;

/** Generous: a boot storm of a thousand clients passes, and any rate that the relay can forward. */
export const LIMITS_DEFAULT: ForwardLimits = {
  client: { perSecond: 10, burst: 30 },
  interface: { perSecond: 50_000, burst: 50_000 },
  openPerCircuit: 10_000,
};

assert(
  4 * (2 + AGENT_ID_OCTETS_MAX) + 2 * (2 + 4) + (2 + 1) <= 255,
  "RFC 3046 §2.0: the length of option 82 is one octet",
);
assert(LIMITS_DEFAULT.openPerCircuit >= 2 * 1000, "A boot storm of a thousand clients must pass");

const NODE_ID = integer({ min: 1, max: NODES_MAX });
const NODE_ADDRESS = hostAddress();
const NODE_PORT = port();
const INTERFACE_NAME = interfaceName();
const GATEWAY_ADDRESS = hostAddress();
const CIRCUIT_ID = textOrHexBytes({ octetsMax: AGENT_ID_OCTETS_MAX });
const AGENT_ID = textOrHexBytes({ octetsMax: AGENT_ID_OCTETS_MAX });
const OPTION_82 = oneOf(OPTION_82_POLICIES);
const TRUSTED = flag();
const WEIGHT_MAX = 100;
const SECONDARY_MAX = 16;
const RATE_MAX = 1_000_000;
const OPEN_MAX = 60_000;
const SITE = text({ octetsMax: 64, noun: "the name of a site", example: "berlin" });
const PROBE_INTERVAL = milliseconds({ min: 100, max: 60_000 });
const PROBE_TIMEOUT = milliseconds({ min: 10, max: 60_000 });
const PROBE_DEFAULT = { intervalMs: 1000, timeoutMs: 500, ping: true } as const;

const interfaceSchema = mapping({
  name: INTERFACE_NAME,
  address: GATEWAY_ADDRESS.optional(),
  secondary: list(GATEWAY_ADDRESS, { max: SECONDARY_MAX }).optional(),
  trusted: TRUSTED.default(false),
  option82: OPTION_82.default("forward"),
  circuitId: CIRCUIT_ID.optional(),
  remoteId: AGENT_ID.optional(),
  subscriberId: AGENT_ID.optional(),
  knownServers: list(hostAddress()).default([]),
}).transform(({ address, secondary, circuitId, remoteId, subscriberId, ...rest }) => ({
  ...rest,
  ...defined({ address, secondary, circuitId, remoteId, subscriberId }),
}));

/** A rate and its burst. */
function rate(fallback: Rate): Field<Rate> {
  return mapping({
    perSecond: integer({ min: 1, max: RATE_MAX, example: fallback.perSecond }).default(fallback.perSecond),
    burst: integer({ min: 1, max: RATE_MAX, example: fallback.burst }).default(fallback.burst),
  }).default(fallback);
}

const limitsSchema = mapping({
  client: rate(LIMITS_DEFAULT.client),
  interface: rate(LIMITS_DEFAULT.interface),
  openPerCircuit: integer({ min: 1, max: OPEN_MAX, example: LIMITS_DEFAULT.openPerCircuit })
    .default(LIMITS_DEFAULT.openPerCircuit),
}).default(LIMITS_DEFAULT);

const nodeSchema = mapping({
  id: NODE_ID,
  address: NODE_ADDRESS,
  port: NODE_PORT.default(67),
  health: httpUrl().optional(),
  weight: integer({ min: 1, max: WEIGHT_MAX }).default(1),
  site: SITE.optional(),
}).transform(({ health, site, ...node }) => ({
  ...node,
  ...defined({ site }),
  health: health ?? `http://${formatIpv4(node.address)}:${NODE_HTTP_PORT_DEFAULT}/readyz`,
}));

/** The schema of relay.yaml; {@link checkRelay} belongs to it. */
export const relaySchema: z.ZodType<RelayConfig> = mapping({
  relay: mapping({
    site: SITE.optional(),
    interfaces: list(interfaceSchema, { min: 1 }),
    hopsMax: integer({ min: 1, max: HOPS_LIMIT, example: HOPS_MAX_DEFAULT }).default(HOPS_MAX_DEFAULT),
    remoteId: AGENT_ID.optional(),
    relayId: AGENT_ID.optional(),
    limits: limitsSchema,
    linkSelection: flag().default(true),
    serverIdentifierOverride: flag().default(true),
    port: port().default(67),
    clientPort: port().default(68),
  }).transform(({ remoteId, relayId, site, ...relay }) => ({ ...relay, ...defined({ remoteId, relayId, site }) })),
  nodes: list(nodeSchema, { min: 1, max: NODES_MAX }),
  probe: mapping({
    interval: PROBE_INTERVAL.default(PROBE_DEFAULT.intervalMs),
    timeout: PROBE_TIMEOUT.default(PROBE_DEFAULT.timeoutMs),
    ping: flag().default(PROBE_DEFAULT.ping),
  }).transform(({ interval, timeout, ping }) => ({ intervalMs: interval, timeoutMs: timeout, ping }))
    .default(PROBE_DEFAULT),
  http: httpSection(HTTP_PORT_DEFAULT),
  log: logSection(),
});

/** How the values of relay.yaml must relate. */
export function checkRelay(root: unknown, report: Report): void {
  const file = asMapping(root);
  const { interfaces } = asMapping(file.relay);
  checkUnique(interfaces, ["relay", "interfaces"], report, [
    { key: "name", read: ({ name }) => readOnly(INTERFACE_NAME, name), remedy: "name each interface once" },
    {
      key: "circuitId",
      read: ({ circuitId }) => readOnly(CIRCUIT_ID, circuitId)?.join("."),
      remedy: "nodes tell interfaces apart by it; give each interface its own",
    },
  ]);
  checkTrust(interfaces, report);
  checkUnique(file.nodes, ["nodes"], report, [
    { key: "id", read: ({ id }) => readOnly(NODE_ID, id), remedy: "give every node its own id" },
    {
      key: "address",
      // Several nodes on one host, as in the demo, differ in their ports.
      read: ({ address, port = 67 }) => {
        const at = readOnly(NODE_ADDRESS, address);
        return at === undefined ? undefined : `${at}:${readOnly(NODE_PORT, port)}`;
      },
      remedy: "give every node its own address or port",
    },
  ]);
  checkSites(file, report);
  checkProbe(asMapping(file.probe), report);
}

/** On untrusted interfaces requests with option 82 are dropped, whatever the policy. */
function checkTrust(interfaces: unknown, report: Report): void {
  for (const [index, entry] of asList(interfaces).entries()) {
    const { trusted, option82 } = asMapping(entry);
    const policy = readOnly(OPTION_82, option82);
    if ((policy !== "append" && policy !== "replace") || readOnly(TRUSTED, trusted) === true) continue;
    report(
      ["relay", "interfaces", index, "option82"],
      "has no effect on an interface that is not trusted; add trusted: true",
    );
  }
}

/** A relay site without nodes is a typing error, or a preference without effect. */
function checkSites(file: Mapping, report: Report): void {
  const own = readOnly(SITE, asMapping(file.relay).site);
  if (own === undefined) return;
  const sites = asList(file.nodes).map((node) => readOnly(SITE, asMapping(node).site));
  if (!sites.includes(own)) {
    report(["relay", "site"], "is not the site of any node; set it on a node, or remove it here");
  }
}

function checkProbe(probe: Mapping, report: Report): void {
  const interval = probe.interval === undefined ? PROBE_DEFAULT.intervalMs : readOnly(PROBE_INTERVAL, probe.interval);
  const timeout = probe.timeout === undefined ? PROBE_DEFAULT.timeoutMs : readOnly(PROBE_TIMEOUT, probe.timeout);
  if (interval === undefined || timeout === undefined || timeout <= interval) return;
  if (probe.timeout !== undefined) {
    report(["probe", "timeout"], `is longer than probe.interval (${formatMs(interval)}); shorten it`);
  } else {
    report(["probe", "interval"], `is shorter than probe.timeout (${formatMs(timeout)}); set probe.timeout with it`);
  }
}

function formatMs(ms: number): string {
  return ms % 1000 === 0 ? formatSeconds(ms / 1000) : `${ms}ms`;
}

/**
 * The configuration after a reload: bound addresses and ports stay those of `running`; `fixed` names the keys that the file
 * changes nevertheless.
 */
export function keepBound(wanted: RelayConfig, running: RelayConfig): { value: RelayConfig; fixed: string[] } {
  const { port, clientPort } = running.relay;
  const fixed = [
    ...(wanted.relay.port === port ? [] : ["relay.port"]),
    ...(wanted.relay.clientPort === clientPort ? [] : ["relay.clientPort"]),
    ...(wanted.http.address === running.http.address ? [] : ["http.address"]),
    ...(wanted.http.port === running.http.port ? [] : ["http.port"]),
  ];
  return { value: { ...wanted, relay: { ...wanted.relay, port, clientPort }, http: running.http }, fixed };
}

/** A key whose values must be unique within a list. */
interface UniqueKey {
  readonly key: string;
  /** The value to compare; undefined: skipped. */
  readonly read: (entry: Mapping) => string | number | undefined;
  readonly remedy: string;
}

function checkUnique(entries: unknown, path: Path, report: Report, keys: readonly UniqueKey[]): void {
  for (const { key, read, remedy } of keys) {
    const values = new Unique<string | number>(report, remedy);
    for (const [index, entry] of asList(entries).entries()) values.add(read(asMapping(entry)), [...path, index, key]);
  }
}
