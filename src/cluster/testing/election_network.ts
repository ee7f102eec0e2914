/** For tests of the election: members on a random network, with disks that are slow and get lost, in virtual time. */

import type { Instant } from "../../lease/agreement/clock.ts";
import { testContext } from "./context.ts";
import type { Writes } from "../../lease/agreement/slot.ts";
import { quorumOf } from "../../lease/agreement/quorum.ts";
import { ok, strictEqual } from "node:assert/strict";
import { Election, type ElectionNotice } from "../leadership/election.ts";
import { VOTE_FACT } from "../leadership/vote.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { ClusterMessage, NodeId } from "../wire/messages.ts";
import { FailureDetector } from "../leadership/failure_detector.ts";

const TICK_MS = 20;
/** What a node of release 1.0 drops. */
const SINCE_RELEASE_1: ReadonlySet<string> = new Set(["preVote", "preVoted", "statusHeard"]);

export function at(ms: number) {
  return { wallMs: 0, monotonicMs: ms };
}

function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Process {
  readonly id: NodeId;
  readonly incarnation: number;
  readonly startedMs: number;
  readonly election: Election;
  readonly presence: FailureDetector;
  running: boolean;
  nextHeartbeatMs: number;
  nextStatusMs: number;
  wasLeader: boolean;
}

interface Weather {
  loss: number;
  duplicate: number;
  delayMs: number;
  writeMs: number;
}

const QUIET: Weather = { loss: 0, duplicate: 0, delayMs: 2, writeMs: 5 };

/** Nodes, disks and datagrams in virtual time, all chance from one seed. */
export class Network {
  ms = 0;
  weather: Weather = { ...QUIET };
  readonly processes = new Map<NodeId, Process>();
  readonly disks = new Map<NodeId, Map<string, string>>();
  readonly cut = new Set<string>();
  /** Share of the datagrams from and to a node that get lost. */
  readonly lossy = new Map<NodeId, number>();
  readonly unsynced = new Set<NodeId>();
  /** Nodes of release 1.0, which knows of no pre-vote. */
  readonly old = new Set<NodeId>();
  /** The leader of each term: the process, not only the node. */
  readonly leaders = new Map<number, string>();
  readonly said: string[] = [];
  readonly #random: () => number;
  readonly #queue: { ms: number; run: () => void }[] = [];
  #incarnation = 0;

  constructor(readonly members: NodeId[], seed = 1) {
    this.#random = generator(seed);
    for (const id of members) this.disks.set(id, new Map([[VOTE_FACT, "0 0"]]));
  }

  random(): number {
    return this.#random();
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }

