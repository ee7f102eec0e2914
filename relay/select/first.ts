/**
 * Which node gets a request. For now: the first in configured order that can serve. Pure: it sees the health of the
 * nodes as somebody else has found it out and says where to send.
 */

/** What is known of a node. */
export interface NodeHealth {
  /** It says that it can serve; when nobody can ask it, it has served lately. */
  readonly ready: boolean;
  /** It answers at all. */
  readonly reachable: boolean;
}

/**
 * Returns the indexes of the nodes to send to, best first.
 *
 * One node, the first ready one; without any, the first reachable one. When none can be reached, all of them: what is
 * known may be wrong (their HTTP behind a firewall, the relay just started), a dead node does not mind a datagram, and
 * an answer is how the relay learns that a node lives.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const down = { ready: false, reachable: false };
 * deepStrictEqual(selectNodes([down, { ready: true, reachable: true }]), [1]);
 * deepStrictEqual(selectNodes([down, down]), [0, 1]);
 * ```
 */
export function selectNodes(nodes: readonly NodeHealth[]): readonly number[] {
  const ready = nodes.findIndex((node) => node.ready);
  if (ready >= 0) return [ready];
  const reachable = nodes.findIndex((node) => node.reachable);
  return reachable >= 0 ? [reachable] : nodes.map((_, index) => index);
}
