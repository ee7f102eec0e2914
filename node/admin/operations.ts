/**
 * Operations that an operator can request of a running node. Every operation either is carried out or says why not, in
 * lines that tell what to do; what it needs of the other nodes is the cluster's business.
 */

import { equalBytes } from "../../src/bytes/equal.ts";
import type { ChangeResult } from "../../src/cluster/membership/membership.ts";
import type { Decision } from "../../src/lease/agreement/proposer.ts";
import { type ClientKey, isSameSender } from "../../src/lease/agreement/client_key.ts";
import type { LeaseDetail, SlotState } from "../../src/lease/agreement/slot.ts";
import { MARGIN_MS } from "../../src/lease/agreement/limits.ts";
import { logger } from "../../src/log/configure.ts";
import {
  formatIpv4,
  formatRange,
  type Ipv4,
  parseIpv4,
  parsePrefix,
  prefixRange,
  type Range,
  rangeContains,
} from "../../src/net/ipv4.ts";
import { instant, readOctets } from "./leases.ts";
import { type ImportedLease, judgeImport } from "../migrate/import_rule.ts";
import { readClocks } from "../clocks.ts";
import type { Node } from "../node.ts";
import type { GivenReading, ReadingKind, Readings, ReservationEdit, ReservationInput } from "../reader/protocol.ts";

/** Result of an operation. */
export type OperationResult<Done extends object = object> =
  | ({ readonly ok: true } & Done)
  | {
    readonly ok: false;
    readonly kind: "refused" | "unavailable" | "notFound";
    readonly problems: readonly string[];
  };

const NO_BYTES = new Uint8Array();

/** Result of one imported lease. */
interface ImportResult {
  readonly address: string;
  readonly outcome: "imported" | "known" | "expired" | "refused";
  readonly problem?: string;
}

/** Concurrent proposals of an import, beside those of clients. */
const IMPORTS_AT_ONCE = 32;
/** Rests that are ended in one go. */
const RESTS_AT_ONCE = 256;
/** Attempts per lease while proposals time out. */
const IMPORT_ATTEMPTS = 3;

/** Of a list for people. */
const LISTED_MAX = 10;

/** What came of a push; `absent` take it when they come, `warnings` say what is served no more. */
interface Pushed {
  readonly revision: number;
  readonly absent: readonly number[];
  readonly warnings: readonly string[];
}

/** The operations of one node. */
export class Operations {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  /** The `service` section that is served. */
  configuration(): OperationResult<{ revision: number; service: Record<string, unknown> }> {
    const active = this.#node.parts.member.configuration;
    if (active === undefined) return unavailable("this node does not know yet which configuration the cluster serves");
    return { ok: true, revision: active.revision, service: JSON.parse(active.text) };
  }

  /**
   * Has every member check a `service` section, and serves it when none refuses it. Its `revision` is the next one when
   * it has none. A string is YAML, of the section alone or under `service:`.
   */
  async push(
    given: unknown,
    { checkOnly = false }: { readonly checkOnly?: boolean } = {},
  ): Promise<OperationResult<Pushed>> {
    const asked = asText(given);
    if (asked === undefined) return refused("this is nested too deeply for a service section");
    const current = this.#node.parts.member.configuration?.text;
    const read = await this.#read("given", { ...asked, current });
    if (!read.ok) return refused(...read.problems);
    const { text, revision } = read;
    const warnings = this.#losses(read);
    const result = await this.#node.command<"push">({ kind: "push", request: { text, revision, checkOnly } });
    return result.ok ? { ...result, warnings } : result;
  }

