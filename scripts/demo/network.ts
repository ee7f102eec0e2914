/** The demonstration's little network on loopback: which addresses and ports, and the configuration of node and relay. */

import { stringify } from "yaml";

/** Everything the demonstration listens on. */
export interface DemoNetwork {
  /** The relay's address towards clients: giaddr, and where clients send to. */
  readonly giaddr: string;
  readonly nodeAddress: string;
  /** Stands for port 67, at node and relay. */
  readonly serverPort: number;
  /** Stands for port 68. */
  readonly clientPort: number;
  readonly nodeHttpPort: number;
  readonly relayHttpPort: number;
}

const FIRST_PORT = 20_000;
const PORTS = 10_000;

/** Chooses ports that nobody listens on. */
export function chooseNetwork(): DemoNetwork {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const network = {
      giaddr: "127.77.0.1",
      nodeAddress: "127.99.0.11",
      serverPort: port,
      clientPort: port + 1,
      nodeHttpPort: port + 2,
      relayHttpPort: port + 3,
    };
    if (isFree(network)) return network;
  }
  throw new Error("The demonstration found no free ports on loopback between 20000 and 30000");
}

function isFree(network: DemoNetwork): boolean {
  try {
    for (const port of [network.nodeHttpPort, network.relayHttpPort]) {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
    }
    return true;
  } catch {
    return false;
  }
}

/** node.yaml */
export function nodeYaml(network: DemoNetwork, stateDir: string): string {
  return stringify({
    node: { id: 1, stateDir },
    dhcp: { address: network.nodeAddress, port: network.serverPort },
    cluster: { nodes: [{ id: 1, address: network.nodeAddress }] },
    http: { address: "127.0.0.1", port: network.nodeHttpPort },
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
    nodes: [{
      id: 1,
      address: network.nodeAddress,
      port: network.serverPort,
      health: `http://127.0.0.1:${network.nodeHttpPort}/readyz`,
    }],
    http: { address: "127.0.0.1", port: network.relayHttpPort },
    log: { level: "info", format: "text" },
  });
}
