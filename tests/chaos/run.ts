/**
 * A run: rounds of faults that overlap, each followed by a heal, after which the service must be back in time, and by a
 * calm in which every node that says ready must serve. Meanwhile clients live their lives, and the judge reads their
 * history.
 */

import type { Member } from "../e2e/cluster/member.ts";
import { ClusterSite } from "../e2e/cluster/site.ts";
import { describeFacts } from "../e2e/cluster/status.ts";
import { LANS, Topology } from "../e2e/lab/topology.ts";
import { DeadlineError, until } from "../e2e/lab/wait.ts";
import { Prng } from "../sim/prng.ts";
import { ChaosClients } from "./clients/client_host.ts";
import { FAULT_NAMES, type FaultName, pickFault } from "./faults.ts";
import type { HistoryEvent } from "./history.ts";
import { type Counts, Judge, type Violation } from "./judge.ts";
import { ALL_READY_MS, HEARD_MS, READY_SETTLED_MS, SERVICE_BACK_MS } from "./limits.ts";
import { type Ongoing, Scene } from "./scene.ts";
import { serviceOf } from "./service.ts";
import { unequalLeases } from "./tables.ts";

export interface ChaosOptions {
  readonly nodes: number;
  readonly seed: number;
  /** How long faults go on; a round that has begun is finished. */
  readonly faultsMs: number;
  readonly clients: number;
  readonly perSecond: number;
  readonly faults?: readonly FaultName[];
  /** The most violations before the run ends. */
  readonly violationsMax?: number;
  /** Bounds for a machine that does other work too. */
  readonly serviceBackMs?: number;
  readonly print?: (line: string) => void;
  /** Every event of the clients. */
  readonly record?: (event: HistoryEvent) => void;
  /** Instead of rounds. */
  readonly script?: (run: ChaosRun) => Promise<void>;
}

/** How long clients were without service after a heal. */
export interface Heal {
  readonly faults: readonly string[];
  /** Until the first new client, and the first renewal, were served; undefined: not at all. */
  readonly newMs: number | undefined;
  readonly renewalMs: number | undefined;
  readonly allReadyMs: number | undefined;
}

export interface ChaosReport {
  readonly options: ChaosOptions;
  readonly seconds: number;
  readonly rounds: number;
  readonly faults: ReadonlyMap<FaultName, number>;
  readonly heals: readonly Heal[];
  readonly counts: Counts;
  readonly heldMax: number;
  /** Probes of single nodes. */
  readonly nodesProbed: number;
  /** The most that the clients' process was late, and the datagrams that it lost. */
  readonly lagMs: number;
  readonly dropped: number;
  readonly violations: readonly Violation[];
  readonly faultLog: readonly string[];
}

const FORMED_MS = 60_000;
const WATCH_MS = 200;
const SUPERVISE_MS = 200;
/** The watch has asked a new process after this long. */
const ASKED_AGAIN_MS = 1_000;
const GAP_MS = { min: 0, max: 3_000 };
const FAULTS_PER_ROUND = { min: 1, max: 4 };
const TRIES_MAX = 20;
const CALM_MS = { min: HEARD_MS + 500, max: HEARD_MS + 4_000 };
/** A violation is reported at its bound; the wait goes on for longer, so that the length is known. */
const RETURN_MS = 90_000;
/** The leases run on for longer, or nothing would be compared. */
const EQUAL_MS = 30_000;
const LOOK_MS = 500;
const NODE_PROBE_MS = 15_000;
const IMAGE_CHANCE = 0.5;
const DIRECT_SHARE = 0.2;
const WISH_SHARE = 0.3;
const VIOLATIONS_MAX = 10;
/** Until all clients have begun, at the most. */
const RAMP_MS_MAX = 30_000;
const BROKEN = /Broken invariant|FATAL/i;
/** Of each node's log, with a violation. */
const LOG_LINES = 12;
const HISTORY_LINES = 30;

