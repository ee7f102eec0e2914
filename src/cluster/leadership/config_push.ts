/**
 * A new `service` section by command: the leader adopts it only after every live member has validated it
 * (`config_replication.ts` distributes it). Otherwise nothing changes. A lost member is reported and not waited for.
 * A live member that does not answer in time counts as a refusal, such as one of a release without this message.
 *
 * Any member accepts the command; a follower forwards it to the leader. One push at a time: a second one is rejected.
 */

import type { Effects, MemberContext } from "../context.ts";
import type { Instant } from "../../lease/agreement/clock.ts";
import { CLUSTER_LIMITS, configPatienceMs } from "../limits.ts";
import type { ConfigCheck, ConfigChecked, ConfigPush, ConfigPushed, NodeId } from "../wire/messages.ts";
import type { TextFor, Validate } from "./config_replication.ts";

/** What came of a push. */
export type PushResult =
  /** `absent`: members that were not live; they receive it when they return. */
  | { readonly ok: true; readonly revision: number; readonly absent: readonly NodeId[] }
  /** `unavailable`: no decision was possible; `refused`: at least one member rejected it. */
  | { readonly ok: false; readonly kind: "refused" | "unavailable"; readonly problems: readonly string[] };

/** What is pushed. */
export interface PushRequest {
  readonly text: string;
  /** 0: the next one. */
  readonly revision: number;
  /** Only validate on all live members; adopt nothing. */
  readonly checkOnly: boolean;
}

/** A message whose text is there as a whole. */
type Whole<Message> = Omit<Message, "text"> & { readonly text: string };

type Message = Whole<ConfigPush> | ConfigPushed | Whole<ConfigCheck> | ConfigChecked;

/** What a push needs of the rest of the node. */
interface PushSurroundings {
  readonly present: (now: Instant) => readonly NodeId[];
  readonly hasQuorum: (now: Instant) => boolean;
  /** Newest revision that this node has taken. */
  readonly newest: () => number;
  /** Active revision: durable on a quorum and served here. */
  readonly active: () => number;
  readonly validate: Validate;
  /** The text with another revision; undefined when it is no text of a `service` section. */
  readonly revise: (text: string, revision: number) => string | undefined;
  /** Adopts a text that all live members have validated. */
  readonly take: (revision: number, text: string) => void;
  readonly textFor: TextFor;
}

/** A push that is being decided here. */
interface Round {
  readonly check: number;
  readonly revision: number;
  readonly text: string;
  readonly checkOnly: boolean;
  readonly term: number;
  readonly endMs: number;
  readonly absent: readonly NodeId[];
  /** Members that have not answered the check; this one too, which checks it beside them. */
  readonly waiting: Set<NodeId>;
  readonly problems: string[];
  readonly done: (result: PushResult) => void;
  sentMs: number;
  /** It was adopted: now it must become durable on a quorum. */
  taken: boolean;
}

/** A push that this follower forwarded to the leader. */
interface ForwardedPush {
  readonly push: number;
  readonly request: PushRequest;
  readonly endMs: number;
  readonly done: (result: PushResult) => void;
  sentMs: number;
}

/** Results that a follower may ask for again. */
const ANSWERED_MAX = 32;

/** Pushes of one node, its own and those that it decides as the leader. */
export class ConfigPusher {
  readonly #context: MemberContext;
  readonly #surroundings: PushSurroundings;
  readonly #effects: Effects;
  #round: Round | undefined;
  /** The member that forwarded the current round's command; undefined for a local command. */
  #forwarder: { readonly from: NodeId; readonly push: number } | undefined;
  readonly #forwarded = new Map<number, ForwardedPush>();
  readonly #answered: { readonly from: NodeId; readonly answer: ConfigPushed }[] = [];
  /** Checks for the leader that go on. */
  readonly #checking = new Set<number>();

  constructor(context: MemberContext, around: PushSurroundings) {
    this.#context = context;
    this.#effects = context.effects;
    this.#surroundings = around;
  }

  /** Carries out a command; `done` runs once. */
  push(request: PushRequest, now: Instant, done: (result: PushResult) => void): void {
    const { self, membership, leadership } = this.#context;
    if (membership.ids.length === 1 || leadership.role === "leader") return this.#begin(request, now, done);
    if (leadership.leader === undefined || leadership.leader === self) {
      return done(unavailable("the cluster has no leader now: start nodes until a quorum is live"));
    }
    const push = this.#number();
    // The leader checks it, and then makes it durable.
    const endMs = now.monotonicMs + CLUSTER_LIMITS.pushMs + 2 * configPatienceMs(request.text);
    const forwarded: ForwardedPush = { push, request, endMs, done, sentMs: now.monotonicMs };
    this.#forwarded.set(push, forwarded);
    this.#forward(forwarded);
  }

