/**
 * Which members multicast passes to and from. A network may lose the datagrams of a group while unicast passes: a
 * switch that snoops IGMP without a querier, a firewall, a virtual switch. Members tell each other by unicast whether
 * they hear the multicast of the other (`multicastHeard`); a member that does not hear this node's is sent unicast as
 * well. Multicast goes on, so that both sides notice when it passes again.
 *
 * Pure: times are monotonic milliseconds.
 */

import { CLUSTER_LIMITS } from "../../src/cluster/limits.ts";
import type { NodeId } from "../../src/cluster/wire/messages.ts";

/** Two heartbeats are lost: multicast is unheard. */
const UNHEARD_MS = 2.5 * CLUSTER_LIMITS.heartbeatMs;
/** A report holds until some of its successors are lost. */
const REPORT_MS = 4 * CLUSTER_LIMITS.heartbeatMs;
/** A member of release 1.0 sends no report, and little else by unicast: a time probe in ten seconds. */
const UNICAST_MS = 15_000;
/** What lasts this long is a problem for the operator, and no loss by chance. */
const PROBLEM_MS = 3_000;

/** One other member. */
interface Peer {
  multicastMs: number;
  unicastMs: number;
  reportMs: number;
  /** It hears this node's multicast, as it last said. */
  hears: boolean;
  /** Since when multicast has not passed in one of the directions. */
  unheardSinceMs: number | undefined;
}

/** The directions in which a member's multicast and this node's don't pass. */
interface Unheard {
  readonly node: NodeId;
  readonly direction: "from" | "to" | "both";
}

/** All other members. */
export class MulticastWatch {
  readonly #peers = new Map<NodeId, Peer>();

  /** An authentic datagram of a member. */
  received(from: NodeId, by: "multicast" | "unicast", ms: number): void {
    const peer = this.#peer(from);
    if (by === "multicast") peer.multicastMs = ms;
    else peer.unicastMs = ms;
  }

  /** A member says whether it hears this node's multicast. */
  reported(from: NodeId, hears: boolean, ms: number): void {
    const peer = this.#peer(from);
    peer.hears = hears;
    peer.reportMs = ms;
  }

  /** Whether this node hears a member's multicast. */
  hears(node: NodeId, ms: number): boolean {
    const peer = this.#peers.get(node);
    return peer !== undefined && ms - peer.multicastMs <= UNHEARD_MS;
  }

  /** Whether a member is to be sent unicast. Without a report of it, what is lost in one direction is lost in both. */
  needsUnicast(node: NodeId, ms: number): boolean {
    const peer = this.#peers.get(node);
    if (peer === undefined) return false;
    if (ms - peer.reportMs <= REPORT_MS) return !peer.hears;
    return ms - peer.unicastMs <= UNICAST_MS && !this.hears(node, ms);
  }

  /** Members that answer by unicast and that multicast has not passed to, or from, for a while. */
  unheard(nodes: readonly NodeId[], ms: number): Unheard[] {
    return nodes.flatMap((node): Unheard[] => {
      const peer = this.#peers.get(node);
      if (peer === undefined) return [];
      const isLive = ms - peer.unicastMs <= REPORT_MS;
      const from = isLive && !this.hears(node, ms);
      const to = isLive && this.needsUnicast(node, ms);
      if (!from && !to) {
        peer.unheardSinceMs = undefined;
        return [];
      }
      peer.unheardSinceMs ??= ms;
      if (ms - peer.unheardSinceMs < PROBLEM_MS) return [];
      return [{ node, direction: from && to ? "both" : from ? "from" : "to" }];
    });
  }

  #peer(node: NodeId): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      peer = {
        multicastMs: -Infinity,
        unicastMs: -Infinity,
        reportMs: -Infinity,
        hears: false,
        unheardSinceMs: undefined,
      };
      this.#peers.set(node, peer);
    }
    return peer;
  }
}
