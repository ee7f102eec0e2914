/** The set-up that the cases share: one node, one relay, two client networks. */

import { strictEqual } from "node:assert/strict";
import type { Capture } from "../lab/capture.ts";
import type { Process } from "../lab/process.ts";
import { LANS, type NodeHost, Topology } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";
import { httpGet, writeConfig } from "../programs/ours.ts";
import type { NodeConfig, Programs, RelayConfig, ServiceConfig } from "../programs/programs.ts";

/** Options of a case. */
export interface SiteOptions {
  /** Pool of the first network; the second's is fixed. */
  readonly pool?: string;
  readonly service?: Partial<ServiceConfig>;
  /** The node runs on the gateway and serves both networks itself, without a relay. */
  readonly onLink?: boolean;
  /** Address of a host in the first network whose packets are not recorded, as it sends too many. */
  readonly unrecorded?: string;
}

/** A running service and the networks around it. */
export interface Site {
  readonly topology: Topology;
  /** The wire of the first and of the second client network. */
  readonly wires: readonly [Capture, Capture];
  readonly nodeHost: NodeHost;
  /** The node that runs now. */
  node: Process;
  /** Undefined when the node is on the clients' networks itself. */
  readonly relay: Process | undefined;
  /** Starts a node with the same state directory; the former one must have ended. */
  restartNode(): Promise<void>;
  /** Changes the `service` section, and waits until the running node serves it (SIGHUP). */
  reconfigure(service: Partial<ServiceConfig>): Promise<void>;
}

const FOLLOWED_MS = 10_000;

/** T2 comes within a test, the end of a lease does not. */
const SERVICE = { leaseTime: 120, renewTime: 4, rebindTime: 8 };

/** Runs a case on its own site; a failure includes the transcript of the wire and the last output of the programs. */
export async function onSite(
  programs: Programs,
  options: SiteOptions,
  testCase: (site: Site) => Promise<void>,
): Promise<void> {
  await using topology = await Topology.build();
  try {
    const wires = [await topology.capture(LANS[0], options.unrecorded), await topology.capture(LANS[1])] as const;
    const gateway = { namespace: topology.gateway, mac: "", address: "10.99.0.1" };
    const nodeHost = options.onLink ? gateway : await topology.node(1);
    let config = nodeConfig(nodeHost, options);
    const node = await programs.startNode(nodeHost.namespace, config);
    const relay = options.onLink ? undefined : await programs.startRelay(topology.gateway, relayConfig([nodeHost]));
    const site: Site = {
      topology,
      wires,
      nodeHost,
      node,
      relay,
      async restartNode() {
        strictEqual(site.node.running, false, "The last node has to end before the next one starts");
        site.node = await programs.startNode(nodeHost.namespace, config);
      },
      async reconfigure(service) {
        const revision = config.service.revision + 1;
        config = { ...config, service: { ...config.service, ...service, revision } };
        await writeConfig("node", nodeHost.namespace, config);
        site.node.signal("SIGHUP");
        const url = `http://${config.http.address}:${config.http.port}/status`;
        await until(`revision ${revision} to be served`, FOLLOWED_MS, async () => {
          const answer = await httpGet(nodeHost.namespace, url);
          return answer?.status === 200 && JSON.parse(answer.body).revision === revision;
        });
      },
    };
    await testCase(site);
    site.node.mustRun();
    relay?.mustRun();
    for (const wire of wires) strictEqual(await wire.malformed(), "", `tshark finds fault with ${wire.device}`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n${topology.report()}`, { cause: error });
  }
}

function nodeConfig(host: NodeHost, options: SiteOptions): NodeConfig {
  const stateDir = host.namespace.folder("state");
  return {
    node: { id: 1, stateDir },
    dhcp: {
      address: host.address,
      port: 67,
      interfaces: options.onLink ? LANS.map((lan) => ({ name: lan.name })) : [],
    },
    cluster: { nodes: [{ id: 1, address: host.address }], port: 6767 },
    http: { address: host.address, port: 8067 },
    log: { level: "info", format: "text" },
    service: {
      revision: 1,
      authoritative: true,
      ...SERVICE,
      subnets: LANS.map((lan, index) => ({
        subnet: lan.subnet,
        pools: [index === 0 && options.pool !== undefined ? options.pool : `${lan.network}.20-${lan.network}.200`],
        options: { routers: [lan.gateway], "domain-name-servers": [`${lan.network}.53`] },
      })),
      ...options.service,
    },
  };
}

function relayConfig(nodes: readonly NodeHost[]): RelayConfig {
  return {
    relay: { interfaces: LANS.map((lan) => ({ name: lan.name })) },
    nodes: nodes.map(({ address }, index) => ({
      id: index + 1,
      address,
      port: 67,
      health: `http://${address}:8067/readyz`,
    })),
    probe: { interval: "1s", timeout: "500ms" },
    http: { address: "127.0.0.1", port: 8068 },
    log: { level: "info", format: "text" },
  };
}
