/**
 * node.yaml: its schema and how its values must relate. The `service` section is in `src/config/service_schema.ts`. Files it
 * names, such as `keyFile`, are opened by whoever uses them.
 */

import type { z } from "zod";
import type { ServiceConfig } from "../src/dhcp/server/config.ts";
import type { Ipv4 } from "../src/net/ipv4.ts";
import { defined, integer, list, mapping, readOnly } from "../src/config/field.ts";
import { filePath, hostAddress, interfaceName, multicastGroup, port } from "../src/config/fields.ts";
import type { ConfigIssue, Path, Report } from "../src/config/issue.ts";
import { checkConfig, loadConfig } from "../src/config/load.ts";
import { parseSource } from "../src/config/source.ts";
import { Unique } from "../src/config/places.ts";
import { asList, asMapping, type Mapping } from "../src/config/plain.ts";
import type { TakenAddress } from "../src/config/ranges_check.ts";
import { type HttpConfig, httpShape, type LogConfig, logSection } from "../src/config/sections.ts";
import { serviceSchema } from "../src/config/service_schema.ts";
import { checkService } from "../src/config/service_check.ts";

/** A member of the cluster. */
export interface ClusterNode {
  /** 1..255: identity and bully priority. */
  readonly id: number;
  readonly address: Ipv4;
}

/** Everything node.yaml says, defaults filled in. */
export interface NodeConfig {
  readonly node: {
    readonly id: number;
    /** Directory of the database and the identity. */
    readonly stateDir: string;
  };
  readonly dhcp: {
    /** Where relays reach this node; the server identifier of its answers. */
    readonly address: Ipv4;
    readonly port: number;
    /** Where clients are attached without a relay between. */
    readonly interfaces: readonly { readonly name: string }[];
  };
  readonly cluster: {
    /** All members, this one too; one = standalone. */
    readonly nodes: readonly ClusterNode[];
    readonly port: number;
    /** Undefined: unicast to each. */
    readonly multicast: Ipv4 | undefined;
    /** Undefined only when standalone. */
    readonly keyFile?: string;
  };
  readonly http: HttpConfig & {
    /** Who has its content may give commands over the network; undefined: nobody. */
    readonly tokenFile?: string;
  };
  readonly log: LogConfig;
  readonly service: ServiceConfig;
}

export const DHCP_PORT_DEFAULT = 67;
export const CLUSTER_PORT_DEFAULT = 6767;
export const HTTP_PORT_DEFAULT = 8067;

/** 239.255.67.67, of the site-local scope (RFC 2365 §6.1). */
export const MULTICAST_DEFAULT: Ipv4 = 0xefff4343;

const NODES_MAX = 255;
const NODE_ID = integer({ min: 1, max: NODES_MAX });
const NODE_ADDRESS = hostAddress();
const INTERFACE_NAME = interfaceName();

/** The schema of node.yaml; {@link checkNode} belongs to it. */
export const nodeSchema: z.ZodType<NodeConfig> = mapping({
  node: mapping({ id: NODE_ID, stateDir: filePath() }),
  dhcp: mapping({
    address: hostAddress(),
    port: port().default(DHCP_PORT_DEFAULT),
    interfaces: list(mapping({ name: INTERFACE_NAME })).default([]),
  }),
  cluster: mapping({
    nodes: list(mapping({ id: NODE_ID, address: NODE_ADDRESS }), { min: 1, max: NODES_MAX }),
    port: port().default(CLUSTER_PORT_DEFAULT),
    multicast: multicastGroup().default(MULTICAST_DEFAULT),
    keyFile: filePath().optional(),
  }).transform(({ nodes, port, multicast, keyFile }) => ({
    nodes,
    port,
    multicast: multicast === "off" ? undefined : multicast,
    ...defined({ keyFile }),
  })),
  http: mapping({ ...httpShape(HTTP_PORT_DEFAULT), tokenFile: filePath().optional() }).prefault({})
    .transform(({ tokenFile, ...http }) => ({ ...http, ...defined({ tokenFile }) })),
  log: logSection(),
  service: serviceSchema(),
});

/** How the values of node.yaml must relate. */
export function checkNode(root: unknown, report: Report): void {
  const file = asMapping(root);
  const cluster = asMapping(file.cluster);
  const dhcp = asMapping(file.dhcp);
  checkMembers(cluster, readOnly(NODE_ID, asMapping(file.node).id), report);
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
 * The `service` section of a file's plain values as text, made the same way everywhere: it is compared, and distributed.
 * Keys are sorted, for their order means nothing.
 */
export function serviceText(root: unknown): string {
  return JSON.stringify(
    asMapping(root).service,
    (_key, value) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
        : value,
  );
}

/** Such a text with another revision; undefined when it is none. */
export function reviseServiceText(text: string, revision: number): string | undefined {
  try {
    const service: unknown = JSON.parse(text);
    if (typeof service !== "object" || service === null || Array.isArray(service)) return undefined;
    return serviceText({ service: { ...service, revision } });
  } catch {
    return undefined;
  }
}

/** Reads such a text. The node's own addresses come from its file. */
export function readServiceText(
  text: string,
  own: Pick<NodeConfig, "dhcp" | "cluster">,
): { readonly ok: true; readonly service: ServiceConfig } | { readonly ok: false; readonly problem: string } {
  let service: unknown;
  try {
    service = JSON.parse(text);
  } catch {
    return { ok: false, problem: "it is no JSON" };
  }
  const taken = own.cluster.nodes.map(({ id, address }) => ({ address, name: `cluster node ${id}` }));
  const addresses = [...taken, { address: own.dhcp.address, name: "this node (dhcp.address)" }];
  const result = checkConfig({ service }, SERVICE_ONLY, (root, report) => {
    checkService(asMapping(root).service, report, { path: ["service"], taken: addresses });
  });
  if (result.ok) return { ok: true, service: result.value.service };
  return { ok: false, problem: result.issues.map(({ path, message }) => `${path}: ${message}`).join("; ") };
}

/**
 * What is wrong with the text of a file that has nothing but a `service` section, as `config convert` writes it and `config push`
 * takes it; undefined when it has other sections. A push makes up for a revision that is missing.
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

const SERVICE_ONLY: z.ZodType<{ readonly service: ServiceConfig }> = mapping({ service: serviceSchema() });

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