/** Runs with a laboratory of its own. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  await using topology = await Topology.build();
  const { nodes, clients } = options;
  try {
    const site = await ClusterSite.build(topology, {
      nodes,
      spares: 1,
      lans: 2,
      watchMs: WATCH_MS,
      service: serviceOf({ addresses: clients }),
    });
    const run = new ChaosRun(site, options);
    return await run.run();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${topology.report()}`, { cause: error });
  }
}

/** One run on a site. */
export class ChaosRun {
  readonly scene: Scene;
  readonly judge: Judge;
  readonly #options: ChaosOptions;
  readonly #site: ClusterSite;
  readonly #faults = new Map<FaultName, number>();
  readonly #heals: Heal[] = [];
  /** Results of probes, by their number. */
  readonly #served = new Map<number, { new?: number; renewal?: number }>();
  readonly #nodeProbes = new Map<number, boolean>();
  #clients: ChaosClients | undefined;
  #probes = 0;
  #rounds = 0;
  #heldMax = 0;
  #lagMs = 0;
  #dropped = 0;
  #supervises = true;

  constructor(site: ClusterSite, options: ChaosOptions) {
    this.#options = options;
    this.#site = site;
    this.judge = new Judge(({ rule, message }) => this.scene.say(`VIOLATION ${rule}: ${message}`));
    this.scene = new Scene({
      site,
      prng: new Prng(options.seed),
      judge: this.judge,
      founders: options.nodes,
      addresses: options.clients,
      print: options.print ?? (() => {}),
    });
  }

  get clients(): ChaosClients {
    if (this.#clients === undefined) throw new Error("The clients have not begun yet");
    return this.#clients;
  }

  async run(): Promise<ChaosReport> {
    const { scene, judge } = this;
    const { faultsMs, script, clients, perSecond } = this.#options;
    const startMs = scene.nowMs;
    for (const member of scene.members) await scene.start(member);
    await this.#site.serves(FORMED_MS);
    await this.#site.relayTo(this.#site.members.map(({ id }) => id), LANS);
    scene.say("the cluster serves");
    const nodes = scene.members.map(({ host }) => host.address);
    const order = { clients, perSecond, nodes, directShare: DIRECT_SHARE, wishShare: WISH_SHARE };
    this.#clients = new ChaosClients(this.#site.clients, order, (event) => this.#take(event));
    await rest(Math.min(clients / perSecond * 1_000, RAMP_MS_MAX));
    const supervision = this.#supervise();
    if (script === undefined) {
      const endMs = scene.nowMs + faultsMs;
      await this.#calm();
      while (scene.nowMs < endMs && !this.#isHopeless) await this.#round();
    } else await script(this);
    this.#supervises = false;
    await supervision;
    await this.#finish();
    return {
      options: this.#options,
      seconds: (scene.nowMs - startMs) / 1_000,
      rounds: this.#rounds,
      faults: this.#faults,
      heals: this.#heals,
      counts: judge.counts,
      heldMax: this.#heldMax,
      nodesProbed: this.#nodeProbes.size,
      lagMs: this.#lagMs,
      dropped: this.#dropped,
      violations: judge.violations,
      faultLog: scene.faultLog,
    };
  }

  get #isHopeless(): boolean {
    return this.judge.violations.length >= (this.#options.violationsMax ?? VIOLATIONS_MAX);
  }

  async #round(): Promise<void> {
    const { scene, judge } = this;
    const { prng } = scene;
    this.#rounds += 1;
    judge.disturbed();
    const faults: string[] = [];
    const ends: Promise<void>[] = [];
    const count = prng.int(FAULTS_PER_ROUND.min, FAULTS_PER_ROUND.max);
    for (let index = 0; index < count; index++) {
      const ongoing = await this.#begin();
      if (ongoing === undefined) break; // such as while all clocks are stepped
      faults.push(ongoing.what);
      ends.push(this.#heal(ongoing));
      await rest(prng.int(GAP_MS.min, GAP_MS.max));
    }
    await Promise.all(ends);
    await this.#back(faults);
    await this.#settleMembers();
    await this.#calm();
  }

  /** A fault that is possible now. */
  async #begin(): Promise<Ongoing | undefined> {
    const { scene } = this;
    const names = this.#options.faults ?? FAULT_NAMES;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const { name, begin } = pickFault(names, scene.prng);
      const ongoing = await begin(scene);
      if (ongoing === undefined) continue;
      this.#faults.set(name, (this.#faults.get(name) ?? 0) + 1);
      scene.say(`${name}: ${ongoing.what}, for ${Math.round(ongoing.lastsMs)} ms`);
      return ongoing;
    }
    return undefined;
  }

