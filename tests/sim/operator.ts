/**
 * The operator: pushes configurations, and adds, removes and replaces members by command, step by step as documented,
 * or as it is done in haste: a node that dies while it is added, different changes to nodes that both claim to lead.
 * Works during faults, and finishes a change that it began after they are over.
 */

import type { Configuration } from "../../src/cluster/leadership/config_replication.ts";
import { MEMBERSHIP_FACTS, type MembershipChange } from "../../src/cluster/membership/membership.ts";
import { resetMembership } from "../../src/cluster/membership/reset.ts";
import type { NodeId } from "../../src/cluster/wire/messages.ts";
import { MARGIN_MS, PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import type { SimCluster } from "./cluster.ts";
import { LANS, LEASE_SECONDS, longestLeaseMs, MISTAKE, textOf, type Variant, variantOf } from "./configurations.ts";
import { addressOf, SimNode } from "./node.ts";

const POLL_MS = 500;
const NODES_MAX = 9;
/** It looks at the membership this often. */
const RECONCILE_MS = 2_000;
/** For this long different nodes that lead are given different changes. */
const RIVALRY_MS = 15_000;

export class Operator {
  readonly #cluster: SimCluster;
  /** All configurations that were pushed, in order. */
  readonly variants: Variant[];
  /** Nodes that are members, or are being added. */
  readonly members: Set<NodeId>;
  #file: Configuration;
  #busy = false;
  #lastId: NodeId;
  #renewalsUntilMs = -Infinity;
  #stopped = false;

  /** Keys of the cluster's traffic, for new nodes. */
  keys: readonly number[] = [0];

  constructor(cluster: SimCluster, members: readonly NodeId[], first: Variant) {
    this.#cluster = cluster;
    this.members = new Set(members);
    this.variants = [first];
    this.#file = { revision: 1, text: textOf(first) };
    this.#lastId = Math.max(...members);
    cluster.events.after(RECONCILE_MS, () => this.#reconcile());
  }

  /** Whether new clients may be served: after a forced recovery only renewals are, until all lost leases are over. */
  get servesNewClients(): boolean {
    return this.#cluster.events.nowMs > this.#renewalsUntilMs;
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
  push({ changesMaxLease = false } = {}): void {
    const { prng, log } = this.#cluster;
    const before = variantOf(this.#file.text);
    const lan = prng.int(0, LANS.length - 1);
    const pools = before.addresses.map((size, index) => index === lan ? prng.int(2, 5) : size);
    const reserved = LANS[0] === undefined || prng.chance(0.5)
      ? {}
      : { reservation: { client: prng.int(1, 4), address: LANS[0].first + prng.int(0, 5) } };
    const { leaseSeconds, maxLeaseSeconds } = before;
    const times = changesMaxLease
      ? { leaseSeconds: Math.min(leaseSeconds, 10), maxLeaseSeconds: prng.pick([10, 25, 60]) }
      : { leaseSeconds: Math.min(maxLeaseSeconds, prng.pick(LEASE_SECONDS)), maxLeaseSeconds };
    const ids = LANS.map((_, index) => prng.pick([null, 1 + index, 1 + LANS.length + index]));
    const named = prng.chance(0.3) ? { named: prng.int(1, (pools[0] ?? 2) - 1) } : {};
    this.#note({ addresses: pools, ...times, ...reserved, ...named, ids });
    log?.(`configuration ${this.#file.revision}: ${this.#file.text}`);
    if (prng.chance(0.4)) return this.#pushByCommand();
    // At least one member gets it, or there would be no push.
    const reached = this.#nodes.filter((node) => this.members.has(node.id) && prng.chance(0.5));
    const nodes = reached.length === 0 ? [this.#nodes.find(({ id }) => this.members.has(id))] : reached;
    for (const node of nodes) node?.reload(this.#file);
  }

  #note(variant: Variant): void {
    this.variants.push(variant);
    this.#file = { revision: this.#file.revision + 1, text: textOf(variant) };
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

  /** Begins no further changes, and distributes the newest file to all members: one whose pools are for all clients. */
  stop(): void {
    this.#stopped = true;
    const { named, ...variant } = variantOf(this.#file.text);
    if (named !== undefined) this.#note(variant);
    for (const id of this.members) this.#cluster.nodes.get(id)?.reload(this.#file);
  }

  /** Begins a membership change, unless another change or a disk replacement is not finished. */
  change(): void {
    if (!this.#mayChange) return;
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
    const fresh = prng.chance(0.5) || way === "add" ? this.#freshId : victim;
    const done = () => this.#busy = false;
    this.#cluster.log?.(`operator: ${way} ${way === "add" ? fresh : victim}`);
    if (way === "add") return this.#add(fresh, done);
    this.#remove(victim, () => way === "remove" ? done() : this.#add(fresh, done));
  }

  /** Adds a node that dies before its epoch is complete, and removes it again: one node alone could not decide that. */
  addDying(): void {
    if (!this.#mayChange || this.members.size < 2 || this.members.size >= NODES_MAX) return;
    const { events, prng, log } = this.#cluster;
    this.#busy = true;
    const id = this.#freshId;
    log?.(`operator: add ${id}, which will die`);
    const node = this.#start(id);
    const change: MembershipChange = { kind: "add", member: addressOf(id) };
    const diesMs = events.nowMs + prng.int(100, 6_000);
    const poll = () => {
      if (events.nowMs < diesMs) {
        this.#try(change);
        return events.after(POLL_MS, poll);
      }
      node.crash();
      log?.(`node ${id} dies`);
      this.#remove(id, () => this.#busy = false);
    };
    poll();
  }

  /** For some time gives each node that claims to lead another change; then takes the membership that came of it. */
  changeByRivals(): void {
    if (!this.#mayChange) return;
    const { events, prng, log } = this.#cluster;
    this.#busy = true;
    const size = this.members.size;
    const changes = new Map<NodeId, MembershipChange>();
    const removable = size > 3 ? [...this.members] : [];
    const changeFor = (leader: NodeId): MembershipChange => {
      const id = removable.filter((id) => id !== leader)[prng.int(0, size)];
      if (id !== undefined) {
        removable.splice(removable.indexOf(id), 1);
        return { kind: "remove", id };
      }
      const fresh = this.#freshId;
      this.#start(fresh);
      return { kind: "add", member: addressOf(fresh) };
    };
    const endsMs = events.nowMs + RIVALRY_MS;
    const poll = () => {
      for (const { id, member } of this.#nodes) {
        if (member?.role !== "leader" || size + changes.size >= NODES_MAX) continue;
        const change = changes.get(id) ?? changeFor(id);
        if (!changes.has(id)) log?.(`operator: node ${id} leads: ${JSON.stringify(change)}`);
        changes.set(id, change);
        this.#cluster.nodes.get(id)?.command((core, now) => core.member.change(change, now));
      }
      if (events.nowMs < endsMs && !this.#stopped) return events.after(POLL_MS / 2, poll);
      this.#takeResult();
    };
    poll();
  }

  /** All disks but one are lost for good. After the reset, other nodes take the place of the lost ones. */
  loseMajority(survivor: SimNode): void {
    const isMember = this.members.has(survivor.id) &&
      this.#cluster.checkers.epochs.newest.members.includes(survivor.id);
    if (!this.#mayChange || this.members.size < 2 || !isMember) return;
    const { events, prng, log } = this.#cluster;
    this.#busy = true;
    const lost = [...this.members].filter((id) => id !== survivor.id);
    log?.(`the disks of nodes ${lost} are lost, and only node ${survivor.id} is left`);
    this.#cluster.checkers.promises.majorityLost(survivor.disk);
    for (const id of lost) this.#discard(id);
    const addNext = (missing: number) => {
      if (missing === 0) return void (this.#busy = false);
      this.#add(this.#freshId, () => addNext(missing - 1));
    };
    events.after(prng.int(1_000, 10_000), () => {
      this.#reset(survivor);
      addNext(lost.length);
    });
  }

  /** Forced recovery: the membership is reset to the one survivor, as by `members reset`. */
  #reset(survivor: SimNode): void {
    const { events, checkers, mutation, log } = this.#cluster;
    survivor.crash();
    const result = resetMembership(survivor.disk.facts, {
      self: survivor.id,
      latestMs: survivor.clock.wallMs,
      maxLeaseMs: longestLeaseMs(this.variants) + PROPOSAL_MS,
    });
    log?.(`operator: the membership is reset to node ${survivor.id}: ${JSON.stringify(result)}`);
    const { after } = result.ok ? result : {};
    const reset = mutation.resetServesAll === true ? { ...after, renewalsOnlyUntil: 0 } : after;
    if (result.ok) survivor.disk.edit([...result.facts, [MEMBERSHIP_FACTS.membership, JSON.stringify(reset)]]);
    checkers.promises.majorityReplaced();
    checkers.leaders.forget();
    this.#renewalsUntilMs = events.nowMs + longestLeaseMs(this.variants) + 2 * MARGIN_MS;
    survivor.start();
  }

  get #mayChange(): boolean {
    // No change while a disk is lost, or before a member is removed that is gone.
    const { nodes, checkers } = this.#cluster;
    const isComplete = checkers.epochs.newest.members.every((id) => nodes.has(id));
    return !this.#busy && !this.#stopped && isComplete && !this.#nodes.some(({ disk }) => disk.lost);
  }

  get #freshId(): NodeId {
    return this.#lastId + 1;
  }

  /**
   * Looks at the membership from time to time: a change that seemed to have failed may be completed by a later leader.
   * Removes members that are gone, and switches off nodes that are no members.
   */
  #reconcile(): void {
    const { events, checkers, nodes } = this.#cluster;
    const { complete, newest } = checkers.epochs;
    events.after(RECONCILE_MS, () => this.#reconcile());
    if (this.#busy) return;
    const gone = newest.members.find((id) => !nodes.has(id));
    if (gone !== undefined) {
      this.#busy = true;
      this.#cluster.log?.(`operator: remove ${gone}, which is gone`);
      this.#remove(gone, () => this.#busy = false);
    } else if (complete === newest) {
      for (const { id } of this.#nodes) if (!newest.members.includes(id)) this.#discard(id);
    }
  }

  /** Waits until the newest epoch is complete. */
  #takeResult(): void {
    const { events, checkers, nodes } = this.#cluster;
    const { complete, newest } = checkers.epochs;
    if (complete === newest) return void (this.#busy = false);
    // An earlier change may have been completed late: its node is gone by now.
    const gone = newest.members.find((id) => !nodes.has(id));
    if (gone !== undefined) this.#try({ kind: "remove", id: gone });
    events.after(POLL_MS, () => this.#takeResult());
  }

  #remove(id: NodeId, then: () => void): void {
    this.#command({ kind: "remove", id }, () => {
      // A disk is replaced only after every member is settled (membership, step 5).
      this.#discard(id);
      this.#cluster.log?.(`operator: node ${id} is removed`);
      then();
    });
  }

  #add(id: NodeId, then: () => void): void {
    this.#start(id);
    this.#command({ kind: "add", member: addressOf(id) }, () => {
      this.#cluster.log?.(`operator: node ${id} is added`);
      then();
    });
  }

  /** A new machine with this id starts. */
  #start(id: NodeId): SimNode {
    this.#lastId = Math.max(this.#lastId, id);
    const members = [...this.#cluster.checkers.epochs.newest.members, id].sort((a, b) => a - b);
    const node = new SimNode(id, this.#cluster, { file: this.#file, members, keys: this.keys });
    this.#cluster.nodes.set(id, node);
    this.members.add(id);
    node.start();
    return node;
  }

  /** A machine is switched off for good, and its disk is destroyed. */
  #discard(id: NodeId): void {
    const node = this.#cluster.nodes.get(id);
    this.members.delete(id);
    node?.crash();
    node?.disk.wipe();
    this.#cluster.nodes.delete(id);
    for (const { disk } of this.#nodes) disk.memory.drop(id);
  }

  /** Repeats a command to the leader until the membership is as commanded and its epoch is complete. */
  #command(change: MembershipChange, then: () => void): void {
    const { events, checkers } = this.#cluster;
    const { complete, newest } = checkers.epochs;
    const isMember = complete.members.includes(change.kind === "add" ? change.member.id : change.id);
    if (complete === newest && isMember === (change.kind === "add")) return then();
    // A change that seemed to have failed has added a node that is gone: it is in the way.
    const gone = newest.members.find((id) => !this.#cluster.nodes.has(id));
    this.#try(gone === undefined ? change : { kind: "remove", id: gone });
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
