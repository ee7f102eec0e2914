import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { MulticastWatch } from "./multicast_watch.ts";

const NODE = 2;

/** Node 2 sends a heartbeat by multicast and a report by unicast every 500 ms, those that pass. */
function hear(
  watch: MulticastWatch,
  { from, to }: { from: number; to: number },
  passes: { multicast: boolean; hears?: boolean; unicast?: boolean },
): void {
  for (let ms = from; ms < to; ms += 500) {
    if (passes.multicast) watch.received(NODE, "multicast", ms);
    if (passes.unicast === false) continue;
    watch.received(NODE, "unicast", ms);
    if (passes.hears !== undefined) watch.reported(NODE, passes.hears, ms);
    watch.unheard([NODE], ms);
  }
}

Deno.test("multicast: while it passes, no unicast and no problem; a lost heartbeat is no loss of multicast", () => {
  const watch = new MulticastWatch();
  hear(watch, { from: 0, to: 10_000 }, { multicast: true, hears: true });
  hear(watch, { from: 10_000, to: 10_500 }, { multicast: false, hears: true });
  strictEqual(watch.hears(NODE, 10_700), true);
  strictEqual(watch.needsUnicast(NODE, 10_700), false);
  deepStrictEqual(watch.unheard([NODE], 10_700), []);
});

Deno.test("multicast: what a member says that it does not hear is sent to it by unicast, until it hears again", () => {
  const watch = new MulticastWatch();
  hear(watch, { from: 0, to: 10_000 }, { multicast: true, hears: true });
  hear(watch, { from: 10_000, to: 10_500 }, { multicast: true, hears: false });
  strictEqual(watch.needsUnicast(NODE, 10_100), true);
  deepStrictEqual(watch.unheard([NODE], 10_500), [], "not yet a problem");
  hear(watch, { from: 10_500, to: 14_000 }, { multicast: true, hears: false });
  deepStrictEqual(watch.unheard([NODE], 14_000), [{ node: NODE, direction: "to" }]);
  hear(watch, { from: 14_000, to: 15_000 }, { multicast: true, hears: true });
  strictEqual(watch.needsUnicast(NODE, 15_000), false);
  deepStrictEqual(watch.unheard([NODE], 15_000), []);
});

Deno.test("multicast: what is not heard of a member is told to it and to the operator", () => {
  const watch = new MulticastWatch();
  hear(watch, { from: 0, to: 5_000 }, { multicast: true, hears: true });
  hear(watch, { from: 5_000, to: 10_500 }, { multicast: false, hears: true });
  strictEqual(watch.hears(NODE, 5_700), true);
  strictEqual(watch.hears(NODE, 6_000), false);
  strictEqual(watch.needsUnicast(NODE, 10_500), false, "it hears this node");
  deepStrictEqual(watch.unheard([NODE], 10_500), [{ node: NODE, direction: "from" }]);
});

Deno.test("multicast: without reports (release 1.0), unicast takes over when only unicast is heard", () => {
  const watch = new MulticastWatch();
  hear(watch, { from: 0, to: 5_000 }, { multicast: true });
  strictEqual(watch.needsUnicast(NODE, 5_500), false);
  hear(watch, { from: 5_000, to: 9_500 }, { multicast: false });
  strictEqual(watch.needsUnicast(NODE, 9_500), true);
  deepStrictEqual(watch.unheard([NODE], 9_500), [{ node: NODE, direction: "both" }]);
});

Deno.test("multicast: a silent member is no problem of multicast", () => {
  const watch = new MulticastWatch();
  hear(watch, { from: 0, to: 5_000 }, { multicast: true, hears: true });
  deepStrictEqual(watch.unheard([NODE], 15_000), []);
  deepStrictEqual(watch.unheard([NODE], 20_000), []);
  strictEqual(watch.needsUnicast(3, 20_000), false, "never heard of");
});
