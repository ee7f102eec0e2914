/**
 * A process that sends forged datagrams to the cluster port of nodes, or opens idle connections to it, until it is
 * killed. Its one argument is {@link Flood} as JSON.
 */

import { connect } from "node:net";
import { type Ipv4, parseIpv4 } from "../../../src/net/ipv4.ts";
import { openUdp } from "../../../src/net/open.ts";

/** What to send. */
export type Flood =
  | {
    readonly kind: "datagrams";
    readonly port: number;
    readonly targets: readonly string[];
    /** To each target. */
    readonly perSecond: number;
    /** Source addresses, and the octets that a datagram from there begins with, in hex. */
    readonly sources: readonly { readonly address: string; readonly header: string }[];
    /** The header is of a running process, and only the counter random; else the rest of the header is random too. */
    readonly isRunKnown: boolean;
  }
  | {
    readonly kind: "connections";
    readonly source: string;
    readonly port: number;
    readonly target: string;
    readonly count: number;
  };

const TURN_MS = 5;
const BODY_OCTETS = 120;
/** Of `src/cluster/wire/seal.ts`. */
const AT = { starts: 9, counter: 17, end: 23 };

async function datagrams(flood: Extract<Flood, { kind: "datagrams" }>): Promise<void> {
  const targets = flood.targets.map((target) => parseIpv4(target) as Ipv4);
  const senders = await Promise.all(flood.sources.map(async ({ address, header }) => ({
    socket: await openUdp({ address: parseIpv4(address) as Ipv4, port: 0 }),
    header: Uint8Array.fromHex(header),
  })));
  const started = performance.now();
  let sent = 0;
  for (;;) {
    const due = (performance.now() - started) / 1_000 * flood.perSecond;
    for (; sent < due; sent++) {
      for (const { socket, header } of [senders[sent % senders.length]].filter((sender) => sender !== undefined)) {
        const bytes = new Uint8Array(AT.end + BODY_OCTETS);
        crypto.getRandomValues(bytes);
        bytes.set(header.subarray(0, flood.isRunKnown ? AT.counter : AT.starts));
        for (const target of targets) socket.send(bytes, target, flood.port);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
}

/** One connection after the other from an address; each says nothing, and is opened again as soon as it is closed. */
async function connections(source: string, target: string, port: number): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => {
      const socket = connect({ host: target, port, localAddress: source });
      socket.on("error", () => {});
      socket.on("close", () => resolve());
      socket.resume();
    });
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
}

if (import.meta.main) {
  const flood = JSON.parse(Deno.args[0] ?? "") as Flood;
  if (flood.kind === "datagrams") await datagrams(flood);
  else {await Promise.all(Array.from({ length: flood.count }, () =>
      connections(flood.source, flood.target, flood.port)));}
}
