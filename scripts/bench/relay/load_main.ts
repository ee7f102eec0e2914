// deno-lint-ignore-file no-console -- a program's output
/**
 * DHCP clients as load: DISCOVER, OFFER, REQUEST, ACK, one exchange after the other, so many in flight. Either they
 * broadcast on `eth0` as clients do, or the load itself is the relay between them and the server.
 *
 * usage: deno run --allow-ffi load_main.ts '{"seconds": 5, "inFlight": 1, "clients": 50000, "server": …}'
 */

import { BROADCAST, parseIpv4 } from "../../../src/net/ipv4.ts";
import { openUdp } from "../../../src/net/open.ts";

/** The order, as JSON on the command line. */
export interface LoadOrder {
  readonly seconds: number;
  readonly inFlight: number;
  /** Number of clients, which come back in turn. */
  readonly clients: number;
  /** Both: play the relay at the first address, towards the second. Left out: be clients that broadcast. */
  readonly relay?: { readonly address: string; readonly server: string };
  /** Exchanges per second; without pause when left out. */
  readonly perSecond?: number;
}

/** The result, as one line of JSON. */
export interface LoadResult {
  readonly exchangesPerSecond: number;
  /** Exchanges without an answer within {@link LOST_MS}. */
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const LOST_MS = 2_000;
const [DISCOVER, OFFER, REQUEST, ACK] = [1, 2, 3, 5];
const PAUSE_MS = 5;

/** A client's message, written for speed: 300 octets, of which a few change. */
class Template {
  readonly bytes = new Uint8Array(300);
  readonly #view = new DataView(this.bytes.buffer);

  constructor(giaddr: number) {
    this.bytes.set([1, 1, 6, giaddr === 0 ? 0 : 1]);
    // The broadcast flag: this host cannot receive unicast to addresses that it does not have.
    this.#view.setUint16(10, 0x8000);
    this.#view.setUint32(24, giaddr);
    this.bytes.set([2, 0x5b], 28);
    this.#view.setUint32(236, 0x63825363);
  }

  discover(xid: number, client: number): Uint8Array {
    this.#begin(xid, client, DISCOVER as number);
    this.bytes.set([255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 243);
    return this.bytes;
  }

  request(xid: number, client: number, offer: Uint8Array): Uint8Array {
    this.#begin(xid, client, REQUEST as number);
    this.bytes.set([50, 4, ...offer.subarray(16, 20), 54, 4, ...serverIdentifierOf(offer), 255], 243);
    return this.bytes;
  }

  #begin(xid: number, client: number, type: number): void {
    this.#view.setUint32(4, xid);
    this.#view.setUint32(30, client);
    this.bytes.set([53, 1, type], 240);
  }
}

function optionOf(bytes: Uint8Array, wanted: number): Uint8Array {
  for (let at = 240; at < bytes.length && bytes[at] !== 255;) {
    if (bytes[at] === 0) {
      at++;
      continue;
    }
    const end = at + 2 + (bytes[at + 1] ?? 0);
    if (bytes[at] === wanted) return bytes.subarray(at + 2, end);
    at = end;
  }
  return new Uint8Array();
}

const serverIdentifierOf = (bytes: Uint8Array): Uint8Array => optionOf(bytes, 54);

async function run({ seconds, inFlight, clients, relay, perSecond }: LoadOrder): Promise<LoadResult> {
  const giaddr = relay === undefined ? 0 : parseIpv4(relay.address) as number;
  const to = relay === undefined ? BROADCAST : parseIpv4(relay.server) as number;
  const receiveBufferBytes = 8 * 1024 * 1024;
  const socket = await openUdp(
    relay === undefined
      ? { address: 0, port: 68, device: "eth0", broadcast: true, receiveBufferBytes }
      : { address: giaddr, port: 67, receiveBufferBytes },
    "linux",
  );
  const template = new Template(giaddr);
  const open = new Map<number, { readonly client: number; readonly startedMs: number }>();
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const endMs = startedMs + 1_000 * seconds;
  let xid = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  let next = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  let lost = 0;
  let begun = 0;

  const begin = () => {
    xid = (xid + 1) >>> 0;
    const client = next++ % clients;
    begun++;
    open.set(xid, { client, startedMs: performance.now() });
    socket.send(template.discover(xid, client), to, 67);
  };
  socket.receive((bytes) => {
    if (bytes.length < 244 || bytes[0] !== 2) return;
    const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
    const exchange = open.get(id);
    if (exchange === undefined) return;
    const type = optionOf(bytes, 53)[0];
    if (type === OFFER) return void socket.send(template.request(id, exchange.client, bytes), to, 67);
    if (type !== ACK) return;
    const nowMs = performance.now();
    open.delete(id);
    latenciesMs.push(nowMs - exchange.startedMs);
    if (perSecond === undefined && nowMs < endMs) begin();
  });
  if (perSecond === undefined) { for (let index = 0; index < inFlight; index++) begin(); }
  for (let nowMs = startedMs; nowMs < endMs || (open.size > 0 && nowMs < endMs + LOST_MS);) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    nowMs = performance.now();
    if (perSecond !== undefined) {
      while (nowMs < endMs && begun < (nowMs - startedMs) / 1_000 * perSecond) begin();
    }
    for (const [id, exchange] of open) {
      // In the order of their start: the others are younger.
      if (nowMs - exchange.startedMs < LOST_MS) break;
      open.delete(id);
      lost++;
      if (perSecond === undefined && nowMs < endMs) begin();
    }
  }
  socket.close();
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))];
  return {
    exchangesPerSecond: latenciesMs.length / seconds,
    lost,
    p50Ms: at(0.5) ?? NaN,
    p99Ms: at(0.99) ?? NaN,
    maxMs: latenciesMs.at(-1) ?? NaN,
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0] ?? "{}") as LoadOrder)));
  Deno.exit(0);
}