  /** Has something read that is too large for this thread. */
  async #read<Kind extends ReadingKind>(
    kind: Kind,
    asks: Readings[Kind]["asks"],
  ): Promise<Readings[Kind]["gives"] | { readonly ok: false; readonly problems: readonly string[] }> {
    try {
      return await this.#node.reader.read(kind, asks);
    } catch (error) {
      return { ok: false, problems: [error instanceof Error ? error.message : String(error)] };
    }
  }

  /** Warnings about reservations and leased subnets that a push would remove, perhaps by mistake. */
  #losses({ unreserved, unserved }: Extract<GivenReading, { ok: true }>): string[] {
    const more = unreserved.length > LISTED_MAX ? ` and ${unreserved.length - LISTED_MAX} more` : "";
    const left = unserved.filter((subnet) => this.#hasLeases(subnet))
      .map((subnet) => `${subnet} is no longer served, but leases of it still run`);
    return unreserved.length === 0
      ? left
      : [`no longer reserved: ${unreserved.slice(0, LISTED_MAX).join(", ")}${more}`, ...left];
  }

  #hasLeases(subnet: string): boolean {
    const prefix = parsePrefix(subnet);
    if (prefix === undefined) return false;
    const nowMs = Date.now();
    const search = {
      range: prefixRange(prefix),
      states: (state: SlotState, lockedUntil: number) => state === "bound" && lockedUntil > nowMs,
    };
    const { rows } = this.#node.parts.table.search(-1, search, { limit: 1, passedMax: Infinity });
    return rows.length > 0;
  }

  /** Keeps an address for a client: a push of the next revision. */
  async reserve(
    reservation: ReservationInput,
  ): Promise<OperationResult<{ revision: number; warnings: readonly string[] }>> {
    const address = parseIpv4(reservation.address);
    if (address === undefined) return refused(`"${reservation.address}" is not an IPv4 address`);
    const { hardware, clientId, circuitId, remoteId } = reservation;
    if ([hardware, clientId, circuitId, remoteId].every((each) => each === undefined)) {
      return refused("the client is missing: give hardware, clientId, circuitId or remoteId");
    }
    const changed = await this.#change({ kind: "reserve", reservation });
    if (!changed.ok) return changed;
    this.#note(`${reservation.address} is reserved in revision ${changed.revision}`);
    return { ...changed, warnings: this.#holderWarnings(address, reservation) };
  }

  /** Takes a reservation out: a push of the next revision. */
  async unreserve(address: string): Promise<OperationResult<{ revision: number }>> {
    if (parseIpv4(address) === undefined) return refused(`"${address}" is not an IPv4 address`);
    const changed = await this.#change({ kind: "unreserve", address });
    if (changed.ok) this.#note(`${address} is no longer reserved, from revision ${changed.revision}`);
    return changed;
  }

  /**
   * Ends a lease as a DHCPRELEASE of its client does, or the rest of a declined address. The client of a lease notices
   * at its next renewal: DHCP cannot tell it.
   */
  async release(text: string): Promise<OperationResult> {
    const address = parseIpv4(text);
    if (address === undefined) return refused(`"${text}" is not an IPv4 address`);
    const { service } = this.#node.parts;
    const slot = service.table.get(address);
    const now = readClocks();
    if (slot.state === "declined") return await this.reuse(text);
    if (slot.state === "blocked" && slot.lockedUntil > now.wallMs) {
      const until = instant(slot.lockedUntil);
      return refused(`${text} is blocked until ${until}, as nodes have different leases of it: it is free afterwards`);
    }
    if (slot.state !== "bound" || slot.client === undefined || slot.lockedUntil <= now.wallMs) {
      return { ok: false, kind: "notFound", problems: [`no client holds a lease of ${text}`] };
    }
    const detail = { ...service.table.detail(address), expires: now.wallMs };
    const { client } = slot;
    const unwritable = this.#unwritable();
    if (unwritable !== undefined) return unavailable(unwritable);
    const request = { kind: "released", address, client, restMs: 0, detail } as const;
    const ended = await withinPatience<boolean | "late">(this.#node.command<"end">({ kind: "end", request }), "late");
    const result: OperationResult = ended === "late"
      ? unavailable("it was not written to disk in time: see /readyz for the reason")
      : ended
      ? { ok: true }
      : unavailable("this node's clock or slots do not allow it now: try again, or use another node");
    if (result.ok) this.#note(`the lease of ${text} is ended`);
    return result;
  }

  /** Lets declined addresses, one or those of a network, be leased again before their rest is over. */
  async reuse(text: string): Promise<OperationResult<{ ended: number }>> {
    const range = readRange(text);
    if (range === undefined) return refused(`"${text}" is neither an IPv4 address nor a network (address/length)`);
    const resting = this.#restingIn(range);
    if (resting.length === 0) return { ok: false, kind: "notFound", problems: [`no address rests in ${text}`] };
    const unwritable = this.#unwritable();
    if (unwritable !== undefined) return unavailable(unwritable);
    let ended = 0;
    // Some at a time, so that clients' leases are written in between.
    for (let at = 0; at < resting.length; at += RESTS_AT_ONCE) {
      const commands = resting.slice(at, at + RESTS_AT_ONCE)
        .map((address) => this.#node.command<"endRest">({ kind: "endRest", address }));
      const results = await withinPatience<boolean[] | "late">(Promise.all(commands), "late");
      if (results === "late") {
        return unavailable(
          "it was not written to disk in time: see /readyz for the reason, and give the command again",
        );
      }
      ended += results.filter((done) => done).length;
    }
    if (ended === 0) return unavailable("this node's clock does not allow it now: try again, or use another node");
    this.#note(
      `the rest of ${ended === 1 ? formatIpv4(resting[0] as Ipv4) : `${ended} addresses in ${text}`} is ended`,
    );
    return { ok: true, ended };
  }

  #restingIn(range: Range): Ipv4[] {
    const nowMs = Date.now();
    const search = {
      range,
      states: (state: SlotState, lockedUntil: number) => state === "declined" && lockedUntil + MARGIN_MS > nowMs,
    };
    const { rows } = this.#node.parts.table.search(-1, search, { limit: Infinity, passedMax: Infinity });
    return rows.map(({ address }) => address);
  }

  /**
   * Serves no more (`on`), or again, until it is restarted. A drained node goes on voting and keeping leases. `others`:
   * how many members serve beside it, as far as it knows.
   */
  drain(on: boolean): OperationResult<{ others: number }> {
    this.#node.drain(on);
    const others = this.#node.parts.member.peers(readClocks()).filter(({ live, said }) => live && said?.ready);
    return { ok: true, others: others.length };
  }

  /** Starts an election. */
  elect(): OperationResult {
    const { member } = this.#node.parts;
    if (member.role === "standalone") return refused("this node is alone: an election needs other members");
    const { leader } = member;
    if (leader !== undefined && leader > this.#node.config.node.id) {
      return refused(`node ${leader} leads, and the highest id wins: run the command there, or drain it`);
    }
    return this.#node.operate((member, now) => member.forceElection(now))
      ? { ok: true }
      : unavailable("this node cannot lead now: see /readyz for the reason, or run the command on another node");
  }

  /** The leader steps down and does not stand for election for a while. */
  stepDown(): OperationResult {
    this.#node.operate((member, now) => member.stepDown(now));
    return { ok: true };
  }

  /** Adds or removes a member, on the leader. */
  async changeMembers(
    change:
      | { readonly kind: "add"; readonly id: number; readonly address: string }
      | { readonly kind: "remove"; readonly id: number },
  ): Promise<OperationResult<{ epoch: number }>> {
    const { member, transport } = this.#node.parts;
    if (transport === undefined) {
      return refused("this node has no cluster.keyFile: make one, name it in its file, and restart it");
    }
    const added = change.kind === "add" ? await this.#newcomer(change.id, change.address) : undefined;
    if (typeof added === "string") return refused(added);
    const asked = added === undefined
      ? { kind: "remove", id: change.id } as const
      : { kind: "add", member: added } as const;
    const late = {
      ok: false,
      problem:
        "no quorum has accepted the change yet; `members` shows when it is made. Start the members that are away",
    } as const;
    const made = this.#node.command<"change">({ kind: "change", change: asked });
    const result = await withinPatience<ChangeResult>(made, late);
    if (result.ok) {
      const what = change.kind === "add"
        ? `node ${change.id} (${change.address}) is added`
        : `node ${change.id} is removed`;
      this.#note(what);
      return result;
    }
    const { leader } = member;
    if (leader === undefined && member.role !== "standalone") {
      return refused(
        "no node leads, as no majority of the members is present: start them. If the disks of a majority are lost " +
          "for good, stop this node and run dhcpcluster-node members reset on it",
      );
    }
    const where = leader === undefined || leader === this.#node.config.node.id ? "" : ` (node ${leader} leads)`;
    return refused(`${result.problem}${where}`);
  }

  /**
   * A member to be, or why it can be none. It must answer: a member cannot be removed before it has all leases,
   * and a member that is not where the command says would count against the majority for good.
   */
  async #newcomer(id: number, text: string): Promise<{ id: number; address: Ipv4 } | string> {
    const { member, transport, service } = this.#node.parts;
    const address = parseIpv4(text);
    if (address === undefined) return `"${text}" is not an IPv4 address`;
    const pool = service.compiled.pools.find(({ range }) => rangeContains(range, address));
    if (pool !== undefined) return `${text} lies in the pool ${formatRange(pool.range)}: clients would be given it`;
    if (member.role !== "leader" || member.membership.members.some((known) => known.id === id)) return { id, address };
    const problem = await transport?.unreachable({ id, address });
    return problem === undefined
      ? { id, address }
      : `node ${id} does not answer at ${text} (${problem}): start it there first, with a file that names all members`;
  }

  /** Logs an operator's change. */
  #note(what: string): void {
    logger("operations").info("By command: {what}", { what });
  }

  /** Why the store cannot write now; undefined when it can. */
  #unwritable(): string | undefined {
    const { ok, reason } = this.#node.parts.store.health;
    return ok ? undefined : `this node cannot write to its disk: ${reason}`;
  }

  /**
   * Takes leases that another server gave, each like a grant: a majority has it on disk. One that is known, or runs for
   * another client here, stays as it is.
   */
  async importLeases(leases: readonly ImportedLease[]): Promise<ImportResult[]> {
    const { member } = this.#node.parts;
    if (member.isRenewalsOnly(readClocks())) {
      const until = new Date(member.membership.renewalsOnlyUntil).toISOString();
      const problem = `only renewals are served until ${until} (members reset): import afterwards`;
      return leases.map(({ address }) => ({ address, outcome: "refused", problem }));
    }
    const outcomes: ImportResult[] = new Array(leases.length);
    let next = 0;
    const worker = async () => {
      for (let index = next++; index < leases.length; index = next++) {
        const lease = leases[index] as ImportedLease;
        outcomes[index] = { address: lease.address, ...await this.#import(lease) };
      }
    };
    await Promise.all(Array.from({ length: IMPORTS_AT_ONCE }, worker));
    const imported = outcomes.filter(({ outcome }) => outcome === "imported").length;
    if (imported > 0) this.#note(`${imported} of ${leases.length} leases are imported`);
    return outcomes;
  }

  async #import(lease: ImportedLease): Promise<Omit<ImportResult, "address">> {
    const { service } = this.#node.parts;
    const now = readClocks();
    const { maxLeaseMs } = service.limits;
    const judged = judgeImport(lease, { compiled: service.compiled, maxLeaseMs, nowMs: now.wallMs });
    if ("outcome" in judged) return judged;
    const unwritable = this.#unwritable();
    if (unwritable !== undefined) return { outcome: "refused", problem: unwritable };
    const { address, client, leaseMs, detail, rests } = judged;
    const refuse = (problem: string) => ({ outcome: "refused", problem }) as const;
    const slot = service.table.get(address);
    const holder = slot.client !== undefined && isSameSender(slot.client, client) ? slot.client : client;
    if (rests && slot.state === "declined" && slot.lockedUntil >= now.wallMs + leaseMs - 1_000) {
      return { outcome: "known" };
    }
    if (slot.state !== "free" && slot.lockedUntil > now.wallMs) {
      if (slot.state !== "bound" || holder !== slot.client) return refuse("another client holds it here");
      if (slot.lockedUntil >= now.wallMs + leaseMs - 1_000) return { outcome: "known" };
    }
    for (let attempt = 1;; attempt++) {
      const outcome = await this.#propose(address, holder, leaseMs, detail);
      if (outcome === undefined) {
        return rests ? await this.#rest(address, holder, leaseMs, detail) : { outcome: "imported" };
      }
      if (attempt === IMPORT_ATTEMPTS || outcome === "conflict") return refuse(IMPORT_FAILURES[outcome] ?? outcome);
    }
  }

  /** Has an address rest that a lease was just granted of, as if its client had declined it. */
  async #rest(
    address: Ipv4,
    client: ClientKey,
    restMs: number,
    detail: LeaseDetail,
  ): Promise<Omit<ImportResult, "address">> {
    const request = { kind: "declined", address, client, restMs: Math.floor(restMs), detail } as const;
    const ended = await withinPatience<boolean | "late">(this.#node.command<"end">({ kind: "end", request }), "late");
    return ended === true
      ? { outcome: "imported" }
      : { outcome: "refused", problem: "this node's clock or disk does not allow it now: try again" };
  }

  async #propose(
    address: Ipv4,
    client: ClientKey,
    leaseMs: number,
    detail: LeaseDetail,
  ): Promise<string | undefined> {
    const xid = Math.floor(Math.random() * 2 ** 32);
    const proposal = { address, client, xid, leaseMs: Math.floor(leaseMs), detail };
    const late = { committed: false, reason: "timeout" } as const;
    const decision = await withinPatience<Decision>(this.#node.command<"propose">({ kind: "propose", proposal }), late);
    return decision.committed ? undefined : decision.reason;
  }

  /** Has the configuration changed by one reservation, and served as the next revision. */
  async #change(edit: ReservationEdit): Promise<OperationResult<{ revision: number }>> {
    const active = this.#node.parts.member.configuration;
    if (active === undefined) return unavailable("this node does not know yet which configuration the cluster serves");
    const edited = await this.#read("edit", { text: active.text, edit });
    if (!edited.ok) {
      const { problems } = edited;
      return { ok: false, kind: "isMissing" in edited && edited.isMissing ? "notFound" : "refused", problems };
    }
    const request = { text: edited.text, revision: active.revision + 1, checkOnly: false };
    return await this.#node.command<"push">({ kind: "push", request });
  }

  #holderWarnings(address: Ipv4, { hardware }: ReservationInput): string[] {
    const { table } = this.#node.parts.service;
    const slot = table.get(address);
    if (slot.state !== "bound" || slot.lockedUntil <= Date.now()) return [];
    const { chaddr, expires } = table.detail(address);
    if ([hardware ?? []].flat().some((text) => equalBytes(readOctets(text) ?? NO_BYTES, chaddr))) return [];
    return [
      `${formatIpv4(address)} is leased to another client until ${
        new Date(expires).toISOString()
      }: its client keeps it ` +
      "until it renews, and gets another address then",
    ];
  }
}