  start(id: NodeId): void {
    const disk = this.disks.get(id) as Map<string, string>;
    const incarnation = ++this.#incarnation;
    const effects = {
      send: (to: NodeId, message: ClusterMessage) => this.#send(process, to, message),
      broadcast: (message: ClusterMessage) => this.#broadcast(process, message),
      persist: (writes: Writes, durable: (now: Instant) => void) => {
        lastWriteMs = Math.max(lastWriteMs, this.ms + this.#random() * this.weather.writeMs);
        this.#queue.push({
          ms: lastWriteMs,
          run: () => {
            if (!process.running) return;
            for (const [key, value] of writes.facts ?? []) disk.set(key, value);
            durable(at(this.ms));
          },
        });
      },
      notice: (notice: ElectionNotice) => this.said.push(`${this.ms} n${id} ${JSON.stringify(notice)}`),
    };
    let lastWriteMs = this.ms;
    const members = () => this.members;
    const process: Process = {
      id,
      incarnation,
      startedMs: this.ms,
      election: new Election(
        testContext({ self: id, members, effects, random: () => this.#random() }),
        disk.get(VOTE_FACT),
      ),
      presence: new FailureDetector(testContext({ self: id, incarnation, members }), at(this.ms)),
      running: true,
      nextHeartbeatMs: this.ms,
      nextStatusMs: Infinity,
      wasLeader: false,
    };
    this.processes.set(id, process);
  }

  kill(id: NodeId): void {
    const process = this.processes.get(id);
    if (process !== undefined) process.running = false;
  }

  /** Kills a node and takes its disk; the next start has a blank one. */
  loseDisk(id: NodeId): void {
    this.kill(id);
    this.disks.set(id, new Map());
  }

  isSynced(process: Process): boolean {
    if (this.unsynced.has(process.id)) return false;
    return !process.election.blank || this.ms - process.startedMs > CLUSTER_LIMITS.blankWaitMs;
  }

  get running(): Process[] {
    return [...this.processes.values()].filter((process) => process.running);
  }

  get leading(): NodeId[] {
    return this.running.filter((process) => process.election.role === "leader").map((process) => process.id);
  }

  /** The highest term on any disk. */
  get term(): number {
    return Math.max(...[...this.disks.values()].map((disk) => Number(disk.get(VOTE_FACT)?.split(" ")[0] ?? 0)));
  }

  election(id: NodeId): Election {
    return (this.processes.get(id) as Process).election;
  }

  run(ms: number, until?: () => boolean): boolean {
    for (const endMs = this.ms + ms; this.ms < endMs; this.ms += TICK_MS) {
      // Datagrams and writes due before the next tick, in order.
      for (;;) {
        let next = -1;
        this.#queue.forEach((event, index) => {
          if (event.ms > this.ms) return;
          if (next === -1 || event.ms < (this.#queue[next] as { ms: number }).ms) next = index;
        });
        if (next === -1) break;
        (this.#queue.splice(next, 1)[0] as { run: () => void }).run();
      }
      for (const process of this.running) this.#tick(process);
      if (until?.()) return true;
    }
    return false;
  }

  #tick(process: Process): void {
    const { election, presence } = process;
    presence.tick(at(this.ms));
    const present = presence.live(at(this.ms));
    const canvasses = !present.some((id) => this.old.has(id));
    election.tick(at(this.ms), { present, synced: this.isSynced(process), canvasses });
    this.#observe(process);
    if (this.ms >= process.nextHeartbeatMs) {
      process.nextHeartbeatMs = this.ms + CLUSTER_LIMITS.heartbeatMs;
      this.#broadcast(process, { type: "timeProbe", probe: 1 });
    }
    if (election.role === "leader" && this.ms >= process.nextStatusMs) {
      process.nextStatusMs = this.ms + CLUSTER_LIMITS.statusIntervalMs;
      this.#broadcast(process, { type: "clusterStatus", term: election.term, present: [], majority: true });
    }
  }

  /** The checker: one process leads a term, ever. */
  #observe(process: Process): void {
    const { election, id, incarnation } = process;
    if (election.role !== "leader") {
      process.wasLeader = false;
      return;
    }
    if (!process.wasLeader) process.nextStatusMs = this.ms;
    process.wasLeader = true;
    const name = `n${id} (process ${incarnation})`;
    const before = this.leaders.get(election.term);
    ok(before === undefined || before === name, `term ${election.term} has two leaders: ${before} and ${name}`);
    this.leaders.set(election.term, name);
  }

