/**
 * The ways of a client's messages: in each client network through the relay on its gateway, or straight to the nodes,
 * with this machine as relay agent. A client that uses both is served by several nodes at once.
 */

import { parseIpv4, UNSPECIFIED } from "../../../src/net/ipv4.ts";
import { openUdp } from "../../../src/net/open.ts";
import type { UdpSocket } from "../../../src/net/udp.ts";
import { octets } from "../../e2e/clients/raw/wire.ts";
import { readDhcp } from "../../e2e/lab/dhcp_frame.ts";
import { LOAD_LANS } from "../../e2e/load/client_load.ts";
import type { Air } from "../../e2e/load/emulated_client.ts";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const ALL = "255.255.255.255";
/** RFC 2131 §2. */
const HOPS_AT = 3;
const GIADDR_AT = 24;
/** Where the value of option 53 is in messages of emulated clients. */
const TYPE_AT = 242;

/** The sockets of all clients in one client network. */
export class LanAir {
  readonly number: number;
  /** Receivers of answers, by transaction id. */
  readonly waiting: Air["waiting"];
  readonly #clients: UdpSocket;
  readonly #agent: UdpSocket;
  readonly #address: string;

  private constructor(number: number, sockets: { clients: UdpSocket; agent: UdpSocket }, waiting: Air["waiting"]) {
    this.number = number;
    this.waiting = waiting;
    this.#clients = sockets.clients;
    this.#agent = sockets.agent;
    this.#address = LOAD_LANS[number]?.address ?? "";
    for (const socket of [this.#clients, this.#agent]) {
      socket.receive((bytes) => {
        const reply = readDhcp(bytes);
        if (reply?.op === 2) waiting.get(reply.xid)?.(reply);
      });
    }
  }

  static async open(number: number, waiting: Air["waiting"]): Promise<LanAir> {
    const { device, address } = LOAD_LANS[number] as (typeof LOAD_LANS)[number];
    const common = { device, reuseAddress: true, receiveBufferBytes: RECEIVE_BUFFER_BYTES };
    const clients = await openUdp({ ...common, address: UNSPECIFIED, port: CLIENT_PORT, broadcast: true });
    const agent = await openUdp({ ...common, address: parseIpv4(address) ?? UNSPECIFIED, port: SERVER_PORT });
    return new LanAir(number, { clients, agent }, waiting);
  }

  /** Datagrams that were not read in time. */
  get dropped(): number {
    return (this.#clients.dropped ?? 0) + (this.#agent.dropped ?? 0);
  }

  /** Through the relay on the gateway. */
  get relayed(): Air {
    return {
      send: (bytes, to) => void this.#clients.send(bytes, parseIpv4(to) ?? UNSPECIFIED, SERVER_PORT),
      waiting: this.waiting,
    };
  }

  /** To one of the nodes; a message that is sent again goes to any of them. */
  direct(nodes: readonly string[]): Air {
    const pick = () => nodes[Math.floor(Math.random() * nodes.length)] as string;
    const first = pick();
    let lastType: number | undefined;
    return {
      send: (bytes, to) => {
        const again = bytes[TYPE_AT] === lastType;
        lastType = bytes[TYPE_AT];
        if (to !== ALL) return void this.#clients.send(bytes, parseIpv4(to) ?? UNSPECIFIED, SERVER_PORT);
        bytes[HOPS_AT] = 1;
        bytes.set(octets(this.#address), GIADDR_AT);
        const node = again ? pick() : first;
        this.#agent.send(bytes, parseIpv4(node) ?? UNSPECIFIED, SERVER_PORT);
      },
      waiting: this.waiting,
    };
  }
}
