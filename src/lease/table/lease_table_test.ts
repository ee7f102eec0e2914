import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { parseIpv4, type Range } from "../../net/ipv4.ts";
import { accept, isLocking } from "../agreement/rule.ts";
import { CLIENT_TAG, type ClientKey, clientKey } from "../agreement/client_key.ts";
import { MARGIN_MS } from "../agreement/limits.ts";
import { FREE_SLOT, type LeaseRow, NO_DETAIL, type Slot } from "../agreement/slot.ts";
import { LeaseTable } from "./lease_table.ts";
import { NO_VERSION } from "../agreement/version.ts";

const SUBNET = 0x0a000000;
const NOW = 1_700_000_000_000;

function client(number: number): ClientKey {
  const bytes = Uint8Array.of(1, 2, 0, 0, number >>> 16, number >>> 8, number);
  return clientKey({ subnet: SUBNET, tag: CLIENT_TAG.hardware, bytes });
}

function bound(of: ClientKey, clock: number, lockedUntil: number): Slot {
  const version = { clock, node: 1, incarnation: 9 };
  return { state: "bound", client: of, version, lockedUntil, committedVersion: NO_VERSION, singleVersion: true };
}

function released(of: ClientKey, clock: number): Slot {
  const ended = {
    replaces: { clock: clock / 2, node: 2, incarnation: 8 },
    committedVersion: { clock: clock / 4, node: 3, incarnation: 7 },
    at: clock / 8,
  };
  return { ...bound(of, clock, 0), state: "released", singleVersion: false, ended };
}

function seen(ms: number) {
  return { ...NO_DETAIL, lastSeen: ms };
}

function at(ms: number) {
  return { latest: ms, now: ms, earliest: ms };
}

const POOL: Range = { first: 0x0a000001, last: 0x0a000004 };

Deno.test("table: never used addresses come first and in order, then the longest ended", () => {
  const table = new LeaseTable({ pools: [POOL], reserved: [] });
  const first = table.takeFree(0, at(NOW));
  strictEqual(first, POOL.first);
  table.set(POOL.first, bound(client(1), 1, NOW + 1000), seen(NOW));
  table.set(POOL.first, released(client(1), 2), seen(NOW + 1));
  for (let offset = 1; offset < 4; offset++) {
    const address = table.takeFree(0, at(NOW));
    strictEqual(address, POOL.first + offset);
    table.set(POOL.first + offset, bound(client(1 + offset), 1, NOW + 1000), seen(NOW));
  }
  table.set(POOL.first + 2, released(client(3), 9), seen(NOW + 5));
  strictEqual(table.takeFree(0, at(NOW)), POOL.first);
  strictEqual(table.takeFree(0, at(NOW)), POOL.first + 2);
  strictEqual(table.takeFree(0, at(NOW)), undefined);
});

Deno.test("table: an ended lock frees its address after the margin, without a scan", () => {
  const table = new LeaseTable({ pools: [{ first: 1, last: 1 }], reserved: [] });
  table.takeFree(0, at(NOW));
  table.set(1, bound(client(1), 1, NOW + 60_000), seen(NOW));
  const end = NOW + 60_000 + MARGIN_MS;
  table.expire(at(end - 1));
  strictEqual(table.takeFree(0, at(end - 1)), undefined);
  table.expire(at(end));
  strictEqual(table.takeFree(0, at(end)), 1);
});

Deno.test("table: declined addresses rest in the order of their declines, also after a load", () => {
  const pools = [POOL, { first: 0x0a000101, last: 0x0a000104 }];
  const table = new LeaseTable({ pools, reserved: [] });
  const declined = (of: number, untilMs: number): Slot => ({
    ...released(client(of), of),
    state: "declined",
    lockedUntil: untilMs,
  });
  const [a, b, c, elsewhere] = [POOL.first + 2, POOL.first, POOL.first + 1, 0x0a000102];
  for (const [address, ms] of [[a, 1], [b, 2], [c, 3], [elsewhere, 4]] as const) {
    table.set(address, declined(ms, NOW + 60_000 * ms), seen(NOW + ms));
  }
  const order = () => [0, 1].map((pool) => [...table.resting(pool)]);
  deepStrictEqual(order(), [[a, b, c], [elsewhere]]);
  table.reconfigure({ pools, reserved: [] });
  deepStrictEqual(order(), [[a, b, c], [elsewhere]], "loaded in the order of the addresses");
  table.set(b, released(client(2), 9), seen(NOW + 9));
  deepStrictEqual([order()[0], table.restingIn(0)], [[a, c], 2]);
  table.expire(at(NOW + 60_000 + MARGIN_MS));
  deepStrictEqual(order(), [[c], [elsewhere]]);
  table.set(c, bound(client(7), 99, NOW + 900_000), seen(NOW + 9));
  deepStrictEqual([table.restingIn(0), table.restingIn(1), table.restingIn(2)], [0, 1, 0]);
});

