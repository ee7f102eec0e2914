/**
 * The life of one emulated client: it gets a lease, renews or rebinds it in time, releases or declines it, reboots,
 * forgets it, moves to the other network and back, and sleeps until its lease is over.
 */

import { type Air, type ClientLease, EmulatedClient } from "../../e2e/load/emulated_client.ts";
import type { Exchange } from "../../e2e/load/summary.ts";
import { type ClientEvent, trueMs } from "../history.ts";
import { LEASE_SECONDS, RELEASED_REST_MS, SLACK_MS_MAX } from "../limits.ts";
import type { LanAir } from "./air.ts";
import type { ClientsOrder } from "./order.ts";

/** What a client with a lease does next, and how often in relation to the others. */
const BEHAVIOURS = [
  ["renew", 72],
  ["rebind", 6],
  ["reboot", 6],
  ["release", 4],
  ["decline", 1],
  ["forget", 4],
  ["move", 4],
  ["sleep", 3],
] as const;

const WEIGHTS = BEHAVIOURS.reduce((sum, [, weight]) => sum + weight, 0);
/** A client that got nothing asks again after a while. */
const PATIENCE_MS = 20_000;
const RETRY_MS = { min: 500, max: 4_000 };
/** A lease with less time left is renewed at once. */
const SOON_MS = 5_000;
const LAN_COUNT = 2;
/** How many addresses are kept to wish for. */
const RECENT_MAX = 200;
const POLL_MS = 20;

/** What clients share. */
export interface World {
  readonly order: ClientsOrder;
  readonly lans: readonly LanAir[];
  /** Addresses that were acknowledged lately, to wish for. */
  readonly recent: string[];
  stopping: boolean;
  readonly say: (event: ClientEvent) => void;
}

export class Life {
  readonly number: number;
  readonly #world: World;
  readonly #slackMs: number;
  /** Its leases in the other networks. */
  readonly #remembered = new Map<number, ClientLease>();
  #lan: number;
  #client: EmulatedClient;
  /** An exchange is going on. */
  #busy = false;
  #alive = true;
  /** The way of its last exchange. */
  #air: Air | undefined;

  constructor(number: number, world: World) {
    this.number = number;
    this.#world = world;
    this.#slackMs = Math.random() < 0.5 ? 0 : Math.random() * SLACK_MS_MAX;
    this.#lan = Math.floor(Math.random() * LAN_COUNT);
    this.#client = this.#newClient();
  }

  /** Whether it holds a lease and waits until it has to renew it. */
  get idles(): boolean {
    const { lease } = this.#client;
    return this.#alive && !this.#busy && lease !== undefined && lease.untilMs - performance.now() > SOON_MS;
  }

  /** Lives until the run stops. */
  async run(afterMs: number): Promise<void> {
    await rest(afterMs);
    while (!this.#world.stopping) {
      const { lease } = this.#client;
      if (lease !== undefined && lease.untilMs > performance.now()) await this.#turn(lease);
      else if (!await this.acquire(PATIENCE_MS)) await rest(between(RETRY_MS));
    }
  }

  /** Gets a lease, maybe with a wish; whether it did. */
  async acquire(patienceMs: number, options: { readonly isProbe?: boolean } = {}): Promise<boolean> {
    const exchange = await this.#exchange((client) => client.acquire(patienceMs, this.#wish()), options);
    return exchange.address !== undefined;
  }

  /** Renews now, through the relay; whether it was acknowledged. */
  async renew(patienceMs: number): Promise<boolean> {
    const wanted = this.#client.lease?.address;
    if (wanted === undefined) return false;
    const exchange = await this.#exchange((client) => client.renew(patienceMs), { wanted, isProbe: true });
    return exchange.address !== undefined;
  }

  /** Releases its lease and does nothing any more. */
  leave(): void {
    this.#alive = false;
    this.#end("release");
  }

