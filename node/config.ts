/**
 * node.yaml: its schema and how its values must relate. The `service` section is in `src/config/service_schema.ts`.
 * Files that it names, such as `keyFile`, are opened where they are used.
 */

import { type ServiceConfig, serviceSchema } from "../src/config/service_schema.ts";
import type { Ipv4 } from "../src/net/ipv4.ts";
import { type Config, flag, integer, list, mapping, readOnly } from "../src/config/field.ts";
import { filePath, hostAddress, interfaceName, multicastGroup, port, source } from "../src/config/fields.ts";
import type { ConfigIssue, Path, Report } from "../src/config/issue.ts";
import { isTooDeep } from "../src/config/bounds.ts";
import { CONFIG_LIMITS } from "../src/config/limits.ts";
import { checkConfig, loadConfig } from "../src/config/load.ts";
import { parseSource } from "../src/config/source.ts";
import { Unique } from "../src/config/places.ts";
import { asList, asMapping, type Mapping } from "../src/config/plain.ts";
import type { TakenAddress } from "../src/config/ranges_check.ts";
import { httpShape, logSection } from "../src/config/sections.ts";
import { checkService } from "../src/config/service_check.ts";

const NODES_MAX = 255;
const NODE_ID = integer({ min: 1, max: NODES_MAX });
const NODE_ADDRESS = hostAddress();
const RELAY = source();
const INTERFACE_NAME = interfaceName();

/** The schema of node.yaml; {@link checkNode} belongs to it. */
export const nodeSchema = mapping({
  node: mapping({
    id: NODE_ID.describe("1 to 255, unique in the cluster: identity, and priority in elections"),
    stateDir: filePath().describe("directory of the database; made when it is missing"),
    witness: flag().describe(
      "true: this node stores leases and votes, and serves no clients; it opens no DHCP socket and never leads",
    ).prefault(false),
  }),
  dhcp: mapping({
    address: hostAddress().describe(
      "where relays reach this node; also the server identifier (option 54), unless a relay overrides it",
    ),
    port: port().describe("UDP port of the node and of the relays it answers").prefault(67),
    relays: list(RELAY).describe(
      "addresses or networks of relays that send from another address than their `giaddr`, such as `dhcrelay` and " +
        "`ip helper-address`; see below",
    ).prefault([]),
    interfaces: list(mapping({
      name: INTERFACE_NAME.describe(
        "an interface with clients of its own, without a relay; there the server identifier is the interface's address",
      ),
    })).describe("interfaces whose clients this node serves itself").prefault([]),
  }),
  cluster: mapping({
    nodes: list(
      mapping({
        id: NODE_ID.describe("the member's `node.id`"),
        address: NODE_ADDRESS.describe("where the other members reach it"),
      }),
      { min: 1, max: NODES_MAX },
    ).describe("all members, this one too; one entry: the node serves alone"),
    port: port().describe("UDP (unicast and multicast) and TCP between the members").prefault(6767),
    // 239.255/16 is the site-local scope (RFC 2365 §6.1). Undefined in the program: unicast to each.
    multicast: multicastGroup().transform((group) => group === "off" ? undefined : group)
      .describe("group for what all members hear, and unicast to those that it does not reach; `off`: unicast to each")
      .prefault("239.255.67.67"),
    keyFile: filePath().describe(
      "key file, the same on every member; needed with more than one, and by a single node before members are added",
    ).exactOptional(),
  }),
  http: mapping({
    ...httpShape(8067, "health, metrics, API and dashboard"),
    tokenFile: filePath().describe(
      "file with a token for everything, readable by its owner only; without it and the next, no command is accepted",
    ).exactOptional(),
    tokensFile: filePath().describe(
      "file with named tokens, each with a role (`read`, `operate`, `admin`) and, if wanted, the day it expires",
    ).exactOptional(),
  }).prefault({}),
  log: logSection,
  service: serviceSchema,
});