Deno.test("table: after a step back, short leases still end, and a lock that runs again hides no other address", () => {
  const table = new LeaseTable({ pools: [{ first: 1, last: 2 }], reserved: [] });
  for (const address of [1, 2]) table.set(address, bound(client(address), 1, NOW + 60_000), seen(NOW));
  table.expire(at(NOW + 60_000 + MARGIN_MS));
  // An hour back: client 2's lock runs again, and it releases its address.
  const back = NOW - 3_600_000;
  table.set(2, released(client(2), 2), seen(back));
  table.expire(at(back));
  strictEqual(table.takeFree(0, at(back)), 2);
  table.set(2, bound(client(3), 3, back + 10_000), seen(back));
  const end = back + 10_000 + MARGIN_MS;
  table.expire(at(end));
  strictEqual(table.takeFree(0, at(end)), 2);
  table.endOffer(2);
  // And one that was leased between the step and the next tick.
  const again = end - 3_600_000;
  table.set(2, bound(client(3), 4, again + 10_000), seen(again));
  table.expire(at(again));
  table.expire(at(again + 10_000 + MARGIN_MS));
  strictEqual(table.takeFree(0, at(again + 10_000 + MARGIN_MS)), 2);
  strictEqual(table.takeFree(0, at(end)), undefined);
  table.expire(at(NOW + 60_000 + MARGIN_MS));
  strictEqual(table.takeFree(0, at(NOW + 60_000 + MARGIN_MS)), 1);
});

Deno.test("table: a renewed lock expires at its new end", () => {
  const table = new LeaseTable({ pools: [{ first: 1, last: 1 }], reserved: [] });
  table.set(1, bound(client(1), 1, NOW + 60_000), seen(NOW));
  table.set(1, bound(client(1), 2, NOW + 600_000), seen(NOW));
  table.expire(at(NOW + 60_000 + MARGIN_MS));
  strictEqual(table.takeFree(0, at(NOW + 60_000 + MARGIN_MS)), undefined);
  table.expire(at(NOW + 600_000 + MARGIN_MS));
  strictEqual(table.takeFree(0, at(NOW + 600_000 + MARGIN_MS)), 1);
});

Deno.test("table: an address whose offer ends is chosen next, unless it was leased", () => {
  const table = new LeaseTable({ pools: [POOL], reserved: [] });
  const offered = table.takeFree(0, at(NOW)) as number;
  strictEqual(table.isAvailable(offered, at(NOW)), false);
  table.endOffer(offered);
  strictEqual(table.takeFree(0, at(NOW)), offered);
  table.set(offered, bound(client(1), 1, NOW + 60_000), seen(NOW));
  table.endOffer(offered);
  strictEqual(table.takeFree(0, at(NOW)), offered + 1);
});

Deno.test("table: reserved addresses are never chosen, inside or outside a pool", () => {
  const outside = parseIpv4("10.9.9.9") as number;
  const table = new LeaseTable({ pools: [POOL], reserved: [POOL.first + 1, outside] });
  const chosen = [0, 1, 2, 3].map(() => table.takeFree(0, at(NOW)));
  deepStrictEqual(chosen, [POOL.first, POOL.first + 2, POOL.first + 3, undefined]);
  table.set(outside, bound(client(7), 1, NOW + 5), seen(NOW));
  strictEqual(table.find(client(7)), outside);
  table.set(POOL.first + 1, released(client(7), 2), seen(NOW));
  strictEqual(table.takeFree(0, at(NOW)), undefined);
});

