/**
 * Serves DHCP: takes datagrams, lets the server decide, and carries the decision out. A DHCPACK leaves when its lease is
 * committed and not before. Sockets, the store and timers belong to the caller.
 */

import type { Logger } from "@logtape/logtape";
import { toHex } from "../src/bytes/hex.ts";
import { Proposer, type ProposerPorts } from "../src/cluster/proposer.ts";
import { decode } from "../src/dhcp/decode.ts";
import { encode } from "../src/dhcp/encode.ts";
import { type Message, messageTypeOf } from "../src/dhcp/message.ts";
import type { Action, DropReason } from "../src/dhcp/server/action.ts";
import type { ServiceConfig } from "../src/dhcp/server/config.ts";
import { Policy, type Pool } from "../src/dhcp/server/policy.ts";
import type { Arrival } from "../src/dhcp/server/query.ts";
import { completeAck } from "../src/dhcp/server/reply.ts";
import { decide, type ServerState } from "../src/dhcp/server/server.ts";
import { type ClientKey, formatClient } from "../src/lease/client.ts";
import type { AnchoredClock, Instant } from "../src/lease/clock.ts";
import { PROPOSAL_MS } from "../src/lease/limits.ts";
import type { VersionMint } from "../src/lease/mint.ts";
import { OFFER_MS, Offers } from "../src/lease/offers.ts";
import type { LeaseRow } from "../src/lease/slot.ts";
import { LeaseTable, type PoolUse } from "../src/lease/table.ts";
import type { LogLimiter } from "../src/log/limiter.ts";
import { formatIpv4, type Ipv4 } from "../src/net/ipv4.ts";
import { DROP_ADVICE, DROP_WARNINGS } from "./advice.ts";
import { type NodeCounters, TYPE_NAME } from "./counters.ts";

/** Sends one encoded reply to where the request came from; false when the system would not take it. */
export type ReplySender = (bytes: Uint8Array, reply: Message, arrival: Arrival) => boolean;

/** What the service needs from its surroundings. */
export interface DhcpServiceOptions {
  readonly nodeId: number;
  readonly service: ServiceConfig;
  readonly clock: AnchoredClock;
  readonly mint: VersionMint;
  readonly persist: ProposerPorts["persist"];
  readonly counters: NodeCounters;
  readonly log: Logger;
  readonly limiter: LogLimiter;
  readonly now: () => Instant;
  /** Random per process: see `TableOptions.hashSeed`. */
  readonly hashSeed: number;
  /** Whether leases can be written down now; while not, nothing is promised. */
  readonly storeWorks: () => boolean;
}

/** A datagram that waits for a reload. */
interface Held {
  readonly bytes: Uint8Array;
  readonly arrival: Arrival;
  readonly send: ReplySender;
}

/** Datagrams that may wait for a reload, which takes a few commits. */
const HELD_MAX = 10_000;

/** The DHCP server of one node. */
export class DhcpService {
  readonly #options: DhcpServiceOptions;
  readonly #limits = { maxLeaseMs: 0 };
  #state: ServerState;
  #proposer: Proposer;
  #reload: ServiceConfig | undefined;
  #held: Held[] = [];

  constructor(options: DhcpServiceOptions) {
    this.#options = options;
    this.#state = this.#newState(new Policy(options.service));
    this.#proposer = this.#newProposer(this.#state);
  }

  get table(): LeaseTable {
    return this.#state.table;
  }

  get policy(): Policy {
    return this.#state.policy;
  }

  /** Leases that wait for their commit. */
  get pending(): number {
    return this.#proposer.pending;
  }

  /** Each pool with how its addresses are used now; empty while there is no time. */
  poolUse(): { pool: Pool; use: PoolUse }[] {
    const { table, policy } = this.#state;
    const { clock, now } = this.#options;
    const time = clock.bounds(now());
    return time === undefined ? [] : policy.pools.map((pool) => ({ pool, use: table.poolUse(pool.number, time) }));
  }

  /** Takes what the store holds, before the first datagram. */
  load(row: LeaseRow): void {
    const { address, slot, detail } = row;
    this.#options.mint.observe(slot.version);
    // Alone, what is on this disk is on a majority's: a certificate need not have reached it.
    this.#state.table.set(address, slot.state === "bound" ? { ...slot, cv: slot.version } : slot, detail);
  }

