/**
 * A machine that reaches nodes through a network of its own, 10.98.0.0/24, also when their cable is unplugged or their
 * firewall closed. Nodes accept packets to their ordinary address there too, as every Linux machine does.
 *
 * ```text
 *  monitor          node1   node2
 *     │eth0           │mgmt   │mgmt
 *  ┌──┴───────────────┴───────┴──┐
 *  │ manage                      │
 *  └─────────────────────────────┘
 * ```
 */

import type { Host, NodeHost, Topology } from "./topology.ts";

const BRIDGE = "manage";
const NETWORK = "10.98.0";

export class Monitor {
  readonly host: Host;
  readonly #topology: Topology;
  #nodes = 0;

  private constructor(topology: Topology, host: Host) {
    this.#topology = topology;
    this.host = host;
  }

  static async join(topology: Topology): Promise<Monitor> {
    await topology.switch.ip(
      `link add ${BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${BRIDGE} up`,
    );
    const namespace = await topology.lab.namespace("monitor");
    const cable = { device: "eth0", bridge: BRIDGE, addresses: [`${NETWORK}.1/24`] };
    return new Monitor(topology, { namespace, mac: await topology.plug(namespace, cable) });
  }

  /** Connects a node's machine. */
  async connect(node: NodeHost): Promise<void> {
    const address = `${NETWORK}.${10 + ++this.#nodes}`;
    await this.#topology.plug(node.namespace, { device: "mgmt", bridge: BRIDGE, addresses: [`${address}/24`] });
    await this.host.namespace.ip(`route add ${node.address}/32 via ${address}`);
  }
}
