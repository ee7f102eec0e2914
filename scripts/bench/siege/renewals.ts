/** Clients that renew their leases at a steady rate through a relay's address, and how long the answers take. */

import { formatIpv4, type Ipv4, parseIpv4 } from "../../../src/net/ipv4.ts";
import { openUdp } from "../../../src/net/open.ts";
import type { UdpSocket } from "../../../src/net/udp.ts";
import { chaddrOf, type ClientMessage, encodeClientMessage, octets } from "../../../tests/e2e/clients/raw/wire.ts";
import { type Dhcp, readDhcp } from "../../../tests/e2e/lab/dhcp_frame.ts";

/** Where the clients are, and how often they renew. */
interface RenewalsOptions {
  readonly node: string;
  /** The node's, and its relays'. */
  readonly port: number;
  readonly clients: number;
  readonly perSecond: number;
}

/** Latencies of a measurement. */
interface RenewalsResult {
  readonly sent: number;
  readonly unanswered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/** The relay's address: replies go to it. */
const RELAY = "127.0.0.2";
/** RFC 3527: the clients are in this subnet, whatever the relay's address. */
const LINK = [10, 77, 0, 1];
const TICK_MS = 5;
const GIVE_UP_MS = 5_000;

export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #socket: UdpSocket;
  readonly #node: Ipv4;
  readonly #waiting = new Map<number, (reply: Dhcp) => void>();
  readonly #addresses: string[] = [];
  #xid = 1;
  #next = 0;

  private constructor(options: RenewalsOptions, socket: UdpSocket) {
    this.#options = options;
    this.#socket = socket;
    this.#node = parseIpv4(options.node) as Ipv4;
    socket.receive((bytes) => {
      const reply = readDhcp(bytes);
      if (reply !== undefined) this.#waiting.get(reply.xid)?.(reply);
    });
  }

  /** Gets a lease for each client. */
  static async open(options: RenewalsOptions): Promise<Renewals> {
    const socket = await openUdp({ address: parseIpv4(RELAY) as Ipv4, port: options.port });
    const renewals = new Renewals(options, socket);
    for (let client = 0; client < options.clients; client++) await renewals.#acquire(client);
    return renewals;
  }

  close(): void {
    this.#socket.close();
  }

  /** Renews at the rate for some seconds. */
  async measure(seconds: number): Promise<RenewalsResult> {
    const { clients, perSecond } = this.#options;
    const startMs = performance.now();
    const asked: Promise<number | undefined>[] = [];
    while (performance.now() - startMs < seconds * 1_000) {
      const goal = Math.floor((performance.now() - startMs) / 1_000 * perSecond);
      while (asked.length < goal) asked.push(this.#renew(this.#next++ % clients));
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    const latencies = await Promise.all(asked);
    const answered = latencies.filter((ms) => ms !== undefined).sort((a, b) => a - b);
    const share = (part: number) => answered[Math.min(answered.length - 1, Math.floor(part * answered.length))] ?? NaN;
    return {
      sent: asked.length,
      unanswered: asked.length - answered.length,
      p50Ms: share(0.5),
      p99Ms: share(0.99),
      worstMs: share(1),
    };
  }

  async #acquire(client: number): Promise<void> {
    const chaddr = chaddrOf(client);
    const offer = await this.#ask({ type: "DISCOVER", chaddr });
    const serverIdentifier = offer?.options.get(54);
    if (offer === undefined || serverIdentifier === undefined) throw new Error("the node offers nothing");
    const ack = await this.#ask({
      type: "REQUEST",
      chaddr,
      requestedAddress: octets(offer.yiaddr),
      serverIdentifier,
    });
    if (ack?.type !== "ACK") throw new Error(`the node answers ${ack?.type ?? "nothing"}`);
    this.#addresses[client] = offer.yiaddr;
  }

  async #renew(client: number): Promise<number | undefined> {
    const ciaddr = octets(this.#addresses[client] ?? formatIpv4(0));
    const startMs = performance.now();
    const reply = await this.#ask({ type: "REQUEST", chaddr: chaddrOf(client), ciaddr });
    return reply?.type === "ACK" ? performance.now() - startMs : undefined;
  }

  async #ask(message: Omit<ClientMessage, "xid">): Promise<Dhcp | undefined> {
    const xid = this.#xid++;
    const bytes = relayed(encodeClientMessage({ ...message, xid }));
    const { promise, resolve } = Promise.withResolvers<Dhcp | undefined>();
    const timer = setTimeout(() => resolve(undefined), GIVE_UP_MS);
    this.#waiting.set(xid, resolve);
    this.#socket.send(bytes, this.#node, this.#options.port);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(xid);
    }
  }
}

/** The message as a relay passes it on: giaddr, and option 82 with the link selection. */
function relayed(bytes: Uint8Array): Uint8Array {
  const end = bytes.lastIndexOf(255);
  const sent = new Uint8Array(Math.max(bytes.length, end + 9));
  sent.set(bytes);
  sent.set(octets(RELAY), 24);
  sent.set([82, 6, 5, 4, ...LINK, 255], end);
  return sent;
}
