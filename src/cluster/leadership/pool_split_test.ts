import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { BLOCK_LIMITS } from "../../lease/table/blocks.ts";
import { type Range, rangeSize } from "../../net/ipv4.ts";
import type { NodeId } from "../wire/messages.ts";
import { blockRange, divide, rangesOf, type SplitInput, type SplitPool, undivided } from "./pool_split.ts";

function pool(size: number, first = 0x0a000001): Range {
  return { first, last: first + size - 1 };
}

function input(serving: NodeId[], more: Partial<SplitInput> = {}): SplitInput {
  return {
    serving,
    resting: [],
    present: serving,
    free: () => undefined,
    freeIn: rangeSize,
    wants: () => false,
    ...more,
  };
}

/** Blocks per node. */
function counts(division: SplitPool, nodes: NodeId[]): number[] {
  return nodes.map((node) => division.owners.filter((owner) => owner === node).length);
}

function divided(size: number, nodes: NodeId[]): SplitPool {
  return divide(undivided([pool(size)]), input(nodes), false)[0] as SplitPool;
}

function moved(before: SplitPool, after: SplitPool): number {
  return before.owners.filter((owner, block) => owner !== after.owners[block]).length;
}

/** All nodes have acknowledged. */
function settled(division: SplitPool): SplitPool {
  return { ...division, from: division.from.map(() => 0) };
}

Deno.test("ranges: blocks are powers of two and cover the pool", () => {
  for (const size of [1, 2, 3, 63, 64, 65, 250, 65_536, 1_000_000]) {
    const [division] = undivided([pool(size)]) as [SplitPool];
    ok(Number.isInteger(Math.log2(division.blockSize)));
    ok(division.owners.length <= BLOCK_LIMITS.perPool);
    const total = division.owners.reduce((sum, _, block) => sum + rangeSize(blockRange(division, block)), 0);
    strictEqual(total, size);
  }
  strictEqual(undivided(new Array(40).fill(pool(10_000)))[0]?.owners.length, 10);
});

Deno.test("ranges: the first division is fair and in one piece per node", () => {
  for (const count of [1, 2, 3, 5, 9]) {
    const nodes = Array.from({ length: count }, (_, index) => index + 1);
    const division = divided(65_536, nodes);
    const shares = counts(division, nodes);
    ok(Math.max(...shares) - Math.min(...shares) <= 1, String(shares));
    for (const node of nodes) strictEqual(rangesOf(division, node).length, 1);
  }
});

Deno.test("ranges: pools smaller than the cluster begin with different nodes", () => {
  const pools = [0, 1, 2].map((index) => pool(1, 100 * (index + 1)));
  deepStrictEqual(divide(undivided(pools), input([1, 2, 3]), true).map(({ owners }) => owners), [[1], [2], [3]]);
});

Deno.test("ranges: one address goes to the node that wants it, once the owner acknowledged, and stays there", () => {
  const before = divided(1, [1, 2, 3]);
  deepStrictEqual(before.owners, [1]);
  const free = (node: NodeId) => before.owners.includes(node) ? 1 : 0;
  const first = divide([before], input([1, 2, 3], { free }), true);
  strictEqual(first[0], before, "no node wants it, nothing moves");
  const wanted = divide([before], input([1, 2, 3], { free, wants: (node) => node === 3 }), true);
  deepStrictEqual(wanted[0]?.owners, [3]);
  deepStrictEqual(wanted[0]?.from, [1]);
  deepStrictEqual(rangesOf(wanted[0] as SplitPool, 3), []);
  const later = divide([settled(wanted[0] as SplitPool)], input([1, 2, 3], { free: (node) => +(node === 3) }), true);
  deepStrictEqual(rangesOf(later[0] as SplitPool, 3), [pool(1)]);
});

Deno.test("ranges: a node that joins gets its share and nothing else moves", () => {
  for (const count of [1, 2, 4, 8]) {
    const nodes = Array.from({ length: count }, (_, index) => index + 1);
    const before = divided(65_536, nodes);
    const [after] = divide([before], input([...nodes, 9]), true) as [SplitPool];
    const share = counts(after, [9])[0] as number;
    strictEqual(moved(before, after), share);
    ok(Math.abs(share - 64 / (count + 1)) < 1.01, `${share} of ${count + 1}`);
    deepStrictEqual(divide([settled(after)], input([...nodes, 9]), true)[0], settled(after));
  }
});

Deno.test("ranges: a lost node's blocks go to the others, without waiting for it, and nothing else moves", () => {
  const before = divided(65_536, [1, 2, 3]);
  const resting = divide([before], input([1, 3], { resting: [2] }), true);
  strictEqual(resting[0], before);
  const [after] = divide([before], input([1, 3]), true) as [SplitPool];
  strictEqual(moved(before, after), counts(before, [2])[0]);
  deepStrictEqual(counts(after, [1, 3]), [32, 32]);
  ok(after.from.every((node) => node === 0));
});

