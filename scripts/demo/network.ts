/** The demonstration's network on loopback: addresses and ports, and the configuration of nodes and relay. */

import { stringify } from "yaml";

/** One of the demonstration's nodes. */
export interface DemoNode {
  readonly id: number;
  readonly address: string;
  readonly httpPort: number;
  /** Where the relay asks for its health, and by how much later that gets there and back: its distance. */
  readonly healthPort: number;
  readonly delayMs: number;
}

/** Everything the demonstration listens on. */
export interface DemoNetwork {
  /** The relay's address towards clients: giaddr, and where clients send to. */
  readonly giaddr: string;
  /** By id; the last one becomes the leader. */
  readonly nodes: readonly DemoNode[];
  /** Stands for port 67, at nodes and relay. */
  readonly serverPort: number;
  /** Stands for port 68. */
  readonly clientPort: number;
  readonly clusterPort: number;
  readonly relayHttpPort: number;
}

/** One way, by node: so far apart that a busy machine, which adds tens of milliseconds, keeps their order. */
const DELAYS_MS = [160, 60, 1];
const FIRST_PORT = 20_000;
const PORTS = 10_000;

/** Chooses ports that are free. */
export function chooseNetwork(): DemoNetwork {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const network = {
      giaddr: "127.77.0.1",
      nodes: DELAYS_MS.map((delayMs, index) => ({
        id: index + 1,
        address: `127.99.0.${11 + index}`,
        httpPort: port + 4 + index,
        healthPort: port + 4 + DELAYS_MS.length + index,
        delayMs,
      })),
      serverPort: port,
      clientPort: port + 1,
      clusterPort: port + 2,
      relayHttpPort: port + 3,
    };
    if (isFree(network)) return network;
  }
  throw new Error("The demonstration found no free ports on loopback between 20000 and 30000");
}

function isFree(network: DemoNetwork): boolean {
  try {
    for (const port of [network.relayHttpPort, ...network.nodes.flatMap((node) => [node.httpPort, node.healthPort])]) {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
    }
    return true;
  } catch {
    return false;
  }
}

/** node.yaml of one node. */
export function nodeYaml(network: DemoNetwork, { id, address, httpPort }: DemoNode, folder: string): string {
  return stringify({
    node: { id, stateDir: `${folder}/state${id}` },
    dhcp: { address, port: network.serverPort },
    cluster: {
      nodes: network.nodes.map((node) => ({ id: node.id, address: node.address })),
      port: network.clusterPort,
      keyFile: `${folder}/cluster.key`,
    },
    http: { address: "127.0.0.1", port: httpPort },
    log: { level: "info", format: "text" },
    service: {
      revision: 1,
      leaseTime: 600,
      subnets: [{
        subnet: "127.77.0.0/16",
        pools: ["127.77.1.0-127.77.1.255"],
        options: { routers: ["127.77.0.1"], "domain-name": "demo.example" },
      }],
    },
  });
}

/** relay.yaml */
export function relayYaml(network: DemoNetwork): string {
  return stringify({
    relay: {
      port: network.serverPort,
      clientPort: network.clientPort,
      interfaces: [{ name: "lo", address: network.giaddr }],
    },
    nodes: network.nodes.map(({ id, address, healthPort }) => ({
      id,
      address,
      port: network.serverPort,
      health: `http://127.0.0.1:${healthPort}/readyz`,
    })),
    // On loopback every node is equally near: distances are those of the health checks here.
    // The timeout is well above the longest of them, so that a busy machine does not count as loss.
    probe: { interval: "1s", timeout: "1s", ping: false },
    http: { address: "127.0.0.1", port: network.relayHttpPort },
    log: { level: "info", format: "text" },
  });
}
