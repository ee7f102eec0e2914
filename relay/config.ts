/**
 * relay.yaml: its schema and how its values must relate. `resolve.ts` adds what comes from the machine's interfaces
 * (addresses, hardware addresses).
 */

import { assert } from "../src/assert.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { formatSeconds, milliseconds } from "../src/config/duration.ts";
import { type Config, flag, integer, list, mapping, oneOf, readOnly, text } from "../src/config/field.ts";
import { filePath, hostAddress, httpUrl, interfaceName, port, textOrHexBytes } from "../src/config/fields.ts";
import type { Path, Report } from "../src/config/issue.ts";
import { Unique } from "../src/config/places.ts";
import { asList, asMapping, type Mapping } from "../src/config/plain.ts";
import { httpShape, logSection, rate } from "../src/config/sections.ts";
import { type ForwardLimits, OPTION_82_POLICIES } from "./forward/config.ts";

/** RFC 1542 §4.1.1: at most 16, default 4. */
const HOPS_MAX_DEFAULT = 4;
const HOPS_LIMIT = 16;

const NODE_PORT_DEFAULT = 67;
const NODE_HTTP_PORT_DEFAULT = 8067;
const NODES_MAX = 255;

/** RFC 3046 §2.0: all sub-options together have at most 255 octets: four of these and the fixed-size ones. */
const AGENT_ID_OCTETS_MAX = 56;

/** Generous: a boot storm of a thousand clients passes, and any rate that the relay can forward. */
export const LIMITS_DEFAULT: ForwardLimits = {
  client: { perSecond: 10, burst: 30 },
  interface: { perSecond: 50_000, burst: 50_000 },
  strangers: { perSecond: 200, burst: 2_000 },
  openPerCircuit: 10_000,
};

assert(
  4 * (2 + AGENT_ID_OCTETS_MAX) + 2 * (2 + 4) + (2 + 1) <= 255,
  "RFC 3046 §2.0: the length of option 82 is one octet",
);
assert(LIMITS_DEFAULT.openPerCircuit >= 2 * 1000, "A boot storm of a thousand clients must pass");
assert(
  LIMITS_DEFAULT.strangers.burst < LIMITS_DEFAULT.interface.burst / 2,
  "An interface's rate must leave room for known clients beside strangers",
);

const NODE_ID = integer({ min: 1, max: NODES_MAX });
const NODE_ADDRESS = hostAddress();
const NODE_PORT = port();
const INTERFACE_NAME = interfaceName();
const GATEWAY_ADDRESS = hostAddress();
const AGENT_ID = textOrHexBytes({ octetsMax: AGENT_ID_OCTETS_MAX });
const OPTION_82 = oneOf(OPTION_82_POLICIES);
const TRUSTED = flag();
const WEIGHT_MAX = 100;
const SECONDARY_MAX = 16;
const OPEN_MAX = 60_000;
const SITE = text({ octetsMax: 64, noun: "the name of a site", example: "berlin" });
const PROBE_INTERVAL = milliseconds({ min: 100, max: 60_000 });
const PROBE_TIMEOUT = milliseconds({ min: 10, max: 60_000 });
const PROBE_DEFAULT = { interval: "1s", timeout: "500ms" } as const;

const interfaceSchema = mapping({
  name: INTERFACE_NAME.describe("name of the interface: physical, bridge, VLAN, veth, any that carries IPv4"),
  address: GATEWAY_ADDRESS
    .describe("`giaddr`: its first IPv4 address, or any of this machine that the nodes have a route to")
    .meta({ fallback: "see below" }).exactOptional(),
  secondary: list(GATEWAY_ADDRESS, { max: SECONDARY_MAX })
    .describe("`giaddr`s of further subnets on it (its addresses there); `[]`: none")
    .meta({ fallback: "see below" }).exactOptional(),
  // RFC 3046 §2.1.1.
  trusted: TRUSTED.describe("accept `giaddr` and option 82 set by relays and switches behind it").prefault(false),
  option82: OPTION_82
    .describe("policy for a trusted device's option 82: `forward`, `append`, `replace`, `drop`")
    .prefault("forward"),
  // RFC 3046 §3.1.
  circuitId: AGENT_ID
    .describe("text, or hexadecimal after `0x`, like all ids; at most 56 octets; default: the interface's name")
    .meta({ fallback: "see below" }).exactOptional(),
  // RFC 3046 §3.2.
  remoteId: AGENT_ID.describe("overrides `relay.remoteId` for this interface")
    .meta({ fallback: "see below" }).exactOptional(),
  subscriberId: AGENT_ID.describe("subscriber id of the customer behind it (RFC 3993)").exactOptional(),
  knownServers: list(hostAddress())
    .describe("legitimate DHCP servers on the link, such as a second relay's address").prefault([]),
});

