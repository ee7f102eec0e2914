/**
 * The DHCP server of one node: performs the decisions of `server.ts`. It proposes and ends leases, asks the majority
 * before a DHCPNAK, and answers when a reply may leave. Pure; sockets, encoding, metrics and readiness are its
 * caller's.
 */

import type { Decided, Decision, EndRequest, Proposal } from "../../lease/agreement/proposer.ts";
import { equalBytes } from "../../bytes/equal.ts";
import { CLIENT_TAG, type ClientKey, clientKey, isConflict } from "../../lease/agreement/client_key.ts";
import type { Bounds, Instant } from "../../lease/agreement/clock.ts";
import { PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import { OFFER_LIMITS } from "../../lease/table/limits.ts";
import { Offers } from "../../lease/table/offers.ts";
import { isLeaseRecord, NO_DETAIL } from "../../lease/agreement/slot.ts";
import { compareVersions, type Version } from "../../lease/agreement/version.ts";
import type { SubnetOf } from "../../lease/table/circuit_counts.ts";
import { LeaseTable } from "../../lease/table/lease_table.ts";
import { type Ipv4, type Range, rangeSize } from "../../net/ipv4.ts";
import { ETHERNET, typedEthernet } from "../hardware_address.ts";
import type { Message } from "../message.ts";
import { type Action, dropShed, type FirstLease } from "./action.ts";
import type { CompiledService, Subnet } from "./compiled_service.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { LinkBudgets, type LinkReport } from "./link_budgets.ts";
import { type ProbeResults, Probes } from "./probes.ts";
import { FloodSigns } from "./flood_signs.ts";
import type { Arrival } from "./query.ts";
import { Recent } from "./recent.ts";
import { RelayTrust } from "./relay_trust.ts";
import { completeAck } from "./reply.ts";
import { NO_REST, type Rest, restingMax, Rests } from "./rests.ts";
import { decide } from "./server.ts";
import { hasLease, type Refusal, type ServerState } from "./state.ts";
import { StrangerQueue } from "./stranger_queue.ts";
import { isRefusedAfterAll, limitsCircuits, probationMsOf } from "./strangers.ts";

/** Lease agreement: the cluster member, or a stand-in for tests. */
export interface LeaseAgreement {
  propose(proposal: Proposal, now: Instant, decided: Decided): void;
  end(
    request: EndRequest,
    now: Instant,
    durable: (now: Instant) => void,
  ): boolean;
  /** Ends the rest of a declined address; false when it does not rest here, or the clock has a fault. */
  endRest(address: Ipv4, now: Instant): boolean;
  /** Runs `denied` once it is certain that a client holds no lease of an address. */
  denyLease(address: Ipv4, client: ClientKey, now: Instant, denied: (now: Instant) => void): void;
  /** These pools lack an address here. */
  want(pools: Iterable<number>): void;
  /** Whether the other member with this address serves; undefined: no member has it. */
  serves(address: Ipv4, now: Instant): boolean | undefined;
  /** After a forced recovery: leases that were lost with the disks may still run, so only renewals may be granted. */
  isRenewalsOnly(now: Instant): boolean;
  /** Whether a member of a release that computes clients' keys otherwise is live. */
  hasEarlierRelease(): boolean;
}

/** How long a datagram may be on its way or in a queue: the maximum segment lifetime (RFC 9293 §3.4.2). */
const LATE_MS = 120_000;

/** How long a client is not offered an address that was refused to it, and how long its xid is remembered. */
const RECENT_MS = 30_000;

/** How long a member waits for another's record of a RELEASE or DECLINE: longer than a tick and a round trip. */
const WAIT_STEP_MS = 500;
const WAIT_STEPS = 16;
/** A flood of RELEASEs must not exhaust the memory. */
const WAITING_MAX = 4_096;

type Grant = Extract<Action, { kind: "grant" }>;
type End = Extract<Action, { kind: "end" }>;

/** Outcomes of requests, for metrics and log. */
export interface ServerEvents {
  granted(action: Grant): void;
  failed(action: Grant, reason: Extract<Decision, { committed: false }>["reason"]): void;
  ended(action: End, rest: Rest): void;
  /** A rest was ended as nothing else is free; `declinedMs`: when it began, in ms since 1970. */
  restEnded(address: Ipv4, declinedMs: number): void;
  /** A host answered for an address that is free. */
  conflict(conflict: Conflict): void;
}

/** A host that uses an address that is free, and what follows. */
export interface Conflict {
  readonly address: Ipv4;
  readonly mac: Uint8Array;
  /** The relay that found it; 0.0.0.0: this node did. */
  readonly giaddr: Ipv4;
  /**
   * `rests`: the address rests; `lastClient`: not offered for a while, as its last client has gone on using it;
   * `tooMany`: offered as before, as hosts answer for more of the pool than may rest.
   */
  readonly what: "rests" | "lastClient" | "tooMany";
  readonly rest: Rest;
}

/** Sends a reply of at most so many octets. */
type Answer = (reply: Message, bytesMax: number) => void;

/** The lease table for a configuration; for the options see `TableOptions`. */
export function tableFor(compiled: CompiledService, options: { hashSeed: number; start?: number }): LeaseTable {
  return new LeaseTable({ ...placesOf(compiled), probationMs: probationMsOf(compiled), ...options });
}

/** The pools and the reserved addresses of a configuration. */
interface Places {
  readonly pools: Range[];
  readonly reserved: Uint32Array;
}

/** `heard`: addresses in use that no configuration names. Addresses in use are chosen as little as reserved ones. */
function placesOf(compiled: CompiledService, heard: Iterable<Ipv4> = []): Places {
  const pools = compiled.pools.map((pool) => pool.range);
  const used = new Set([...compiled.used, ...heard]);
  if (used.size === 0) return { pools, reserved: compiled.reserved };
  for (const address of compiled.reserved) used.add(address);
  return { pools, reserved: Uint32Array.from(used).sort() };
}

/** One node's DHCP service. */
export class DhcpServer {
  /** The longest lease that the configuration gives, and what a commit may take. */
  readonly limits = { maxLeaseMs: 0 };
  readonly #agreement: LeaseAgreement;
  readonly #events: ServerEvents;
  readonly #table: LeaseTable;
  readonly #relays: RelayTrust;
  #compiled: CompiledService;
  #offers: Offers;
  #probes: Probes;
  readonly #links: LinkBudgets;
  readonly #floods = new FloodSigns();
  readonly #strangers = new StrangerQueue();
  readonly #refused = new Recent<Refusal>(RECENT_MS);
  readonly #named = new Recent<true>(RECENT_MS);
  readonly #began = new Recent<readonly Version[]>(LATE_MS);
  readonly #rests = new Rests();
  /** Addresses in pools that relays and this node itself were heard to have, until a restart. */
  readonly #heard = new Set<Ipv4>();
  /** Ends that another member is to record, and the version that they end. */
  #waiting: {
    readonly arrivedMs: number;
    readonly dueMs: number;
    readonly action: End;
    readonly version: Version;
  }[] = [];
  #pools: readonly Range[];
  /** What the table does not choose. */
  #reserved: Uint32Array;
  #state: ServerState;
  #subnetOf = this.#makeSubnetOf();
  #nowMs: Instant = { wallMs: 0, monotonicMs: 0 };

  constructor(
    options: {
      compiled: CompiledService;
      table: LeaseTable;
      agreement: LeaseAgreement;
      events: ServerEvents;
      relays?: RelayTrust;
    },
  ) {
    this.#relays = options.relays ?? new RelayTrust();
    this.#agreement = options.agreement;
    this.#events = options.events;
    this.#table = options.table;
    this.#compiled = options.compiled;
    const { pools, reserved } = placesOf(options.compiled);
    this.#pools = pools;
    this.#reserved = reserved;
    this.#offers = new Offers(options.table);
    this.#probes = new Probes(options.table, this.#pools.length);
    this.#links = new LinkBudgets(options.compiled.config.strangers);
    this.#state = this.#adopt(options.compiled);
  }

  get compiled(): CompiledService {
    return this.#compiled;
  }

  /** The links that exceeded a limit since the start, and what was dropped. */
  linkReports(now: Instant): LinkReport[] {
    return this.#links.reports(now.monotonicMs);
  }

  /** Subnets whose strangers are a flood here, as seen since a monotonic time. */
  floodsSince(ms: number): readonly Ipv4[] {
    return this.#floods.seenSince(ms);
  }

  /** Another node sees floods in these subnets; those that are not configured here are ignored. */
  floodsElsewhere(subnets: readonly Ipv4[], now: Instant): void {
    for (const subnet of subnets) {
      if (this.#compiled.subnetOf(subnet)?.network.address === subnet) this.#floods.told(subnet, now.monotonicMs);
    }
  }

  /** Ranges of the pools by number; another array after every change of them. */
  get pools(): readonly Range[] {
    return this.#pools;
  }

  /** Handles one request at a time at which the node serves; `answer` runs when a reply may leave, perhaps at once. */
  handle(message: Message, arrival: Arrival, now: Instant, time: Bounds, answer: Answer): Action {
    this.#nowMs = now;
    const action = decide(this.#state, message, arrival, now, time);
    switch (action.kind) {
      case "drop":
        if (action.wanted !== undefined) this.#agreement.want(action.wanted);
        break;
      case "reply":
        answer(action.reply, action.bytesMax);
        if (action.wanted !== undefined) this.#agreement.want(action.wanted);
        break;
      case "refuse":
        this.#agreement.denyLease(action.address, action.client, now, (at) => {
          this.#refused.set(action.client, action.address, { xid: undefined }, at.monotonicMs);
          answer(action.reply, action.bytesMax);
        });
        break;
      case "grant":
        if (action.first === undefined) this.#grant(action, now, answer);
        else if (!this.#admit(action, action.first, now, answer)) {
          return dropShed(this.#links.shed(action.first.via, "waiting", now.monotonicMs));
        }
        break;
      case "end":
        if (action.named) this.#await(action, arrival, now);
        else this.#end(action, now);
        break;
    }
    return action;
  }

  /** Expires leases and offers; called about ten times a second. */
  tick(now: Instant, time: Bounds | undefined): void {
    if (time !== undefined) this.#table.expire(time);
    this.#strangers.tick(now);
    this.#offers.expire(now.monotonicMs);
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter(({ dueMs }) => dueMs <= now.monotonicMs);
    this.#waiting = this.#waiting.filter(({ dueMs }) => dueMs > now.monotonicMs);
    for (const { action, version, arrivedMs } of due) {
      if (compareVersions(this.#table.get(action.address).version, version) !== 0) continue;
      this.#end(action, now, now.monotonicMs - arrivedMs);
    }
  }

  /** The free addresses of the subnet with this address that are to be probed on its link now. */
  probesWanted(link: Ipv4, now: Instant, time: Bounds): Ipv4[] {
    const subnet = this.#compiled.subnetOf(link);
    if (subnet === undefined || !subnet.conflictDetection) return [];
    this.#table.expire(time);
    return subnet.pools.flatMap(({ number }) => this.#probes.wanted(number, now.monotonicMs));
  }

  /** How many addresses of a pool are free as far as probes tell. */
  probedIn(pool: number): number {
    return this.#probes.clearIn(pool);
  }

  /** Takes what probes found. Only what was asked for counts, or a host heard of that uses what was clear. */
  probed({ clear, used, giaddr }: ProbeResults, now: Instant, time: Bounds): void {
    const nowMs = now.monotonicMs;
    for (const { address, mac } of used) {
      const isExpected = this.#probes.takeAsked(address, nowMs) || this.#probes.isClear(address, nowMs);
      if (isExpected && this.#table.isAvailable(address, time)) this.#takeConflict({ address, mac, giaddr }, now);
    }
    for (const address of clear) if (this.#probes.takeAsked(address, nowMs)) this.#probes.noteClear(address, nowMs);
  }

  /**
   * Lets an address rest like a declined one: a majority agrees on a lease of the host that uses it, which is declined
   * at once. Any host can answer for any address, so the limits of declines hold, and no more of a pool is kept back
   * than may rest.
   */
  #takeConflict(found: Pick<Conflict, "address" | "mac" | "giaddr">, now: Instant): void {
    const { address, mac, giaddr } = found;
    const number = this.#table.poolOf(address);
    const subnet = this.#compiled.subnetOf(address);
    if (number === undefined || subnet === undefined) return;
    const isNews = !this.#probes.isBusy(address, now.monotonicMs);
    const kept = this.#table.restingIn(number) + this.#probes.busyIn(number, now.monotonicMs);
    if (isNews && kept >= restingMax(this.#table.sizeOf(number))) {
      return this.#events.conflict({ ...found, what: "tooMany", rest: NO_REST });
    }
    this.#probes.noteBusy(address, now.monotonicMs);
    const { state, client: last } = this.#table.get(address);
    const isLast = isLeaseRecord(state) && last !== undefined && !isConflict(last);
    if (isLast && equalBytes(this.#table.detail(address).chaddr, mac)) {
      if (isNews) this.#events.conflict({ ...found, what: "lastClient", rest: NO_REST });
      return;
    }
    const client = clientKey({ subnet: subnet.id, tag: CLIENT_TAG.conflict, bytes: typedEthernet(mac) });
    const detail = { ...NO_DETAIL, giaddr, lastSeen: now.wallMs };
    const lease = { address, client, xid: 0, leaseMs: PROPOSAL_MS, detail };
    this.#agreement.propose(lease, now, (outcome, at) => {
      // Another member's lease, or no majority: the address is probed again later.
      if (!outcome.committed) return;
      const ended = { ...detail, htype: ETHERNET, chaddr: mac };
      const rest = this.#restOf({ address, client, detail: ended }, at);
      const isEnded = this.#agreement.end(
        { kind: "declined", address, client, restMs: rest.ms, detail: ended },
        at,
        () => {},
      );
      if (!isEnded) return;
      this.#probes.noteRest(address);
      this.#events.conflict({ ...found, what: "rests", rest });
    });
  }

  /** Serves another configuration from now on; leases and offers stay. */
  reconfigure(compiled: CompiledService, now: Instant, time: Bounds | undefined): void {
    const places = placesOf(compiled, this.#heard);
    this.#table.setProbation(probationMsOf(compiled));
    if (!isSameRanges(this.#pools, places.pools)) this.#rearrange(places, now, time);
    else if (!isSameOrder(this.#reserved, places.reserved)) this.#reserve(places.reserved, time);
    this.#state = this.#adopt(compiled);
  }

  /** Other reservations: offers of what is reserved now end, and those of what no longer is stay if they can. */
  #reserve(reserved: Uint32Array, time: Bounds | undefined): void {
    const before = new Set(this.#reserved);
    const after = new Set(reserved);
    this.#reserved = reserved;
    this.#table.reserve(reserved);
    for (const { client, address } of this.#offers.entries()) {
      if (!before.has(address) && !after.has(address)) continue;
      if (time !== undefined && this.#table.isAvailable(address, time)) this.#table.take(address, time);
      else this.#offers.end(client);
    }
  }

  /** Other pools: the leases are sorted into them, and offers that still can be are kept. */
  #rearrange(places: Places, now: Instant, time: Bounds | undefined): void {
    const offers = this.#offers.entries();
    this.#table.reconfigure(places);
    this.#pools = places.pools;
    this.#reserved = places.reserved;
    this.#offers = new Offers(this.#table);
    this.#probes = new Probes(this.#table, places.pools.length);
    for (const { client, address, until, isStranger } of offers) {
      if (time === undefined || until <= now.monotonicMs || !this.#table.isAvailable(address, time)) continue;
      this.#table.take(address, time);
      this.#offers.add(client, address, until - OFFER_LIMITS.lastsMs, isStranger);
    }
  }

  /** Notes an address that is in use; from now on it is chosen for no client. */
  #hear(address: Ipv4, time: Bounds): void {
    if (this.#table.poolOf(address) === undefined || this.#heard.has(address)) return;
    if (this.#heard.size >= SERVER_LIMITS.heardMax) return;
    this.#heard.add(address);
    this.#reserve(placesOf(this.#compiled, this.#heard).reserved, time);
  }

  #makeSubnetOf(): SubnetOf {
    return (address) => this.#compiled.subnetOf(address)?.network.address;
  }

  #adopt(compiled: CompiledService): ServerState {
    const isSameSubnets = isSameLinks(this.#compiled.subnets, compiled.subnets);
    this.#compiled = compiled;
    this.#links.configure(compiled.config.strangers);
    // Another function when the subnets change: all are counted anew.
    if (!isSameSubnets) this.#subnetOf = this.#makeSubnetOf();
    this.#table.countCircuits(limitsCircuits(compiled) ? this.#subnetOf : undefined);
    this.limits.maxLeaseMs = compiled.maxLeaseSeconds * 1_000 + PROPOSAL_MS;
    return {
      compiled,
      table: this.#table,
      offers: this.#offers,
      probes: this.#probes,
      relays: this.#relays,
      links: this.#links,
      floods: this.#floods,
      isRenewalsOnly: () => this.#agreement.isRenewalsOnly(this.#nowMs),
      hasEarlierRelease: () => this.#agreement.hasEarlierRelease(),
      refused: this.#refused,
      named: this.#named,
      began: this.#began,
      hear: (address, time) => this.#hear(address, time),
      isUsed: (address) => compiled.used.has(address) || this.#heard.has(address),
      endRest: (address) => this.#endRest(address),
      endConflict: (address) => this.#agreement.endRest(address, this.#nowMs),
      serves: (address) => this.#agreement.serves(address, this.#nowMs),
    };
  }

  /** Proposes a stranger's lease when it is its turn; false when too many wait. */
  #admit(action: Grant, { via, waits }: FirstLease, now: Instant, answer: Answer): boolean {
    this.#offers.requested(action.client);
    return this.#strangers.add({
      client: action.client,
      atMs: now.monotonicMs + (waits ? SERVER_LIMITS.beyondShareMs : 0),
      mayStart: (at) => !waits || !isRefusedAfterAll(this.#state, via, at),
      drop: (at) => this.#links.shed(via, "waiting", at.monotonicMs),
      start: (at, decided) => {
        const { detail, leaseSeconds } = action;
        const waited = at === now
          ? action
          : { ...action, detail: { ...detail, lastSeen: at.wallMs, expires: at.wallMs + leaseSeconds * 1_000 } };
        this.#grant(waited, at, answer, decided);
      },
    }, now);
  }

  #grant(action: Grant, now: Instant, answer: Answer, decided?: (now: Instant) => void): void {
    const { address, client, former, xid, leaseSeconds, reply, settings, bytesMax } = action;
    if (former !== undefined) this.#release(address, former, now);
    // An address that is reserved for one client is the only one that it gets.
    const isReserved = this.#compiled.reservationAt(address)?.isShared === false;
    // A lease that the client has is worth another attempt.
    const isNew = !hasLease(this.#table.get(address), client) && !isReserved;
    if (isNew) this.#refused.set(client, address, { xid, isAttempt: true }, now.monotonicMs);
    // The lock is longer than the client's lease by the time a commit may take, so that the client gets the full time.
    const leaseMs = leaseSeconds * 1_000 + PROPOSAL_MS;
    this.#agreement.propose({ ...action, leaseMs }, now, (outcome, at) => {
      decided?.(at);
      if (!outcome.committed) {
        // The others have another client's lease there, whatever this node's slot says.
        const isTaken = outcome.reason === "conflict" && !isReserved;
        const refusal = { xid: undefined, ...(isTaken ? {} : { isAttempt: true as const }) };
        if (isNew || isTaken) this.#refused.set(client, address, refusal, at.monotonicMs);
        return this.#events.failed(action, outcome.reason);
      }
      this.#refused.delete(client, address);
      this.#offers.end(client);
      this.#endFormer(action, at);
      completeAck(reply, settings, Math.floor(outcome.leaseMs / 1_000));
      answer(reply, bytesMax);
      this.#events.granted(action);
    });
  }

  /**
   * A client has one address of a subnet: with another one granted, the former is free. Unless the request may be late,
   * from before the client got the address that it has: its exchange did not begin here after that, and the address was
   * heard of lately.
   */
  #endFormer({ client, address: granted, xid }: Grant, now: Instant): void {
    const began = this.#began.get(client, xid, now.monotonicMs)?.note ?? [];
    for (const address of this.#table.addressesBoundBy(client)) {
      const { version, committedVersion } = this.#table.get(address);
      // An attempt that is undecided is its proposer's to end.
      const isGivenUp = compareVersions(committedVersion, version) === 0 &&
        began.some((known) => compareVersions(known, version) === 0);
      const isOld = now.wallMs - this.#table.detail(address).lastSeen > LATE_MS;
      if (address !== granted && (isGivenUp || isOld)) this.#release(address, client, now);
    }
  }

  #release(address: Ipv4, client: ClientKey, now: Instant): void {
    const detail = { ...this.#table.detail(address), lastSeen: now.wallMs, expires: now.wallMs };
    this.#agreement.end({ kind: "released", address, client, restMs: 0, detail }, now, () => {});
  }

  /**
   * Ends a lease later, unless the record of the named member ends it before. Each member waits for a time of its own:
   * if the named one is gone, the record of the first ends the lease at the others too, and all have the same.
   */
  #await(action: End, { serverIdentifier }: Arrival, now: Instant): void {
    this.#offers.end(action.client);
    if (this.#waiting.length >= WAITING_MAX) return this.#end(action, now);
    const { version } = this.#table.get(action.address);
    const waitMs = (1 + serverIdentifier % WAIT_STEPS) * WAIT_STEP_MS;
    this.#waiting.push({ arrivedMs: now.monotonicMs, dueMs: now.monotonicMs + waitMs, action, version });
  }

  #end(action: End, now: Instant, agoMs = 0): void {
    const { how, address, client, detail } = action;
    this.#offers.end(client);
    const slot = this.#table.get(address);
    // Nothing to end, nothing to count: another member's record came first.
    if (slot.state !== "bound" || slot.client !== client) return;
    const rest = how === "declined" ? this.#restOf(action, now) : NO_REST;
    const ended = this.#agreement.end({ kind: how, address, client, restMs: rest.ms, detail, agoMs }, now, () => {});
    if (ended) this.#events.ended(action, rest);
  }

  #restOf({ address, client, detail }: Pick<End, "address" | "client" | "detail">, now: Instant): Rest {
    const number = this.#table.poolOf(address);
    const range = number === undefined ? undefined : this.#pools[number];
    const pool = number === undefined || range === undefined
      ? undefined
      : { addresses: rangeSize(range), resting: this.#table.restingIn(number) };
    const wholeMs = this.#compiled.config.declineSeconds * 1_000;
    return this.#rests.restOf({ client, detail, wholeMs, pool }, now.monotonicMs);
  }

  #endRest(address: Ipv4): boolean {
    const { lastSeen } = this.#table.detail(address);
    if (!this.#agreement.endRest(address, this.#nowMs)) return false;
    this.#events.restEnded(address, lastSeen);
    return true;
  }
}

function isSameLinks(a: readonly Subnet[], b: readonly Subnet[]): boolean {
  return isSameRanges(a.map(({ range }) => range), b.map(({ range }) => range)) &&
    a.every(({ network }, index) => network.address === b[index]?.network.address);
}

function isSameRanges(a: readonly Range[], b: readonly Range[]): boolean {
  return a.length === b.length &&
    a.every(({ first, last }, index) => b[index]?.first === first && b[index]?.last === last);
}

function isSameOrder(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((value, index) => b[index] === value);
}
