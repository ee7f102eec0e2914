/** Links between nodes, and between a relay and nodes: loss, duplicates, delay and partitions. */

import type { ClusterMessage, NodeId } from "../../src/cluster/wire/messages.ts";
import type { Span } from "./disk.ts";
import type { Prng } from "./prng.ts";
import type { EventQueue } from "./event_queue.ts";

/** The relay's id on the network, where nodes are 1 to 255. */
export const RELAY = 0;

/** A datagram, as rules and faults see it. */
export interface Packet {
  readonly from: NodeId | typeof RELAY;
  readonly to: NodeId | typeof RELAY;
  /** Between nodes; undefined: DHCP. */
  readonly message?: ClusterMessage;
}

/** Delivers datagrams once, several times or never. */
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

/** Links with random faults. */
export class SimNetwork implements Links {
  readonly #events: EventQueue;
  readonly #prng: Prng;
  /** `from * 256 + to` of directions that are cut. */
  readonly #cut = new Set<number>();
  quality: LinkQuality = GOOD_LINKS;

  constructor(events: EventQueue, prng: Prng) {
    this.#events = events;
    this.#prng = prng;
  }

  /** Cuts one direction. */
  cut(from: number, to: number): void {
    this.#cut.add(from * 256 + to);
  }

  healCuts(): void {
    this.#cut.clear();
  }

  carry({ from, to }: Packet, arrive: () => void): void {
    const { loss, duplicates, delayMs } = this.quality;
    const copies = this.#prng.chance(duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#prng.chance(loss)) continue;
      this.#events.after(this.#prng.int(delayMs.min, delayMs.max), () => {
        if (!this.#cut.has(from * 256 + to)) arrive();
      });
    }
  }
}
