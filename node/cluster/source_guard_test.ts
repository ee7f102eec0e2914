import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { GUARD_LIMITS, SourceGuard } from "./source_guard.ts";

const MEMBER = 0x0a000001;

Deno.test("source guard: the kernel filters during a flood, by the members of the moment, until it is over", () => {
  const filters: (readonly number[] | undefined)[] = [];
  const guard = new SourceGuard((sources) => filters.push(sources));
  guard.setSources([MEMBER]);
  strictEqual(guard.has(MEMBER), true);
  strictEqual(guard.has(MEMBER + 1), false);
  for (let count = 0; count < GUARD_LIMITS.floodPerSecond; count++) guard.foreign(0);
  deepStrictEqual(filters, [], "few are no flood");
  guard.foreign(10);
  deepStrictEqual(filters, [[MEMBER]]);
  guard.setSources([MEMBER, MEMBER + 1]);
  deepStrictEqual(filters.at(-1), [MEMBER, MEMBER + 1]);
  // The sample says that it goes on.
  for (let ms = 1_000; ms < 1_000 + GUARD_LIMITS.calmMs; ms += 100) guard.foreign(ms);
  guard.tick(1_000 + GUARD_LIMITS.calmMs);
  strictEqual(guard.isFiltering, true);
  guard.tick(1_000 + 2 * GUARD_LIMITS.calmMs);
  strictEqual(filters.at(-1), undefined);
  strictEqual(guard.isFiltering, false);
});

Deno.test("source guard: few foreign datagrams in a second are looked at", () => {
  const guard = new SourceGuard(() => {});
  const looked = (ms: number) => Array.from({ length: 100 }, () => guard.foreign(ms)).filter((looks) => looks).length;
  strictEqual(looked(0), GUARD_LIMITS.explainedPerSecond);
  strictEqual(looked(999), 0);
  strictEqual(looked(1_000), GUARD_LIMITS.explainedPerSecond);
});
