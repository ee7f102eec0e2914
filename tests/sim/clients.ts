/** Clients on a LAN behind a relay: real client cores with right clocks, and the relay's choice of a node made by chance. */

import { DhcpClient, type Outgoing } from "../../src/dhcp/client/client.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import type { SimCluster } from "./node.ts";

/** The relay's id on the network, where nodes are 1 to 255. */
export const RELAY = 0;
const GIADDR: Ipv4 = 0x0a4d0001;
const TICK_MS = 250;
/** A relay keeps a transaction with its node, but tries another one for a retransmission now and then. */
const STRAY_CHANCE = 0.3;

/**
 * A RELEASE or DECLINE that arrives after the client's next lease ends that one: DHCP has nothing to tell them apart by. So a
 * client waits as long as a datagram may be on its way.
 */
const AFTER_END_MS = 3_100;

/** What a client does next, by chance. */
const BEHAVIOUR = { renew: 0.02, release: 0.01, decline: 0.002, reboot: 0.01, sleep: 0.02 } as const;

export class SimClient {
  readonly name: string;
  readonly client: DhcpClient;
  readonly #cluster: SimCluster;
  readonly #nodeOf = new Map<number, number>();
  /** Until then the machine sleeps: it sends and hears nothing, and believes in its lease to the end. */
  #asleepUntilMs = 0;

  constructor(number: number, cluster: SimCluster) {
    this.name = `client ${number}`;
    this.#cluster = cluster;
    this.client = new DhcpClient({
      chaddr: Uint8Array.of(2, 0, 0, 0, 0, number),
      random: () => cluster.prng.next(),
      wantedSeconds: () => cluster.prng.chance(0.5) ? cluster.prng.int(5, 40) : undefined,
      notify: (event) => {
        cluster.log(`${this.name}: ${event.kind} ${event.address}`);
        if (event.kind !== "bound" && event.kind !== "renewed") this.#cluster.checker.ended(this.name);
      },
    });
  }

  /** Starts now and goes on for the whole run. */
  start(): void {
    const { world } = this.#cluster;
    this.#send(this.client.start(world.nowMs));
    const tick = () => {
      if (world.nowMs >= this.#asleepUntilMs) {
        this.#behave();
        this.#send(this.client.tick(world.nowMs));
      }
      world.after(TICK_MS, tick);
    };
    tick();
  }

  #behave(): void {
    const { world, prng } = this.#cluster;
    const now = world.nowMs;
    const lease = this.client.lease;
    if (lease === undefined || this.client.state !== "bound" || this.#cluster.calm) return;
    const choice = prng.next() * 4;
    let edge = BEHAVIOUR.renew;
    if (choice < edge) return this.#send(this.client.renew(now, prng.chance(0.5) ? "renewing" : "rebinding"));
    edge += BEHAVIOUR.release;
    if (choice < edge) {
      this.#cluster.checker.ended(this.name);
      this.#send(this.client.release(now));
      return world.after(AFTER_END_MS + prng.int(0, 5_000), () => this.#restart());
    }
    edge += BEHAVIOUR.decline;
    if (choice < edge) {
      this.#cluster.checker.ended(this.name);
      this.#send(this.client.decline(now));
      return world.after(AFTER_END_MS + prng.int(0, 5_000), () => this.#restart());
    }
    edge += BEHAVIOUR.reboot;
    if (choice < edge) return this.#send(this.client.reboot(lease, now));
    edge += BEHAVIOUR.sleep;
    if (choice < edge) this.#asleepUntilMs = now + prng.int(1_000, 60_000);
  }

  #restart(): void {
    if (this.client.state === "init") this.#send(this.client.start(this.#cluster.world.nowMs));
  }

  #send(outgoing: readonly Outgoing[]): void {
    const { network, nodes, members, prng } = this.#cluster;
    for (const { message } of outgoing) {
      let to = this.#nodeOf.get(message.xid);
      if (to === undefined || prng.chance(STRAY_CHANCE)) to = prng.pick(members);
      this.#nodeOf.set(message.xid, to);
      const node = nodes.get(to);
      const relayed: Message = { ...message, options: new Map(message.options), giaddr: GIADDR };
      // The relay overrides the server identifier, so that every member may answer for every other.
      relayed.options.set(82, Uint8Array.of(1, 1, 7, 11, 4, ...OVERRIDE));
      const through = to;
      network.carry(
        RELAY,
        to,
        () => node?.serve(relayed, (reply) => network.carry(through, RELAY, () => this.#receive(reply))),
      );
    }
  }

  #receive(reply: Message): void {
    if (this.#cluster.world.nowMs < this.#asleepUntilMs) return;
    const before = this.client.lease;
    const now = this.#cluster.world.nowMs;
    this.#send(this.client.receive(reply, now));
    const lease = this.client.lease;
    if (lease !== undefined && lease !== before && lease.address !== UNSPECIFIED) {
      this.#cluster.checker.acknowledged(this.name, lease.address, lease.endsAtMs);
    }
  }
}

const OVERRIDE = [GIADDR >>> 24, (GIADDR >>> 16) & 255, (GIADDR >>> 8) & 255, GIADDR & 255];
