/**
 * Whether a client may be told DHCPNAK (lease agreement: "NAK only if the committed records of a majority contradict the
 * client"). One slot is not enough: this node may have missed the record of a lease that runs. So all members are asked,
 * and a majority that contradicts shares a member with any majority that holds the client's lease, whose slot would not.
 *
 * No answer in time is no contradiction: the client stays without one, and asks again.
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
  readonly contradicting: Set<NodeId>;
  readonly contradicted: (now: Instant) => void;
}

/** Whoever floods with requests that deserve a DHCPNAK gets silence. */
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

  /** Asks about one client and address; `contradicted` runs at most once, perhaps before this returns. */
  ask(address: Ipv4, client: ClientKey, now: Instant, contradicted: (now: Instant) => void): void {
    const time = this.#clock.bounds(now);
    if (time === undefined || !deniesLease(this.#table.get(address), client, time)) return;
    if (this.#members.others.length === 0) return contradicted(now);
    if (this.#open.size >= OPEN_MAX) return;
    const query = this.#next++;
    this.#open.set(query, { address, client, startedMs: now.monotonicMs, contradicting: new Set(), contradicted });
    this.#effects.broadcast({ type: "slotQuery", query, address, client });
  }

  /** Answers a member; without a clock, nothing can be said. Only a node with complete slots may be asked. */
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
    open.contradicting.add(from);
    // This node's own slot is one of the majority's.
    if (open.contradicting.size + 1 < quorumOf(others.length + 1)) return;
    this.#open.delete(answer.query);
    const time = this.#clock.bounds(now);
    if (now.monotonicMs - open.startedMs > PROPOSAL_MS || time === undefined) return;
    // What was proposed here meanwhile counts, too.
    if (deniesLease(this.#table.get(open.address), open.client, time)) open.contradicted(now);
  }

  /** Forgets what nobody answered in time. */
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