Deno.test("table: find() prefers the running lease, then the one seen last, and forgets a former client", () => {
  const table = new LeaseTable({ pools: [POOL], reserved: [] });
  table.set(POOL.first, released(client(1), 1), seen(NOW));
  table.set(POOL.first + 1, released(client(1), 1), seen(NOW + 7));
  strictEqual(table.find(client(1)), POOL.first + 1);
  table.set(POOL.first, bound(client(1), 2, NOW + 9), seen(NOW));
  strictEqual(table.find(client(1)), POOL.first);
  table.set(POOL.first, bound(client(2), 3, NOW + 9), seen(NOW));
  strictEqual(table.find(client(1)), POOL.first + 1);
  strictEqual(table.find(client(2)), POOL.first);
  strictEqual(table.find(client(3)), undefined);
});

Deno.test("table: load() restores slots, details and the order of ended addresses", () => {
  const rows: LeaseRow[] = [
    { address: POOL.first, slot: released(client(1), 5), detail: seen(NOW + 9) },
    { address: POOL.first + 1, slot: bound(client(2), 6, NOW + 60_000), detail: seen(NOW) },
    {
      address: POOL.first + 2,
      slot: released(client(3), 7),
      detail: { ...seen(NOW + 3), htype: 1, hostname: "drucker-ä", circuitId: Uint8Array.of(9), giaddr: 0xfffefdfc },
    },
    { address: POOL.first + 3, slot: released(client(4), 8), detail: seen(NOW + 5) },
  ];
  const table = new LeaseTable({ pools: [POOL], reserved: [] });
  table.load(rows);
  deepStrictEqual([...table.rows()], rows);
  strictEqual(table.size, 4);
  const chosen = [0, 1, 2, 3].map(() => table.takeFree(0, at(NOW)));
  deepStrictEqual(chosen, [POOL.first + 2, POOL.first + 3, POOL.first, undefined]);
});

Deno.test("table: rowsAfter() pages through used slots by address, in and out of the pools", () => {
  const pools = [{ first: 200, last: 209 }, { first: 100, last: 109 }];
  const table = new LeaseTable({ pools, reserved: [150, 50] });
  for (const address of [205, 150, 100, 50, 109, 300]) table.set(address, released(client(address), 1), seen(NOW));
  const page = (after: number) => table.rowsAfter(after, 2).map(({ address }) => address);
  deepStrictEqual([page(-1), page(100), page(150), page(300)], [[50, 100], [109, 150], [205, 300], []]);
});

Deno.test("table: poolUse() counts every address once", () => {
  const table = new LeaseTable({ pools: [{ first: 100, last: 109 }], reserved: [109] });
  table.takeFree(0, at(NOW));
  table.set(101, bound(client(1), 1, NOW + 60_000), seen(NOW));
  table.set(102, { ...released(client(2), 1), lockedUntil: NOW + 60_000, state: "declined" }, seen(NOW));
  table.set(103, released(client(3), 1), seen(NOW));
  const use = { addresses: 10, bound: 1, resting: 1, offered: 1, reserved: 1, free: 6 };
  deepStrictEqual(table.poolUse(0, at(NOW)), use);
  deepStrictEqual(table.poolUse(0, at(NOW + 60_000 + MARGIN_MS)), { ...use, bound: 0, resting: 0, free: 8 });
});