const nodeSchema = mapping({
  id: NODE_ID.describe("1 to 255; identifies the node in logs and metrics"),
  address: NODE_ADDRESS.describe("requests go to it, and replies are accepted only from it"),
  port: NODE_PORT.describe("its UDP port").prefault(NODE_PORT_DEFAULT),
  health: httpUrl().describe("requested at each probe; 200 means ready")
    .meta({ fallback: `http://ADDRESS:${NODE_HTTP_PORT_DEFAULT}/readyz` }).exactOptional(),
  ca: filePath().describe(
    "certificates in PEM by which its HTTPS is trusted, beside the system's; `health` is then `https://…` by default",
  ).exactOptional(),
  weight: integer({ min: 1, max: WEIGHT_MAX })
    .describe(`1 to ${WEIGHT_MAX}: the node's round-trip time is divided by it`).prefault(1),
  site: SITE.describe("any name; see `relay.site`").exactOptional(),
}).transform((node) => ({
  ...node,
  health: node.health ??
    `${node.ca === undefined ? "http" : "https"}://${formatIpv4(node.address)}:${NODE_HTTP_PORT_DEFAULT}/readyz`,
}));

/** The schema of relay.yaml; {@link checkRelay} belongs to it. */
export const relaySchema = mapping({
  relay: mapping({
    site: SITE.describe("any name; nodes of the same site are preferred").exactOptional(),
    interfaces: list(interfaceSchema, { min: 1 }).describe("client-facing interfaces"),
    hopsMax: integer({ min: 1, max: HOPS_LIMIT, example: HOPS_MAX_DEFAULT })
      .describe("drop requests with more hops than this; 16 or more are always dropped")
      .prefault(HOPS_MAX_DEFAULT),
    remoteId: AGENT_ID.describe("remote id of all interfaces; default: each interface's hardware address")
      .meta({ fallback: "see below" }).exactOptional(),
    relayId: AGENT_ID.describe("relay id, independent of the interfaces (RFC 6925)").exactOptional(),
    limits: mapping({
      client: rate(LIMITS_DEFAULT.client).describe("messages per hardware address"),
      interface: rate(LIMITS_DEFAULT.interface).describe("messages per interface"),
      strangers: rate(LIMITS_DEFAULT.strangers)
        .describe("messages per interface that nodes leave unanswered, of clients without a lease through this relay"),
      openPerCircuit: integer({ min: 1, max: OPEN_MAX, example: LIMITS_DEFAULT.openPerCircuit })
        .describe("unanswered transactions per interface, or per port of a trusted switch")
        .prefault(LIMITS_DEFAULT.openPerCircuit),
    }).prefault({}),
    linkSelection: flag().describe("add the link selection sub-option (RFC 3527)").prefault(true),
    serverIdentifierOverride: flag()
      .describe("add the override (RFC 5107) and flags sub-options, so that renewals pass through the relay")
      .prefault(true),
    port: port().describe("UDP port of the relay; change it only for tests and demonstrations").prefault(67),
    clientPort: port().describe("UDP port of clients; change it only for tests and demonstrations").prefault(68),
  }),
  nodes: list(nodeSchema, { min: 1, max: NODES_MAX }).describe("the nodes, or other DHCP servers"),
  probe: mapping({
    interval: PROBE_INTERVAL.describe("interval between probes of a node; up to 8 times as long while nothing changes")
      .prefault(PROBE_DEFAULT.interval),
    timeout: PROBE_TIMEOUT.describe("a later answer counts as lost").prefault(PROBE_DEFAULT.timeout),
    ping: flag().describe("`false`: measure round-trip times by HTTP only").prefault(true),
  }).transform(({ interval, timeout, ...rest }) => ({ intervalMs: interval, timeoutMs: timeout, ...rest }))
    .prefault({}),
  http: mapping(httpShape(8068, "health, metrics and dashboard")).prefault({}),
  log: logSection,
});

/** Everything relay.yaml says, defaults filled in. */
export type RelayConfig = Config<typeof relaySchema>;
export type RelayInterface = RelayConfig["relay"]["interfaces"][number];

/** How the values of relay.yaml must relate. */
export function checkRelay(root: unknown, report: Report): void {
  const file = asMapping(root);
  const { interfaces } = asMapping(file.relay);
  checkUnique(interfaces, ["relay", "interfaces"], report, [
    { key: "name", read: ({ name }) => readOnly(INTERFACE_NAME, name), remedy: "name each interface once" },
    {
      key: "circuitId",
      read: ({ circuitId }) => readOnly(AGENT_ID, circuitId)?.join("."),
      remedy: "nodes tell interfaces apart by it; give each interface its own",
    },
  ]);
  checkTrust(interfaces, report);
  checkUnique(file.nodes, ["nodes"], report, [
    { key: "id", read: ({ id }) => readOnly(NODE_ID, id), remedy: "give every node its own id" },
    {
      key: "address",
      // Several nodes on one host, as in the demo, differ in their ports.
      read: ({ address, port = NODE_PORT_DEFAULT }) => {
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
  const interval = readOnly(PROBE_INTERVAL, probe.interval ?? PROBE_DEFAULT.interval);
  const timeout = readOnly(PROBE_TIMEOUT, probe.timeout ?? PROBE_DEFAULT.timeout);
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
 * The configuration after a reload: bound addresses and ports stay those of `running`; `fixed` names the keys that the
 * file changes nevertheless.
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
