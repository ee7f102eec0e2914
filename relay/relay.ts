/**
 * The driver of the forwarding core: passes datagrams in, performs the effects, counts outcomes and keeps the timer for
 * the core's next deadline. It decides nothing itself.
 */

import type { Ipv4 } from "../src/net/ipv4.ts";
import { unreachable } from "../src/assert.ts";
import type { ClientDestination } from "../src/dhcp/delivery.ts";
import type { ForwardConfig, ForwardNode, Gateway } from "./forward/config.ts";
import { type Effect, Forwarder } from "./forward/forwarder.ts";
import { type DropReason, type Outcome, type OutcomeCounts, zeroCounts } from "./forward/outcomes.ts";
import type { Rogue } from "./forward/rogues.ts";
import type { Delivery, Send } from "./forward/transaction.ts";
import type { NodeTracker } from "./select/tracker.ts";

/** Sends from the right socket; returns false when the kernel refuses. */
export interface Outlet {
  /** To a node, from the giaddr that its answer comes back to. */
  sendUpstream(giaddr: Ipv4, bytes: Uint8Array, to: Ipv4, port: number): boolean;
  /** To a client, through its interface. */
  deliver(gateway: Gateway, bytes: Uint8Array, destination: ClientDestination): boolean;
}

/** Dependencies of a relay. */
interface RelayParts {
  readonly config: ForwardConfig;
  readonly outlet: Outlet;
  readonly tracker: NodeTracker;
  /** Monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Called for every dropped datagram; must bound its own output. */
  readonly dropped: (link: number, reason: DropReason, datagram: Datagram) => void;
  /** Called once for every new rogue DHCP server. */
  readonly rogue: (rogue: Rogue) => void;
  /** The relay before a reload. */
  readonly previous?: Relay | undefined;
  /** Counters continued from an earlier relay, one set per interface. */
  readonly counts?: readonly OutcomeCounts[];
}

/** A received datagram, for the log. */
interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: Ipv4;
}

/** Drives one {@link Forwarder}. */
export class Relay {
  readonly forwarder: Forwarder;
  /** One per interface. */
  readonly counts: readonly OutcomeCounts[];
  readonly #parts: RelayParts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When `#timer` fires. */
  #timerMs = Infinity;
  #closed = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.forwarder = new Forwarder(parts.config, parts.tracker, parts.now(), parts.previous?.forwarder);
    this.counts = parts.counts ?? parts.config.interfaces.map(zeroCounts);
  }

  /** The same interfaces in the same order, with new addresses. */
  interfacesChanged(config: ForwardConfig): void {
    this.forwarder.interfacesChanged(config);
  }

  /** From a client interface. */
  request(link: number, bytes: Uint8Array, from: Ipv4, unicast: boolean): void {
    this.#perform(this.forwarder.request(bytes, { link, from, unicast }, this.#parts.now()), { bytes, from });
  }

  /** Addressed to the relay, through an upstream socket or the clients' interface. */
  reply(link: number, bytes: Uint8Array, from: Ipv4, port: number, clientSide = false): void {
    this.#perform(this.forwarder.reply(bytes, link, from, port, this.#parts.now(), clientSide), { bytes, from });
  }

  /** A DHCP server's message, overheard on a client link. */
  overheard(link: number, bytes: Uint8Array, from: Ipv4, mac: Uint8Array): void {
    this.#perform(this.forwarder.overheard(bytes, { link, from, mac }, this.#parts.now()), { bytes, from });
  }

  /** Stops the timer; nothing may be passed in afterwards. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #perform(effects: readonly Effect[], datagram: Datagram | undefined): void {
    let sent = false;
    for (const effect of effects) {
      switch (effect.kind) {
        case "send":
          if (this.#send(effect.send)) sent = true;
          break;
        case "deliver":
          this.#deliver(effect.delivery);
          break;
        case "relayed":
          if (sent) this.#count(effect.link, effect.outcome);
          else this.#drop(effect.link, "requestUnsent", datagram);
          break;
        case "dropped":
          this.#drop(effect.link, effect.outcome, datagram);
          break;
        case "rogue":
          this.#parts.rogue(effect.rogue);
          break;
        default:
          return unreachable(effect);
      }
    }
    this.#schedule();
  }

  #send(send: Send): boolean {
    const { outlet, now, config } = this.#parts;
    const { address, port } = config.nodes[send.node] as ForwardNode;
    if (outlet.sendUpstream(send.gateway.giaddr, send.bytes, address, port)) return true;
    let sent = false;
    for (const effect of this.forwarder.sendFailed(send, now())) {
      if (effect.kind === "send" && this.#send(effect.send)) sent = true;
    }
    return sent;
  }

  #deliver(delivery: Delivery): void {
    const { link, gateway, bytes, destination } = delivery;
    if (this.#parts.outlet.deliver(gateway, bytes, destination)) this.#count(link, delivery.outcome);
    else this.#drop(link, "replyUndelivered", { bytes, from: gateway.giaddr });
  }

  #drop(link: number, reason: DropReason, datagram: Datagram | undefined): void {
    this.#count(link, reason);
    if (datagram !== undefined) this.#parts.dropped(link, reason, datagram);
  }

  #count(link: number, outcome: Outcome): void {
    const counts = this.counts[link];
    if (counts !== undefined) counts[outcome]++;
  }

  /** Sets the timer to the earliest deadline. */
  #schedule(): void {
    const { nextMs } = this.forwarder;
    if (nextMs === undefined || nextMs >= this.#timerMs || this.#closed) return;
    clearTimeout(this.#timer);
    this.#timerMs = nextMs;
    this.#timer = setTimeout(() => {
      this.#timerMs = Infinity;
      this.#perform(this.forwarder.tick(this.#parts.now()), undefined);
    }, Math.max(0, nextMs - this.#parts.now()));
  }
}
