/**
 * DHCP between sockets and core: decodes datagrams into requests, encodes replies, counts and logs what became of
 * them. What
 * is answered is the core's decision; sockets belong to `listeners.ts`.
 */

import type { Logger } from "@logtape/logtape";
import { toHex } from "../../src/bytes/hex.ts";
import { decode } from "../../src/dhcp/decode.ts";
import { encode } from "../../src/dhcp/encode.ts";
import { type Message, MESSAGE_TYPE, messageTypeOf } from "../../src/dhcp/message.ts";
import type { NodeEffect, NodeEvent } from "../../src/core/effects.ts";
import type { NodeCore } from "../../src/core/node_core.ts";
import type { DropReason } from "../../src/dhcp/server/action.ts";
import type { CompiledService, Pool } from "../../src/dhcp/server/compiled_service.ts";
import type { LinkReport, Shed } from "../../src/dhcp/server/link_budgets.ts";
import type { Arrival } from "../../src/dhcp/server/query.ts";
import type { Conflict, DhcpServer } from "../../src/dhcp/server/dhcp_server.ts";
import { formatClient } from "../../src/lease/agreement/client_key.ts";
import type { Instant } from "../../src/lease/agreement/clock.ts";
import type { LeaseDetail } from "../../src/lease/agreement/slot.ts";
import { type LeaseTable, noUse, type PoolUse } from "../../src/lease/table/lease_table.ts";
import type { LogLimiter } from "../../src/log/limiter.ts";
import { Slices } from "../../src/http/slices.ts";
import { formatIpv4, type Ipv4, rangeSize, UNSPECIFIED } from "../../src/net/ipv4.ts";
import { adviceOf, DROP_WARNINGS, LIMIT_ADVICE } from "../admin/drop_advice.ts";
import { type NodeCounters, TYPE_NAME } from "../admin/counters.ts";

/** Sends one encoded reply to where the request came from; false when the system would not take it. */
export type ReplySender = (bytes: Uint8Array, reply: Message, arrival: Arrival) => boolean;

/** Something that happened to a lease here. */
export interface LeaseEvent {
  readonly kind: "granted" | "released" | "declined";
  readonly address: Ipv4;
  readonly detail: LeaseDetail;
}

/** Where a request came from, and what its answer needs. */
export interface RequestSource {
  readonly message: Message;
  readonly arrival: Arrival;
  readonly send: ReplySender;
  /** Of `performance.now()`. */
  readonly startedMs: number;
}

/** What the service works with. */
interface DhcpServiceOptions {
  readonly core: Pick<NodeCore<RequestSource>, "server" | "table" | "clock">;
  readonly counters: NodeCounters;
  readonly log: Logger;
  readonly limiter: LogLimiter;
  readonly now: () => Instant;
  /** Hands a request to the core. */
  readonly request: (event: Extract<NodeEvent<RequestSource>, { kind: "request" }>) => void;
  /** Is told of leases. */
  readonly happened?: (event: LeaseEvent) => void;
}

/** A pool, and how its addresses are used. */
interface CountedPool {
  readonly pool: Pool;
  readonly use: PoolUse;
}

/** Up to this many addresses are counted at every query; more of them in slices, at most every two seconds. */
const COUNTED_AT_ONCE = 50_000;
const USE_VALID_MS = 2_000;
/** Addresses that are counted between two looks at the clock: a fraction of a millisecond. */
const COUNT_STEP = 4_096;

const SHORTENED = {
  not: "",
  client: " only, as this client declined several: look whether it answers ARP for every address",
  circuit: " only, as many were declined behind this relay and circuit: look for forged DHCPDECLINEs there",
  pool: " only, as many of its pool rest: `dhcpcluster-node reuse` ends rests",
} as const;

const CONFLICT_MEANINGS = {
  rests: "it rests as if it had been declined; find that host, or take the address out of the pool",
  lastClient: "its lease has ended; it is not offered to others for now",
  tooMany: "hosts answer for more of the pool than may rest; look for one that answers ARP for every address",
} as const;

/** The DHCP server of one node. */
export class DhcpService {
  readonly #options: DhcpServiceOptions;
  #use:
    | { readonly compiled: CompiledService; readonly atMs: number; readonly uses: readonly CountedPool[] }
    | undefined;
  #counting: Promise<void> | undefined;

  constructor(options: DhcpServiceOptions) {
    this.#options = options;
  }

  get table(): LeaseTable {
    return this.#options.core.table;
  }

  get compiled(): CompiledService {
    return this.#options.core.server.compiled;
  }

  /** See `Service.pools`. */
  get pools(): DhcpServer["pools"] {
    return this.#options.core.server.pools;
  }

  /** See `DhcpServer.probedIn`. */
  probedIn(pool: number): number {
    return this.#options.core.server.probedIn(pool);
  }

  /** See `DhcpServer.linkReports`. */
  linkReports(): LinkReport[] {
    const { core, now } = this.#options;
    return core.server.linkReports(now());
  }

  /** The longest lease that the configuration gives. */
  get limits(): DhcpServer["limits"] {
    return this.#options.core.server.limits;
  }

