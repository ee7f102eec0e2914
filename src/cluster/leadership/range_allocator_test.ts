import { testContext } from "../testing/context.ts";
import type { Effects } from "../context.ts";
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { Range } from "../../net/ipv4.ts";
import { rangeSize } from "../../net/ipv4.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId, RangeAllocation } from "../wire/messages.ts";
import { RangeAllotment, RANGES_FACT } from "./range_allotment.ts";
import { RangeAllocator } from "./range_allocator.ts";
import type { Leadership } from "../context.ts";

const TICK_MS = 20;

function at(ms: number) {
  return { wallMs: 0, monotonicMs: ms };
}

interface Node {
  readonly id: NodeId;
  readonly leadership: { role: Leadership["role"]; term: number; leader: NodeId | undefined };
  readonly facts: Map<string, string>;
  allotment: RangeAllotment;
  allocator: RangeAllocator;
  up: boolean;
}

function overlap(a: readonly (readonly Range[])[], b: readonly (readonly Range[])[]): boolean {
  return a.flat().some((x) => b.flat().some((y) => x.first <= y.last && y.first <= x.last));
}

/** The allocator of a leader, on node 1, that has just taken office. */
function leaderOf(pools: readonly Range[], freeIn = rangeSize): RangeAllocator {
  const context = testContext({
    self: 1,
    leadership: { role: "leader", term: 1, leader: 1 },
    effects: { persist: (_writes, durable) => durable(at(0)) },
  });
  return new RangeAllocator(context, {
    pools: () => pools,
    allotment: new RangeAllotment(context, { stored: undefined }),
    freeIn,
  });
}

/** Members of a cluster whose leader the test appoints. */
class Cluster {
  ms = 0;
  term = 0;
  readonly nodes: Node[];
  readonly pools: Range[];
  readonly used = new Set<number>();
  readonly unsynced = new Set<NodeId>();
  /** Whether held ranges may overlap: only after a node was declared lost, or a leader missed a report. */
  mayOverlap = false;
  sent = 0;
  chance: () => number = () => 0.5;
  loss = 0;
  delayMs = 5;
  readonly #queue: { ms: number; run: () => void }[] = [];
  readonly #told = new Map<string, Map<NodeId, readonly (readonly Range[])[]>>();

  constructor(members: NodeId[], sizes: number[]) {
    this.pools = sizes.map((size, index) => ({ first: (index + 1) * 2 ** 24, last: (index + 1) * 2 ** 24 + size - 1 }));
    this.nodes = members.map((id) => {
      const leadership = { role: "follower" as Leadership["role"], term: 0, leader: undefined };
      return { id, leadership, facts: new Map<string, string>(), up: true } as unknown as Node;
    });
    for (const node of this.nodes) this.start(node.id);
  }

  node(id: NodeId): Node {
    return this.nodes.find((node) => node.id === id) as Node;
  }

  get up(): Node[] {
    return this.nodes.filter((node) => node.up);
  }