  async #turn(lease: ClientLease): Promise<void> {
    const { clients, perSecond } = this.#world.order;
    const periodMs = Math.min(clients / perSecond, LEASE_SECONDS / 2) * 1_000;
    const leftMs = lease.untilMs - performance.now();
    await rest(Math.max(0, Math.min((0.5 + Math.random()) * periodMs, leftMs - SOON_MS)));
    while (this.#busy) await rest(POLL_MS);
    const now = this.#client.lease;
    if (this.#world.stopping || now === undefined) return;
    const untilEndMs = now.untilMs - performance.now() + this.#slackMs;
    const behaviour = choose();
    const wanted = now.address;
    switch (behaviour) {
      case "renew":
      case "rebind":
        await this.#exchange((client) => client[behaviour](untilEndMs), { wanted });
        return;
      case "reboot":
        await this.#exchange((client) => client.reboot(wanted, PATIENCE_MS), { wanted });
        return;
      case "release":
      case "decline":
        this.#end(behaviour);
        return await rest(RELEASED_REST_MS * (1 + Math.random()));
      case "forget":
        this.#client = this.#newClient();
        return;
      case "move":
        return await this.#move(now);
      case "sleep":
        await rest(now.untilMs - performance.now() + Math.random() * LEASE_SECONDS * 1_000);
        return;
    }
  }

  async #move(lease: ClientLease): Promise<void> {
    this.#remembered.set(this.#lan, lease);
    this.#lan = (this.#lan + 1) % LAN_COUNT;
    this.#client = this.#newClient();
    const known = this.#remembered.get(this.#lan);
    const running = known !== undefined && known.untilMs > performance.now() ? known : undefined;
    if (running !== undefined) this.#client.lease = running;
    const { address } = running ?? lease;
    await this.#exchange((client) => client.reboot(address, PATIENCE_MS), { wanted: address });
  }

  #end(how: "release" | "decline"): void {
    const { lease } = this.#client;
    if (lease === undefined) return;
    this.#world.say({ kind: "ended", how, address: lease.address, ...this.#who() });
    this.#client[how]();
  }

  async #exchange(
    run: (client: EmulatedClient) => Promise<Exchange>,
    { wanted, isProbe = false }: { readonly wanted?: string; readonly isProbe?: boolean } = {},
  ): Promise<Exchange> {
    while (this.#busy) await rest(POLL_MS);
    this.#busy = true;
    const askedMs = trueMs();
    this.#air = this.#pickAir(isProbe);
    const exchange = await run(this.#client);
    this.#busy = false;
    this.#note(exchange, askedMs, isProbe, wanted);
    return exchange;
  }

  #note(exchange: Exchange, askedMs: number, isProbe: boolean, wanted?: string): void {
    const { kind: asked, address, naks, retransmissions } = exchange;
    const { say, recent } = this.#world;
    const who = this.#who();
    if (address !== undefined) {
      const untilMs = who.atMs + (this.#client.lease?.untilMs ?? 0) - performance.now();
      const times = { askedMs, untilMs, usedUntilMs: untilMs + this.#slackMs };
      const wish = wanted === undefined ? {} : { wanted };
      say({ kind: "acknowledged", asked, address, ...wish, retransmissions, ...times, ...who });
      recent[Math.floor(Math.random() * RECENT_MAX)] = address;
    } else if (naks > 0 && wanted !== undefined) {
      say({ kind: "refused", asked, address: wanted, ...who });
    } else if (!isProbe) {
      say({ kind: "givenUp", asked, askedMs, ...who });
    }
  }

  #pickAir(isProbe: boolean): Air {
    const { lans, order } = this.#world;
    const lan = lans[this.#lan] as LanAir;
    // Probes are of the service, which is behind the relay, or of nodes.
    const isDirect = isProbe ? order.directShare === 1 : Math.random() < order.directShare;
    return isDirect ? lan.direct(order.nodes) : lan.relayed;
  }

  /** One that knows nothing. */
  #newClient(): EmulatedClient {
    const { waiting } = this.#world.lans[0] as LanAir;
    const send = (bytes: Uint8Array, to: string) => (this.#air ?? this.#pickAir(false)).send(bytes, to);
    return new EmulatedClient(this.number, { send, waiting });
  }

  #wish(): string | undefined {
    const { recent, order } = this.#world;
    return Math.random() < order.wishShare ? recent[Math.floor(Math.random() * recent.length)] : undefined;
  }

  #who() {
    return { atMs: trueMs(), client: this.number, lan: this.#lan };
  }
}

function choose(): (typeof BEHAVIOURS)[number][0] {
  let ticket = Math.random() * WEIGHTS;
  return BEHAVIOURS.find(([, weight]) => (ticket -= weight) < 0)?.[0] ?? "renew";
}

function between({ min, max }: { readonly min: number; readonly max: number }): number {
  return min + Math.random() * (max - min);
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
