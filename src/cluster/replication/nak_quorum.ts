/**
 * Whether a DHCPNAK may be sent (lease agreement: the slots of a quorum must deny the client's lease). One slot is not
 * enough: this node may have missed the record of a running lease. So all members are asked: a quorum that denies the
 * lease shares a member with any quorum that holds it.
 *
 * No answer in time is no denial: the client stays without one, and asks again.
 */

import type { Effects, MemberContext } from "../context.ts";
import { quorumOf } from "../../lease/agreement/quorum.ts";
import { deniesLease } from "../../lease/agreement/rule.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import type { AnchoredClock, Instant } from "../../lease/agreement/clock.ts";
import { PROPOSAL_MS } from "../../lease/agreement/limits.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { NodeId, SlotAnswer, SlotQuery } from "../wire/messages.ts";

interface Open {
  readonly address: Ipv4;
  readonly client: ClientKey;
  readonly startedMs: number;
  readonly denying: Set<NodeId>;
  readonly denied: (now: Instant) => void;
}

/** Limit of open queries: a flood of requests that deserve a DHCPNAK gets no answer. */
const OPEN_MAX = 1_024;

/** The questions of one node, and its answers to others. */
export class NakQuorum {
  readonly #table: LeaseTable;
  readonly #clock: AnchoredClock;
  readonly #members: { readonly others: readonly NodeId[] };
  readonly #effects: Effects;
  /** In the order in which they were asked. */
  readonly #open = new Map<number, Open>();
  #next: number;

  constructor(context: MemberContext, { table, clock }: { table: LeaseTable; clock: AnchoredClock }) {
    // Answers to an earlier process of this node must not pass for answers to this one.
    this.#next = Math.floor(context.random() * 2 ** 40);
    this.#table = table;
    this.#clock = clock;
    this.#members = context.membership;
    this.#effects = context.effects;
  }

  /** Asks about one client and address; `denied` runs at most once, perhaps before this returns. */
  ask(address: Ipv4, client: ClientKey, now: Instant, denied: (now: Instant) => void): void {
    const time = this.#clock.bounds(now);
    if (time === undefined || !deniesLease(this.#table.get(address), client, time)) return;
    if (this.#members.others.length === 0) return denied(now);
    if (this.#open.size >= OPEN_MAX) return;
    const query = this.#next++;
    this.#open.set(query, { address, client, startedMs: now.monotonicMs, denying: new Set(), denied });
    this.#effects.broadcast({ type: "slotQuery", query, address, client });
  }

  /** Answers a query; silent without an anchored clock. Only a node with complete slots answers. */
  answer(from: NodeId, { query, address, client }: SlotQuery, now: Instant): void {
    const time = this.#clock.bounds(now);
    if (time === undefined) return;
    const slot = this.#table.get(address);
    this.#effects.send(from, { type: "slotAnswer", query, deniesLease: deniesLease(slot, client, time) });
  }

  /** Takes a member's answer. */
  receive(from: NodeId, answer: SlotAnswer, now: Instant): void {
    const open = this.#open.get(answer.query);
    const { others } = this.#members;
    if (open === undefined || !answer.deniesLease || !others.includes(from)) return;
    open.denying.add(from);
    // This node's own slot is part of the quorum.
    if (open.denying.size + 1 < quorumOf(others.length + 1)) return;
    this.#open.delete(answer.query);
    const time = this.#clock.bounds(now);
    if (now.monotonicMs - open.startedMs > PROPOSAL_MS || time === undefined) return;
    // What was proposed here meanwhile counts, too.
    if (deniesLease(this.#table.get(open.address), open.client, time)) open.denied(now);
  }

  /** Drops queries that timed out. */
  tick(now: Instant): void {
    for (const [query, { startedMs }] of this.#open) {
      if (now.monotonicMs - startedMs <= PROPOSAL_MS) return;
      this.#open.delete(query);
    }
  }

  /** Another membership holds: other majorities. */
  dropAll(): void {
    this.#open.clear();
  }
}
