/**
 * A node: one cluster member, its lease table and its DHCP server, as one pure state machine. Events and time go in,
 * effects come out; the node program, the simulator and scripted tests drive the same object:
 *
 * ```text
 * core.receive(event, now); // any number of them, then
 * core.flush(now); // at the end of the burst: what was proposed leaves in one batch
 * for (const effect of core.takeEffects()) perform(effect); // also after each event
 * sleepUntil(core.nextDeadline(now)); // then core.tick(now)
 * ```
 *
 * It decides when this node serves (`readiness.ts`), and what a start, a drain and a stop mean; each other decision
 * belongs to a part: the member (`src/cluster`) or the server (`src/dhcp/server`).
 */

import { unreachable } from "../assert.ts";
import { quorumOf } from "../lease/agreement/quorum.ts";
import { startIdentity } from "../cluster/sync/disk_identity.ts";
import { CONFIG_FACTS, type Configuration } from "../cluster/leadership/config_replication.ts";
import { Member } from "../cluster/member.ts";
import { WIRE_LIMITS } from "../cluster/wire/limits.ts";
import type { MemberAddress, NodeId } from "../cluster/wire/messages.ts";
import type { Safeguards } from "../cluster/replication/replica.ts";
import type { CompiledService } from "../dhcp/server/compiled_service.ts";
import { SERVER_LIMITS } from "../dhcp/server/limits.ts";
import type { RelayTrust } from "../dhcp/server/relay_trust.ts";
import { DhcpServer, type LeaseAgreement, tableFor } from "../dhcp/server/dhcp_server.ts";
import { AnchoredClock, type Instant } from "../lease/agreement/clock.ts";
import { HybridClock } from "../lease/agreement/hybrid_clock.ts";
import type { LeaseRow } from "../lease/agreement/slot.ts";
import type { LeaseTable } from "../lease/table/lease_table.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { Compilations } from "./compilations.ts";
import { type Command, EffectQueue, type NodeEffect, type NodeEvent } from "./effects.ts";
import { explainNotReady, type NodeFacts, type NotReady, whyNotReady } from "./readiness.ts";

/** Each start chooses new addresses from another part of the pools, far from those of the starts before. */
const GOLDEN_RATIO = 0.618;

/** A `service` section's text, and what the server works with. */
interface ServedConfiguration {
  readonly text: string;
  readonly service: CompiledService;
}

/** The text on the disk that is newer than the file's, if there is one: the node starts with it if it compiles. */
export function storedConfiguration(facts: ReadonlyMap<string, string>, file: Configuration): string | undefined {
  return Number(facts.get(CONFIG_FACTS.revision)) > file.revision ? facts.get(CONFIG_FACTS.text) : undefined;
}

/** What a simulator replaces to show that it would be missed. Nothing in the product. */
interface Mutations {
  readonly clock?: AnchoredClock | undefined;
  readonly versionIncarnation?: number | undefined;
  readonly agreement?: ((agreement: LeaseAgreement) => LeaseAgreement) | undefined;
  readonly safeguards?: Partial<Safeguards> | undefined;
  readonly servesUnready?: boolean | undefined;
}

/** Everything about a node that does not change while it runs. */
interface NodeCoreOptions {
  readonly self: NodeId;
  /** Random per process start, below 2^32. */
  readonly incarnation: number;
  /** Random, so that identifiers that collide in the client index cannot be chosen from outside. */
  readonly hashSeed: number;
  /** Durable facts as they were at the start. */
  readonly facts: ReadonlyMap<string, string>;
  /** The disk lacks what was reported as durable before. */
  readonly diskIsBehind?: boolean;
  /** Facts of the driver that become durable with this start. */
  readonly startFacts?: readonly (readonly [key: string, value: string])[];
  /** `cluster.nodes` of the file: the members while the disk knows no others. */
  readonly nodes: readonly MemberAddress[];
  /** An operator says that a quorum of blank disks forms the cluster. */
  readonly bootstrap: boolean;
  /** Relays that this node believes beside those that speak for themselves. */
  readonly relays?: RelayTrust;
  /** This node stores and votes, and serves no clients. */
  readonly witness?: boolean;
  /** The `service` section of the file. */
  readonly file: Configuration;
  /** What the server starts with: {@link storedConfiguration} if it compiles here, else the file's. */
  readonly served: ServedConfiguration;
  /** The text of a configuration with another revision; undefined when it is none. */
  readonly revise: (text: string, revision: number) => string | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly mutations?: Mutations;
  readonly now: Instant;
}