/** Everything node.yaml says, defaults filled in. */
export type NodeConfig = Config<typeof nodeSchema>;

/** The same without the `service` section. */
export type NodeSettings = Omit<NodeConfig, "service">;

/** How the values of node.yaml must relate. */
export function checkNode(root: unknown, report: Report): void {
  const file = asMapping(root);
  const cluster = asMapping(file.cluster);
  const dhcp = asMapping(file.dhcp);
  checkMembers(cluster, readOnly(NODE_ID, asMapping(file.node).id), report);
  if (asMapping(file.node).witness === true) {
    const interfaces = asList(dhcp.interfaces).length;
    if (interfaces > 0) report(["dhcp", "interfaces"], "is not for a witness, which serves no clients; leave it out");
    if (asList(cluster.nodes).length === 1) {
      report(["node", "witness"], "needs nodes that serve; list all members in cluster.nodes");
    }
  }
  const names = new Unique(report, "name each interface once");
  for (const [index, entry] of asList(dhcp.interfaces).entries()) {
    const path = ["dhcp", "interfaces", index, "name"];
    names.add(readOnly(INTERFACE_NAME, asMapping(entry).name), path);
  }
  checkService(file.service, report, { path: ["service"], taken: nodeAddresses(dhcp, cluster) });
}

function checkMembers(cluster: Mapping, self: number | undefined, report: Report): void {
  const ids = new Unique<number>(report, "give every node its own id");
  const addresses = new Unique<Ipv4>(report, "give every node its own address");
  const nodes = asList(cluster.nodes);
  let allReadable = nodes.length > 0;
  for (const [index, entry] of nodes.entries()) {
    const path: Path = ["cluster", "nodes", index];
    const id = readOnly(NODE_ID, asMapping(entry).id);
    if (id === undefined) allReadable = false;
    ids.add(id, [...path, "id"]);
    addresses.add(readOnly(NODE_ADDRESS, asMapping(entry).address), [...path, "address"]);
  }
  if (self !== undefined && allReadable && !ids.has(self)) {
    report(["node", "id"], "is not among cluster.nodes; add this node there, with the address the others reach");
  }
  if (nodes.length > 1 && cluster.keyFile === undefined) {
    const message = "is missing; nodes that talk to each other share a key: " +
      "dhcpcluster-node key FILE makes one; copy it to every node";
    report(["cluster", "keyFile"], message, "place");
  }
}

/**
 * The `service` section of a file's plain values as text, made the same way everywhere: it is compared, and
 * distributed. Keys are sorted, for their order means nothing.
 */
export function serviceText(root: unknown): string {
  return JSON.stringify(sorted(asMapping(root).service));
}

/** Plain values with the keys of their mappings sorted; the same values when they are already. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const entries = value.map(sorted);
    return entries.every((entry, index) => entry === value[index]) ? value : entries;
  }
  const keys = Object.keys(value);
  const mapping = value as Readonly<Record<string, unknown>>;
  let isSorted = true;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    if (index > 0 && key < (keys[index - 1] as string)) isSorted = false;
    else if (sorted(mapping[key]) !== mapping[key]) isSorted = false;
  }
  return isSorted ? value : Object.fromEntries(keys.sort().map((key) => [key, sorted(mapping[key])]));
}

/** Why a section is too large to be served; undefined: it is not. */
export function sizeProblem(text: string): string | undefined {
  const { sectionBytesMax } = CONFIG_LIMITS;
  const octets = text.length > sectionBytesMax ? text.length : encoder.encode(text).length;
  if (octets <= sectionBytesMax) return undefined;
  return `has ${octets} octets as JSON, and members send each other at most ${sectionBytesMax}: remove reservations ` +
    "that are not needed, or what could be set for a whole subnet or class";
}

const encoder = new TextEncoder();