  #broadcast(process: Process, message: ClusterMessage): void {
    for (const to of this.members) if (to !== process.id) this.#send(process, to, message);
  }

  #send(process: Process, to: NodeId, message: ClusterMessage): void {
    this.#check(process, to, message);
    const { weather } = this;
    const copies = this.#random() < weather.duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const loss = Math.max(weather.loss, this.lossy.get(process.id) ?? 0, this.lossy.get(to) ?? 0);
      if (this.#random() < loss) continue;
      const ms = this.ms + this.#random() * weather.delayMs;
      this.#queue.push({ ms, run: () => this.#deliver(process, to, message) });
    }
  }

  /** The checker: what is promised is on disk. */
  #check(process: Process, to: NodeId, message: ClusterMessage): void {
    const stored = this.disks.get(process.id)?.get(VOTE_FACT);
    if (message.type === "coordinator" && message.term > 0) {
      ok(Number(stored?.split(" ")[0]) >= message.term, `n${process.id} said ${message.term} with ${stored} on disk`);
    }
    if (message.type !== "accepted") return;
    if (message.ok) strictEqual(stored, `${message.term} ${to}`, `n${process.id} accepts what is not on its disk`);
    else strictEqual(stored?.split(" ")[0], String(message.term), `n${process.id} refuses beside its disk`);
  }

  #deliver(from: Process, to: NodeId, message: ClusterMessage): void {
    const process = this.processes.get(to);
    if (this.old.has(to) && SINCE_RELEASE_1.has(message.type)) return;
    if (process === undefined || !process.running || this.cut.has(`${from.id}>${to}`)) return;
    if (!process.presence.heard(from.id, from.incarnation, at(this.ms))) return;
    process.election.receive(from.id, message, at(this.ms));
    this.#observe(process);
  }
}

export function cluster(size: number, seed = 1): Network {
  const network = new Network(Array.from({ length: size }, (_, index) => index + 1), seed);
  for (const id of network.members) network.start(id);
  return network;
}

export function isolate(network: Network, group: readonly NodeId[]): void {
  for (const a of network.members) {
    for (const b of network.members) if (group.includes(a) !== group.includes(b)) network.cut.add(`${a}>${b}`);
  }
}

export function followed(network: Network): (NodeId | undefined)[] {
  return network.running.map((process) => process.election.leader);
}

/** One random life of a cluster: chaos, then healing. Returns what happened, for the coverage check. */
function life(seed: number): { terms: number; lostDisks: number } {
  const random = generator(seed * 7919 + 1);
  const size = 3 + Math.floor(random() * 3);
  const network = cluster(size, seed);
  let lostDisks = 0;
  // A rolling upgrade: a node that starts again may have the new release.
  if (random() < 0.4) { for (const id of network.members) network.old.add(id); }
  network.weather = {
    loss: random() * 0.3,
    duplicate: random() * 0.3,
    delayMs: random() < 0.3 ? 3_000 * random() : 100 * random(),
    writeMs: random() < 0.3 ? 1_000 * random() : 20,
  };
  for (let step = 0; step < 14; step++) {
    const action = random();
    const id = network.pick(network.members);
    const isBlank = network.running.some((process) => process.election.blank) || network.running.length < size;
    if (action < 0.2) network.kill(id);
    else if (action < 0.3 && !isBlank) {
      network.loseDisk(id);
      network.start(id);
      lostDisks += 1;
    } else if (action < 0.45) isolate(network, network.members.filter(() => random() < 0.5));
    else if (action < 0.55) network.cut.add(`${id}>${network.pick(network.members)}`);
    else if (action < 0.7) network.cut.clear();
    else if (action < 0.75) network.unsynced.add(id);
    else if (action < 0.8) network.unsynced.clear();
    else if (action < 0.85) network.election(id).stepDown(at(network.ms));
    else if (action < 0.9) network.election(id).forceElection(at(network.ms));
    for (const other of network.members) {
      if (network.processes.get(other)?.running || random() >= 0.4) continue;
      if (random() < 0.5) network.old.delete(other);
      network.start(other);
    }
    network.run(random() * 3_000);
  }
  network.weather = { ...QUIET };
  network.cut.clear();
  for (const id of network.members) if (!network.processes.get(id)?.running) network.start(id);
  network.unsynced.clear();
  const unsynced = Math.floor(random() * (size + 2));
  if (unsynced >= 1 && unsynced <= size) network.unsynced.add(unsynced);
  const highest = unsynced === size ? size - 1 : size;
  const settled = () => {
    const leaders = network.leading;
    return leaders.length === 1 && leaders[0] === highest &&
      network.running.every((process) => process.election.leader === highest);
  };
  // Late datagrams, a blank disk's wait, then a lower leader at worst until the highest is stable.
  const boundMs = 3_000 + CLUSTER_LIMITS.blankWaitMs + CLUSTER_LIMITS.leaderWaitMs + CLUSTER_LIMITS.takeoverMs + 3_000 +
    CLUSTER_LIMITS.unheardRestMs;
  ok(
    network.run(boundMs, settled),
    `${boundMs} ms after healing n${highest} does not lead: ${network.leading} lead, followed ${followed(network)}`,
  );
  network.weather = { ...QUIET };
  network.run(3_000);
  ok(settled(), `n${highest} did not stay leader: ${network.leading}`);
  return { terms: network.leaders.size, lostDisks };
}

