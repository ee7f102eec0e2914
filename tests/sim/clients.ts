/** Clients on two LANs behind a relay: real client cores with right clocks, and the relay's choice of a node made by chance. */

import { DhcpClient, type Outgoing } from "../../src/dhcp/client/client.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import type { SimCluster } from "./node.ts";

/** The relay's id on the network, where nodes are 1 to 255. */
export const RELAY = 0;

/** The relay's addresses, by LAN. */
const GIADDRS: readonly Ipv4[] = [0x0a4d0001, 0x0a4e0001];
/** A relay keeps a transaction with its node, but tries another one for a retransmission now and then. */
const STRAY_CHANCE = 0.3;
const BEHAVE_MS = 1_000;

/**
 * A RELEASE or DECLINE that arrives after the client's next lease ends that one: DHCP has nothing to tell them apart by. So a
 * client waits as long as a datagram may be on its way.
 */
const AFTER_END_MS = 3_100;

/** What a bound client does next, by chance, each second. */
const BEHAVIOUR = { renew: 0.02, release: 0.01, decline: 0.002, reboot: 0.01, sleep: 0.02, move: 0.006 } as const;
type Behaviour = keyof typeof BEHAVIOUR;

export class SimClient {
  readonly name: string;
  readonly client: DhcpClient;
  readonly #cluster: SimCluster;
  readonly #chaddr: Uint8Array;
  readonly #nodeOf = new Map<number, number>();
  /** Until then the machine sleeps: it sends and hears nothing, and believes in its lease to the end. */
  #asleepUntilMs = 0;
  #lan = 0;
  /** It left the network of its lease and does not know it yet. */
  #moved = false;
  #plannedMs = Infinity;

  constructor(number: number, cluster: SimCluster) {
    this.name = `client ${number}`;
    this.#cluster = cluster;
    this.#chaddr = Uint8Array.of(2, 0, 0, 0, 0, number);
    this.client = new DhcpClient({
      chaddr: this.#chaddr,
      random: () => cluster.prng.next(),
      wantedSeconds: () => cluster.prng.chance(0.5) ? cluster.prng.int(5, 40) : undefined,
      notify: (event) => {
        cluster.log(`${this.name}: ${event.kind} ${event.address}`);
        if (event.kind === "refused") cluster.checker.refused(this.name, event.address, this.#moved);
        if (event.kind === "refused" || event.kind === "expired" || event.kind === "released") {
          this.#moved = false;
          cluster.checker.ended(this.name);
        }
      },
    });
  }

  /** The LAN it is in: 0 or 1. */
  get lan(): number {
    return this.#lan;
  }

  /** Starts now and goes on for the whole run. */
  start(): void {
    const { world } = this.#cluster;
    this.#send(this.client.start(world.nowMs));
    const behave = () => {
      if (world.nowMs >= this.#asleepUntilMs) this.#behave();
      world.after(BEHAVE_MS, behave);
    };
    behave();
  }

  /** Stops for good without a word, as a machine that lost its power. */
  silence(): void {
    this.#asleepUntilMs = Infinity;
  }

  #behave(): void {
    const { prng, world, calm } = this.#cluster;
    const lease = this.client.lease;
    if (lease === undefined || this.client.state !== "bound" || calm) return;
    let choice = prng.next();
    for (const [behaviour, chance] of Object.entries(BEHAVIOUR) as [Behaviour, number][]) {
      choice -= chance;
      if (choice >= 0) continue;
      switch (behaviour) {
        case "renew":
          return this.#send(this.client.renew(world.nowMs, prng.chance(0.5) ? "renewing" : "rebinding"));
        case "release":
          return this.#end(this.client.release(world.nowMs));
        case "decline":
          return this.#end(this.client.decline(world.nowMs));
        case "reboot":
          return this.#send(this.client.reboot(lease, world.nowMs));
        case "sleep":
          this.#asleepUntilMs = world.nowMs + prng.int(1_000, 60_000);
          return world.after(this.#asleepUntilMs - world.nowMs, () => this.#tick());
        case "move":
          this.#lan = 1 - this.#lan;
          this.#moved = !this.#moved;
          this.#cluster.log(`${this.name} moves to LAN ${this.#lan}`);
          return this.#send(this.client.reboot(lease, world.nowMs));
      }
    }
  }

  #end(outgoing: readonly Outgoing[]): void {
    const { world, prng, checker } = this.#cluster;
    checker.ended(this.name);
    this.#moved = false;
    this.#send(outgoing);
    world.after(AFTER_END_MS + prng.int(0, 5_000), () => {
      if (this.client.state === "init") this.#send(this.client.start(world.nowMs));
    });
  }

  #tick(): void {
    const { world } = this.#cluster;
    if (world.nowMs >= this.#asleepUntilMs) this.#send(this.client.tick(world.nowMs));
  }

  /** Whatever the client does next has a deadline: it is looked at then and not before. */
  #plan(): void {
    const { world } = this.#cluster;
    const deadlineMs = this.client.deadlineMs;
    if (deadlineMs === undefined || (deadlineMs >= this.#plannedMs && this.#plannedMs > world.nowMs)) return;
    const atMs = Math.max(deadlineMs, world.nowMs + 1);
    this.#plannedMs = atMs;
    world.after(atMs - world.nowMs, () => {
      if (this.#plannedMs === atMs) this.#plannedMs = Infinity;
      this.#tick();
      this.#plan();
    });
  }

  #send(outgoing: readonly Outgoing[]): void {
    const { network, nodes, prng } = this.#cluster;
    for (const { message } of outgoing) {
      let to = this.#nodeOf.get(message.xid);
      if (to === undefined || !nodes.has(to) || prng.chance(STRAY_CHANCE)) to = prng.pick([...nodes.keys()]);
      this.#nodeOf.set(message.xid, to);
      const node = nodes.get(to);
      const giaddr = GIADDRS[this.#lan] as Ipv4;
      const relayed: Message = { ...message, options: new Map(message.options), giaddr };
      // The relay overrides the server identifier, so that every member may answer for every other.
      relayed.options.set(82, Uint8Array.of(1, 1, 7, 11, 4, ...octetsOf(giaddr)));
      const through = to;
      network.carry(
        RELAY,
        to,
        () => node?.serve(relayed, (reply) => network.carry(through, RELAY, () => this.#receive(reply))),
      );
    }
    this.#plan();
  }

  #receive(reply: Message): void {
    const { world, checker } = this.#cluster;
    if (world.nowMs < this.#asleepUntilMs) return;
    const before = this.client.lease;
    this.#send(this.client.receive(reply, world.nowMs));
    const lease = this.client.lease;
    if (lease !== undefined && lease !== before && lease.address !== UNSPECIFIED) {
      this.#moved = false;
      checker.acknowledged(this.name, this.#chaddr, lease.address, lease.endsAtMs);
    }
  }
}

function octetsOf(address: Ipv4): number[] {
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255];
}
