/** Clients on LANs behind a relay: real client cores with right clocks, and the relay's choice of a node made by chance. */

import { type ClientEvent, type ClientLease, DhcpClient, type Outgoing } from "../../src/dhcp/client/client.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { OPTIONS } from "../../src/dhcp/options/mod.ts";
import { CLIENT_TAG, type ClientKey, clientKey } from "../../src/lease/agreement/client_key.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { SimCluster } from "./cluster.ts";
import { chaddrOf, LANS, MAX_LEASE_SECONDS, MIN_LEASE_SECONDS, speaksAgainst, type Variant } from "./configurations.ts";
import { RELAY } from "./network.ts";
import type { Promised } from "./promises.ts";

const TICK_MS = 500;
/** A relay keeps a transaction with its node, but tries another one for a retransmission now and then, or two. */
const STRAY_CHANCE = 0.3;
const BOTH_CHANCE = 0.1;
/** Transactions whose node a relay remembers. */
const TRANSACTIONS_MAX = 32;

/** The agreement's margin leaves a client this much time to notice that its lease is over. */
const SLACK_MS_MAX = 10_000;
/** In the end nobody waits for a client that has backed off to a minute: somebody plugs it in again. */
const PATIENCE_MS = 4_000;

/** What a client does next, by chance, per tick. */
const BEHAVIOURS = [
  { what: "renew", chance: 0.03 },
  { what: "release", chance: 0.015 },
  { what: "decline", chance: 0.003 },
  { what: "reboot", chance: 0.015 },
  { what: "forget", chance: 0.01 },
  { what: "sleep", chance: 0.015 },
  { what: "move", chance: 0.01 },
] as const;

/** The agreement's key of whoever sent a message, and a name for people. */
export function identityOf({ giaddr, htype, chaddr }: Message): { client: ClientKey; name: string } {
  const subnet = LANS.find((lan) => lan.giaddr === giaddr)?.subnet ?? 0;
  return {
    client: clientKey({ subnet, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(htype, ...chaddr) }),
    name: `client ${chaddr.at(-1)}`,
  };
}

/** What a client needs to know of the run. */
export interface ClientSurroundings {
  readonly cluster: SimCluster;
  /** Nodes that the relays know. */
  readonly servers: () => readonly number[];
  /** How long a datagram that is sent now may be on its way. */
  readonly lateMs: () => number;
  /** Every configuration that was ever pushed. */
  readonly variants: readonly Variant[];
}

export class SimClient {
  readonly number: number;
  readonly name: string;
  lan: number;
  /** Switched off for good. */
  off = false;
  readonly #surroundings: ClientSurroundings;
  readonly #cluster: SimCluster;
  readonly #nodeOf = new Map<number, number>();
  readonly #slackMs: number;
  /** What it remembers of the other LANs. */
  readonly #remembered = new Map<number, ClientLease>();
  #core: DhcpClient;
  /** Until then the machine sleeps: it sends and hears nothing, and believes in its lease to the end. */
  #asleepUntilMs = 0;
  #startedMs = 0;
  /** Rises whenever the client no longer waits for what it asked before. */
  #life = 0;

  constructor(number: number, surroundings: ClientSurroundings) {
    const { prng } = surroundings.cluster;
    this.number = number;
    this.name = `client ${number}`;
    this.lan = prng.int(0, LANS.length - 1);
    this.#surroundings = surroundings;
    this.#cluster = surroundings.cluster;
    this.#slackMs = prng.chance(0.5) ? 0 : prng.int(0, SLACK_MS_MAX);
    this.#core = this.#newCore();
  }

  /** The lease that it believes to have, where it is. */
  get address(): Ipv4 | undefined {
    return this.#core.lease === undefined ? undefined : this.#cluster.checkers.ledger.held(this.name);
  }

  /** Starts now and goes on for the whole run. */
  start(): void {
    this.#restart();
    const { world } = this.#cluster;
    const tick = () => {
      if (this.off) return;
      if (world.nowMs >= this.#asleepUntilMs) {
        this.#behave();
        this.#send(this.#core.tick(world.nowMs));
      }
      world.after(TICK_MS, tick);
    };
    tick();
  }

