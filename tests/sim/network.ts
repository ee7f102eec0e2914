/** Links between nodes, and between a relay and nodes: loss, duplicates, delay, and impairments of some of them. */

import type { ClusterMessage, NodeId } from "../../src/cluster/wire/messages.ts";
import type { Span } from "./disk.ts";
import type { EventQueue } from "./event_queue.ts";
import type { Prng } from "./prng.ts";

/** The relay's id on the network, where nodes are 1 to 255. */
export const RELAY = 0;

/** How a packet travels: datagrams to all or to one, a stream (TCP), or between a relay and a node. */
export type Path = "multicast" | "unicast" | "stream" | "relay";

/** A packet, as rules and faults see it. */
export interface Packet {
  readonly from: NodeId | typeof RELAY;
  readonly to: NodeId | typeof RELAY;
  readonly path: Path;
  /** Between nodes; undefined: DHCP, or a probe of a relay. */
  readonly message?: ClusterMessage;
}

/** Selects packets. */
export type PacketFilter = (packet: Packet) => boolean;

/** Delivers packets once, several times or never. */
export interface Links {
  carry(packet: Packet, arrive: () => void): void;
}

/** Loss, duplicates and delay of all links. */
export interface LinkQuality {
  readonly loss: number;
  readonly duplicates: number;
  /** In one direction. */
  readonly delayMs: Span;
}

export const GOOD_LINKS: LinkQuality = { loss: 0, duplicates: 0, delayMs: { min: 0, max: 2 } };
/** The longest delay of a datagram. */
export const DELAY_MS_MAX = 3_000;

/** Some packets get lost on their way; 1: all of them. */
interface Impairment {
  readonly matches: PacketFilter;
  readonly loss: number;
}

/** Links with random faults. */
export class SimNetwork implements Links {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  readonly #impairments = new Set<Impairment>();
  quality: LinkQuality = GOOD_LINKS;

  constructor(events: EventQueue, prng: Prng) {
    this.#events = events;
    this.#prng = prng;
  }

  /** Loses this share of some packets from now on; the result ends that. */
  impair(matches: PacketFilter, loss = 1): () => void {
    const impairment = { matches, loss };
    this.#impairments.add(impairment);
    return () => void this.#impairments.delete(impairment);
  }

  /** Whether each packet is either always lost or never. */
  get isSteady(): boolean {
    return this.quality === GOOD_LINKS && [...this.#impairments].every(({ loss }) => loss === 1);
  }

  /** Ends all impairments; the links have no other faults either. */
  heal(): void {
    this.#impairments.clear();
    this.quality = GOOD_LINKS;
  }

  carry(packet: Packet, arrive: () => void): void {
    const { loss, duplicates, delayMs } = this.quality;
    const copies = this.#prng.chance(duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#prng.chance(loss)) continue;
      this.#events.after(this.#prng.int(delayMs.min, delayMs.max), () => {
        if (!this.#isLost(packet)) arrive();
      });
    }
  }

  #isLost(packet: Packet): boolean {
    for (const { matches, loss } of this.#impairments) {
      if (matches(packet) && (loss === 1 || this.#prng.chance(loss))) return true;
    }
    return false;
  }
}
