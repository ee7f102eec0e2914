/**
 * Judges a history by what clients were promised, like the simulator's checkers but from what clients see only:
 *
 * - shared: no address is held by two clients, also if one uses it for some seconds after its lease;
 * - refused: no client gets a DHCPNAK for the address of a lease that it holds;
 * - moved: the answer to a renewal, or to a client that remembers its lease, has the address of the lease;
 * - forgotten: a client that has lost its memory gets its address again, unless faults go on;
 * - unserved: after the end of all faults a new client and a renewal are served in time;
 * - unready: a node that says ready serves;
 * - ended: no process ends by itself, nor says that something is broken;
 * - diverged: after the last heal all nodes become ready, and have the same leases and configuration.
 *
 * A lease is a promise until its end, wherever its client is meanwhile and whether it remembers it.
 */

import { type Acknowledged, type ClientEvent, clockTime, describeClientEvent, type Refused } from "./history.ts";

export type Rule =
  | "shared"
  | "refused"
  | "moved"
  | "forgotten"
  | "unserved"
  | "unready"
  | "ended"
  | "diverged";

/** A promise that was broken. */
export interface Violation {
  readonly rule: Rule;
  readonly atMs: number;
  readonly message: string;
  /** What clients were told about the address, and of the clients concerned. */
  readonly history: readonly string[];
}

/** What was counted. */
export interface Counts {
  readonly acknowledged: Readonly<Record<ClientEvent["kind"] | Acknowledged["asked"], number>>;
  /** Exchanges that began and ended while no fault went on, and those of them with retransmissions. */
  readonly calm: { readonly exchanges: number; readonly retransmitted: number };
  /** Clients without memory that got another address while faults went on. */
  readonly forgotten: number;
}

type Holding = Pick<Acknowledged, "client" | "lan" | "address" | "untilMs" | "usedUntilMs">;

/** Events that are kept of an address or a client. */
const KEPT_MAX = 40;

export class Judge {
  readonly violations: Violation[] = [];
  readonly #report: (violation: Violation) => void;
  readonly #byAddress = new Map<string, Holding>();
  /** By client and network. */
  readonly #byClient = new Map<string, Holding>();
  readonly #kept = new Map<string, ClientEvent[]>();
  readonly #counts = { acknowledged: 0, refused: 0, givenUp: 0, ended: 0, acquire: 0, renew: 0, rebind: 0, reboot: 0 };
  readonly #calm = { exchanges: 0, retransmitted: 0 };
  #forgotten = 0;
  /** Since when no fault goes on; undefined while one does. */
  #calmSinceMs: number | undefined;

  /** `report` is told of each violation at once. */
  constructor(report: (violation: Violation) => void = () => {}) {
    this.#report = report;
  }

  get counts(): Counts {
    return { acknowledged: { ...this.#counts }, calm: { ...this.#calm }, forgotten: this.#forgotten };
  }

  /** Leases that run at a time. */
  held(nowMs: number): number {
    return [...this.#byClient.values()].filter(({ untilMs }) => untilMs > nowMs).length;
  }

  /** A fault begins. */
  disturbed(): void {
    this.#calmSinceMs = undefined;
  }

  /** All faults have ended, and clients had time to notice. */
  calmed(nowMs: number): void {
    this.#calmSinceMs = nowMs;
  }

  /** Takes the next event; events come in the order of their time. */
  take(event: ClientEvent): void {
    this.#keep(event);
    this.#counts[event.kind] += 1;
    switch (event.kind) {
      case "acknowledged":
        return this.#acknowledged(event);
      case "refused":
        return this.#refused(event);
      case "ended":
        return this.#end(event.client, event.lan, event.address);
      case "givenUp":
        return;
    }
  }

  /** A violation that was seen elsewhere. */
  found(rule: Rule, atMs: number, message: string, history: readonly string[] = []): void {
    const violation = { rule, atMs, message, history };
    this.violations.push(violation);
    this.#report(violation);
  }

  #acknowledged(event: Acknowledged): void {
    const { client, lan, address, atMs, asked, askedMs, wanted } = event;
    this.#counts[asked] += 1;
    const isCalm = this.#calmSinceMs !== undefined && askedMs >= this.#calmSinceMs;
    if (isCalm) {
      this.#calm.exchanges += 1;
      if (event.retransmissions > 0) this.#calm.retransmitted += 1;
    }
    const other = this.#byAddress.get(address);
    if (other !== undefined && other.client !== client && other.usedUntilMs > atMs) {
      const until = `until ${clockTime(other.untilMs)}, used until ${clockTime(other.usedUntilMs)}`;
      this.#violated("shared", event, `${address} went to client ${client}; client ${other.client} has it ${until}`, [
        other.client,
      ]);
    }
    const former = this.#byClient.get(`${client}/${lan}`);
    if (wanted !== undefined && wanted !== address) {
      this.#violated("moved", event, `client ${client} asked to keep ${wanted} and got ${address} (${asked})`);
    } else if (asked === "acquire" && former !== undefined && former.address !== address && former.untilMs > atMs) {
      this.#forgotten += 1;
      const text = `client ${client} got ${address}; its lease of ${former.address} runs until ` +
        `${clockTime(former.untilMs)}`;
      if (isCalm) this.#violated("forgotten", event, text);
    }
    // A client has one address per network: the former one may be free from now on.
    if (former !== undefined && former.address !== address) this.#end(client, lan, former.address);
    this.#byAddress.set(address, event);
    this.#byClient.set(`${client}/${lan}`, event);
  }

  #refused(event: Refused): void {
    const { client, lan, address, atMs, asked } = event;
    const held = this.#byClient.get(`${client}/${lan}`);
    if (held?.address === address && held.untilMs > atMs) {
      const text = `client ${client} was refused ${address} (${asked}); its lease runs until ${
        clockTime(held.untilMs)
      }`;
      this.#violated("refused", event, text);
    }
    this.#end(client, lan, address);
  }

  #end(client: number, lan: number, address: string): void {
    if (this.#byClient.get(`${client}/${lan}`)?.address === address) this.#byClient.delete(`${client}/${lan}`);
    if (this.#byAddress.get(address)?.client === client) this.#byAddress.delete(address);
  }

  #violated(rule: Rule, event: Acknowledged | Refused, message: string, others: readonly number[] = []): void {
    const keys = [event.address, ...[event.client, ...others].map((client) => `client ${client}`)];
    const events = new Set(keys.flatMap((key) => this.#kept.get(key) ?? []));
    const history = [...events].toSorted((a, b) => a.atMs - b.atMs).map(describeClientEvent);
    this.found(rule, event.atMs, message, history);
  }

  #keep(event: ClientEvent): void {
    const keys = [`client ${event.client}`, ...("address" in event ? [event.address] : [])];
    for (const key of keys) {
      const events = this.#kept.get(key) ?? [];
      events.push(event);
      if (events.length > KEPT_MAX) events.shift();
      this.#kept.set(key, events);
    }
  }
}