Deno.test("table: reconfigure() keeps every slot, in and out of the pools, and places it again", () => {
  const table = new LeaseTable({ pools: [POOL], reserved: [POOL.first + 1] });
  const offered = table.takeFree(0, at(NOW)) as number;
  table.set(POOL.first + 1, released(client(1), 1), seen(NOW + 5));
  table.set(POOL.first + 2, released(client(2), 2), seen(NOW + 1));
  table.set(POOL.first + 3, bound(client(3), 3, NOW + 60_000), seen(NOW));
  const rows = [...table.rows()];
  const wider = { first: POOL.first, last: POOL.last + 1 };
  table.reconfigure({ pools: [{ first: 200, last: 201 }, wider], reserved: [200] });
  deepStrictEqual([...table.rows()], rows);
  strictEqual(table.size, 3);
  strictEqual(table.poolOf(POOL.first), 1);
  strictEqual(table.find(client(3)), POOL.first + 3);
  strictEqual(table.isAvailable(offered, at(NOW)), true);
  const chosen = [0, 1, 2, 3, 4].map(() => table.takeFree(1, at(NOW)));
  deepStrictEqual(chosen, [offered, POOL.last + 1, POOL.first + 2, POOL.first + 1, undefined]);
  const end = NOW + 60_000 + MARGIN_MS;
  table.expire(at(end));
  strictEqual(table.takeFree(1, at(end)), POOL.first + 3);

  // Without its pool a slot is still known and found, and its address is not chosen.
  table.reconfigure({ pools: [{ first: 200, last: 201 }], reserved: [] });
  deepStrictEqual([...table.rows()], rows);
  strictEqual(table.find(client(3)), POOL.first + 3);
  deepStrictEqual([0, 1, 2].map(() => table.takeFree(0, at(end))), [200, 201, undefined]);
  table.set(POOL.last + 9, bound(client(4), 3, NOW + 60_000), seen(NOW));
  strictEqual(table.size, 4);
});

Deno.test("table: with ranges it chooses from their blocks only, the longest ended of all of them", () => {
  // 100 addresses are 50 blocks of two.
  const table = new LeaseTable({ pools: [{ first: 100, last: 199 }], reserved: [104] });
  strictEqual(table.owns(104), true);
  strictEqual(table.owns(99), true);
  strictEqual(table.freeOwned(0), 99);
  table.setRanges([[{ first: 104, last: 107 }, { first: 111, last: 115 }]]);
  const owned = [104, 105, 106, 107, 112, 113, 114, 115];
  for (let address = 99; address <= 200; address++) strictEqual(table.owns(address), owned.includes(address));
  strictEqual(table.freeOwned(0), 7);
  strictEqual(table.freeIn({ first: 104, last: 107 }), 3);
  // Half a block does not count.
  strictEqual(table.freeIn({ first: 103, last: 108 }), 3);
  strictEqual(table.freeIn({ first: 99, last: 103 }), 0);

  const chosen = owned.map(() => table.takeFree(0, at(NOW)));
  deepStrictEqual(chosen, [105, 106, 107, 112, 113, 114, 115, undefined]);
  strictEqual(table.freeOwned(0), 0);
  // 150 ended first, but another node owns it.
  for (const address of [150, 113, 106]) table.set(address, released(client(address), 1), seen(NOW));
  strictEqual(table.takeFree(0, at(NOW)), 113);
  table.setRanges([[{ first: 150, last: 151 }, { first: 106, last: 107 }]]);
  deepStrictEqual([0, 1, 2, 3].map(() => table.takeFree(0, at(NOW))), [151, 150, 106, undefined]);
  table.setRanges([]);
  strictEqual(table.takeFree(0, at(NOW)), undefined);
  table.setRanges(undefined);
  strictEqual(table.takeFree(0, at(NOW)), 100);
});

Deno.test("table: reserve() leaves what a table made with those reservations and rows has", () => {
  const pools = [{ first: 100, last: 115 }];
  const addresses = [100, 101, 102, 103, 107, 115, 300];
  const step = fc.record({
    kind: fc.constantFrom("bind", "release", "offer", "reserve", "wait"),
    address: fc.constantFrom(...addresses),
    reserved: fc.subarray(addresses),
    seconds: fc.nat(60),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const table = new LeaseTable({ pools, reserved: [] });
    const offered = new Set<number>();
    let reserved: number[] = [];
    let now = NOW;
    let clock = 0;
    for (const { kind, address, seconds, reserved: next } of steps) {
      if (kind === "bind") table.set(address, bound(client(address), ++clock, now + seconds * 1_000), seen(clock));
      else if (kind === "release") table.set(address, released(client(address), ++clock), seen(clock));
      else if (kind === "reserve") table.reserve(reserved = next);
      else if (kind === "wait") now += seconds * 1_000;
      else {
        const taken = table.takeFree(0, at(now));
        if (taken !== undefined) offered.add(taken);
      }
      if (kind === "bind" || kind === "release") offered.delete(address);
      for (const other of reserved) offered.delete(other);
      // A lock that ended while its address was reserved is seen in the next second.
      table.expire(at(now += 1_000));
      const fresh = new LeaseTable({ pools, reserved });
      fresh.load(table.rows());
      fresh.expire(at(now));
      for (const other of offered) fresh.take(other, at(now));
      deepStrictEqual(table.poolUse(0, at(now)), fresh.poolUse(0, at(now)));
      // One outside the pools is asked for only if it is reserved.
      for (const other of addresses) {
        if (other >= 300) continue;
        strictEqual(table.isAvailable(other, at(now)), fresh.isAvailable(other, at(now)), String(other));
      }
      strictEqual(table.freeOwned(0), fresh.freeOwned(0));
    }
  }));
});