const IMPORT_FAILURES: Readonly<Record<string, string>> = {
  conflict: "another client holds it on another node",
  timeout: "no majority answered in time: try again",
  late: "it reached the others too late: look at the clocks, and at the network between the nodes",
  noAnchor: "this node's clock is not confirmed by a majority: try again",
  superseded: "the client asked again meanwhile: try again",
};

/** A network, or one address. */
function readRange(text: string): Range | undefined {
  const prefix = parsePrefix(text);
  const address = parseIpv4(text);
  if (prefix !== undefined) return prefixRange(prefix);
  return address === undefined ? undefined : { first: address, last: address };
}

/** What was given, as text again: the worker reads it. Undefined when it is nested too deeply for that. */
function asText(given: unknown): { readonly text: string; readonly format: "yaml" | "json" } | undefined {
  if (typeof given === "string") return { text: given, format: "yaml" };
  try {
    return { text: JSON.stringify(given), format: "json" };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** How long a command waits for the disk or for other nodes: the time of three proposals. */
const PATIENCE_MS = 10_000;

/** What a command resolves with, or `late` when that takes too long: a disk that hangs completes nothing. */
async function withinPatience<T>(result: Promise<T>, late: T): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<T>((resolve) => timer = setTimeout(() => resolve(late), PATIENCE_MS));
  try {
    return await Promise.race([result, patience]);
  } finally {
    clearTimeout(timer);
  }
}

function refused<Done extends object>(...problems: string[]): OperationResult<Done> {
  return { ok: false, kind: "refused", problems };
}

function unavailable<Done extends object>(...problems: string[]): OperationResult<Done> {
  return { ok: false, kind: "unavailable", problems };
}