  start(id: NodeId): void {
    const node = this.node(id);
    node.up = true;
    const effects: Partial<Effects> = {
      send: (to, message) => this.#send(node, to, message as RangeAllocation),
      persist: ({ facts = [] }, durable) =>
        this.#queue.push({
          ms: this.ms + 5,
          run: () => {
            if (!node.up || node.allotment !== allotment) return;
            for (const [key, value] of facts) node.facts.set(key, value);
            durable(at(this.ms));
          },
        }),
    };
    const { leadership } = node;
    const context = testContext({ self: id, leadership, effects });
    const allotment: RangeAllotment = new RangeAllotment(context, { stored: node.facts.get(RANGES_FACT) });
    node.allotment = allotment;
    node.allocator = new RangeAllocator(context, { pools: () => this.pools, allotment, freeIn: rangeSize });
  }

  lead(id: NodeId): void {
    this.term += 1;
    for (const { id: other, leadership } of this.nodes) {
      leadership.role = other === id ? "leader" : "follower";
      leadership.leader = id;
      leadership.term = this.term;
    }
  }

  free(node: Node): number[] {
    return this.pools.map((_, pool) => {
      let free = 0;
      for (const { first, last } of node.allotment.held.ranges[pool] ?? []) {
        for (let address = first; address <= last; address++) if (!this.used.has(address)) free++;
      }
      return free;
    });
  }

  run(ms: number, until?: () => boolean): boolean {
    const heartbeats = new Map<NodeId, number[]>();
    for (const endMs = this.ms + ms; this.ms < endMs; this.ms += TICK_MS) {
      for (const event of this.#queue.splice(0)) {
        if (event.ms > this.ms) this.#queue.push(event);
        else event.run();
      }
      const present = this.up.map(({ id }) => id);
      const serving = present.filter((id) => !this.unsynced.has(id));
      if (this.ms % CLUSTER_LIMITS.heartbeatMs === 0 || heartbeats.size === 0) {
        for (const node of this.up) heartbeats.set(node.id, this.free(node));
      }
      for (const node of this.up) {
        node.allotment.tick(at(this.ms));
        node.allocator.tick(at(this.ms), { present, serving, free: (id) => heartbeats.get(id) });
      }
      if (!this.mayOverlap) this.#checkHeld();
      if (until?.()) return true;
    }
    return false;
  }

  /** Whether every address belongs to exactly one live node, by the nodes' own allotments. */
  get isWhole(): boolean {
    const held = this.up.flatMap(({ allotment }) => allotment.held.ranges.flat()).sort((a, b) => a.first - b.first);
    const total = held.reduce((sum, range) => sum + rangeSize(range), 0);
    const wanted = this.pools.reduce((sum, range) => sum + rangeSize(range), 0);
    return total === wanted &&
      held.every((range, index) => index === 0 || range.first > (held[index - 1] as Range).last);
  }

  #checkHeld(): void {
    for (const a of this.up) {
      for (const b of this.up) {
        if (a.id >= b.id) continue;
        ok(
          !overlap(a.allotment.held.ranges, b.allotment.held.ranges),
          `n${a.id} and n${b.id} hold the same at ${this.ms}`,
        );
      }
    }
  }

  #send(from: Node, to: NodeId, message: RangeAllocation): void {
    if (from.leadership.role === "leader") {
      this.sent += 1;
      const key = `${message.term}.${message.version}`;
      const told = this.#told.get(key) ?? new Map();
      this.#told.set(key, told.set(to, message.ranges));
      for (const [other, ranges] of told) {
        ok(other === to || !overlap(ranges, message.ranges), `version ${key} gives n${other} and n${to} the same`);
      }
    }
    if (this.chance() < this.loss) return;
    const ms = this.ms + this.chance() * this.delayMs;
    this.#queue.push({
      ms,
      run: () => {
        const node = this.node(to);
        if (!node.up) return;
        if (message.report) node.allocator.receive(from.id, message, at(this.ms));
        else node.allotment.receive(from.id, message, at(this.ms));
      },
    });
  }
}

function three(): Cluster {
  const cluster = new Cluster([1, 2, 3], [30_000, 250, 1]);
  cluster.lead(3);
  ok(cluster.run(1_000, () => cluster.isWhole));
  return cluster;
}

Deno.test("range allocator: a first leader divides everything, then is silent", () => {
  const cluster = three();
  cluster.run(1_000);
  const { sent } = cluster;
  const { version } = cluster.node(3).allocator;
  cluster.run(60_000);
  strictEqual(cluster.sent, sent);
  strictEqual(cluster.node(3).allocator.version, version);
  ok(version <= 2, String(version));
});

Deno.test("range allocator: asks once per revision for the free counts of a node, whatever the number of pools", () => {
  const pools = Array.from({ length: 50 }, (_, pool) => ({ first: pool * 256, last: pool * 256 + 99 }));
  const allocator = leaderOf(pools);
  const asked: NodeId[] = [];
  const free = (node: NodeId) => (asked.push(node), pools.map(() => 50));
  for (let ms = 0; ms <= 4_000; ms += 1_000) {
    asked.length = 0;
    allocator.tick(at(ms), { present: [1, 2], serving: [1, 2], free });
  }
  deepStrictEqual(asked.sort(), [1, 2]);
});

Deno.test("range allocator: a division that nothing changes is looked at again only after some seconds", () => {
  const pools = [{ first: 0, last: 255 }];
  let freeInBlocks = 0;
  const looks: number[] = [];
  let ms = 0;
  const allocator = leaderOf(pools, () => (looks.push(ms), freeInBlocks));
  // Node 2 is low, and node 1 has no block to give.
  const view = { present: [1, 2], serving: [1, 2], free: (node: NodeId) => node === 2 ? [0] : [100] };
  const report = { type: "rangeAllocation", report: true, term: 1 } as const;
  const run = (untilMs: number) => {
    looks.length = 0;
    for (; ms <= untilMs; ms += 50) {
      allocator.tick(at(ms), view);
      const { version } = allocator;
      if (version > 0) allocator.receive(2, { ...report, version, ranges: [] }, at(ms));
    }
    return new Set(looks.filter((at) => at > untilMs - 4_000)).size;
  };
  ok(run(20_000) <= 1, `${looks.length} looks in four seconds`);
  const { version } = allocator;
  freeInBlocks = 8;
  run(26_000);
  ok(allocator.version > version, "what became free is given away");
});