Deno.test("table: ranges stay after reconfigure(), by pool number", () => {
  const table = new LeaseTable({ pools: [{ first: 100, last: 109 }], reserved: [] });
  table.setRanges([[{ first: 105, last: 106 }]]);
  table.reconfigure({ pools: [{ first: 102, last: 109 }, { first: 200, last: 201 }], reserved: [106] });
  strictEqual(table.owns(106), true);
  deepStrictEqual([0, 0, 1].map((pool) => table.takeFree(pool, at(NOW))), [105, undefined, undefined]);
});

Deno.test("table: takeUnowned() chooses from other nodes' blocks what their owners choose last", () => {
  const table = new LeaseTable({ pools: [{ first: 100, last: 131 }], reserved: [131] });
  table.setRanges([[{ first: 100, last: 101 }]]);
  deepStrictEqual([0, 1, 2].map(() => table.takeFree(0, at(NOW))), [100, 101, undefined]);
  const others = [0, 1, 2].map(() => table.takeUnowned(0, at(NOW)));
  strictEqual(new Set(others).size, 3);
  for (const address of others) ok(address !== undefined && address > 101 && address < 131 && !table.owns(address));
  // The owner of all other blocks chooses in order, and never an address that was offered here.
  let taken = 0;
  while (table.takeUnowned(0, at(NOW)) !== undefined) taken += 1;
  strictEqual(taken, 26, "all but the own, the first three and the reserved one");
  table.setRanges(undefined);
  strictEqual(table.takeUnowned(0, at(NOW)), undefined);
});

Deno.test("table: another start chooses from another part of the pool first, and from all of it in the end", () => {
  const pools = [{ first: 100, last: 163 }];
  const choice = (start: number) => {
    const table = new LeaseTable({ pools, reserved: [], start });
    return Array.from({ length: 65 }, () => table.takeFree(0, at(NOW)));
  };
  deepStrictEqual(choice(0).slice(0, 2), [100, 101]);
  deepStrictEqual(choice(0.5).slice(0, 2), [132, 133]);
  const all = choice(0.9);
  deepStrictEqual([new Set(all).size, all.at(-1)], [65, undefined]);
});

/** A plain model of the table: an object per address, everything by scanning. */
class Model {
  slots = new Map<number, Slot>();
  find(of: ClientKey): Set<number> {
    return new Set([...this.slots].filter(([, slot]) => slot.client === of).map(([address]) => address));
  }
}