/** Such a text with another revision; undefined when it is none. */
export function reviseServiceText(text: string, revision: number): string | undefined {
  const place = revisionIn(text);
  if (place !== undefined) return `${text.slice(0, place.start)}${revision}${text.slice(place.end)}`;
  try {
    const service: unknown = JSON.parse(text);
    if (typeof service !== "object" || service === null || Array.isArray(service)) return undefined;
    return serviceText({ service: { ...service, revision } });
  } catch {
    return undefined;
  }
}

/** Where the revision stands in such a text: in front of the subnets, so that little of it is looked at. */
function revisionIn(text: string): { readonly start: number; readonly end: number } | undefined {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*":?|[{}[\]]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (depth === 1 && token === '"revision":') {
      const start = index + token.length;
      const digits = /\d+(?=[,}])/y;
      digits.lastIndex = start;
      return digits.test(text) ? { start, end: digits.lastIndex } : undefined;
    }
  }
  return undefined;
}

/** The addresses of a node's own file, which no pool may contain. */
export interface OwnAddresses {
  readonly dhcp: Pick<NodeConfig["dhcp"], "address">;
  readonly cluster: Pick<NodeConfig["cluster"], "nodes">;
}

/** A section, and its plain values under `service`; or what is wrong with it. */
type ServiceReading =
  | { readonly ok: true; readonly service: ServiceConfig; readonly root: unknown }
  | { readonly ok: false; readonly problem: string };

/** Reads such a text. */
export function readServiceText(text: string, own: OwnAddresses): ServiceReading {
  const tooLarge = sizeProblem(text);
  if (tooLarge !== undefined) return { ok: false, problem: `the service section ${tooLarge}` };
  let service: unknown;
  try {
    service = JSON.parse(text);
  } catch {
    return { ok: false, problem: "it is no JSON" };
  }
  if (isTooDeep(service)) return { ok: false, problem: "it is nested too deeply" };
  return readServiceValues(service, own);
}

/** Reads the plain values of a section. */
export function readServiceValues(service: unknown, own: OwnAddresses): ServiceReading {
  const taken = own.cluster.nodes.map(({ id, address }) => ({ address, name: `cluster node ${id}` }));
  const addresses = [...taken, { address: own.dhcp.address, name: "this node (dhcp.address)" }];
  const result = checkConfig({ service }, SERVICE_ONLY, (root, report) => {
    checkService(asMapping(root).service, report, { path: ["service"], taken: addresses });
  });
  if (result.ok) return { ok: true, service: result.value.service, root: result.root };
  return {
    ok: false,
    problem: result.issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`).join("; "),
  };
}

/**
 * What is wrong with the text of a file that has nothing but a `service` section, as `config convert` writes it and
 * `config push` takes it; undefined when it has other sections. A push makes up for a revision that is missing.
 */
export function serviceFileIssues(text: string): readonly ConfigIssue[] | undefined {
  const root = parseSource(text).source?.value;
  if (Object.keys(asMapping(root)).join() !== "service") return undefined;
  const result = loadConfig(text, SERVICE_ONLY, (file, report) => {
    checkService(asMapping(file).service, report, { path: ["service"], taken: [] });
  });
  return result.ok
    ? []
    : result.issues.filter(({ path, message }) => path !== "service.revision" || !message.startsWith("is missing"));
}

const SERVICE_ONLY = mapping({ service: serviceSchema });

/** Addresses of the nodes themselves, which clients must not get. */
function nodeAddresses(dhcp: Mapping, cluster: Mapping): TakenAddress[] {
  const taken = new Map<Ipv4, string>();
  for (const entry of asList(cluster.nodes)) {
    const { id, address: written } = asMapping(entry);
    const address = readOnly(NODE_ADDRESS, written);
    if (address !== undefined) taken.set(address, `cluster node ${String(id)}`);
  }
  const own = readOnly(NODE_ADDRESS, dhcp.address);
  if (own !== undefined) taken.set(own, "this node (dhcp.address)");
  return Array.from(taken, ([address, name]) => ({ address, name }));
}
