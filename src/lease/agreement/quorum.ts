/**
 * How many voters make a quorum, and how many a node without slots has to read from: the only place where either is
 * computed.
 */

/**
 * The quorum of a cluster: the smallest number of its voters that is more than half of them.
 *
 * Two quorums of the same voters together count more than there are, so at least one voter is in both. This shared
 * voter is why the lease agreement is safe: it has the first client's lock on its disk and rejects the second client.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual([1, 2, 3, 4, 5].map(quorumOf), [1, 2, 2, 3, 3]);
 * ```
 */
export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** Whether those voters for which something holds are a quorum. Asked at every tick, so it makes no list. */
export function isQuorum(voters: readonly number[], holds: (voter: number) => boolean): boolean {
  let count = 0;
  for (const voter of voters) if (holds(voter)) count += 1;
  return count >= quorumOf(voters.length);
}

/**
 * How many *other* voters' slots make up what a node has to know before it votes: their union contains every committed
 * lease.
 *
 * The quorum that committed a lease may have counted the node itself, before it lost its disk. The other
 * `quorumOf(voters) - 1` voters of that quorum still have the lease, so fewer than `unionSources(voters)` lack it.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual([2, 3, 4, 5].map(unionSources), [1, 2, 2, 3]);
 * ```
 */
export function unionSources(voters: number): number {
  return Math.ceil(voters / 2);
}