  async #heal({ what, lastsMs, heal }: Ongoing): Promise<void> {
    await rest(lastsMs);
    const note = await heal();
    this.scene.say(`over: ${what}${note === undefined ? "" : ` (${note})`}`);
  }

  /** All faults have ended: the service must be back, and soon all nodes. */
  async #back(faults: readonly string[]): Promise<void> {
    const { scene, judge } = this;
    const healedMs = scene.nowMs;
    const probe = ++this.#probes;
    const result: { new?: number; renewal?: number } = {};
    this.#served.set(probe, result);
    await this.clients.tell({ kind: "probe", probe });
    // Whether the spare node is a member is not known before the change is complete.
    const members = scene.members.filter((member) => !scene.changesMembers || member !== scene.spare);
    let allReadyMs: number | undefined;
    await until("the service to be back", RETURN_MS, () => {
      const isReady = members.every(({ id }) => this.#isReady(id));
      if (isReady) allReadyMs ??= scene.nowMs - healedMs;
      const isServed = result.new !== undefined && result.renewal !== undefined;
      return isServed && isReady;
    }).catch((error) => {
      if (!(error instanceof DeadlineError)) throw error;
    });
    const since = (ms: number | undefined) => ms === undefined ? undefined : ms - healedMs;
    const heal = { faults, newMs: since(result.new), renewalMs: since(result.renewal), allReadyMs };
    this.#heals.push(heal);
    scene.say(`healed: ${describeHeal(heal)}`);
    const mostMs = this.#options.serviceBackMs ?? SERVICE_BACK_MS;
    for (const [what, ms] of [["a new client", heal.newMs], ["a renewal", heal.renewalMs]] as const) {
      if (ms === undefined || ms > mostMs) {
        judge.found("unserved", healedMs, `${what} was served ${inMs(ms)} after a heal`, this.#state());
      }
    }
    if (allReadyMs === undefined || allReadyMs > ALL_READY_MS) {
      judge.found("diverged", healedMs, `all nodes were ready ${inMs(allReadyMs)} after a heal`, this.#state());
    }
    scene.noteJoined();
  }

  /** After a change of the members: who is one now. */
  async #settleMembers(): Promise<void> {
    const { scene } = this;
    if (!scene.changesMembers) return;
    await until("the change of the members to be complete", RETURN_MS, async () => {
      const status = await scene.leaderOrAny()?.status().catch(() => undefined);
      const { cluster } = status ?? {};
      if (cluster === undefined || !cluster.complete) return false;
      scene.limits.members = cluster.members.map(({ id }) => id).toSorted((a, b) => a - b);
      return true;
    });
    const { spare, limits } = scene;
    if (!limits.members.includes(spare.id) && spare.started) {
      await spare.process.kill();
      spare.collect();
      scene.disks.blank(spare);
    }
    scene.changesMembers = false;
    limits.endOperation();
    scene.say(`members are ${limits.members.join(", ")}`);
  }

  /** No fault goes on: every node that says ready serves, and the nodes hear how far the others' disks are. */
  async #calm(): Promise<void> {
    const { scene, judge } = this;
    const { members, disks, prng } = scene;
    judge.calmed(scene.nowMs);
    const isWhole = members.every(({ id }) => this.#isReady(id));
    const lsns = members.map((member) => disks.lsn(member));
    if (isWhole && prng.chance(IMAGE_CHANCE)) await disks.keepImage(prng.pick(members));
    await rest(prng.int(CALM_MS.min, CALM_MS.max));
    for (const member of members) await this.#probeNode(member);
    this.#heldMax = Math.max(this.#heldMax, judge.held(scene.nowMs));
    if (!isWhole || !members.every(({ id }) => this.#isReady(id))) return;
    for (const [index, member] of members.entries()) disks.heard(member, lsns[index] as number);
  }

  async #probeNode(member: Member): Promise<void> {
    const { scene, judge } = this;
    if (!this.#isReady(member.id, READY_SETTLED_MS)) return;
    const probe = ++this.#probes;
    const sinceMs = scene.nowMs;
    await this.clients.tell({ kind: "probeNode", probe, address: member.host.address });
    await until(`the probe of node ${member.id}`, NODE_PROBE_MS, () => this.#nodeProbes.has(probe));
    if (this.#nodeProbes.get(probe) !== true && this.#isReady(member.id, scene.nowMs - sinceMs)) {
      judge.found("unready", sinceMs, `node ${member.id} says ready, and served none of its clients`, this.#state());
    }
  }

  /** Whether a node's running process has said for this long that it is ready. */
  #isReady(id: number, forMs = 0): boolean {
    const member = this.#site.member(id);
    const { watch } = this.#site;
    if (!member.started || watch.snapshot.get(id)?.ready !== true) return false;
    // Else it may be the answer of the process before.
    if (Date.now() - member.startedMs < ASKED_AGAIN_MS) return false;
    const change = watch.history.findLast((one) => one.id === id && one.facts?.ready !== true);
    return change === undefined || Date.now() - change.atMs >= forMs;
  }

  /** All faults are over for good. */
  async #finish(): Promise<void> {
    const { scene, judge } = this;
    await this.clients.stop();
    try {
      await this.#site.serves(FORMED_MS);
      await this.#agrees();
      const revisions = scene.members.map(({ id }) => this.#site.watch.snapshot.get(id)?.revision ?? 0);
      if (new Set(revisions).size > 1 || (revisions[0] as number) < scene.revision) {
        judge.found("diverged", scene.nowMs, `nodes serve revisions ${revisions}; ${scene.revision} was pushed`);
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      judge.found("diverged", scene.nowMs, error.message, this.#state());
    }
    for (const member of scene.members) {
      if (!member.started || member.said(BROKEN) === 0) continue;
      judge.found("ended", scene.nowMs, `node ${member.id} says that something is broken`, [
        ...member.process.output.text.split("\n").filter((line) => BROKEN.test(line)).slice(0, 5),
      ]);
    }
  }

  /** Waits until all nodes have the same leases. */
  async #agrees(): Promise<void> {
    const { members, clocks } = this.scene;
    let lines: string[] = [];
    await until("equal leases", EQUAL_MS, async () => {
      const tables = new Map(members.map((member) => [member.id, member.leases()]));
      lines = unequalLeases(tables, clocks.commonMs);
      if (lines.length > 0) await rest(LOOK_MS);
      return lines.length === 0;
    }).catch((error) => {
      throw new Error(`${error.message}; ${lines.length} differ: ${lines.slice(0, 10).join("; ")}`);
    });
  }

  async #supervise(): Promise<void> {
    while (this.#supervises) {
      await this.scene.supervise();
      this.scene.noteJoined();
      this.clients.process.mustRun();
      await rest(SUPERVISE_MS);
    }
  }

  /** What the nodes say, and said lately. */
  #state(): string[] {
    return [
      ...this.#site.members.map(({ id }) => `node ${id}: ${describeFacts(this.#site.watch.snapshot.get(id))}`),
      ...this.#site.members.filter(({ started }) => started).flatMap(({ id, process }) =>
        process.output.last(LOG_LINES).split("\n").map((line) => `node ${id} logged: ${line}`)
      ),
      ...this.#site.watch.transcript(HISTORY_LINES).split("\n"),
    ];
  }

  #take(event: HistoryEvent): void {
    this.#options.record?.(event);
    switch (event.kind) {
      case "served":
        (this.#served.get(event.probe) ?? {})[event.what] = event.atMs;
        return;
      case "nodeProbed":
        return void this.#nodeProbes.set(event.probe, event.served);
      case "lag":
        this.#lagMs = Math.max(this.#lagMs, event.lagMs);
        return this.scene.say(`the clients' process was late by ${Math.round(event.lagMs)} ms`);
      case "stopped":
        this.#dropped = event.dropped;
        return;
      default:
        return this.judge.take(event);
    }
  }
}

/** One readable line. */
export function describeHeal({ faults, newMs, renewalMs, allReadyMs }: Heal): string {
  return `a new client is served ${inMs(newMs)}, a renewal ${inMs(renewalMs)}, all nodes are ready ` +
    `${inMs(allReadyMs)} after ${faults.length} faults`;
}

function inMs(ms: number | undefined): string {
  return ms === undefined ? "not at all" : `${Math.round(ms)} ms`;
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