/** One node. `Source`: see {@link NodeEvent}. */
export class NodeCore<Source> {
  readonly table: LeaseTable;
  readonly clock: AnchoredClock;
  readonly server: DhcpServer;
  readonly member: Member;
  readonly #options: NodeCoreOptions;
  readonly #effects = new EffectQueue<Source>();
  readonly #versions: HybridClock;
  readonly #startFacts: readonly (readonly [string, string])[];
  readonly #compilations: Compilations;
  /** Text of the configuration that the server works with. */
  #activeText: string;
  #started = false;
  #listening = false;
  /** Why nothing can be written; undefined while the store works. */
  #storeFailure: string | undefined;
  #drained = false;
  #stopping = false;
  /** When floods that this node sees were last told to the others. */
  #floodsToldMs = -Infinity;
  /** A deadline that events brought forward to now. */
  #due = true;
  /** Time of the event or tick that is being handled. */
  #now: Instant;

  constructor(options: NodeCoreOptions) {
    this.#options = options;
    this.#now = options.now;
    const { self, incarnation, facts, mutations = {} } = options;
    const { identity, writes } = startIdentity(facts, options.random, { isBehind: options.diskIsBehind ?? false });
    this.#startFacts = [...writes, ...options.startFacts ?? []];
    const { text, service } = options.served;
    this.#activeText = text;
    this.#compilations = new Compilations(
      options.served,
      (request) => this.#effects.push({ kind: "compile", ...request }),
    );
    this.clock = mutations.clock ?? new AnchoredClock();
    this.table = tableFor(service, {
      hashSeed: options.hashSeed,
      start: ((identity.bootCount - 1) * GOLDEN_RATIO) % 1,
    });
    this.#versions = new HybridClock({ node: self, incarnation: mutations.versionIncarnation ?? incarnation });
    const agreement: LeaseAgreement = {
      propose: (proposal, now, decided) => this.member.propose(proposal, now, decided),
      end: (request, now, durable) => this.member.end(request, now, durable),
      endRest: (address, now) => this.member.endRest(address, now, () => {}),
      denyLease: (address, client, now, denied) => this.member.denyLease(address, client, now, denied),
      want: (pools) => this.member.want(pools),
      serves: (address, now) => this.member.serves(address, now),
      isRenewalsOnly: (now) => this.member.isRenewalsOnly(now),
      hasEarlierRelease: () => this.member.hasEarlierRelease,
    };
    this.server = new DhcpServer({
      compiled: service,
      table: this.table,
      ...(options.relays === undefined ? {} : { relays: options.relays }),
      agreement: mutations.agreement?.(agreement) ?? agreement,
      events: {
        granted: (lease) => this.#effects.push({ kind: "granted", lease }),
        failed: (lease, reason) => this.#effects.push({ kind: "failed", lease, reason }),
        ended: (lease, rest) => this.#effects.push({ kind: "ended", lease, rest }),
        restEnded: (address, declinedMs) => this.#effects.push({ kind: "restEnded", address, declinedMs }),
        conflict: (conflict) => this.#effects.push({ kind: "conflict", conflict }),
      },
    });
    this.member = new Member({
      self,
      incarnation,
      identity,
      nodes: options.nodes,
      bootstrap: options.bootstrap,
      witness: options.witness ?? false,
      table: this.table,
      clock: this.clock,
      versions: this.#versions,
      limits: this.server.limits,
      facts,
      pools: () => this.server.pools,
      activate: (text, done) => this.#activate(text, done),
      // Members that were added by command are in no file.
      validate: (text, done) => {
        const tooLarge = this.member.hasEarlierRelease ? tooLargeBefore(text) : undefined;
        if (tooLarge !== undefined) return done(tooLarge, this.#now);
        this.#compilations.check(text, this.member.membership.members, (compiled) => {
          done(compiled.ok ? undefined : compiled.problem, this.#now);
        });
      },
      revise: options.revise,
      floods: (subnets, now) => this.server.floodsElsewhere(subnets, now),
      isReady: (now) => this.notReady(now) === undefined,
      random: options.random,
      effects: this.#effects,
      ...(mutations.safeguards === undefined ? {} : { safeguards: mutations.safeguards }),
      now: options.now,
    });
    this.member.offer(options.file);
  }

  /** Whether this start is durable: before that, nothing is said. */
  get started(): boolean {
    return this.#started;
  }

  get drained(): boolean {
    return this.#drained;
  }

  /** Takes stored rows in any order, before {@link start}. Call `loaded` after the last one. */
  beginLoad(): void {
    this.table.beginLoad();
  }

  /** One stored row. */
  load({ address, slot, detail }: LeaseRow): void {
    this.#versions.observe(slot.version);
    // Alone, what is on this disk is on a quorum's: a certificate need not have reached it.
    const alone = this.member.membership.members.length === 1;
    const certified = alone && slot.state === "bound" ? { ...slot, committedVersion: slot.version } : slot;
    this.table.set(address, certified, detail);
  }

  /** After the last stored row: this start becomes durable, and then the node takes part. */
  loaded(): void {
    this.table.endLoad();
    this.#effects.persist({ facts: this.#startFacts }, () => {
      this.#started = true;
      this.#due = true;
    });
  }

  /** Takes one event. Effects follow from {@link takeEffects}. */
  receive(event: NodeEvent<Source>, now: Instant): void {
    this.#now = now;
    // A step of the clock must be on disk before anything that this event leads to, and stops no node that is alone.
    if (this.#started) this.member.watchClock(now);
    switch (event.kind) {
      case "request":
        return this.#request(event, now);
      case "message":
        if (this.#started) this.member.receive(event.envelope, event.message, now);
        return;
      case "persisted":
        return this.#effects.persisted(event.token, now);
      case "store":
        this.#storeFailure = event.failure;
        break;
      case "listening":
        this.#listening = true;
        break;
      case "file":
        this.#compilations.learn(event.configuration.text, event.service);
        this.member.offer(event.configuration);
        break;
      case "compiled":
        this.#compilations.compiled(event.token, event.compiled);
        break;
      case "probed": {
        const time = this.clock.bounds(now);
        if (time !== undefined && this.notReady(now) === undefined) this.server.probed(event.results, now, time);
        return;
      }
      case "drain":
        this.#drained = event.on;
        break;
      case "command":
        this.#command(event.token, event.command, now);
        break;
      case "stop":
        this.#stopping = true;
        break;
      default:
        return unreachable(event);
    }
    this.#due = true;
  }

  /** Runs what is due. Nothing happens before {@link nextDeadline}. */
  tick(now: Instant): void {
    if (!this.#started) return;
    this.#due = false;
    this.#now = now;
    this.member.tick(now);
    if (this.#drained) this.#yieldLeadership(now);
    this.server.tick(now, this.clock.bounds(now));
    this.#tellFloods(now);
  }

  /** Monotonic time at which {@link tick} has something to do; not after `now` when it has already. */
  nextDeadline(now: Instant): number {
    if (!this.#started) return Infinity;
    return this.#due ? now.monotonicMs : this.member.nextDeadline(now);
  }

  /** Sends what was proposed. Call it once at the end of a burst of events, so that their records share a batch. */
  flush(now: Instant): void {
    this.member.flush(now);
  }

  /** What is to be done, in order: after each event, so that no reply waits for the rest of a burst. */
  takeEffects(): readonly NodeEffect<Source>[] {
    return this.#effects.take();
  }

  /** The free addresses that are to be probed now on the link with this address; see `src/dhcp/server/probes.ts`. */
  probesWanted(link: Ipv4, now: Instant): Ipv4[] {
    const time = this.clock.bounds(now);
    if (time === undefined || this.notReady(now) !== undefined || this.member.isRenewalsOnly(now)) return [];
    return this.server.probesWanted(link, now, time);
  }

  /** Why this node does not serve now, and undefined when it does. */
  notReady(now: Instant): NotReady | undefined {
    return whyNotReady(this.member.facts(now), this.#facts);
  }

  /** The same in an operator's words. */
  explainNotReady(now: Instant): string | undefined {
    const facts = this.member.facts(now);
    const reason = whyNotReady(facts, this.#facts);
    return reason === undefined ? undefined : explainNotReady(reason, facts, this.#facts);
  }

  get #facts(): NodeFacts {
    return {
      isStopping: this.#stopping,
      isDrained: this.#drained,
      isStarted: this.#started && this.#listening,
      storeFailure: this.#storeFailure,
    };
  }

  /** Makes a configuration the one that is served; one that can't be used here leaves that before. */
  #activate(text: string, done: () => void): void {
    if (text === this.#activeText) return done();
    this.#compilations.compile(text, (compiled) => {
      if (compiled.ok) {
        this.#activeText = text;
        this.server.reconfigure(compiled.service, this.#now, this.clock.bounds(this.#now));
        this.#compilations.serve(text, compiled.service);
      } else this.#effects.notice({ kind: "configUnusable", problem: compiled.problem });
      done();
    });
  }

  #request({ message, arrival, source }: Extract<NodeEvent<Source>, { kind: "request" }>, now: Instant): void {
    const notReady = this.#options.mutations?.servesUnready === true ? undefined : this.notReady(now);
    const time = this.clock.bounds(now);
    // An offer that cannot be kept would mislead the client.
    if (notReady !== undefined || time === undefined) {
      return this.#effects.push({ kind: "unserved", reason: notReady ?? "clock" });
    }
    const action = this.server.handle(
      message,
      arrival,
      now,
      time,
      (reply, bytesMax) => this.#effects.push({ kind: "reply", source, reply, bytesMax }),
    );
    if (action.kind !== "drop") return;
    this.#effects.push({ kind: "unanswered", source, reason: action.reason, full: action.full, shed: action.shed });
  }

  #command(token: number, command: Command, now: Instant): void {
    const done = (result: Extract<NodeEffect<Source>, { kind: "result" }>["result"]) =>
      this.#effects.push({ kind: "result", token, result });
    switch (command.kind) {
      case "push":
        return this.member.push(command.request, now, done);
      case "change":
        return this.member.change(command.change, now, done);
      case "propose":
        return this.member.propose(command.proposal, now, done);
      case "end":
        if (!this.member.end(command.request, now, () => done(true))) done(false);
        return;
      case "endRest":
        if (!this.member.endRest(command.address, now, () => done(true))) done(false);
        return;
      default:
        return unreachable(command);
    }
  }

  #tellFloods(now: Instant): void {
    const sinceMs = this.#floodsToldMs;
    if (now.monotonicMs - sinceMs < SERVER_LIMITS.flood.tellMs) return;
    const subnets = this.server.floodsSince(sinceMs).slice(0, WIRE_LIMITS.floodsMax);
    if (subnets.length === 0) return;
    this.#floodsToldMs = now.monotonicMs;
    this.member.tellFloods(subnets);
  }

  /** A drained leader steps down while the members that are ready, and itself as a voter, are a quorum. */
  #yieldLeadership(now: Instant): void {
    const { member } = this;
    if (member.role !== "leader") return;
    const ready = member.peers(now).filter(({ live, said }) => live && said?.ready === true).length;
    if (ready + 1 >= quorumOf(member.membership.members.length)) member.stepDown(now);
  }
}

/** Why members of the release before can't be sent a configuration. */
function tooLargeBefore({ length }: string): string | undefined {
  const { configTextMaxBefore } = WIRE_LIMITS;
  if (length <= configTextMaxBefore) return undefined;
  return `it has ${length} octets, and members of the release before take ${configTextMaxBefore}: upgrade them first`;
}
