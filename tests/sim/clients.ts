/** Clients on LANs behind a relay: the product's client core with an exact clock. */

import { type ClientEvent, type ClientLease, DhcpClient, type Outgoing } from "../../src/dhcp/client/client.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import {
  chaddrOf,
  clientIdOf,
  identityOf,
  LANS,
  longestLeaseMs,
  mayKeep,
  MIN_LEASE_SECONDS,
  type Variant,
} from "./configurations.ts";
import type { Promised } from "./promises.ts";
import type { RelayAgent } from "./relay_agent.ts";
import type { SimRun } from "./run.ts";

const TICK_MS = 500;
/** How late a client may notice that its lease is over: the part of MARGIN that is left for it. */
const SLACK_MS_MAX = 10_000;
/** After the faults a client that has backed off for longer than this starts again. */
const RESTART_AFTER_MS = 4_000;

/** What a bound client does next: probability per tick. */
const BEHAVIOURS = [
  { what: "renew", chance: 0.03 },
  { what: "release", chance: 0.015 },
  { what: "decline", chance: 0.003 },
  { what: "reboot", chance: 0.015 },
  { what: "forget", chance: 0.01 },
  { what: "sleep", chance: 0.015 },
  { what: "move", chance: 0.01 },
] as const;

/** What a client uses of the run. */
export interface ClientContext {
  readonly run: SimRun;
  readonly relay: RelayAgent;
  /** The longest delay of a datagram that is sent now. */
  readonly delayMsMax: () => number;
  /** All configurations that were pushed. */
  readonly variants: readonly Variant[];
}

export class SimClient {
  readonly number: number;
  readonly name: string;
  lan: number;
  /** Switched off for the rest of the run. */
  off = false;
  readonly #context: ClientContext;
  readonly #run: SimRun;
  readonly #slackMs: number;
  /** Its last leases on the other LANs. */
  readonly #remembered = new Map<number, ClientLease>();
  #core: DhcpClient;
  /** The machine is suspended until then: it sends and receives nothing, and still counts its lease as held. */
  #asleepUntilMs = 0;
  #startedMs = 0;
  /** Increased when the client stops waiting for answers to its earlier requests. */
  #session = 0;

  constructor(number: number, context: ClientContext) {
    const { prng } = context.run;
    this.number = number;
    this.name = `client ${number}`;
    this.lan = prng.int(0, LANS.length - 1);
    this.#context = context;
    this.#run = context.run;
    this.#slackMs = prng.chance(0.5) ? 0 : prng.int(0, SLACK_MS_MAX);
    this.#core = this.#newCore();
  }

  /** The address that the client holds on its LAN. */
  get address(): Ipv4 | undefined {
    return this.#core.lease === undefined ? undefined : this.#run.checkers.ledger.held(this.name);
  }

  /** Whether it asks for any address. */
  get seeks(): boolean {
    return !this.off && this.#core.lease === undefined && this.#run.events.nowMs >= this.#asleepUntilMs;
  }

  /** Starts now and runs until the end of the run. */
  start(): void {
    this.#restart();
    const { events } = this.#run;
    const tick = () => {
      if (this.off) return;
      if (events.nowMs >= this.#asleepUntilMs) {
        this.#behave();
        this.#send(this.#core.tick(events.nowMs));
      }
      events.after(TICK_MS, tick);
    };
    tick();
  }

