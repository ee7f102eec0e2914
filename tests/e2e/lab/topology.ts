/**
 * The network of the end-to-end tests: client LANs and a server LAN, joined by an edge gateway.
 *
 * ```text
 *  client1  client2   client3            node1   node2
 *     │eth0    │eth0     │eth0             │eth0   │eth0     one namespace each
 *  ┌──┴────────┴──┐  ┌───┴───────┐     ┌───┴───────┴──┐
 *  │ lan0         │  │ lan1      │     │ servers      │     bridges, all in the namespace "switch"
 *  └──────┬───────┘  └─────┬─────┘     └──────┬───────┘
 *     lan0│            lan1│              srv0│
 *    ┌────┴────────────────┴──────────────────┴────┐
 *    │ gateway: routes, runs the relay             │
 *    └─────────────────────────────────────────────┘
 * ```
 *
 * lan0 is 10.77.0.0/24, lan1 10.78.0.0/24, the server LAN 10.99.0.0/24; the gateway has .1 in each, node n has .10+n.
 */

import { Capture } from "./capture.ts";
import { Lab, type Namespace } from "./lab.ts";

/** A client network. */
interface Lan {
  /** Name of the bridge in the switch, and of the gateway's interface. */
  readonly name: string;
  /** The first three octets, as in `${network}.1`. */
  readonly network: string;
  readonly subnet: string;
  readonly gateway: string;
}

/** The client networks that a topology can have. */
export const LANS: readonly [Lan, Lan] = [
  { name: "lan0", network: "10.77.0", subnet: "10.77.0.0/24", gateway: "10.77.0.1" },
  { name: "lan1", network: "10.78.0", subnet: "10.78.0.0/24", gateway: "10.78.0.1" },
];

/** How a machine is connected to a bridge of the switch. */
interface Cable {
  /** The machine's own end. */
  readonly device: string;
  readonly bridge: string;
  readonly addresses: readonly string[];
}

/** A machine with an interface `eth0`. */
export interface Host {
  readonly namespace: Namespace;
  /** Lower-case with colons. */
  readonly mac: string;
}

/** A node's machine. */
export interface NodeHost extends Host {
  readonly address: string;
}

export class Topology implements AsyncDisposable {
  readonly lab: Lab;
  readonly switch: Namespace;
  readonly gateway: Namespace;
  readonly #captures: Capture[] = [];
  #cables = 0;

  private constructor(lab: Lab, switch_: Namespace, gateway: Namespace) {
    this.lab = lab;
    this.switch = switch_;
    this.gateway = gateway;
  }

  /** Builds switch and gateway; hosts are plugged in afterwards. */
  static async build(): Promise<Topology> {
    const lab = await Lab.open();
    try {
      const switch_ = await lab.namespace("switch");
      const gateway = await lab.namespace("gateway", { forward: true });
      const topology = new Topology(lab, switch_, gateway);
      const bridges = [...LANS.map((lan) => lan.name), "servers"];
      await switch_.ip(...bridges.flatMap((bridge) => [
        // No snooping: no multicast router here queries the groups.
        `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
        `link set ${bridge} up`,
      ]));
      for (const lan of LANS) {
        await topology.plug(gateway, { device: lan.name, bridge: lan.name, addresses: [`${lan.gateway}/24`] });
      }
      await topology.plug(gateway, { device: "srv0", bridge: "servers", addresses: ["10.99.0.1/24"] });
      return topology;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Adds a machine without an address to a client network. */
  async client(name: string, lan: Lan = LANS[0]): Promise<Host> {
    return await this.#host(name, lan.name, []);
  }

  /** Adds a machine with a fixed address, such as one that uses a client's address without a lease. */
  async squatter(name: string, address: string, lan: Lan = LANS[0]): Promise<Host> {
    return await this.#host(name, lan.name, [`${address}/24`], lan.gateway);
  }

  /** Adds the machine of node `id`. */
  async node(id: number): Promise<NodeHost> {
    const address = `10.99.0.${10 + id}`;
    return { ...await this.#host(`node${id}`, "servers", [`${address}/24`], "10.99.0.1"), address };
  }

  /** Adds a machine to the server LAN that is no node. */
  async serverLanHost(name: string, address: string): Promise<Host> {
    return await this.#host(name, "servers", [`${address}/24`], "10.99.0.1");
  }

  /** Unplugs a client and plugs it into another network. */
  async move(client: Host, lan: Lan): Promise<void> {
    const port = portOf(client.namespace);
    await this.switch.ip(`link set ${port} down`, `link set ${port} master ${lan.name}`, `link set ${port} up`);
  }

  /** Unplugs a machine. */
  async unplug(host: Host): Promise<void> {
    await this.switch.ip(`link set ${portOf(host.namespace)} down`);
  }

  /** Plugs it in again. */
  async replug(host: Host): Promise<void> {
    await this.switch.ip(`link set ${portOf(host.namespace)} up`);
  }

  /** Records the DHCP of a client network or of the server LAN from now on, except from the host `exceptFrom`. */
  async capture(where: Lan | "servers", exceptFrom?: string): Promise<Capture> {
    const capture = await Capture.start(this.switch, where === "servers" ? where : where.name, exceptFrom);
    this.#captures.push(capture);
    return capture;
  }

  /** Connects a machine to a bridge by one more interface; returns its hardware address. */
  async plug(namespace: Namespace, cable: Cable): Promise<string> {
    const { device, bridge, addresses } = cable;
    const port = portOf(namespace, device);
    const mac = `02:dc:00:00:00:${(++this.#cables).toString(16).padStart(2, "0")}`;
    await this.switch.ip(
      `link add ${port} type veth peer name ${device} netns ${namespace.systemName}`,
      `link set ${port} master ${bridge} up`,
    );
    await namespace.ip(
      `link set ${device} address ${mac} up`,
      ...addresses.map((address) => `addr add ${address} broadcast + dev ${device}`),
    );
    return mac;
  }

  /** The report of a failed test: the transcript of the wire, then the last output of every process. */
  report(): string {
    return [
      ...this.#captures.map((capture) => `── wire ${capture.device} ──\n${capture.transcript(60)}`),
      ...this.lab.processes
        .filter((process) => process.output.bytes > 0 && !process.label.startsWith("tcpdump"))
        .map((process) => `── ${process.label}, ${process.state} ──\n${process.output.last(25)}`),
    ].join("\n");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.lab.close();
  }

  async #host(name: string, bridge: string, addresses: string[], gateway?: string): Promise<Host> {
    const namespace = await this.lab.namespace(name);
    const mac = await this.plug(namespace, { device: "eth0", bridge, addresses });
    if (gateway !== undefined) await namespace.ip(`route add default via ${gateway}`);
    return { namespace, mac };
  }
}

/** The switch's end of a cable; interface names have at most 15 characters. */
export function portOf(namespace: Namespace, device = "eth0"): string {
  const port = device === "eth0" ? `p-${namespace.name}` : `p-${namespace.name}-${device}`;
  if (port.length > 15) throw new Error(`Host name "${namespace.name}" is too long: "${port}" names an interface`);
  return port;
}