Deno.test("table: behaves like a simple model under random grants, ends, offers and time", () => {
  const command = fc.record({
    kind: fc.constantFrom("grant", "release", "offer", "giveBack", "wait"),
    client: fc.nat(12),
    address: fc.nat(9),
    seconds: fc.nat(400),
  });
  fc.assert(fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
    const pools = [{ first: 100, last: 104 }, { first: 200, last: 203 }];
    const reserved = [101, 300];
    const addresses = [100, 101, 102, 103, 104, 200, 201, 202, 203, 300];
    const table = new LeaseTable({ pools, reserved });
    const model = new Model();
    const offered = new Set<number>();
    let now = NOW;
    let clock = 1;
    for (const step of commands) {
      const address = addresses[step.address] as number;
      const slot = model.slots.get(address) ?? FREE_SLOT;
      table.expire(at(now));
      if (step.kind === "wait") now += step.seconds * 1000;
      else if (step.kind === "grant") {
        const of = client(step.client);
        const record = {
          client: of,
          version: { clock: ++clock, node: 1, incarnation: 1 },
          lockedUntil: now + step.seconds * 1000,
          committedVersion: NO_VERSION,
          singleVersion: true,
          proposedAt: now,
        };
        const result = accept(table.get(address), record, at(now));
        deepStrictEqual(result, accept(slot, record, at(now)));
        if (!result.answer.ok) continue;
        model.slots.set(address, result.slot);
        table.set(address, result.slot, seen(now));
        offered.delete(address);
      } else if (step.kind === "release" && slot.state === "bound") {
        const next = released(slot.client as ClientKey, ++clock);
        model.slots.set(address, next);
        table.set(address, next, seen(now));
        offered.delete(address);
      } else if (step.kind === "offer") {
        const pool = address < 200 ? 0 : 1;
        const free = addresses.filter((other) => {
          const state = model.slots.get(other) ?? FREE_SLOT;
          const locked = (state.state === "bound") && state.lockedUntil + MARGIN_MS > now;
          return table.poolOf(other) === pool && !reserved.includes(other) && !offered.has(other) && !locked;
        });
        const chosen = table.takeFree(pool, at(now));
        // Expiry works in whole seconds: an address may become free up to one second late, never early.
        if (chosen === undefined) {
          ok(free.every((other) => (model.slots.get(other)?.lockedUntil ?? 0) + MARGIN_MS > now - 1000));
        } else {
          ok(free.includes(chosen), `${chosen} is not among ${free}`);
          const unused = free.filter((other) => !model.slots.has(other));
          if (unused.length > 0) ok(unused.includes(chosen), "a never used address comes first");
          offered.add(chosen);
        }
      } else if (step.kind === "giveBack") {
        table.endOffer(address);
        offered.delete(address);
      }
      for (const other of addresses) deepStrictEqual(table.get(other), model.slots.get(other) ?? FREE_SLOT);
      const found = table.find(client(step.client));
      const expected = model.find(client(step.client));
      ok(found === undefined ? expected.size === 0 : expected.has(found));
    }
  }));
});

/** A plain model of how addresses are chosen: every address an object, everything by scanning lists. */
class ChoiceModel {
  /** Never used, by address; offered once and returned, the last one first; ended, the longest ago first. */
  readonly unused: number[];
  readonly returned: number[] = [];
  readonly ended: number[] = [];
  readonly offered = new Set<number>();
  readonly used = new Set<number>();
  /** The second in which each lock ends, in the order in which the locks were placed. */
  readonly locks = new Map<number, number>();
  owned: (address: number) => boolean = () => true;

  constructor(addresses: readonly number[]) {
    this.unused = [...addresses];
  }

  leave(address: number): void {
    for (const list of [this.unused, this.returned, this.ended]) {
      if (list.includes(address)) list.splice(list.indexOf(address), 1);
    }
    this.offered.delete(address);
    this.locks.delete(address);
  }

  lock(address: number, holdMs: number): void {
    this.leave(address);
    this.used.add(address);
    this.locks.set(address, Math.ceil((holdMs + MARGIN_MS) / 1_000));
  }

  end(address: number): void {
    this.leave(address);
    this.used.add(address);
    this.ended.push(address);
  }

  expire(nowMs: number): void {
    const due = [...this.locks].filter(([, second]) => second <= Math.floor(nowMs / 1_000));
    for (const [address] of due.sort(([, a], [, b]) => a - b)) this.end(address);
  }

  get free(): number[] {
    return [...this.returned, ...this.unused, ...this.ended].filter((address) => this.owned(address));
  }

  giveBack(address: number): void {
    if (!this.offered.has(address)) return;
    this.leave(address);
    if (this.used.has(address)) this.ended.push(address);
    else this.returned.unshift(address);
  }
}

