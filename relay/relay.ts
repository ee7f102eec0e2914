/**
 * The relay at work: what comes in from the wires goes through the forwarding core and out again, and is counted.
 * Holds no decision of its own.
 */

import type { Ipv4 } from "../src/net/ipv4.ts";
import type { ForwardConfig } from "./forward/config.ts";
import { type DropReason, type OutcomeCounts, zeroCounts } from "./forward/outcomes.ts";
import { forwardReply } from "./forward/reply.ts";
import { type Arrival, forwardRequest } from "./forward/request.ts";
import type { NodeTracker } from "./select/tracker.ts";
import type { Wire, WireHandlers } from "./wires/wires.ts";

/** What a relay is made of. */
export interface RelayParts {
  readonly config: ForwardConfig;
  /** One per interface of `config`, in the same order. */
  readonly wires: readonly Wire[];
  readonly tracker: NodeTracker;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  /** Hears of every datagram dropped; it must bound what it says itself. */
  readonly dropped: (link: number, reason: DropReason, bytes: Uint8Array, from: Ipv4) => void;
}

/** Forwards from its construction on, until its wires are closed. */
export class Relay implements WireHandlers {
  /** One per interface. */
  readonly counts: readonly OutcomeCounts[];
  readonly #parts: RelayParts;
  readonly #arrivals: readonly { readonly unicast: Arrival; readonly broadcast: Arrival }[];

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.counts = parts.config.interfaces.map(zeroCounts);
    this.#arrivals = parts.config.interfaces.map((from) => ({
      unicast: { interface: from, unicast: true },
      broadcast: { interface: from, unicast: false },
    }));
    for (const [link, wire] of parts.wires.entries()) wire.receive(link, this);
  }

  request(link: number, bytes: Uint8Array, from: Ipv4, unicast: boolean): void {
    const { config, wires, tracker } = this.#parts;
    const arrivals = this.#arrivals[link];
    const wire = wires[link];
    if (arrivals === undefined || wire === undefined) return;
    const decision = forwardRequest(config, bytes, unicast ? arrivals.unicast : arrivals.broadcast);
    if (decision.kind === "drop") return this.#drop(link, decision.outcome, bytes, from);
    let sent = false;
    for (const index of tracker.order.slice(0, tracker.fanOut)) {
      const node = config.nodes[index];
      if (node !== undefined && wire.sendUpstream(decision.bytes, node.address, node.port)) sent = true;
    }
    if (sent) this.#count(link, decision.outcome);
    else this.#drop(link, "requestUnsent", bytes, from);
  }

  reply(link: number, bytes: Uint8Array, from: Ipv4, port: number): void {
    const { config, wires, tracker, now } = this.#parts;
    const decision = forwardReply(config, bytes, from, port);
    if (decision.kind === "drop") return this.#drop(link, decision.outcome, bytes, from);
    tracker.answered(decision.node, undefined, now());
    const sent = wires[decision.interface]?.deliver(decision.bytes, decision.destination) === true;
    if (sent) this.#count(decision.interface, decision.outcome);
    else this.#drop(decision.interface, "replyUndelivered", bytes, from);
  }

  #drop(link: number, reason: DropReason, bytes: Uint8Array, from: Ipv4): void {
    this.#count(link, reason);
    this.#parts.dropped(link, reason, bytes, from);
  }

  #count(link: number, outcome: keyof OutcomeCounts): void {
    const counts = this.counts[link];
    if (counts !== undefined) counts[outcome]++;
  }
}