Deno.test("range allocator: the next leader learns the division and changes nothing", () => {
  const cluster = three();
  cluster.node(1).allotment.want(0);
  const before = cluster.nodes.map(({ allotment }) => allotment.held.ranges);
  cluster.lead(2);
  cluster.run(5_000);
  deepStrictEqual(cluster.nodes.map(({ allotment }) => allotment.held.ranges), before);
  deepStrictEqual(cluster.nodes.map(({ allotment }) => allotment.held.term), [2, 2, 2]);
});

Deno.test("range allocator: a restart moves nothing; a lost node's ranges move in time, a share returns later", () => {
  const cluster = three();
  const before = cluster.nodes.map(({ allotment }) => allotment.held.ranges);
  cluster.node(1).up = false;
  cluster.run(3_000);
  cluster.start(1);
  cluster.run(3_000);
  deepStrictEqual(cluster.nodes.map(({ allotment }) => allotment.held.ranges), before);
  cluster.node(1).up = false;
  cluster.mayOverlap = true;
  ok(cluster.run(10_000 - CLUSTER_LIMITS.suspectMs, () => cluster.isWhole));
  cluster.start(1);
  ok(cluster.run(5_000, () => cluster.isWhole && (cluster.free(cluster.node(1))[0] ?? 0) > 9_000));
});

Deno.test("range allocator: a dead leader's ranges are divided by the next one as soon as it has asked around", () => {
  const cluster = three();
  cluster.node(3).up = false;
  cluster.mayOverlap = true;
  cluster.run(2_000);
  cluster.lead(2);
  ok(cluster.run(2_000, () => cluster.isWhole));
});

Deno.test("range allocator: a node with all the traffic gets more before it runs dry, and the rest on request", () => {
  const cluster = new Cluster([1, 2, 3], [6_000]);
  cluster.lead(3);
  const { allotment } = cluster.node(1);
  const next = () => {
    for (const { first, last } of allotment.held.ranges[0] ?? []) {
      for (let address = first; address <= last; address++) if (!cluster.used.has(address)) return address;
    }
    return undefined;
  };
  const grant = () => {
    const address = next();
    if (address !== undefined) cluster.used.add(address);
    else allotment.want(0);
    return address !== undefined;
  };
  cluster.run(1_000);
  // 25 leases per second, all through one node.
  for (let tick = 0; tick < 2 * 5_000; tick++) {
    if (tick % 2 === 0) ok(grant(), `refused after ${cluster.used.size} of 6000`);
    cluster.run(TICK_MS);
  }
  // The last ones are spread over the others' blocks: they come when they are asked for.
  for (let second = 0; cluster.used.size < 6_000; second++) {
    ok(second < 120, `${cluster.used.size} of 6000 after ${second} s`);
    for (let count = 0; count < 40; count++) grant();
    cluster.run(1_000);
  }
  ok(cluster.isWhole);
});

Deno.test("range allocator: the only address of a pool goes to the node that wants it, leader or not", () => {
  const cluster = three();
  const owner = () => cluster.nodes.find(({ allotment }) => allotment.held.ranges[2]?.length === 1)?.id;
  for (const id of [1, 2, 3, 1]) {
    if (owner() === id) continue;
    cluster.run(3_000);
    cluster.node(id).allotment.want(2);
    ok(cluster.run(3_000, () => owner() === id), `n${id} wants it, n${owner()} has it`);
  }
});

Deno.test("range allotment: an older allocation, another sender, and an unreadable fact are nothing", () => {
  const leadership = { role: "follower" as const, term: 5, leader: 2 };
  const allotment = new RangeAllotment(testContext({ self: 1, leadership }), { stored: "{" });
  deepStrictEqual(allotment.held, { term: 0, version: 0, ranges: [] });
  const say = (from: number, term: number, version: number) =>
    allotment.receive(from, {
      type: "rangeAllocation",
      report: false,
      term,
      version,
      ranges: [[{ first: version, last: 9 }]],
    }, at(0));
  say(2, 5, 4);
  say(2, 5, 3);
  say(3, 5, 7);
  say(2, 4, 8);
  deepStrictEqual(allotment.held, { term: 5, version: 4, ranges: [[{ first: 4, last: 9 }]] });
});

