/**
 * The active `service` section: the newest revision that is durable on a quorum. The leader distributes it. A follower
 * with a newer revision offers it to the leader, which adopts it. Heartbeats carry each member's revision, so every
 * member activates a revision by itself once a quorum has it. The caller parses and validates the text.
 *
 * Two texts with one revision are an operator's mistake: it is reported, and the leader's text wins.
 */

import type { Effects, Leadership, MemberContext } from "../context.ts";
import { isQuorum } from "../../lease/agreement/quorum.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { CLUSTER_LIMITS, configPatienceMs } from "../limits.ts";
import type { ConfigText, NodeId } from "../wire/messages.ts";

/** Keys of the persisted facts; always written together. */
export const CONFIG_FACTS = { revision: "config:revision", text: "config:text" } as const;

/** Checks a text; `done` gets its problem (undefined: none) and the time, perhaps at once. It runs once. */
export type Validate = (text: string, done: (problem: string | undefined, now: Instant) => void) => void;

/** A text, or what of it differs from what a member has: see `config_patches.ts`. */
export type TextFor = (to: NodeId, text: string, revision: number | undefined) => ConfigText;

/** A configuration. The text must be made the same way everywhere, for it is compared. */
export interface Configuration {
  readonly revision: number;
  readonly text: string;
}

export type ConfigNotice =
  /** The local file is older than what the cluster serves: update it, it is not used. */
  | { readonly kind: "configOutdated"; readonly file: number; readonly revision: number }
  /** One revision, two texts: raise the revision of the one that is meant. `from` 0: the local file. */
  | { readonly kind: "configConflict"; readonly revision: number; readonly from: NodeId }
  /** A member sent a configuration that can't be used here. */
  | { readonly kind: "configRefused"; readonly revision: number; readonly from: NodeId; readonly problem: string }
  /** What a member sent in place of a text makes another one here: the whole is asked for. */
  | { readonly kind: "configUnfit"; readonly revision: number; readonly from: NodeId }
  /** The cluster's configuration cannot be used here: the one before is still served. */
  | { readonly kind: "configUnusable"; readonly problem: string }
  | { readonly kind: "configActivated"; readonly revision: number }
  /** The local file, which was outdated or another text, is what the cluster serves. */
  | { readonly kind: "configAgrees"; readonly revision: number };

/** The configuration of one node. */
export class ConfigReplication {
  readonly #self: NodeId;
  readonly #members: () => readonly NodeId[];
  readonly #leadership: Leadership;
  readonly #effects: Effects<ConfigNotice>;
  readonly #activate: (text: string, done: () => void) => void;
  readonly #validate: Validate;
  readonly #textFor: TextFor;
  /** Newest one taken, perhaps not on disk yet. */
  #taken: Configuration | undefined;
  #durable: Configuration | undefined;
  /** The one that was durable before: members that have it are sent what differs. */
  #before: Configuration | undefined;
  #active: Configuration | undefined;
  /** Durable on a quorum, and about to be served. */
  #activating: Configuration | undefined;
  /** Newest revision that is checked and written down here: it will be served in a moment; 0: none. */
  #coming = 0;
  #file: Configuration | undefined;
  /** Last reported problem of the file; undefined: none. */
  #fileFault: string | undefined;
  /** The leader was heard once with nothing newer than what is active here. */
  #confirmed = false;
  /** Revisions that other members have on disk. */
  readonly #revisions = new Map<NodeId, number>();
  /** When a member was last sent this node's configuration. */
  readonly #sentMs = new Map<NodeId, number>();
  #distributedTerm = -1;
  #present: readonly NodeId[] = [];
  readonly #reported = new Set<string>();

  constructor(context: MemberContext<ConfigNotice>, options: {
    /** What the facts say. */
    stored: Configuration | undefined;
    /** Makes a configuration the one that is served; `done` runs then, perhaps at once. */
    activate: (text: string, done: () => void) => void;
    validate: Validate;
    textFor: TextFor;
  }) {
    this.#self = context.self;
    this.#members = () => context.membership.ids;
    this.#leadership = context.leadership;
    this.#effects = context.effects;
    this.#activate = options.activate;
    this.#validate = options.validate;
    this.#textFor = options.textFor;
    this.#taken = options.stored;
    this.#durable = options.stored;
  }

