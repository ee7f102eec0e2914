/** What faults work with. */

import type { Member } from "../e2e/cluster/member.ts";
import type { ClusterSite } from "../e2e/cluster/site.ts";
import type { Process } from "../e2e/lab/process.ts";
import { DelayLink } from "../e2e/lab/delay_link.ts";
import type { Prng } from "../sim/prng.ts";
import { Clocks } from "./clocks.ts";
import { Disks } from "./disks.ts";
import { clockTime, trueMs } from "./history.ts";
import type { Judge } from "./judge.ts";
import { FaultLimits } from "./limits.ts";

/** A fault that has begun. */
export interface Ongoing {
  /** For the log, with the nodes concerned. */
  readonly what: string;
  readonly lastsMs: number;
  /** Returns when it is over, with what is to be said about it. */
  readonly heal: () => Promise<string | void>;
}

/** Begins a fault; undefined if the rule does not permit it now. */
export type Begin = (scene: Scene) => Promise<Ongoing | undefined> | Ongoing | undefined;

interface SceneParts {
  readonly site: ClusterSite;
  readonly prng: Prng;
  readonly judge: Judge;
  readonly founders: number;
  /** Of each client network. */
  readonly addresses: number;
  readonly print: (line: string) => void;
}

const SERVES = /serves DHCP on/;
/** What a node says that ends because of its database. */
const DAMAGED = /Cannot use the lease database|damaged|corrupt|not a database/;
const LAST_LINES = 12;

/** Whether a node's process has started, and takes signals. */
export function hasStarted({ output }: Process): boolean {
  return SERVES.test(output.text);
}

export class Scene {
  readonly site: ClusterSite;
  readonly prng: Prng;
  readonly judge: Judge;
  readonly limits: FaultLimits;
  readonly addresses: number;
  readonly disks = new Disks();
  readonly clocks = new Clocks();
  /** Nodes whose database was damaged: they may refuse to start on it. */
  readonly damaged = new Set<number>();
  /** Nodes whose processes may end by themselves now, as their disk is full. */
  readonly excused = new Set<number>();
  /** The cluster's keys, as in every key file; the first one seals. */
  keys: readonly string[];
  /** The newest configuration that a node has reported as served. */
  revision = 1;
  /** Whether the members are being changed. */
  changesMembers = false;
  /** What happened to the nodes, a line each. */
  readonly faultLog: string[] = [];
  readonly #print: (line: string) => void;
  readonly #delays = new Map<number, DelayLink>();

  constructor({ site, prng, judge, founders, addresses, print }: SceneParts) {
    this.addresses = addresses;
    this.site = site;
    this.prng = prng;
    this.judge = judge;
    this.#print = print;
    this.keys = [site.key];
    this.limits = new FaultLimits(site.members.slice(0, founders).map(({ id }) => id));
    for (const member of site.members) {
      this.disks.attach(member);
      this.clocks.attach(member);
    }
  }

  get nowMs(): number {
    return trueMs();
  }

  /** The members. */
  get members(): Member[] {
    return this.limits.members.map((id) => this.site.member(id));
  }

  /** The machine that is no member at first. */
  get spare(): Member {
    return this.site.members.at(-1) as Member;
  }

  /** A random member whose process runs; undefined when none does. */
  pick(): Member | undefined {
    const running = this.members.filter(({ started }) => started);
    return running.length === 0 ? undefined : this.prng.pick(running);
  }

  /** The leader, as the nodes report it, or a random member. */
  leaderOrAny(): Member | undefined {
    const leader = this.members.find(({ id, started }) => {
      const facts = this.site.watch.snapshot.get(id);
      return started && facts?.role === "leader" && facts.quorum;
    });
    return leader ?? this.pick();
  }

  /** A random duration. */
  ms(min: number, max: number): number {
    return this.prng.int(min, max);
  }

  say(text: string): void {
    const line = `${clockTime(this.nowMs)} ${text}`;
    this.faultLog.push(line);
    this.#print(line);
  }

  /** Starts a node that is not running. Its file names the members, which a node with an empty disk reads there. */
  async start(member: Member): Promise<void> {
    if (member.started) return;
    const ids = new Set([...this.limits.members, member.id]);
    const nodes = this.site.members.filter(({ id }) => ids.has(id)).map(({ id, host: { address } }) => {
      return { id, address };
    });
    member.config = { ...member.config, cluster: { ...member.config.cluster, nodes } };
    await member.start();
  }

  /** Notices processes that have ended by themselves, and starts them again as systemd does. */
  async supervise(): Promise<void> {
    for (const member of this.site.members) {
      if (!member.started || member.process.running) continue;
      const { state } = member.process;
      const output = member.collect().trimEnd().split("\n").slice(-LAST_LINES);
      const { id } = member;
      if (this.damaged.has(id) && DAMAGED.test(output.join("\n"))) {
        this.say(`node ${id} has refused its damaged database: it gets an empty disk`);
        this.disks.blank(member);
        this.damaged.delete(id);
      } else if (this.excused.has(id)) {
        this.say(`node ${id} has ${state} on its full disk: ${output.at(-1)}`);
      } else {
        this.judge.found("ended", this.nowMs, `node ${id} has ${state} by itself`, output);
      }
      await this.start(member);
    }
  }

  /** Takes note of nodes that have joined with another disk. */
  noteJoined(): void {
    for (const id of this.limits.lost) {
      const member = this.site.member(id);
      const isReady = member.started && this.site.watch.snapshot.get(id)?.ready === true;
      // It was another process that said so before.
      if (!isReady || Date.now() - member.startedMs < 2_000) continue;
      this.limits.joined(id);
      this.damaged.delete(id);
    }
  }

  /** The cable of a node, with a delay that can be set. */
  async delay(member: Member): Promise<DelayLink> {
    const link = this.#delays.get(member.id) ?? await DelayLink.insert(this.site.topology, member.host);
    this.#delays.set(member.id, link);
    return link;
  }
}