  /** Switches the client off, usually after a RELEASE. */
  leave(): void {
    if (this.#core.lease !== undefined && this.#run.prng.chance(0.8)) this.#endLease("release");
    this.#run.checkers.ledger.ended(this.name);
    this.#session += 1;
    this.off = true;
    this.#run.log?.(`${this.name} is switched off`);
  }

  /** Moves to another LAN and asks there for its old lease of that LAN, or for its present address. */
  move(lan: number): void {
    const { lease } = this.#core;
    const { events, checkers, log } = this.#run;
    if (lease !== undefined) this.#remembered.set(this.lan, lease);
    checkers.ledger.ended(this.name);
    this.#session += 1;
    this.lan = lan;
    log?.(`${this.name} moves to LAN ${lan}`);
    const known = this.#remembered.get(lan);
    const runs = known !== undefined && known.endsAtMs > events.nowMs;
    this.#core = this.#newCore();
    if (runs) {
      checkers.ledger.holds(this.name, known.address, known.endsAtMs, this.#slackMs);
      this.#send(this.#core.reboot(known, events.nowMs));
    } else if (lease !== undefined) this.#send(this.#core.reboot(lease, events.nowMs));
    else this.#restart();
  }

  get #maxLeaseSeconds(): number {
    return longestLeaseMs(this.#context.variants) / 1_000;
  }

  #newCore(): DhcpClient {
    const { prng } = this.#run;
    const clientId = clientIdOf(this.number);
    const core: DhcpClient = new DhcpClient({
      chaddr: chaddrOf(this.number),
      ...(clientId === undefined ? {} : { clientId }),
      random: () => prng.next(),
      wantedSeconds: () => prng.chance(0.5) ? prng.int(MIN_LEASE_SECONDS, this.#maxLeaseSeconds) : undefined,
      notify: (event) => {
        if (core === this.#core) this.#onEvent(event);
      },
    });
    return core;
  }

  #onEvent(event: ClientEvent): void {
    const { log, checkers } = this.#run;
    log?.(`${this.name}: ${event.kind} ${formatIpv4(event.address)}`);
    if (event.kind !== "refused") return;
    const { variants } = this.#context;
    const isAlwaysAllowed = variants.every((variant) => mayKeep(variant, this.number, event.address));
    if (isAlwaysAllowed) checkers.ledger.refused(this.name, event.address);
    checkers.ledger.ended(this.name);
  }

  #behave(): void {
    const { events, prng, faultsOver, checkers } = this.#run;
    const { lease, state } = this.#core;
    if (faultsOver) {
      if (lease === undefined && events.nowMs - this.#startedMs > RESTART_AFTER_MS) this.#restart();
      return;
    }
    if (lease === undefined || state !== "bound") return;
    let choice = prng.next();
    const behaviour = BEHAVIOURS.find(({ chance }) => (choice -= chance) < 0);
    switch (behaviour?.what) {
      case "renew":
        return void this.#send(this.#core.renew(events.nowMs, prng.chance(0.5) ? "renewing" : "rebinding"));
      case "release":
      case "decline":
        this.#endLease(behaviour.what);
        return events.after(this.#restartDelayMs(), () => {
          if (this.#core.state === "init" && !this.off) this.#restart();
        });
      case "reboot":
        return void this.#send(this.#core.reboot(lease, events.nowMs));
      case "forget":
        checkers.ledger.ended(this.name);
        this.#session += 1;
        this.#core = this.#newCore();
        return this.#restart();
      case "sleep":
        this.#asleepUntilMs = events.nowMs + prng.int(1_000, 60_000);
        return;
      case "move":
        return this.move((this.lan + 1) % LANS.length);
    }
  }

  /**
   * A RELEASE or DECLINE that arrives after the client's next lease ends that one: DHCP cannot tell them apart. So the
   * client waits for the longest delay of a datagram.
   */
  #restartDelayMs(): number {
    const { prng } = this.#run;
    return this.#context.delayMsMax() + (prng.chance(0.5) ? prng.int(1, 500) : prng.int(500, 5_000));
  }

  #endLease(how: "release" | "decline"): void {
    const { events, checkers, log } = this.#run;
    const { lease } = this.#core;
    if (lease === undefined) return;
    log?.(`${this.name}: ${how} ${formatIpv4(lease.address)}`);
    checkers.ledger.ended(this.name);
    this.#startedMs = events.nowMs;
    for (const message of this.#send(this.#core[how](events.nowMs))) {
      checkers.promises.ended(identityOf(message).client, lease.address);
    }
    this.#session += 1;
  }

  #restart(): void {
    this.#startedMs = this.#run.events.nowMs;
    this.#send(this.#core.start(this.#run.events.nowMs));
  }

  /** Sends through the relay; returns the messages with the relay's address. */
  #send(outgoing: readonly Outgoing[]): Message[] {
    const { relay } = this.#context;
    const session = this.#session;
    const awaits = () => this.#session === session;
    const receive = (reply: Message, promised: Promised | undefined) => {
      if (awaits()) this.#receive(reply, promised);
    };
    const giaddr = LANS[this.lan]?.giaddr ?? 0;
    return outgoing.map((one) => {
      relay.request(this.lan, one, { awaits, receive });
      return { ...one.message, giaddr };
    });
  }

  #receive(reply: Message, promised: Promised | undefined): void {
    const { events, checkers } = this.#run;
    if (events.nowMs < this.#asleepUntilMs) return;
    const before = this.#core.lease;
    this.#send(this.#core.receive(reply, events.nowMs));
    const { lease } = this.#core;
    if (lease === undefined || lease === before) return;
    checkers.ledger.holds(this.name, lease.address, lease.endsAtMs, this.#slackMs);
    if (promised !== undefined) checkers.promises.arrived(promised);
  }
}