  /** Newest revision on this node's disk, for its heartbeats; 0: none. */
  get revision(): number {
    return this.#durable?.revision ?? 0;
  }

  /** Newest revision that this node has taken, though perhaps not on disk yet; 0: none. */
  get newest(): number {
    return this.#taken?.revision ?? 0;
  }

  /** What a change may be told against: the newest first. */
  get known(): readonly Configuration[] {
    return [this.#durable, this.#taken, this.#active, this.#before].filter((one) => one !== undefined);
  }

  /** The revision on a member's disk, as it last said. */
  revisionOf(id: NodeId): number | undefined {
    return this.#revisions.get(id);
  }

  /** On the leader: adopts a configuration that every live member has validated. It must be newer. */
  adopt(configuration: Configuration): void {
    if (configuration.revision > this.newest) this.#take(configuration);
  }

  /** The active configuration; undefined until a quorum has one. */
  get active(): Configuration | undefined {
    return this.#active;
  }

  /**
   * Whether the active configuration is the cluster's, as far as is known. A returning member may have an old one and
   * must hear the leader first. Later, a newer revision on a quorum means that this node must wait for it; not while it
   * checks and stores that one, which takes a second if it is large: members never change over together.
   */
  get isCurrent(): boolean {
    const active = this.#active;
    if (active === undefined || !this.#confirmed) return false;
    const known = Math.max(active.revision, this.#coming);
    return !isQuorum(this.#members(), (id) => id !== this.#self && (this.#revisions.get(id) ?? 0) > known);
  }

  /** The local file, at the start and after each change. It must be valid. */
  offer(file: Configuration): void {
    this.#file = file;
    const known = this.#taken;
    const isAlone = this.#members().length === 1;
    if (known === undefined || file.revision > known.revision) this.#take(file);
    else if (isAlone && file.revision === known.revision && file.text !== known.text) {
      // A single member has no other copy that could be the intended one.
      this.#sayOnce({ kind: "configConflict", revision: file.revision, from: 0 });
      this.#take(file);
    } else this.#judgeFile();
  }

  /** Takes the revision from a member's heartbeat. */
  heard(from: NodeId, revision: number): void {
    if (this.#revisions.get(from) === revision) return;
    this.#revisions.set(from, revision);
    this.#decide();
    this.#confirm();
  }

  /** Processes a configuration: a follower accepts it from the leader only, a leader from any member. */
  receive(from: NodeId, configuration: Configuration, now: Instant): void {
    if (!this.#wants(from, configuration, now)) return;
    const { revision, text } = configuration;
    this.#coming = Math.max(this.#coming, revision);
    this.#validate(text, (problem, at) => {
      // The leader may be another one now, and a newer revision may have come.
      if (problem === undefined && this.#wants(from, configuration, at)) return this.#take(configuration);
      this.#came(revision);
      if (problem !== undefined) this.#sayOnce({ kind: "configRefused", revision, from, problem });
    });
  }

  #came(revision: number): void {
    if (revision >= this.#coming) this.#coming = 0;
  }

  /** Whether a configuration is to be taken if it is valid. */
  #wants(from: NodeId, configuration: Configuration, now: Instant): boolean {
    const { role, leader } = this.#leadership;
    const leads = role === "leader";
    if (from === this.#self || !this.#members().includes(from) || (!leads && from !== leader)) return false;
    const known = this.#taken;
    const revision = known?.revision ?? 0;
    if (configuration.revision !== revision) return configuration.revision > revision;
    if (configuration.text === known?.text) return false;
    if (!leads) return true;
    this.#sayOnce({ kind: "configConflict", revision, from });
    this.#send(from, now);
    return false;
  }

  /** Distributes or offers until all live members have the newest. Must be called after the election's tick. */
  tick(now: Instant, present: readonly NodeId[]): void {
    const newcomers = this.#newcomers(present);
    const { role, leader, term } = this.#leadership;
    this.#decide();
    this.#confirm();
    if (this.#durable === undefined) return;
    if (role === "leader") {
      if (term !== this.#distributedTerm) {
        // Also to those that have this revision: only the text tells whether it is the same one.
        this.#distributedTerm = term;
        for (const id of present) this.#sentMs.set(id, now.monotonicMs);
        if (this.#members().length > 1) this.#effects.broadcast({ type: "config", ...this.#durable });
        return;
      }
      for (const id of newcomers) this.#send(id, now);
      for (const id of present) if (this.#isBehind(id)) this.#sendAgain(id, now);
    } else if (leader !== undefined && leader !== this.#self && this.#isBehind(leader)) this.#sendAgain(leader, now);
  }

  /** Members that were not live at the previous tick. */
  #newcomers(present: readonly NodeId[]): readonly NodeId[] {
    const before = this.#present;
    if (present === before) return NO_NODE;
    this.#present = present;
    return present.filter((id) => id !== this.#self && !before.includes(id));
  }

  /** Not heard of is not behind: the heartbeat is on its way. */
  #isBehind(id: NodeId): boolean {
    return id !== this.#self && (this.#revisions.get(id) ?? Infinity) < this.revision;
  }

  /** A member could not make the text of what it was sent. */
  resend(to: NodeId, now: Instant): void {
    if (this.#sentMs.has(to)) this.#send(to, now);
  }

  #sendAgain(to: NodeId, now: Instant): void {
    const repeatMs = 2 * CLUSTER_LIMITS.repeatMs + configPatienceMs(this.#durable?.text ?? "");
    if (now.monotonicMs - (this.#sentMs.get(to) ?? -Infinity) >= repeatMs) this.#send(to, now);
  }

  #send(to: NodeId, now: Instant): void {
    if (this.#durable === undefined) return;
    const { revision, text } = this.#durable;
    this.#sentMs.set(to, now.monotonicMs);
    this.#effects.send(to, { type: "config", revision, text: this.#textFor(to, text, revision) });
  }

  #take(configuration: Configuration): void {
    this.#taken = configuration;
    const { revision, text } = configuration;
    this.#effects.persist({ facts: [[CONFIG_FACTS.revision, String(revision)], [CONFIG_FACTS.text, text]] }, () => {
      this.#before = this.#durable;
      this.#durable = configuration;
      this.#came(revision);
      this.#sentMs.clear();
      this.#decide();
    });
  }

  /** Activates this node's configuration when it, or a newer one, is durable on a quorum. */
  #decide(): void {
    const durable = this.#durable;
    if (durable === undefined || durable === this.#active || this.#activating !== undefined) return;
    const has = (id: NodeId) => id === this.#self || (this.#revisions.get(id) ?? 0) >= durable.revision;
    if (!isQuorum(this.#members(), has)) return;
    const before = this.#active;
    if (before?.revision === durable.revision && before.text === durable.text) {
      this.#active = durable;
      return;
    }
    this.#activating = durable;
    this.#activate(durable.text, () => {
      this.#activating = undefined;
      this.#active = durable;
      this.#effects.notice({ kind: "configActivated", revision: durable.revision });
      this.#judgeFile();
      // A newer one may have become durable meanwhile.
      this.#decide();
    });
  }

  #confirm(): void {
    const active = this.#active;
    if (this.#confirmed || active === undefined) return;
    const { leader } = this.#leadership;
    const leads = leader === this.#self || this.#members().length === 1;
    const leaders = leads || leader === undefined ? undefined : this.#revisions.get(leader);
    this.#confirmed = leads || (leaders !== undefined && leaders <= active.revision);
  }

  /** Says what is wrong with the file once something is served, and that it is right again. */
  #judgeFile(): void {
    const file = this.#file;
    const active = this.#active;
    if (file === undefined || active === undefined) return;
    const { revision } = active;
    const notice: ConfigNotice | undefined = file.revision < revision
      ? { kind: "configOutdated", file: file.revision, revision }
      : file.revision === revision && file.text !== active.text
      ? { kind: "configConflict", revision, from: 0 }
      : undefined;
    const fault = notice && JSON.stringify(notice);
    if (fault === this.#fileFault) return;
    this.#fileFault = fault;
    this.#effects.notice(notice ?? { kind: "configAgrees", revision });
  }

  #sayOnce(notice: ConfigNotice): void {
    const line = JSON.stringify(notice);
    if (this.#reported.has(line)) return;
    if (this.#reported.size >= SAID_MAX) this.#reported.clear();
    this.#reported.add(line);
    this.#effects.notice(notice);
  }
}

const NO_NODE: readonly NodeId[] = [];

/** Notices that are remembered so as not to repeat them. */
const SAID_MAX = 256;
