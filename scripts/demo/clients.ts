/** Emulated clients that share one UDP socket on loopback, told apart by their hardware address. */

import { type ClientEvent, DhcpClient, type Outgoing } from "../../src/dhcp/client/client.ts";
import { decode } from "../../src/dhcp/decode.ts";
import { encode } from "../../src/dhcp/encode.ts";
import { type Ipv4, parseIpv4 } from "../../src/net/ipv4.ts";
import { openUdp } from "../../src/net/open.ts";
import type { UdpSocket } from "../../src/net/udp.ts";
import type { DemoNetwork } from "./network.ts";

const TICK_MS = 100;

/** One emulated client. */
export interface DemoClient {
  readonly name: string;
  readonly client: DhcpClient;
}

/** The clients of one LAN. */
export class DemoClients {
  readonly clients: readonly DemoClient[];
  readonly #socket: UdpSocket;
  readonly #relay: Ipv4;
  readonly #port: number;
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(
    socket: UdpSocket,
    network: DemoNetwork,
    count: number,
    notify: (name: string, event: ClientEvent) => void,
  ) {
    this.#socket = socket;
    this.#relay = parseIpv4(network.giaddr) as Ipv4;
    this.#port = network.serverPort;
    this.clients = Array.from({ length: count }, (_, index) => {
      const name = `client-${String(index + 1).padStart(2, "0")}`;
      const client = new DhcpClient({
        chaddr: Uint8Array.of(2, 0, 0, 0, 0, index + 1),
        hostname: name,
        random: Math.random,
        notify: (event) => notify(name, event),
      });
      return { name, client };
    });
    socket.receive((bytes) => this.#receive(bytes));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Opens the socket where the relay delivers replies to. */
  static async open(
    network: DemoNetwork,
    count: number,
    notify: (name: string, event: ClientEvent) => void,
  ): Promise<DemoClients> {
    const address = parseIpv4(network.giaddr) as Ipv4;
    const socket = await openUdp({ address, port: network.clientPort });
    return new DemoClients(socket, network, count, notify);
  }

  /** Sends what a client wants sent; on loopback everything goes to the relay. */
  send(outgoing: readonly Outgoing[]): void {
    for (const { message } of outgoing) this.#socket.send(encode(message).bytes, this.#relay, this.#port);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  #receive(bytes: Uint8Array): void {
    const decoded = decode(bytes);
    if (!decoded.ok) return;
    const client = this.clients[(decoded.value.chaddr[5] ?? 0) - 1];
    if (client !== undefined) this.send(client.client.receive(decoded.value, performance.now()));
  }

  #tick(): void {
    for (const { client } of this.clients) this.send(client.tick(performance.now()));
  }
}