  /** Is unplugged, mostly after it said so. */
  leave(): void {
    if (this.#core.lease !== undefined && this.#cluster.prng.chance(0.8)) this.#giveBack("release");
    this.#cluster.checkers.ledger.ended(this.name);
    this.#life += 1;
    this.off = true;
    this.#cluster.log?.(`${this.name} is switched off`);
  }

  /** Is plugged into another LAN, where it asks for what it had there, or for what it has. */
  move(lan: number): void {
    const { lease } = this.#core;
    const { world, checkers, log } = this.#cluster;
    if (lease !== undefined) this.#remembered.set(this.lan, lease);
    checkers.ledger.ended(this.name);
    this.#life += 1;
    this.lan = lan;
    log?.(`${this.name} moves to LAN ${lan}`);
    const known = this.#remembered.get(lan);
    const runs = known !== undefined && known.endsAtMs > world.nowMs;
    this.#core = this.#newCore();
    if (runs) {
      checkers.ledger.holds(this.name, known.address, known.endsAtMs, this.#slackMs);
      this.#send(this.#core.reboot(known, world.nowMs));
    } else if (lease !== undefined) this.#send(this.#core.reboot(lease, world.nowMs));
    else this.#restart();
  }

  #newCore(): DhcpClient {
    const { prng } = this.#cluster;
    const core: DhcpClient = new DhcpClient({
      chaddr: chaddrOf(this.number),
      random: () => prng.next(),
      wantedSeconds: () => prng.chance(0.5) ? prng.int(MIN_LEASE_SECONDS, MAX_LEASE_SECONDS) : undefined,
      notify: (event) => {
        if (core === this.#core) this.#notice(event);
      },
    });
    return core;
  }

  #notice(event: ClientEvent): void {
    const { log, checkers } = this.#cluster;
    log?.(`${this.name}: ${event.kind} ${formatIpv4(event.address)}`);
    if (event.kind !== "refused") return;
    const { variants } = this.#surroundings;
    const isReconfigured = variants.some((variant) => speaksAgainst(variant, this.number, event.address));
    if (!isReconfigured) checkers.ledger.refused(this.name, event.address);
    checkers.ledger.ended(this.name);
  }

  #behave(): void {
    const { world, prng, calm, checkers } = this.#cluster;
    const { lease, state } = this.#core;
    if (calm) {
      if (lease === undefined && world.nowMs - this.#startedMs > PATIENCE_MS) this.#restart();
      return;
    }
    if (lease === undefined || state !== "bound") return;
    let choice = prng.next();
    const behaviour = BEHAVIOURS.find(({ chance }) => (choice -= chance) < 0);
    switch (behaviour?.what) {
      case "renew":
        return void this.#send(this.#core.renew(world.nowMs, prng.chance(0.5) ? "renewing" : "rebinding"));
      case "release":
      case "decline":
        this.#giveBack(behaviour.what);
        return world.after(this.#afterEndMs(), () => {
          if (this.#core.state === "init" && !this.off) this.#restart();
        });
      case "reboot":
        return void this.#send(this.#core.reboot(lease, world.nowMs));
      case "forget":
        checkers.ledger.ended(this.name);
        this.#life += 1;
        this.#core = this.#newCore();
        return this.#restart();
      case "sleep":
        this.#asleepUntilMs = world.nowMs + prng.int(1_000, 60_000);
        return;
      case "move":
        return this.move((this.lan + 1) % LANS.length);
    }
  }

  /**
   * A RELEASE or DECLINE that arrives after the client's next lease ends that one: DHCP has nothing to tell them apart by. So a
   * client waits as long as a datagram may be on its way now.
   */
  #afterEndMs(): number {
    const { prng } = this.#cluster;
    return this.#surroundings.lateMs() + (prng.chance(0.5) ? prng.int(1, 500) : prng.int(500, 5_000));
  }

  #giveBack(how: "release" | "decline"): void {
    const { world, checkers, log } = this.#cluster;
    const { lease } = this.#core;
    if (lease === undefined) return;
    log?.(`${this.name}: ${how} ${formatIpv4(lease.address)}`);
    checkers.ledger.ended(this.name);
    this.#startedMs = world.nowMs;
    for (const message of this.#send(this.#core[how](world.nowMs))) {
      checkers.promises.ended(identityOf(message).client, lease.address);
    }
    this.#life += 1;
  }

  #restart(): void {
    this.#startedMs = this.#cluster.world.nowMs;
    this.#send(this.#core.start(this.#cluster.world.nowMs));
  }

  /** Through the relay to a node, or to two; returns what was relayed. */
  #send(outgoing: readonly Outgoing[]): Message[] {
    const { prng } = this.#cluster;
    return outgoing.map(({ message }) => {
      const servers = this.#surroundings.servers();
      const { giaddr } = LANS[this.lan] ?? { giaddr: 0 };
      const relayed: Message = { ...message, options: new Map(message.options), giaddr };
      // The relay overrides the server identifier, so that every member may answer for every other.
      relayed.options.set(OPTIONS.relayAgentInformation.code, agentOptions(giaddr));
      const before = this.#nodeOf.get(message.xid);
      const to = before === undefined || prng.chance(STRAY_CHANCE) ? prng.pick(servers) : before;
      this.#remember(message.xid, to);
      this.#carry(relayed, to);
      if (before !== undefined && prng.chance(BOTH_CHANCE)) this.#carry(relayed, prng.pick(servers));
      return relayed;
    });
  }

  #remember(xid: number, node: number): void {
    if (this.#nodeOf.size >= TRANSACTIONS_MAX) this.#nodeOf.clear();
    this.#nodeOf.set(xid, node);
  }

  #carry(message: Message, to: number): void {
    const { links, nodes } = this.#cluster;
    const life = this.#life;
    const awaits = () => this.#life === life;
    links.carry(
      { from: RELAY, to },
      () =>
        nodes.get(to)?.serve(message, awaits, (reply, promised) =>
          links.carry({ from: to, to: RELAY }, () => {
            if (awaits()) this.#receive(reply, promised);
          })),
    );
  }

  #receive(reply: Message, promised: Promised | undefined): void {
    const { world, checkers } = this.#cluster;
    if (world.nowMs < this.#asleepUntilMs) return;
    const before = this.#core.lease;
    this.#send(this.#core.receive(reply, world.nowMs));
    const { lease } = this.#core;
    if (lease === undefined || lease === before) return;
    checkers.ledger.holds(this.name, lease.address, lease.endsAtMs, this.#slackMs);
    if (promised !== undefined) checkers.promises.arrived(promised);
  }
}

function agentOptions(giaddr: Ipv4): Uint8Array {
  return Uint8Array.of(1, 1, 7, 11, 4, giaddr >>> 24, (giaddr >>> 16) & 255, (giaddr >>> 8) & 255, giaddr & 255);
}