Deno.test("table: chooses and counts like a simple model with any ranges", () => {
  // With eight pools each has at most 16 blocks: these of 20 addresses have ten blocks of two.
  const pools = Array.from({ length: 8 }, (_, pool) => ({ first: 100 * pool + 100, last: 100 * pool + 119 }));
  const [pool = { first: 0, last: 0 }] = pools;
  const reserved = [103, 110];
  const addresses = Array.from({ length: 20 }, (_, offset) => pool.first + offset)
    .filter((address) => !reserved.includes(address));
  const blocks = Array.from({ length: 10 }, (_, block) => ({
    first: pool.first + 2 * block,
    last: pool.first + 2 * block + 1,
  }));
  const isIn = (address: number, range: Range) => range.first <= address && address <= range.last;
  const command = fc.record({
    kind: fc.constantFrom(
      "take",
      "take",
      "take",
      "lock",
      "end",
      "giveBack",
      "giveBack",
      "wait",
      "ranges",
      "reconfigure",
    ),
    address: fc.nat(addresses.length - 1),
    seconds: fc.nat(60),
    blocks: fc.option(fc.subarray(blocks)),
  });
  fc.assert(fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
    const table = new LeaseTable({ pools, reserved });
    const model = new ChoiceModel(addresses);
    let now = NOW;
    let clock = 0;
    for (const step of commands) {
      const address = addresses[step.address] as number;
      if (step.kind === "wait") {
        now += step.seconds * 1_000;
        table.expire(at(now));
        model.expire(now);
      } else if (step.kind === "lock") {
        const lockedUntil = now + step.seconds * 1_000;
        table.set(address, bound(client(address), ++clock, lockedUntil), seen(clock));
        model.lock(address, lockedUntil);
      } else if (step.kind === "end") {
        table.set(address, released(client(address), ++clock), seen(clock));
        model.end(address);
      } else if (step.kind === "giveBack") {
        table.endOffer(address);
        model.giveBack(address);
      } else if (step.kind === "take") {
        const expected = model.free[0];
        const chosen = table.takeFree(0, at(now));
        if (expected !== undefined && model.returned.includes(expected)) {
          // Of several returned ones any may go first.
          ok(model.returned.includes(chosen as number) && model.owned(chosen as number));
        } else strictEqual(chosen, expected);
        if (chosen !== undefined) {
          model.leave(chosen);
          model.offered.add(chosen);
        }
      } else if (step.kind === "ranges") {
        const owned = step.blocks;
        table.setRanges(owned === null ? undefined : [owned]);
        model.owned = (other) => owned === null || owned.some((range) => isIn(other, range));
      } else if (
        model.offered.size === 0 && model.returned.length === 0 &&
        !addresses.some((other) => isLocking(table.get(other).state))
      ) {
        // An offer or a lock does not keep its place in the order; here are none of either.
        const seenMs = (other: number) => table.detail(other).lastSeen;
        table.reconfigure({ pools, reserved });
        model.ended.sort((a, b) => seenMs(a) - seenMs(b));
      }
      strictEqual(table.freeOwned(0), model.free.length);
      strictEqual(table.free(0), model.unused.length + model.returned.length + model.ended.length);
      for (const block of blocks) {
        const free = [...model.unused, ...model.returned, ...model.ended].filter((other) => isIn(other, block));
        strictEqual(table.freeIn(block), free.length);
      }
      for (const other of addresses) strictEqual(table.owns(other), model.owned(other));
    }
  }));
});

Deno.test("table: upcoming() lists what takeFree() takes next, whatever happened before", () => {
  const range = { first: 1, last: 300 };
  const step = fc.record({ what: fc.constantFrom("take", "return", "lease", "release"), address: fc.nat(299) });
  fc.assert(fc.property(fc.array(step, { maxLength: 400 }), fc.nat(99), fc.boolean(), (steps, start, isWhole) => {
    const table = new LeaseTable({ pools: [range], reserved: [7], start: start / 100 });
    if (!isWhole) table.setRanges([[{ first: 1, last: 80 }, { first: 161, last: 240 }]]);
    const offered: number[] = [];
    let clock = 1;
    for (const { what, address: nth } of steps) {
      const address = 1 + nth;
      if (what === "take") offered.push(...[table.takeFree(0, at(NOW))].filter((taken) => taken !== undefined));
      else if (what === "return") table.endOffer(offered.splice(nth % offered.length, 1)[0] ?? 1);
      else if (what === "lease") table.set(address, bound(client(address), ++clock, NOW + 1000), seen(NOW));
      else if (table.get(address).state === "bound") {
        table.set(address, released(client(address), ++clock), seen(NOW));
      }
    }
    const upcoming = [...table.upcoming(0)];
    for (const address of upcoming) strictEqual(table.takeFree(0, at(NOW)), address);
    strictEqual(table.takeFree(0, at(NOW)), undefined);
  }));
});
