/**
 * The product's relay core between the clients and the nodes, with its driver's duties: datagrams, the timer, and the
 * probes of each node's health. It is reloaded when the members change, as by an operator.
 */

import { Forwarder } from "../../relay/forward/forwarder.ts";
import type { ForwardConfig, ForwardInterface, ForwardLimits, ForwardNode } from "../../relay/forward/config.ts";
import { option82For } from "../../relay/forward/option82.ts";
import type { Send } from "../../relay/forward/transaction.ts";
import { NodeTracker } from "../../relay/select/tracker.ts";
import type { Outgoing } from "../../src/dhcp/client/client.ts";
import { decode } from "../../src/dhcp/decode.ts";
import { encode } from "../../src/dhcp/encode.ts";
import { type Message, SERVER_PORT } from "../../src/dhcp/message.ts";
import { prefixOf } from "../../src/net/ipv4.ts";
import { LANS } from "./configurations.ts";
import { RELAY } from "./network.ts";
import { addressOf } from "./node.ts";
import type { Promised } from "./promises.ts";
import type { RelayAgent, RelayedClient } from "./relay_agent.ts";
import type { SimRun } from "./run.ts";

type Effect = ReturnType<Forwarder["tick"]>[number];

const PROBE_MS = 1_000;
const PROBE_TIMEOUT_MS = 500;
/** Transactions whose client is remembered. */
const TRANSACTIONS_MAX = 256;

const INTERFACES = LANS.map(({ subnet, giaddr }, lan): ForwardInterface => {
  const device = `lan${lan}`;
  const information = option82For({
    circuitId: Uint8Array.of(lan),
    remoteId: Uint8Array.of(7),
    linkSelection: giaddr,
    serverIdentifierOverride: giaddr,
  });
  const gateway = { device, giaddr, local: giaddr, subnet: prefixOf(subnet, 16), information };
  return { name: device, gateways: [gateway], trusted: false, option82: "forward", knownServers: [] };
});
/** The defaults, of which no client here comes near. */
const LIMITS: ForwardLimits = {
  client: { perSecond: 10, burst: 30 },
  interface: { perSecond: 1_000, burst: 1_000 },
  strangers: { perSecond: 1_000, burst: 1_000 },
  openPerCircuit: 1_000,
};

export class CoreRelay implements RelayAgent {
  readonly #run: SimRun;
  readonly #servers: () => readonly number[];
  /** By xid. */
  readonly #clients = new Map<number, RelayedClient>();
  #nodes: readonly ForwardNode[] = [];
  #tracker = new NodeTracker([]);
  #forwarder: Forwarder;
  #timerMs = Infinity;

  /** `servers`: the nodes in the relay's configuration. */
  constructor(run: SimRun, servers: () => readonly number[]) {
    this.#run = run;
    this.#servers = servers;
    this.#forwarder = this.#load();
    this.#probe();
  }

  request(lan: number, { message, to }: Outgoing, client: RelayedClient): void {
    this.#reload();
    if (this.#clients.size >= TRANSACTIONS_MAX) this.#clients.clear();
    this.#clients.set(message.xid, client);
    const arrival = { link: lan, from: message.ciaddr, unicast: to !== undefined };
    this.#perform(this.#forwarder.request(encode(message).bytes, arrival, this.#nowMs));
  }

  get #nowMs(): number {
    return this.#run.events.nowMs;
  }

  #reload(): void {
    const servers = this.#servers();
    const isSame = servers.length === this.#nodes.length && this.#nodes.every(({ id }) => servers.includes(id));
    if (!isSame) this.#forwarder = this.#load();
  }

  #load(): Forwarder {
    this.#nodes = this.#servers().map((id) => ({ ...addressOf(id), port: SERVER_PORT }));
    const tracked = this.#nodes.map(({ id }) => ({ id, endpoint: String(id), weight: 1, local: false }));
    this.#tracker = new NodeTracker(tracked, { previous: this.#tracker });
    const config: ForwardConfig = { interfaces: INTERFACES, nodes: this.#nodes, hopsMax: 4, limits: LIMITS };
    return new Forwarder(config, this.#tracker, this.#nowMs);
  }

  #perform(effects: readonly Effect[], promised?: Promised): void {
    for (const effect of effects) {
      if (effect.kind === "send") this.#send(effect.send);
      else if (effect.kind === "deliver") this.#deliver(effect.delivery.bytes, promised);
    }
    this.#schedule();
  }

  #send({ node: index, bytes, link }: Send): void {
    const { links, nodes } = this.#run;
    const { id, address } = this.#nodes[index] as ForwardNode;
    const message = messageIn(bytes);
    const awaits = this.#clients.get(message.xid)?.awaits ?? (() => false);
    const forwarder = this.#forwarder;
    links.carry(
      { from: RELAY, to: id, path: "relay" },
      () =>
        nodes.get(id)?.serve(
          message,
          awaits,
          (reply, promised) =>
            links.carry({ from: id, to: RELAY, path: "relay" }, () => {
              // A reply to the core before a reload is lost, at worst.
              if (forwarder !== this.#forwarder) return;
              const datagram = encode(reply).bytes;
              this.#perform(forwarder.reply(datagram, link, address, SERVER_PORT, this.#nowMs), promised);
            }),
        ),
    );
  }

  #deliver(bytes: Uint8Array, promised: Promised | undefined): void {
    const message = messageIn(bytes);
    // A held DHCPNAK may be delivered when another reply arrives.
    const isPromised = promised?.address === message.yiaddr;
    this.#clients.get(message.xid)?.receive(message, isPromised ? promised : undefined);
  }

  #schedule(): void {
    const { nextMs } = this.#forwarder;
    if (nextMs === undefined || nextMs >= this.#timerMs) return;
    this.#timerMs = nextMs;
    this.#run.events.after(nextMs - this.#nowMs, () => {
      if (this.#timerMs !== nextMs) return;
      this.#timerMs = Infinity;
      this.#perform(this.#forwarder.tick(this.#nowMs));
    });
  }

  /** Asks for the health of each node, and again after the interval. */
  #probe(): void {
    const { events, links, nodes } = this.#run;
    this.#reload();
    const tracker = this.#tracker;
    const sentMs = this.#nowMs;
    for (const [index, { id }] of this.#nodes.entries()) {
      let answered = false;
      const end = (result: Parameters<NodeTracker["healthAsked"]>[1]) => {
        if (answered) return;
        answered = true;
        tracker.pinged(index, { kind: "impossible", reason: "not simulated" });
        tracker.healthAsked(index, result, this.#nowMs);
        tracker.roundEnded(index, this.#nowMs);
      };
      links.carry(
        { from: RELAY, to: id, path: "relay" },
        () =>
          nodes.get(id)?.askHealth((ready) =>
            links.carry(
              { from: id, to: RELAY, path: "relay" },
              () => end({ kind: "answered", ready, rttMs: this.#nowMs - sentMs }),
            )
          ),
      );
      events.after(PROBE_TIMEOUT_MS, () => end({ kind: "silent" }));
    }
    events.after(PROBE_MS, () => this.#probe());
  }
}

function messageIn(bytes: Uint8Array): Message {
  const decoded = decode(bytes.slice());
  if (!decoded.ok) throw new Error(`A datagram of the relay is not a DHCP message: ${JSON.stringify(decoded.error)}`);
  return decoded.value;
}