  /** Takes a message of a member. */
  receive(from: NodeId, message: Message, now: Instant): void {
    switch (message.type) {
      case "configPush":
        return this.#pushed(from, message, now);
      case "configPushed":
        return this.#answer(from, message);
      case "configCheck":
        return this.#check(from, message);
      case "configChecked":
        return this.#checked(from, message);
    }
  }

  /** A member could not make the text of what it was sent. */
  resend(to: NodeId): void {
    if (this.#round?.taken === false) this.#sendChecks(this.#round, [to]);
    if (to !== this.#context.leadership.leader) return;
    for (const forwarded of this.#forwarded.values()) this.#forward(forwarded);
  }

  #check(from: NodeId, { check, text }: Whole<ConfigCheck>): void {
    // Repeated while it goes on.
    if (this.#checking.has(check)) return;
    this.#checking.add(check);
    this.#surroundings.validate(text, (problem = "") => {
      this.#checking.delete(check);
      this.#effects.send(from, { type: "configChecked", check, problem });
    });
  }

  /** Processes timers: repeats requests, decides the round, gives up. */
  tick(now: Instant): void {
    const ms = now.monotonicMs;
    for (const forwarded of this.#forwarded.values()) {
      if (ms >= forwarded.endMs) {
        this.#forwarded.delete(forwarded.push);
        forwarded.done(unavailable("the leader gave no answer: `config show` tells what is served"));
      } else if (ms - forwarded.sentMs >= repeatMs(forwarded.request.text)) {
        forwarded.sentMs = ms;
        this.#forward(forwarded);
      }
    }
    const round = this.#round;
    if (round !== undefined) this.#advance(round, ms);
  }

  /** Monotonic time of the next retransmit or timeout; Infinity while no push is open. */
  get nextDeadline(): number {
    const round = this.#round;
    let deadlineMs = round === undefined ? Infinity : round.endMs;
    if (round?.taken === false) deadlineMs = Math.min(deadlineMs, round.sentMs + repeatMs(round.text));
    for (const { endMs, sentMs, request } of this.#forwarded.values()) {
      deadlineMs = Math.min(deadlineMs, endMs, sentMs + repeatMs(request.text));
    }
    return deadlineMs;
  }

  #forward({ push, request }: ForwardedPush): void {
    const { leader } = this.#context.leadership;
    if (leader === undefined) return;
    const { revision, checkOnly } = request;
    const text = this.#surroundings.textFor(leader, request.text, undefined);
    this.#effects.send(leader, { type: "configPush", push, revision, text, checkOnly });
  }

  #pushed(from: NodeId, { push, revision, text, checkOnly }: Whole<ConfigPush>, now: Instant): void {
    if (this.#forwarder?.from === from && this.#forwarder.push === push) return;
    const answered = this.#answered.find((known) => known.from === from && known.answer.push === push);
    if (answered !== undefined) return this.#effects.send(from, answered.answer);
    if (this.#context.leadership.role !== "leader") return;
    const before = this.#round;
    this.#begin({ text, revision, checkOnly }, now, (result) => {
      if (this.#forwarder?.push === push && this.#forwarder.from === from) this.#forwarder = undefined;
      const answer = answerOf(push, result);
      this.#answered.push({ from, answer });
      if (this.#answered.length > ANSWERED_MAX) this.#answered.shift();
      this.#effects.send(from, answer);
    });
    if (this.#round !== undefined && this.#round !== before) this.#forwarder = { from, push };
  }

  #answer(from: NodeId, { push, ok, unavailable, revision, absent, problems }: ConfigPushed): void {
    const forwarded = this.#forwarded.get(push);
    if (forwarded === undefined || from !== this.#context.leadership.leader) return;
    this.#forwarded.delete(push);
    forwarded.done(
      ok ? { ok: true, revision, absent } : { ok: false, kind: unavailable ? "unavailable" : "refused", problems },
    );
  }

  #begin(request: PushRequest, now: Instant, done: (result: PushResult) => void): void {
    const { self, membership, leadership } = this.#context;
    const { present, hasQuorum, newest, revise } = this.#surroundings;
    if (this.#round !== undefined) return done(unavailable("another push is being decided: try again in a moment"));
    if (membership.ids.length > 1 && !hasQuorum(now)) {
      return done(unavailable("no quorum of the cluster is live: nothing can be changed until one is"));
    }
    const current = newest();
    const revision = request.revision === 0 ? current + 1 : request.revision;
    if (revision <= current) {
      return done(refused([`revision ${revision} is not above ${current}, which the cluster has: raise or omit it`]));
    }
    const text = revise(request.text, revision);
    if (text === undefined) return done(refused(["this is no service section"]));
    const live = present(now).filter((id) => id !== self && membership.ids.includes(id));
    const check = this.#number();
    this.#round = {
      check,
      revision,
      text,
      checkOnly: request.checkOnly,
      term: leadership.term,
      endMs: now.monotonicMs + CLUSTER_LIMITS.pushCheckMs + configPatienceMs(text),
      absent: membership.ids.filter((id) => id !== self && !live.includes(id)),
      waiting: new Set([...live, self]),
      problems: [],
      done,
      sentMs: now.monotonicMs,
      taken: false,
    };
    this.#sendChecks(this.#round);
    this.#surroundings.validate(text, (problem, at) => {
      this.#checked(self, { type: "configChecked", check, problem: problem ?? "" });
      if (this.#round?.check === check) this.#advance(this.#round, at.monotonicMs);
    });
  }

