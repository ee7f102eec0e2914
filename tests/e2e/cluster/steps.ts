/** Steps that several cases share, measured. */

import type { ClientLoad } from "../load/client_load.ts";
import { RETURNED_MS, took } from "./bars.ts";
import type { ClusterSite } from "./site.ts";

/**
 * Exchanges per second under which nodes come and go: far below what they can, so that waiting is the fault's doing.
 */
export const PER_SECOND = 100;
/** More than a test can serve, so that half of the exchanges are new leases. */
export const CLIENTS = 4_000;
/** Every client that lost a message has retransmitted it by then: 5 s at most. */
const SETTLE_SECONDS = 6;

/** Waits until every client that a fault has hit is served, before the next fault. */
export async function settles(load: ClientLoad): Promise<void> {
  await load.completes(SETTLE_SECONDS * PER_SECOND, 2 * SETTLE_SECONDS * 1_000);
}

/** Milliseconds from a given time until a majority of all nodes follows a running leader. */
export async function elected(site: ClusterSite, sinceMs: number, gone: readonly number[]): Promise<number> {
  const needed = Math.floor(site.members.length / 2) + 1;
  return await site.watch.after(sinceMs, "a new leader", 10_000, (snapshot) =>
    site.others(...gone).some(({ id }) => {
      const followers = [...snapshot].filter(([other, { leader }]) => !gone.includes(other) && leader === id);
      const facts = snapshot.get(id);
      return facts?.role === "leader" && facts.quorum && followers.length >= needed;
    }));
}

/** Starts a node and waits until it serves. */
export async function returns(site: ClusterSite, id: number, mostMs: number = RETURNED_MS): Promise<void> {
  const member = site.member(id);
  await member.start();
  const ms = await site.watch.after(member.startedMs, `node ${id} to serve`, 20_000, (snapshot) => {
    member.process.mustRun();
    return snapshot.get(id)?.ready === true;
  });
  took(`node ${id} serves again`, ms, mostMs);
}
