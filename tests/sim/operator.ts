/**
 * The operator: pushes configurations, and adds, removes and replaces members by command, step by step as documented.
 * Works during faults, and finishes a change that it began after they are over.
 */

import type { Configuration } from "../../src/cluster/leadership/config_replication.ts";
import type { MembershipChange } from "../../src/cluster/membership/membership.ts";
import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { SimCluster } from "./cluster.ts";
import { FIRST_VARIANT, LANS, MISTAKE, textOf, type Variant, variantOf } from "./configurations.ts";
import { addressOf, SimNode } from "./node.ts";

const POLL_MS = 500;
const NODES_MAX = 9;

export class Operator {
  readonly #cluster: SimCluster;
  /** All configurations that were pushed, in order. */
  readonly variants: Variant[];
  /** Nodes that are members, or are being added. */
  readonly members: Set<NodeId>;
  #file: Configuration;
  #busy = false;
  #stopped = false;

  constructor(cluster: SimCluster, members: readonly NodeId[]) {
    this.#cluster = cluster;
    this.members = new Set(members);
    this.variants = [FIRST_VARIANT];
    this.#file = { revision: 1, text: textOf(FIRST_VARIANT) };
  }

  /** The newest file. */
  get file(): Configuration {
    return this.#file;
  }

  /** Whether a membership change is not finished. */
  get busy(): boolean {
    return this.#busy;
  }

  get #nodes(): SimNode[] {
    return [...this.#cluster.nodes.values()];
  }

  /** Reloads some nodes with a new file, or pushes it by command to one node. */
  push(): void {
    const { prng, log } = this.#cluster;
    const before = variantOf(this.#file.text);
    const lan = prng.int(0, LANS.length - 1);
    const pools = before.addresses.map((size, index) => index === lan ? prng.int(2, 5) : size);
    const reserved = LANS[0] === undefined || prng.chance(0.5)
      ? {}
      : { reservation: { client: prng.int(1, 4), address: LANS[0].first + prng.int(0, 5) } };
    const variant: Variant = { addresses: pools, leaseSeconds: prng.pick([10, 15, 20]), ...reserved };
    this.variants.push(variant);
    this.#file = { revision: this.#file.revision + 1, text: textOf(variant) };
    log?.(`configuration ${this.#file.revision}: ${this.#file.text}`);
    if (prng.chance(0.4)) return this.#pushByCommand();
    // At least one member gets it, or there would be no push.
    const reached = this.#nodes.filter((node) => this.members.has(node.id) && prng.chance(0.5));
    const nodes = reached.length === 0 ? [this.#nodes.find(({ id }) => this.members.has(id))] : reached;
    for (const node of nodes) node?.reload(this.#file);
  }

  /** May fail: {@link stop} distributes the file. A text that no node can serve must be refused. */
  #pushByCommand(): void {
    const { prng, log } = this.#cluster;
    const node = prng.pick(this.#nodes.filter(({ id, member }) => this.members.has(id) && member !== undefined));
    if (node === undefined) return;
    const isMistaken = prng.chance(0.3);
    const { revision } = this.#file;
    const text = isMistaken ? MISTAKE : this.#file.text;
    log?.(`command on node ${node.id}: configuration ${revision}${isMistaken ? ", mistaken" : ""}`);
    node.ask<"push">({ kind: "push", request: { text, revision, checkOnly: false } }, (result) => {
      log?.(`command on node ${node.id}: ${JSON.stringify(result)}`);
      if (result.ok && isMistaken) throw new Error("a configuration that no node can serve was accepted");
    });
  }

  /** Begins no further changes, and distributes the newest file to all members. */
  stop(): void {
    this.#stopped = true;
    for (const id of this.members) this.#cluster.nodes.get(id)?.reload(this.#file);
  }

  /** Begins a membership change, unless another change or a disk replacement is not finished. */
  change(): void {
    // No change while a disk is incomplete.
    const isRepairing = this.#nodes.some(({ disk }) => disk.incomplete);
    if (this.#busy || this.#stopped || isRepairing) return;
    const { prng } = this.#cluster;
    const size = this.members.size;
    const ways = [
      ...(size < NODES_MAX ? ["add"] : []),
      ...(size > 3 ? ["remove"] : []),
      ...(size >= 3 ? ["replace"] : []),
    ];
    const way = prng.pick(ways);
    if (way === undefined) return;
    this.#busy = true;
    const victim = prng.pick([...this.members]);
    const fresh = prng.chance(0.5) || way === "add" ? Math.max(...this.#cluster.nodes.keys()) + 1 : victim;
    const done = () => this.#busy = false;
    this.#cluster.log?.(`operator: ${way} ${way === "add" ? fresh : victim}`);
    if (way === "add") return this.#add(fresh, done);
    this.#remove(victim, () => way === "remove" ? done() : this.#add(fresh, done));
  }

  #remove(id: NodeId, then: () => void): void {
    const node = this.#cluster.nodes.get(id);
    this.#command({ kind: "remove", id }, () => {
      // A disk is replaced only after every member is settled (membership, step 5).
      this.members.delete(id);
      node?.crash();
      node?.disk.wipe();
      this.#cluster.nodes.delete(id);
      this.#cluster.log?.(`operator: node ${id} is removed`);
      then();
    });
  }

  #add(id: NodeId, then: () => void): void {
    const members = [...this.#cluster.checkers.epochs.newest.members, id].sort((a, b) => a - b);
    const node = new SimNode(id, this.#cluster, { file: this.#file, members });
    this.#cluster.nodes.set(id, node);
    this.members.add(id);
    node.start();
    this.#command({ kind: "add", member: addressOf(id) }, () => {
      this.#cluster.log?.(`operator: node ${id} is added`);
      then();
    });
  }

  /** Repeats a command to the leader until the membership is as commanded and its epoch is complete. */
  #command(change: MembershipChange, then: () => void): void {
    const { events, checkers } = this.#cluster;
    const { complete, newest } = checkers.epochs;
    const isMember = complete.members.includes(change.kind === "add" ? change.member.id : change.id);
    if (complete === newest && isMember === (change.kind === "add")) return then();
    this.#try(change);
    events.after(POLL_MS, () => this.#command(change, then));
  }

  #try(change: MembershipChange): void {
    for (const node of this.#nodes) {
      const { member } = node;
      if (member === undefined || (member.role !== "leader" && member.role !== "standalone")) continue;
      if (change.kind === "remove" && change.id === node.id) node.command((core, now) => core.member.stepDown(now));
      else node.command((core, now) => core.member.change(change, now));
    }
  }
}