  #sendChecks({ waiting, check, text, revision }: Round, to: Iterable<NodeId> = waiting): void {
    const { textFor } = this.#surroundings;
    for (const id of to) {
      if (id === this.#context.self || !waiting.has(id)) continue;
      this.#effects.send(id, { type: "configCheck", check, text: textFor(id, text, revision) });
    }
  }

  #checked(from: NodeId, { check, problem }: ConfigChecked): void {
    const round = this.#round;
    if (round === undefined || round.check !== check || !round.waiting.delete(from)) return;
    if (problem !== "") round.problems.push(`node ${from}: ${problem}`);
  }

  #advance(round: Round, ms: number): void {
    const { leadership, membership } = this.#context;
    const { newest, active, take } = this.#surroundings;
    const leads = membership.ids.length === 1 || (leadership.role === "leader" && leadership.term === round.term);
    if (round.taken) {
      if (active() >= round.revision) return this.#end(round, success(round));
      if (!leads || ms >= round.endMs) {
        const what = `revision ${round.revision} is not on a quorum yet: look at \`config show\``;
        this.#end(round, unavailable(what));
      }
      return;
    }
    if (!leads) return this.#end(round, unavailable("the leader has changed: try again"));
    if (round.waiting.size > 0) {
      if (ms >= round.endMs) {
        for (const id of round.waiting) round.problems.push(`node ${id}: ${this.#silence(id)}`);
        return this.#end(round, refused(round.problems));
      }
      if (ms - round.sentMs >= repeatMs(round.text)) {
        round.sentMs = ms;
        this.#sendChecks(round);
      }
      return;
    }
    if (round.problems.length > 0) return this.#end(round, refused(round.problems));
    if (round.checkOnly) return this.#end(round, success(round));
    // A member may have offered a newer file meanwhile.
    if (newest() >= round.revision) {
      return this.#end(round, unavailable(`revision ${newest()} came in between: look at it, and try again`));
    }
    const endMs = ms + CLUSTER_LIMITS.pushCheckMs + configPatienceMs(round.text);
    this.#round = { ...round, taken: true, endMs };
    take(round.revision, round.text);
  }

  #silence(id: NodeId): string {
    return id === this.#context.self
      ? "it is still being checked, as this machine is busy: try again later"
      : "no answer in time; it may be busy, or of an older release: look at its log";
  }

  #end(round: Round, result: PushResult): void {
    this.#round = undefined;
    round.done(result);
  }

  #number(): number {
    return Math.floor(this.#context.random() * 2 ** 48) + 1;
  }
}

/** A large text goes over TCP, which loses nothing while it stands, and takes its time to be checked. */
function repeatMs(text: string): number {
  return CLUSTER_LIMITS.repeatMs + configPatienceMs(text) / 2;
}

function success({ revision, absent }: Round): PushResult {
  return { ok: true, revision, absent };
}

function refused(problems: readonly string[]): PushResult {
  return { ok: false, kind: "refused", problems };
}

function unavailable(problem: string): PushResult {
  return { ok: false, kind: "unavailable", problems: [problem] };
}

/** Answers are bounded by what a message may carry. */
const PROBLEMS_MAX = 256;

function answerOf(push: number, result: PushResult): ConfigPushed {
  const base = { type: "configPushed", push } as const;
  if (result.ok) {
    return { ...base, ok: true, unavailable: false, revision: result.revision, absent: result.absent, problems: [] };
  }
  const problems = result.problems.slice(0, PROBLEMS_MAX);
  return { ...base, ok: false, unavailable: result.kind === "unavailable", revision: 0, absent: [], problems };
}