/**
 * Lives of `count` random networks. Throws with the seed of the first one in which two led a term, or that did not
 * settle on the highest synced member in time; or when they were too quiet to prove anything.
 */
export function randomNetworks(count: number): void {
  let terms = 0;
  let lostDisks = 0;
  for (let seed = 1; seed <= count; seed++) {
    try {
      const result = life(seed);
      terms += result.terms;
      lostDisks += result.lostDisks;
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  ok(terms > 2 * count && lostDisks > count / 2, `the networks are too quiet: ${terms} terms, ${lostDisks} lost disks`);
}

/** Terms per minute that a partial cut may cost, after the first 20 seconds. */
const CHURN_MAX = {
  cut: 1.5,
  /** One node loses most datagrams, and others have a quorum without it. */
  lossy: 10,
  /** No quorum without the node that loses most datagrams. */
  dependent: 20,
} as const;
const SETTLE_MS = 20_000;
const CUT_MS = 300_000;

/**
 * Partial cuts: some pairs of nodes don't hear each other, in one direction or in both, and one node may lose most
 * datagrams, for five minutes. Throws with the seed of the first network whose terms rise faster than that needs, or
 * that has no leader although a node hears a quorum and is heard by it.
 */
export function partialCuts(count: number): void {
  let led = 0;
  for (let seed = 1; seed <= count; seed++) {
    const random = generator(seed * 104_729 + 5);
    const network = cluster(random() < 0.5 ? 3 : 5, seed);
    const { members, cut, lossy } = network;
    network.run(3_000);
    for (const a of members) {
      for (const b of members) {
        if (a === b || random() >= 0.2) continue;
        cut.add(`${a}>${b}`);
        if (random() < 0.5) cut.add(`${b}>${a}`);
      }
    }
    if (random() < 0.4) lossy.set(network.pick(members), 0.6);
    network.run(SETTLE_MS);
    const before = network.term;
    network.run(CUT_MS);
    const perMinute = (network.term - before) * 60_000 / CUT_MS;
    const most = lossy.size === 0 ? CHURN_MAX.cut : mayLead(network) ? CHURN_MAX.lossy : CHURN_MAX.dependent;
    const what = `seed ${seed}: ${members.length} nodes, cut ${[...cut].join(" ")}, lossy ${[...lossy.keys()]}`;
    ok(perMinute <= most, `${what}: ${perMinute} terms a minute, at most ${most}`);
    if (lossy.size > 0 || !mayLead(network)) continue;
    led += 1;
    strictEqual(network.leading.length, 1, `${what}: ${network.leading.join(", ") || "none"} leads`);
  }
  ok(led > count / 3, `only ${led} of ${count} networks could have a leader`);
}

/** Whether a node that loses no datagrams reaches a quorum of such nodes both ways. */
function mayLead({ members, cut, lossy }: Network): boolean {
  const sound = members.filter((id) => !lossy.has(id));
  return sound.some((id) => {
    const reached = sound.filter((to) => !cut.has(`${id}>${to}`) && !cut.has(`${to}>${id}`));
    return reached.length >= quorumOf(members.length);
  });
}
