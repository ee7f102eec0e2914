/**
 * Clients that come at a constant pace, whatever the answers take: a first lease by DISCOVER and REQUEST, and renewals
 * after that. Each exchange is remembered with the time at which it began.
 */

import { decode } from "../../../src/dhcp/decode.ts";
import { encode } from "../../../src/dhcp/encode.ts";
import { MESSAGE_TYPE, messageTypeOf } from "../../../src/dhcp/message.ts";
import { OPTIONS, writeOption } from "../../../src/dhcp/options/mod.ts";
import { type Ipv4, parseIpv4 } from "../../../src/net/ipv4.ts";
import { openUdp } from "../../../src/net/open.ts";
import type { UdpSocket } from "../../../src/net/udp.ts";
import { message } from "./load.ts";

/** One exchange; Infinity: it got no answer. */
interface Exchange {
  readonly startedMs: number;
  tookMs: number;
}

const CLIENTS = 2_000;
const TICK_MS = 5;

/** A constant load on all nodes. */
export class SteadyLoad {
  readonly exchanges: Exchange[] = [];
  readonly #socket: UdpSocket;
  readonly #giaddr: Ipv4;
  readonly #port: number;
  readonly #nodes: readonly Ipv4[];
  readonly #open = new Map<number, { readonly client: number; readonly node: Ipv4; readonly exchange: Exchange }>();
  readonly #addresses = new Map<number, Ipv4>();
  readonly #timer: ReturnType<typeof setInterval>;
  #next = 0;

  private constructor(
    socket: UdpSocket,
    giaddr: Ipv4,
    { port, nodes, perSecond }: { port: number; nodes: readonly string[]; perSecond: number },
  ) {
    this.#socket = socket;
    this.#giaddr = giaddr;
    this.#port = port;
    this.#nodes = nodes.map((node) => parseIpv4(node) as Ipv4);
    socket.receive((bytes) => this.#receive(bytes));
    const startedMs = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor((performance.now() - startedMs) * perSecond / 1_000);
      while (this.#next < due) this.#begin();
    }, TICK_MS);
  }

  static async start(
    options: { relay: string; port: number; nodes: readonly string[]; perSecond: number },
  ): Promise<SteadyLoad> {
    const giaddr = parseIpv4(options.relay) as Ipv4;
    const socket = await openUdp({ address: giaddr, port: options.port, receiveBufferBytes: 8 * 1024 * 1024 });
    return new SteadyLoad(socket, giaddr, options);
  }

  /** What the exchanges that began from one time to another took, ms, ascending. */
  between(fromMs: number, toMs: number): number[] {
    return this.exchanges.filter(({ startedMs }) => startedMs >= fromMs && startedMs < toMs)
      .map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  #begin(): void {
    const xid = ++this.#next;
    const client = xid % CLIENTS;
    const node = this.#nodes[client % this.#nodes.length] as Ipv4;
    const exchange = { startedMs: performance.now(), tookMs: Infinity };
    this.exchanges.push(exchange);
    this.#open.set(xid, { client, node, exchange });
    const ciaddr = this.#addresses.get(client);
    const first = message(ciaddr === undefined ? "DISCOVER" : "REQUEST", client, xid, this.#giaddr);
    this.#socket.send(encode({ ...first, ciaddr: ciaddr ?? 0 }).bytes, node, this.#port);
  }

  #receive(bytes: Uint8Array): void {
    const decoded = decode(bytes);
    const open = decoded.ok ? this.#open.get(decoded.value.xid) : undefined;
    if (!decoded.ok || open === undefined) return;
    const reply = decoded.value;
    const { client, node, exchange } = open;
    if (messageTypeOf(reply) === MESSAGE_TYPE.OFFER) {
      const request = message("REQUEST", client, reply.xid, this.#giaddr);
      writeOption(request.options, OPTIONS.requestedIpAddress, reply.yiaddr);
      const { code } = OPTIONS.serverIdentifier;
      request.options.set(code, reply.options.get(code) as Uint8Array);
      this.#socket.send(encode(request).bytes, node, this.#port);
      return;
    }
    if (messageTypeOf(reply) === MESSAGE_TYPE.ACK) this.#addresses.set(client, reply.yiaddr);
    else this.#addresses.delete(client);
    exchange.tookMs = performance.now() - exchange.startedMs;
    this.#open.delete(reply.xid);
  }
}