  /** Handles one datagram; never throws, whatever is in it. `send` is kept until the reply may leave. */
  receive(bytes: Uint8Array, arrival: Arrival, send: ReplySender): void {
    const { counters, log, limiter, now } = this.#options;
    if (this.#reload !== undefined) {
      if (this.#held.length < HELD_MAX) this.#held.push({ bytes, arrival, send });
      else counters.overrun += 1;
      return;
    }
    try {
      this.#handle(bytes, arrival, send);
    } catch (error) {
      // Our own mistake, which one client's datagram must not turn into an outage for all.
      counters.faults += 1;
      if (limiter.admit("fault", now().monotonicMs)) {
        log.error("Broken invariant on a datagram from {from}; please report it: {error}", {
          from: formatIpv4(arrival.from),
          error: error instanceof Error ? error.stack ?? error.message : String(error),
        });
      }
    }
  }

  #handle(bytes: Uint8Array, arrival: Arrival, send: ReplySender): void {
    const { counters, clock, now, storeWorks } = this.#options;
    const decoded = decode(bytes);
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
    const type = TYPE_NAME.get(messageTypeOf(decoded.value) ?? 0);
    if (type !== undefined) counters.received[type] += 1;
    const at = now();
    if (!storeWorks()) {
      counters.storeless += 1;
      return;
    }
    const time = clock.bounds(at);
    // An offer that can't be kept would only lead the client astray.
    if (time === undefined || clock.fault(at) !== undefined) {
      counters.clockless += 1;
      return;
    }
    const action = decide(this.#state, decoded.value, arrival, at, time);
    this.#carryOut(action, decoded.value, arrival, at, send);
  }

  /** Lets time pass: call it about ten times a second. */
  tick(now: Instant): void {
    this.#proposer.tick(now);
    const time = this.#options.clock.bounds(now);
    if (time !== undefined) this.#state.table.expire(time);
    this.#state.offers.expire(now.monotonicMs);
    this.#applyReload();
  }

  /** Serves another configuration as soon as what is pending is decided; no datagram is lost over it. */
  reload(service: ServiceConfig): void {
    this.#reload = service;
    this.#applyReload();
  }

  #applyReload(): void {
    const service = this.#reload;
    if (service === undefined || this.#proposer.pending > 0) return;
    const { log } = this.#options;
    this.#reload = undefined;
    try {
      this.#adopt(new Policy(service));
      log.info("Serving revision {revision} of the configuration", { revision: service.revision });
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      log.error("Broken invariant: kept the running configuration; please report it: {error}", { error: text });
    }
    for (const { bytes, arrival, send } of this.#held.splice(0)) this.receive(bytes, arrival, send);
  }

  /** Where pools and reserved addresses stay the same, so do table and offers; else both move into new ones. */
  #adopt(policy: Policy): void {
    if (samePlaces(this.#state.policy, policy)) {
      this.#state = { ...this.#state, policy };
      this.#limits.maxLeaseMs = policy.maxLeaseSeconds * 1_000 + PROPOSAL_MS;
      return;
    }
    const { clock, now } = this.#options;
    const state = this.#newState(policy);
    state.table.load(this.#state.table.rows());
    const time = clock.bounds(now());
    for (const { client, address, until } of this.#state.offers.entries()) {
      if (time === undefined || !state.table.isAvailable(address, time)) continue;
      state.table.take(address, time);
      state.offers.add(client, address, until - OFFER_MS);
    }
    this.#state = state;
    this.#proposer = this.#newProposer(state);
  }

  #newState(policy: Policy): ServerState {
    this.#limits.maxLeaseMs = policy.maxLeaseSeconds * 1_000 + PROPOSAL_MS;
    const table = new LeaseTable({
      pools: policy.pools.map((pool) => pool.range),
      reserved: policy.reserved,
      hashSeed: this.#options.hashSeed,
    });
    return { policy, table, offers: new Offers(table) };
  }

  #newProposer(state: ServerState): Proposer {
    const { nodeId, clock, mint, persist, counters } = this.#options;
    return new Proposer({
      self: nodeId,
      table: state.table,
      clock,
      mint,
      membership: { size: 1 },
      limits: this.#limits,
      ports: { persist, propagate: () => {}, committed: () => counters.granted += 1 },
    });
  }

  #carryOut(action: Action, message: Message, arrival: Arrival, now: Instant, send: ReplySender): void {
    const { counters } = this.#options;
    switch (action.kind) {
      case "drop":
        counters.dropped[action.reason] += 1;
        return this.#complainOfDrop(action.reason, message, arrival);
      case "reply":
        return this.#send(action, arrival, send);
      case "grant":
        return this.#grant(action, arrival, now, send);
      case "end":
        return this.#end(action, now);
    }
  }