  /**
   * Each pool with the use of its addresses now; empty while the clock has no anchor. Of very many addresses the use
   * that {@link countPools} found.
   */
  poolUse(): readonly CountedPool[] {
    if (this.#isLarge()) return this.#use?.compiled === this.compiled ? this.#use.uses : [];
    const { core, now } = this.#options;
    const time = core.clock.bounds(now());
    if (time === undefined) return [];
    return this.compiled.pools.map((pool) => ({ pool, use: core.table.poolUse(pool.number, time) }));
  }

  /** Counts very many addresses for {@link poolUse}, in slices, unless that was done a moment ago. */
  countPools(): Promise<void> {
    if (!this.#isLarge()) return Promise.resolve();
    const age = this.#options.now().monotonicMs - (this.#use?.atMs ?? -Infinity);
    if (this.#use?.compiled === this.compiled && age < USE_VALID_MS) return Promise.resolve();
    return this.#counting ??= this.#countPools().finally(() => this.#counting = undefined);
  }

  async #countPools(): Promise<void> {
    const { core: { clock, table }, now } = this.#options;
    const { compiled } = this;
    const uses: CountedPool[] = [];
    const slices = new Slices();
    for (const pool of compiled.pools) {
      const use = noUse();
      for (let from = 0, isMore = true; isMore; from += COUNT_STEP) {
        // Another configuration has other pools.
        if (this.compiled !== compiled) return;
        const time = clock.bounds(now());
        if (time === undefined) return;
        isMore = table.countUse(pool.number, { from, count: COUNT_STEP }, time, use);
        if (slices.isOver) await slices.next();
      }
      uses.push({ pool, use });
    }
    this.#use = { compiled, atMs: now().monotonicMs, uses };
  }

  #isLarge(): boolean {
    return this.compiled.pools.reduce((sum, { range }) => sum + rangeSize(range), 0) > COUNTED_AT_ONCE;
  }

  /** Handles one datagram; never throws, whatever is in it. `send` is kept until the reply may leave. */
  receive(bytes: Uint8Array, arrival: Arrival, send: ReplySender): void {
    this.#guarded(arrival, () => this.#handle(bytes, arrival, send));
  }

  /** A fault of our own on one client's datagram must not become an outage for all. */
  #guarded(arrival: Arrival, run: () => void): void {
    const { counters, log, limiter, now } = this.#options;
    try {
      run();
    } catch (error) {
      counters.faults += 1;
      if (!limiter.admit("fault", now().monotonicMs)) return;
      log.error("Broken invariant on a datagram from {from}; please report it: {error}", {
        from: formatIpv4(arrival.from),
        error: error instanceof Error ? error.stack ?? error.message : String(error),
      });
    }
  }

