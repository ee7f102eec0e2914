/** A million leases: pages stay quick, and nothing else has to wait for them. */

import { ok, strictEqual } from "node:assert/strict";
import { cpuUsage } from "node:process";
import { CLIENT_TAG, clientKey } from "../../src/lease/agreement/client_key.ts";
import { LeaseTable } from "../../src/lease/table/lease_table.ts";
import type { Node } from "../node.ts";
import { findLeases, LEASES_QUERY } from "./leases.ts";

const FIRST = 0x0a000000;
const LEASES = 1_000_000;
const PAGE_MS_MAX = 100;
/** What a DHCP exchange may have to wait for a page. */
const STALL_MS_MAX = 25;

function millionLeases(): Node {
  const table = new LeaseTable({ pools: [{ first: FIRST, last: FIRST + LEASES - 1 }], reserved: [] });
  const lockedUntil = Date.now() + 3_600_000;
  const empty = new Uint8Array();
  table.beginLoad();
  for (let index = 0; index < LEASES; index++) {
    const chaddr = Uint8Array.of(2, 0, index >>> 24, index >>> 16, index >>> 8, index);
    const version = { clock: 1 + index, node: 1, incarnation: 1 };
    const client = clientKey({ subnet: FIRST, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, ...chaddr) });
    const detail = { htype: 1, chaddr, hostname: `host-${index}`, circuitId: empty, remoteId: empty, giaddr: FIRST };
    table.set(FIRST + index, {
      state: "bound",
      client,
      version,
      lockedUntil,
      committedVersion: version,
      singleVersion: true,
    }, {
      ...detail,
      lastSeen: lockedUntil,
      expires: lockedUntil,
    });
  }
  table.endLoad();
  const service = { table, compiled: { subnets: [] } };
  return { parts: { service } } as unknown as Node;
}

/** Made once: it takes seconds. */
const node = millionLeases();

Deno.test("leases: of a million, any page takes less than 100 ms of processor time, whatever matches", async () => {
  const measure = async (query: Record<string, string>) => {
    let bestMs = Infinity;
    let found = 0;
    // The best of a few: what the machine does beside is not what is measured.
    for (let attempt = 0; attempt < 4; attempt++) {
      const before = cpuUsage();
      found = (await findLeases(node, LEASES_QUERY.parse(query))).leases.length;
      const { user, system } = cpuUsage(before);
      bestMs = Math.min(bestMs, (user + system) / 1_000);
    }
    // deno-lint-ignore no-console -- measured figures are part of what a test has to say
    console.log(`  ${JSON.stringify(query)}: ${found} leases in ${bestMs.toFixed(1)} ms`);
    ok(bestMs < PAGE_MS_MAX, `${JSON.stringify(query)} took ${bestMs} ms`);
    return found;
  };
  strictEqual(await measure({}), 100);
  strictEqual(await measure({ after: "10.15.66.0", limit: "1000" }), 63);
  strictEqual(await measure({ hostname: "host-999999" }), 1);
  strictEqual(await measure({ hostname: "absent" }), 0);
  strictEqual(await measure({ client: "02:00:00:0f:42:3f" }), 1);
  strictEqual(await measure({ state: "declined" }), 0);
  strictEqual(await measure({ address: "10.9.8.7" }), 1);
});

Deno.test("leases: a page that looks through everything leaves room for others in between", async () => {
  // The best of a few: a busy machine stalls at times.
  const longest: number[] = [];
  for (let attempt = 0; attempt < 5; attempt++) {
    let longestMs = 0;
    let lastMs = performance.now();
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    }, 1);
    await findLeases(node, LEASES_QUERY.parse({ hostname: "absent" }));
    clearInterval(timer);
    longest.push(longestMs);
  }
  const bestMs = Math.min(...longest.filter((ms) => ms > 0));
  ok(bestMs < STALL_MS_MAX, `others waited ${longest} ms`);
});