  #grant(action: Extract<Action, { kind: "grant" }>, arrival: Arrival, now: Instant, send: ReplySender): void {
    const { counters, log } = this.#options;
    const { address, client, leaseSeconds, reply, scope } = action;
    const { offers } = this.#state;
    // The lock outlasts what the client is told by the time a commit may take, so that the client gets the full time.
    const leaseMs = leaseSeconds * 1_000 + PROPOSAL_MS;
    this.#proposer.propose({ ...action, leaseMs }, now, (outcome) => {
      if (!outcome.committed) {
        counters.failedGrants[outcome.reason] += 1;
        this.#complain(outcome.reason, "No lease of {address} for {client}: {reason}", {
          address: formatIpv4(address),
          client: formatClient(client),
          reason: outcome.reason,
        });
        return;
      }
      offers.end(client);
      this.#endFormer(client, address, now);
      completeAck(reply, scope, Math.floor(outcome.leaseMs / 1_000));
      this.#send(action, arrival, send);
      log.debug("Leased {address} to {client} for {leaseSeconds} s", () => ({
        address: formatIpv4(address),
        client: formatClient(client),
        leaseSeconds,
      }));
    });
  }

  /** A client has one address of a subnet: with another one granted, the former is free. */
  #endFormer(client: ClientKey, granted: Ipv4, now: Instant): void {
    const { table } = this.#state;
    for (const address of table.boundTo(client)) {
      if (address === granted) continue;
      const detail = { ...table.detail(address), lastSeen: now.wallMs, expires: now.wallMs };
      this.#proposer.end({ kind: "released", address, client, restMs: 0, detail }, now, () => {});
    }
  }

  #end(action: Extract<Action, { kind: "end" }>, now: Instant): void {
    const { counters, log } = this.#options;
    const { how, address, client, detail } = action;
    this.#state.offers.end(client);
    const restMs = this.#state.policy.config.declineSeconds * 1_000;
    const ended = this.#proposer.end({ kind: how, address, client, restMs, detail }, now, () => {});
    if (!ended) return;
    counters[how] += 1;
    const properties = { address: formatIpv4(address), client: formatClient(client) };
    if (how === "released") log.debug("Released {address} by {client}", properties);
    else if (this.#options.limiter.admit("declined", now.monotonicMs)) {
      log.warn(
        "{address} was declined by {client}: another host uses it; find that host, the address rests",
        properties,
      );
    }
  }

  #send(action: { reply: Message; bytesMax: number }, arrival: Arrival, send: ReplySender): void {
    const { counters } = this.#options;
    const { reply, bytesMax } = action;
    const { bytes, omitted } = encode(reply, { bytesMax });
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
    if (!limiter.admit(reason, now().monotonicMs)) return;
    const properties = {
      client: toHex(message.chaddr, ":"),
      from: formatIpv4(arrival.from),
      giaddr: formatIpv4(message.giaddr),
      reason,
      advice: DROP_ADVICE[reason],
    };
    const text = "No answer to {client} from {from} (giaddr {giaddr}): {reason}: {advice}";
    if (DROP_WARNINGS.has(reason)) log.warn(text, properties);
    else log.info(text, properties);
  }

  /** Says something that outsiders can cause at will: a few times per kind and interval. */
  #complain(key: string, message: string, properties: Record<string, unknown>): void {
    const { limiter, log, now } = this.#options;
    if (limiter.admit(key, now().monotonicMs)) log.info(message, properties);
  }
}

/** Whether two configurations have the same pools in the same order, and the same reserved addresses. */
function samePlaces(a: Policy, b: Policy): boolean {
  const places = (policy: Policy) => JSON.stringify([policy.pools.map((pool) => pool.range), policy.reserved]);
  return places(a) === places(b);
}