  /** Performs what the core decided about requests and leases. */
  perform(effect: NodeEffect<RequestSource>): void {
    const { counters, happened, log, limiter, now } = this.#options;
    switch (effect.kind) {
      case "reply":
        return this.#guarded(effect.source.arrival, () => this.#reply(effect.source, effect.reply, effect.bytesMax));
      case "unserved":
        counters.unserved[effect.reason] += 1;
        return;
      case "unanswered": {
        const { message, arrival } = effect.source;
        counters.dropped[effect.reason] += 1;
        if (effect.full !== undefined) counters.fullSubnets.add(effect.full, now().monotonicMs);
        if (effect.shed === undefined) return this.#complainOfDrop(effect.reason, message, arrival);
        counters.shedSubnets.add(effect.shed.subnet, now().monotonicMs);
        return this.#warnOfLink(effect.shed);
      }
      case "granted": {
        const { address, client, leaseSeconds, detail } = effect.lease;
        counters.granted += 1;
        happened?.({ kind: "granted", address, detail });
        return log.debug("Leased {address} to {client} for {leaseSeconds} s", () => ({
          address: formatIpv4(address),
          client: formatClient(client),
          leaseSeconds,
        }));
      }
      case "failed": {
        const { lease: { address, client }, reason } = effect;
        counters.failedGrants[reason] += 1;
        return this.#complain(reason, "No lease of {address} for {client}: {reason}", {
          address: formatIpv4(address),
          client: formatClient(client),
          reason,
        });
      }
      case "ended": {
        const { lease: { address, client, how, detail }, rest } = effect;
        counters[how] += 1;
        happened?.({ kind: how, address, detail });
        const properties = { address: formatIpv4(address), client: formatClient(client) };
        if (how === "released") return log.debug("Released {address} by {client}", properties);
        if (rest.shortened !== undefined) counters.restsShortened[rest.shortened] += 1;
        if (!limiter.admit("declined", now().monotonicMs)) return;
        return log.warn(
          "{address} was declined by {client}: another host uses it; find that host, the address rests for " +
            "{seconds} s{shortened}",
          { ...properties, seconds: Math.round(rest.ms / 1_000), shortened: SHORTENED[rest.shortened ?? "not"] },
        );
      }
      case "conflict":
        return this.#complainOfConflict(effect.conflict);
      case "restEnded": {
        counters.restsEnded += 1;
        if (!limiter.admit("restEnded", now().monotonicMs)) return;
        return log.warn(
          "Nothing else is free and too many addresses rest: {address}, declined {seconds} s ago, is offered again; " +
            "look for hosts with fixed addresses in the pool and for forged DHCPDECLINEs, or enlarge the pool",
          {
            address: formatIpv4(effect.address),
            seconds: Math.max(0, Math.round((now().wallMs - effect.declinedMs) / 1_000)),
          },
        );
      }
    }
  }

  #complainOfConflict({ address, mac, giaddr, what, rest }: Conflict): void {
    const { counters, limiter, log, now } = this.#options;
    counters.conflicts[what] += 1;
    if (rest.shortened !== undefined) counters.restsShortened[rest.shortened] += 1;
    if (!limiter.admit(`conflict ${what}`, now().monotonicMs)) return;
    log.warn("{address} is used by {host} without a lease, as {prober} found: {meaning}", {
      address: formatIpv4(address),
      host: toHex(mac, ":"),
      prober: giaddr === UNSPECIFIED ? "this node" : `the relay ${formatIpv4(giaddr)}`,
      meaning: CONFLICT_MEANINGS[what],
      seconds: Math.round(rest.ms / 1_000),
    });
  }

  #handle(bytes: Uint8Array, arrival: Arrival, send: ReplySender): void {
    const { counters, request } = this.#options;
    const { bootp } = this.compiled.config;
    const decoded = decode(bytes, { bootp });
    if (!decoded.ok) {
      const { kind, field, offset } = decoded.error;
      counters.undecodable[kind] += 1;
      this.#complain(kind, "Dropped a datagram from {from}: {kind} in {field} at octet {offset}", {
        from: formatIpv4(arrival.from),
        kind,
        field,
        offset,
      });
      return;
    }
    const message = decoded.value;
    const type = TYPE_NAME.get(messageTypeOf(message) ?? 0);
    if (type !== undefined) counters.received[type] += 1;
    request({ kind: "request", message, arrival, source: { message, arrival, send, startedMs: performance.now() } });
  }

  #reply({ message, arrival, send, startedMs }: RequestSource, reply: Message, bytesMax: number): void {
    const { counters } = this.#options;
    this.#send(reply, bytesMax, arrival, send);
    const endedMs = performance.now();
    counters.answers.observe(endedMs - startedMs, endedMs);
    // Every DHCPACK but that to a DHCPINFORM tells of a commit (RFC 2131 §3.1 step 4).
    const isCommitted = messageTypeOf(reply) === MESSAGE_TYPE.ACK && messageTypeOf(message) !== MESSAGE_TYPE.INFORM;
    if (isCommitted) counters.commits.observe(endedMs - startedMs, endedMs);
  }

  #send(reply: Message, bytesMax: number, arrival: Arrival, send: ReplySender): void {
    const { counters } = this.#options;
    const { bytes, omitted } = encode(reply, { bytesMax, bootp: messageTypeOf(reply) === undefined });
    if (omitted.length > 0) {
      counters.shortened += 1;
      this.#complain("shortened", "A reply lost options {omitted}: the client takes {bytesMax} octets", {
        omitted: omitted.join(", "),
        bytesMax,
      });
    }
    if (!send(bytes, reply, arrival)) {
      counters.unsent += 1;
      return;
    }
    const type = TYPE_NAME.get(messageTypeOf(reply) ?? 0);
    if (type !== undefined) counters.sent[type] += 1;
  }

  #complainOfDrop(reason: DropReason, message: Message, arrival: Arrival): void {
    const { limiter, log, now } = this.#options;
    // Each source of an unknown relay is told: those that an operator has to add may be many.
    const key = reason === "unknownRelay" ? `${reason} ${formatIpv4(arrival.from)}` : reason;
    if (!limiter.admit(key, now().monotonicMs)) return;
    const properties = {
      client: toHex(message.chaddr, ":"),
      from: formatIpv4(arrival.from),
      giaddr: formatIpv4(message.giaddr),
      reason,
      advice: adviceOf(reason, arrival.from, message.giaddr),
    };
    const text = "No answer to {client} from {from} (giaddr {giaddr}): {reason}: {advice}";
    if (DROP_WARNINGS.has(reason)) log.warn(text, properties);
    else log.info(text, properties);
  }

  #warnOfLink({ link, limit, perSecond, isNews }: Shed): void {
    if (!isNews) return;
    this.#options.log.warn(
      "Strangers on {link} {advice}: {perSecond} messages a second of clients without a record. Known clients and " +
        "renewals are served; find the port that they come from, or raise the limit if they are real",
      { link, advice: LIMIT_ADVICE[limit], perSecond, limit },
    );
  }

  /** Says something that outsiders can cause at will: a few times per kind and interval. */
  #complain(key: string, message: string, properties: Record<string, unknown>): void {
    const { limiter, log, now } = this.#options;
    if (limiter.admit(key, now().monotonicMs)) log.info(message, properties);
  }
}
