/**
 * Conflict detection for the nodes: asks each ready node which addresses of the clients' links are to be probed, probes
 * them (ARP), and tells what was found (`src/dhcp/probe_exchange.ts`).
 */

import { toHex } from "../src/bytes/hex.ts";
import { PROBE_EXCHANGE, type ProbeMessage, readProbeMessage, writeProbeMessage } from "../src/dhcp/probe_exchange.ts";
import type { ArpClaim, ArpSocket } from "../src/net/arp.ts";
import { ArpProber } from "../src/net/arp_prober.ts";
import { type Ipv4, prefixContains } from "../src/net/ipv4.ts";
import type { Gateway } from "./forward/config.ts";
import type { Link } from "./sockets/plan.ts";

/** How often each node is asked about each link. */
const ASK_MS = 3_000;
/** An answer comes within this time. */
const ANSWER_MS = 2_000;

const NO_NONCE = "00".repeat(PROBE_EXCHANGE.nonceOctets);

/** What the exchange works with. */
interface ConflictHost {
  /** The links at present, and the nodes that are ready and take part. */
  readonly links: () => readonly Link[];
  readonly nodes: () => readonly { readonly address: Ipv4; readonly port: number }[];
  readonly send: (giaddr: Ipv4, bytes: Uint8Array, to: Ipv4, port: number) => boolean;
  readonly openArp: (device: string, heard: (claim: ArpClaim) => void) => ArpSocket;
  readonly failed: (device: string, error: unknown) => void;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  readonly random: (octets: number) => Uint8Array;
}

/** An interface, and the socket's way to it as it was when it was opened. */
interface Prober {
  readonly identity: string;
  readonly arp: ArpProber;
}

/** How many addresses were probed on an interface. */
export interface ProbeCounts {
  clear: number;
  used: number;
}

/** The exchanges of one relay. */
export class Conflicts {
  /** By interface. */
  readonly counts = new Map<string, ProbeCounts>();
  readonly #host: ConflictHost;
  readonly #probers = new Map<string, Prober>();
  /** Questions without an answer, by their random number. */
  readonly #asked = new Map<string, { readonly gateway: Gateway; readonly to: Ipv4; readonly atMs: number }>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(host: ConflictHost) {
    this.#host = host;
  }

  start(): void {
    this.#timer = setInterval(() => this.ask(), ASK_MS);
  }

  /** Asks every node about every link. */
  ask(): void {
    const { links, nodes, send, now, random } = this.#host;
    const atMs = now();
    for (const [nonce, asked] of this.#asked) if (atMs - asked.atMs > ANSWER_MS) this.#asked.delete(nonce);
    const ethernet = links().filter(({ medium }) => medium === "ethernet");
    for (const { address, port } of nodes()) {
      for (const gateway of ethernet.flatMap((link) => link.interface.gateways)) {
        const relayNonce = toHex(random(PROBE_EXCHANGE.nonceOctets));
        const { giaddr, local: link } = gateway;
        const bytes = writeProbeMessage({ kind: "ask", relayNonce, nodeNonce: NO_NONCE, giaddr, link, addresses: [] });
        if (send(giaddr, bytes, address, port)) this.#asked.set(relayNonce, { gateway, to: address, atMs });
      }
    }
  }

  /** Takes a datagram that a node sent, or is said to have. */
  async receive(bytes: Uint8Array, from: Ipv4, port: number): Promise<void> {
    const message = readProbeMessage(bytes);
    const asked = message?.kind === "wanted" ? this.#asked.get(message.relayNonce) : undefined;
    if (message === undefined || asked === undefined || asked.to !== from) return;
    this.#asked.delete(message.relayNonce);
    const found = await this.#probe(asked.gateway, message);
    if (found === undefined) return;
    this.#host.send(
      asked.gateway.giaddr,
      writeProbeMessage({ ...message, kind: "found", addresses: found }),
      from,
      port,
    );
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { arp } of this.#probers.values()) arp.close();
  }

  /** The hosts that answered; undefined when not each address could be asked for. */
  async #probe({ device, subnet }: Gateway, message: ProbeMessage): Promise<readonly ArpClaim[] | undefined> {
    const link = this.#host.links().find((candidate) => candidate.interface.name === device);
    if (link === undefined) return undefined;
    const addresses = message.addresses.map(({ address }) => address);
    // Of another network no host of this link has an address.
    if (subnet !== undefined && !addresses.every((address) => prefixContains(subnet, address))) return undefined;
    try {
      const { clear, used } = await this.#proberOf(link).probe(addresses);
      const counts = this.counts.get(device) ?? { clear: 0, used: 0 };
      this.counts.set(device, { clear: counts.clear + clear.length, used: counts.used + used.length });
      return clear.length + used.length === addresses.length ? used : undefined;
    } catch (error) {
      this.#host.failed(device, error);
      return undefined;
    }
  }

  #proberOf({ index, mac, interface: { name } }: Link): ArpProber {
    const identity = `${index} ${toHex(mac)}`;
    const known = this.#probers.get(name);
    if (known?.identity === identity) return known.arp;
    known?.arp.close();
    const arp = new ArpProber((heard) => this.#host.openArp(name, heard), () => {});
    this.#probers.set(name, { identity, arp });
    return arp;
  }
}