Deno.test("range allocator: no overlap within a version, none between live members, all come to rest", () => {
  const step = fc.record({
    kind: fc.constantFrom("lead", "stop", "start", "unsync", "sync", "use", "want"),
    id: fc.integer({ min: 1, max: 5 }),
    ms: fc.integer({ min: 1, max: 200 }).map((n) => n * TICK_MS),
  });
  const life = fc.record({
    sizes: fc.array(fc.constantFrom(1, 2, 4, 60, 700), { minLength: 1, maxLength: 3 }),
    steps: fc.array(step, { maxLength: 12 }),
    seed: fc.nat(),
    calm: fc.boolean(),
  });
  fc.assert(
    fc.property(life, ({ sizes, steps, seed, calm }) => {
      const cluster = new Cluster([1, 2, 3, 4, 5], sizes);
      let state = seed;
      cluster.chance = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
      cluster.loss = 0.3;
      cluster.delayMs = 300;
      let leader = 5;
      cluster.lead(leader);
      for (const { kind, id, ms } of steps) {
        const node = cluster.node(id);
        if (kind === "lead" && node.up && !calm) {
          leader = id;
          cluster.mayOverlap = true;
          cluster.lead(id);
        } else if (kind === "stop" && id !== leader && !calm) {
          node.up = false;
          cluster.mayOverlap = true;
        } else if (kind === "start" && !node.up) cluster.start(id);
        else if (kind === "unsync" && id !== leader) cluster.unsynced.add(id);
        else if (kind === "sync") cluster.unsynced.delete(id);
        else if (kind === "use") { for (const { first } of node.allotment.held.ranges.flat()) cluster.used.add(first); }
        else if (kind === "want") node.allotment.want(0);
        cluster.run(ms);
      }
      for (const node of cluster.nodes) if (!node.up) cluster.start(node.id);
      cluster.unsynced.clear();
      cluster.loss = 0;
      cluster.run(30_000);
      ok(cluster.isWhole);
      const { version } = cluster.node(leader).allocator;
      cluster.run(30_000);
      strictEqual(cluster.node(leader).allocator.version, version, "the division does not come to rest");
      deepStrictEqual(cluster.nodes.map(({ allotment }) => allotment.held.version), new Array(5).fill(version));
    }),
    { numRuns: 60 },
  );
});

Deno.test("range allotment: a disk that went back to an older allocation reports it within seconds", () => {
  const sent: RangeAllocation[] = [];
  const leadership = { role: "follower" as const, term: 5, leader: 2 };
  const effects: Partial<Effects> = { send: (_to, message) => sent.push(message as RangeAllocation) };
  const stored = JSON.stringify({ term: 5, version: 2, ranges: [[]] });
  const allotment = new RangeAllotment(testContext({ self: 1, leadership, effects }), { stored });
  for (let ms = 0; ms <= CLUSTER_LIMITS.rangeReportMs; ms += 20) allotment.tick(at(ms));
  deepStrictEqual(sent, [{ type: "rangeAllocation", report: true, term: 5, version: 2, ranges: [[]] }]);
});

Deno.test("range allocator: a new leader recalls the division of thousands of pools in a moment", () => {
  const pools = Array.from({ length: 8_000 }, (_, pool) => ({ first: pool * 256, last: pool * 256 + 240 }));
  const allocator = leaderOf(pools);
  const view = { present: [1, 2, 3], serving: [1, 2, 3], free: () => undefined };
  allocator.tick(at(0), view);
  // Node 3 has all that is left of the odd pools, node 2 half of each even one.
  const ranges = (node: NodeId) =>
    pools.map(({ first, last }, pool) => {
      if (pool % 2 === 1) return node === 3 ? [{ first, last }] : [];
      return node === 2 ? [{ first, last: first + 127 }] : [];
    });
  for (const node of [2, 3]) {
    allocator.receive(
      node,
      { type: "rangeAllocation", report: true, term: 0, version: 0, ranges: ranges(node) },
      at(1),
    );
  }
  const startMs = performance.now();
  allocator.tick(at(CLUSTER_LIMITS.rangeCollectMs + 1), view);
  const spentMs = performance.now() - startMs;
  ok(spentMs < 3_000, `it took ${Math.round(spentMs)} ms; looking at every range for every block takes long`);
  const [even, odd] = allocator.divisions ?? [];
  ok(odd?.owners.every((owner) => owner === 3));
  const kept = even?.owners.slice(0, 128 / even.blockSize) ?? [];
  ok(kept.length > 0 && kept.every((owner) => owner === 2), "what a node had stays with it");
});
