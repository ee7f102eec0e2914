/**
 * Clients behind a relay, as load: DISCOVER, OFFER, REQUEST, ACK, one exchange after the other, a number of them in
 * flight.
 */

import { decode } from "../../../src/dhcp/decode.ts";
import { encode } from "../../../src/dhcp/encode.ts";
import { BOOTREQUEST, type Message, MESSAGE_TYPE, messageTypeOf } from "../../../src/dhcp/message.ts";
import { OPTIONS, writeOption } from "../../../src/dhcp/options/mod.ts";
import { type Ipv4, parseIpv4 } from "../../../src/net/ipv4.ts";
import { openUdp } from "../../../src/net/open.ts";

/** The results of a load. */
export interface LoadResult {
  readonly seconds: number;
  /** From the DISCOVER to the ACK, ms, ascending. */
  readonly exchangesMs: readonly number[];
  /** Exchanges without an answer within two seconds, which were started again. */
  readonly lost: number;
  readonly refused: number;
}

interface LoadOptions {
  readonly relay: string;
  readonly port: number;
  /** Nodes, used by the clients in turn. */
  readonly nodes: readonly string[];
  readonly seconds: number;
  readonly inFlight: number;
  /** Number of clients; each comes back and renews its lease. */
  readonly clients: number;
}

const LOST_MS = 2_000;

interface Exchange {
  readonly client: number;
  readonly node: Ipv4;
  readonly startedMs: number;
}

/** The quantile of an ascending list. */
export function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? NaN;
}

/** Runs the load. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const giaddr = parseIpv4(options.relay) as Ipv4;
  const nodes = options.nodes.map((node) => parseIpv4(node) as Ipv4);
  const socket = await openUdp({ address: giaddr, port: options.port, receiveBufferBytes: 8 * 1024 * 1024 });
  const open = new Map<number, Exchange>();
  const exchangesMs: number[] = [];
  const started = performance.now();
  const endMs = started + options.seconds * 1_000;
  let next = 0;
  let xid = Math.floor(Math.random() * 2 ** 31);
  let lost = 0;
  let refused = 0;

  const begin = () => {
    const client = next++ % options.clients;
    const node = nodes[client % nodes.length] as Ipv4;
    xid = (xid + 1) >>> 0;
    open.set(xid, { client, node, startedMs: performance.now() });
    socket.send(encode(message("DISCOVER", client, xid, giaddr)).bytes, node, options.port);
  };
  socket.receive((bytes) => {
    const decoded = decode(bytes);
    const exchange = decoded.ok ? open.get(decoded.value.xid) : undefined;
    if (!decoded.ok || exchange === undefined) return;
    const reply = decoded.value;
    switch (messageTypeOf(reply)) {
      case MESSAGE_TYPE.OFFER: {
        const request = message("REQUEST", exchange.client, reply.xid, giaddr);
        writeOption(request.options, OPTIONS.requestedIpAddress, reply.yiaddr);
        request.options.set(
          OPTIONS.serverIdentifier.code,
          reply.options.get(OPTIONS.serverIdentifier.code) as Uint8Array,
        );
        socket.send(encode(request).bytes, exchange.node, options.port);
        return;
      }
      case MESSAGE_TYPE.NAK:
        refused += 1;
        break;
      case MESSAGE_TYPE.ACK:
        exchangesMs.push(performance.now() - exchange.startedMs);
        break;
    }
    open.delete(reply.xid);
    if (performance.now() < endMs) begin();
  });
  for (let index = 0; index < options.inFlight; index++) begin();
  while (performance.now() < endMs || (open.size > 0 && performance.now() < endMs + LOST_MS)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = performance.now();
    for (const [id, { startedMs }] of open) {
      if (now - startedMs < LOST_MS) continue;
      open.delete(id);
      lost += 1;
      if (now < endMs) begin();
    }
  }
  socket.close();
  exchangesMs.sort((a, b) => a - b);
  return { seconds: options.seconds, exchangesMs, lost, refused };
}

/** A client's message as a relay with this address forwards it. */
export function message(type: "DISCOVER" | "REQUEST", client: number, xid: number, giaddr: Ipv4): Message {
  const options = new Map<number, Uint8Array>();
  writeOption(options, OPTIONS.messageType, MESSAGE_TYPE[type]);
  return {
    op: BOOTREQUEST,
    htype: 1,
    hops: 1,
    xid,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr,
    chaddr: Uint8Array.of(2, 0, client >>> 24, client >>> 16, client >>> 8, client),
    sname: new Uint8Array(),
    file: new Uint8Array(),
    options,
  };
}
