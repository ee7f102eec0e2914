/**
 * Admission control: rate limits per interface and client, and a limit on open transactions per circuit. Known clients
 * never wait behind strangers: these have a budget of their own per interface, and so have clients that say that they
 * have an address, which can be invented too.
 */

import { toHex } from "../../src/bytes/hex.ts";
import { AT } from "../../src/dhcp/layout.ts";
import { type OptionScan, readRelayAgentInformation } from "../../src/dhcp/relay_agent.ts";
import { UNSPECIFIED } from "../../src/net/ipv4.ts";
import { RateLimit } from "../../src/rate/rate_limit.ts";
import { RateMeter } from "../../src/rate/rate_meter.ts";
import { TokenBucket } from "../../src/rate/token_bucket.ts";
import type { ForwardInterface, ForwardLimits } from "./config.ts";
import { readUint32 } from "./header.ts";
import { KnownClients } from "./known_clients.ts";
import { FORWARD } from "./limits.ts";

/** How well a client is known. */
export type Standing =
  /** A node gave it a lease through this relay; or another relay is closer to it, which sees the answers. */
  | "known"
  /** It says that it has an address (`ciaddr`). */
  | "bound"
  | "stranger";

/** The budgets of one interface. */
interface Budgets {
  readonly all: TokenBucket;
  readonly bound: TokenBucket;
  readonly stranger: TokenBucket;
  readonly strangerHedges: TokenBucket;
  readonly strangers: RateMeter;
}

/** Enforces {@link ForwardLimits}. */
export class Admission {
  readonly known: KnownClients;
  readonly #limits: ForwardLimits;
  readonly #interfaces = new Map<number, Budgets>();
  readonly #clients: RateLimit;
  readonly #open = new Map<string, number>();

  /** `known`: clients that were known before a reload. */
  constructor(limits: ForwardLimits, known = new KnownClients()) {
    this.#limits = limits;
    this.#clients = new RateLimit(limits.client, FORWARD.clientsMax);
    this.known = known;
  }

  /** How well the client of a request is known. */
  standingOf({ name }: ForwardInterface, client: string, bytes: Uint8Array, nowMs: number): Standing {
    if (readUint32(bytes, AT.giaddr) !== UNSPECIFIED || this.known.has(name, client, nowMs)) return "known";
    return readUint32(bytes, AT.ciaddr) === UNSPECIFIED ? "stranger" : "bound";
  }

  /** Whether the interface's rate admits one more message; part of it is for known clients alone. */
  admitsMessage(link: number, standing: Standing, nowMs: number): boolean {
    const reserved = Math.floor(FORWARD.reservedForKnown * this.#limits.interface.burst);
    return this.#budgetsOf(link, nowMs).all.take(nowMs, standing === "known" ? 0 : reserved);
  }

  /** Whether the interface's budget for clients of this standing admits one more message. */
  admitsStanding(link: number, standing: Standing, nowMs: number): boolean {
    if (standing === "known") return true;
    const budgets = this.#budgetsOf(link, nowMs);
    if (standing === "stranger") budgets.strangers.add(nowMs);
    return budgets[standing].take(nowMs);
  }

  /** A message that {@link admitsStanding} admitted was answered: it was none of a flood that nodes drop. */
  answered(link: number, standing: Standing, nowMs: number): void {
    if (standing !== "known") this.#budgetsOf(link, nowMs)[standing].refill(1);
  }

  /** Whether one more request of a client may be hedged, as far as the interface decides. */
  admitsHedge(link: number, standing: Standing, nowMs: number): boolean {
    return standing === "known" || this.#budgetsOf(link, nowMs).strangerHedges.take(nowMs);
  }

  /** Messages of strangers on an interface, a second. */
  strangersPerSecond(link: number, nowMs: number): number {
    return this.#interfaces.get(link)?.strangers.perSecond(nowMs) ?? 0;
  }

  /** Whether the client's rate admits one more message. */
  admitsClient(client: string, nowMs: number): boolean {
    return this.#clients.admits(client, nowMs);
  }

  /** Counts a new open transaction of a circuit; false when the circuit is at its limit. */
  open(circuit: string): boolean {
    const open = this.#open.get(circuit) ?? 0;
    if (open >= this.#limits.openPerCircuit) return false;
    this.#open.set(circuit, open + 1);
    return true;
  }

  /** A transaction of the circuit was answered or evicted. */
  close(circuit: string): void {
    const open = (this.#open.get(circuit) ?? 0) - 1;
    if (open > 0) this.#open.set(circuit, open);
    else this.#open.delete(circuit);
  }

  #budgetsOf(link: number, nowMs: number): Budgets {
    let budgets = this.#interfaces.get(link);
    if (budgets === undefined) {
      budgets = {
        all: new TokenBucket(this.#limits.interface, nowMs),
        bound: new TokenBucket(this.#limits.strangers, nowMs),
        stranger: new TokenBucket(this.#limits.strangers, nowMs),
        strangerHedges: new TokenBucket(FORWARD.strangerHedges, nowMs),
        strangers: new RateMeter(),
      };
      this.#interfaces.set(link, budgets);
    }
    return budgets;
  }
}

/**
 * The circuit of a message: the interface, or the switch port named by a trusted device (RFC 3046 §3.1). Known clients
 * have a limit of their own there.
 */
export function circuitOf(
  from: ForwardInterface,
  standing: Standing,
  { bytes, options }: { readonly bytes: Uint8Array; readonly options: OptionScan },
): string {
  const name = standing === "known" ? `${from.name}/known` : from.name;
  if (!from.trusted) return name;
  const information = readRelayAgentInformation(bytes, options);
  const circuitId = information.kind === "present" ? information.value.circuitId : undefined;
  return circuitId === undefined ? name : `${name}/${toHex(circuitId)}`;
}