Deno.test("ranges: a low node is topped up to the mean, a node above half of it is left alone", () => {
  const before = divided(65_536, [1, 2, 3]);
  const free = (frees: Record<number, number>) => (node: NodeId) => frees[node] ?? 0;
  const rich = 21_000;
  strictEqual(divide([before], input([1, 2, 3], { free: free({ 1: 9_000, 2: rich, 3: rich }) }), true)[0], before);
  const [after] = divide([before], input([1, 2, 3], { free: free({ 1: 100, 2: rich, 3: rich }) }), true) as [
    SplitPool,
  ];
  const gained = (counts(after, [1])[0] as number) - (counts(before, [1])[0] as number);
  ok(gained >= 13 && gained <= 15, `${gained} blocks of 1024`);
  const low = divide([before], input([1, 2, 3], { free: free({ 1: 100, 2: rich, 3: rich }) }), false);
  strictEqual(low[0], before, "not before it may move");
});

Deno.test("ranges: the block with the most free addresses moves", () => {
  const before = divided(64, [1, 2]);
  const used = new Set(Array.from({ length: 64 }, (_, index) => pool(64).first + index));
  used.delete(pool(64).first + 40);
  used.delete(pool(64).first + 41);
  const [after] = divide(
    [before],
    input([1, 2], { free: (node) => node === 2 ? 2 : 0, freeIn: ({ first }) => used.has(first) ? 0 : 1 }),
    true,
  ) as [SplitPool];
  strictEqual(moved(before, after), 1);
  ok([40, 41].includes(after.owners.findIndex((owner, block) => owner !== before.owners[block])));
});

/** A pool in use: each node allocates from its own ranges. */
const life = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 3_000 }), fc.constant(100_000)),
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom("join", "leave", "use", "use", "end"),
      node: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 30 },
  ),
});

Deno.test("ranges: in any life every block has one serving owner, and the division comes to rest", () => {
  fc.assert(
    fc.property(life, ({ size, steps }) => {
      let divisions: readonly SplitPool[] = undivided([pool(size)]);
      const used = new Uint8Array(size);
      const serving = new Set<NodeId>([5]);
      const freeIn = ({ first, last }: Range) => {
        let free = 0;
        for (let address = first; address <= last; address++) if (used[address - pool(size).first] === 0) free++;
        return free;
      };
      const only = () => divisions[0] as SplitPool;
      const freeOf = (node: NodeId) => rangesOf(only(), node).reduce((sum, range) => sum + freeIn(range), 0);
      const round = () => {
        const nodes = [...serving].sort();
        const free = new Map(nodes.map((node) => [node, freeOf(node)]));
        const before = divisions;
        const more = { free: (node: NodeId) => free.get(node), freeIn };
        divisions = divide(divisions, input(nodes, more), true);
        // Check: one serving owner per block, ranges of different nodes don't overlap and lie in the pool.
        ok(only().owners.every((owner) => serving.has(owner)));
        const ranges = nodes.flatMap((node) => rangesOf(only(), node)).sort((a, b) => a.first - b.first);
        ranges.forEach((range, index) => ok(index === 0 || range.first > (ranges[index - 1] as Range).last));
        const changed = divisions !== before;
        divisions = divisions.map(settled);
        const total = nodes.flatMap((node) => rangesOf(only(), node)).reduce((sum, range) => sum + rangeSize(range), 0);
        strictEqual(total, size, "every address has an owner");
        return changed;
      };
      for (const { kind, node, part } of steps) {
        if (kind === "join") serving.add(node);
        if (kind === "leave" && serving.size > 1) serving.delete(node);
        if (kind === "use" && serving.has(node)) {
          let left = Math.ceil(freeOf(node) * part);
          for (const range of rangesOf(only(), node)) {
            for (let address = range.first; address <= range.last && left > 0; address++) {
              const index = address - pool(size).first;
              if (used[index] === 0) left -= used[index] = 1;
            }
          }
        }
        if (kind === "end") {
          for (let index = 0; index < size; index++) if ((index * 31) % 10 < part * 10) used[index] = 0;
        }
        round();
      }
      let rounds = 0;
      while (round()) ok(++rounds < 2 * BLOCK_LIMITS.perPool, "the division does not come to rest");
      strictEqual(round(), false);
      // No node stays low while the richest could give a block without becoming the poorer one.
      const nodes = [...serving];
      const free = nodes.map(freeOf);
      const mean = free.reduce((sum, count) => sum + count, 0) / nodes.length;
      const richest = Math.max(...free);
      nodes.forEach((node, index) => {
        const own = free[index] as number;
        const donor = nodes[free.indexOf(richest)] as NodeId;
        const blocks = only().owners.flatMap((owner, block) =>
          owner === donor ? [freeIn(blockRange(only(), block))] : []
        );
        const best = Math.max(...blocks);
        ok(own * 2 >= mean || own + best > richest - best, `n${node} is low: ${free}`);
      });
    }),
    { numRuns: 300 },
  );
});
