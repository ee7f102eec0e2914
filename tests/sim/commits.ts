/**
 * (j) A node that says ready for five seconds, in which no fault began or ended, commits what is proposed through it,
 * if not at once, then at the second attempt. A fault that goes on, such as a partition, must have made it say that it
 * is not ready.
 */

import { CLIENT_TAG, clientKey } from "../../src/lease/agreement/client_key.ts";
import { PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import { NO_DETAIL } from "../../src/lease/agreement/slot.ts";
import type { SimCluster } from "./cluster.ts";
import { LANS } from "./configurations.ts";
import { FAST_DISK } from "./disk.ts";
import type { SimNode } from "./node.ts";
import { Violation } from "./violation.ts";

const READY_MS = 5_000;
const POLL_MS = 1_000;
/** Between two proposals through one node. */
const EVERY_MS = 15_000;
const LEASE_MS = 5_000;
const ATTEMPTS = 2;
/** A decision and its result take this long. */
const DECIDED_MS = PROPOSAL_MS + 500;

/** What the faults say of the present moment. */
interface Calm {
  /** When a fault last began or ended. */
  readonly changedMs: number;
  /** Whether each packet is either always lost or never. */
  readonly isSteady: boolean;
}

export class Commits {
  readonly #cluster: SimCluster;
  readonly #calm: () => Calm;
  readonly #readySince = new Map<SimNode, { process: number; sinceMs: number }>();
  readonly #askedMs = new Map<SimNode, number>();

  constructor(cluster: SimCluster, calm: () => Calm) {
    this.#cluster = cluster;
    this.#calm = calm;
    this.#poll();
  }

  #poll(): void {
    for (const node of this.#cluster.nodes.values()) this.#look(node);
    this.#cluster.events.after(POLL_MS, () => this.#poll());
  }

  #look(node: SimNode): void {
    const { nowMs } = this.#cluster.events;
    const known = this.#readySince.get(node);
    if (!node.ready || node.paused) this.#readySince.delete(node);
    else if (known?.process !== node.incarnation) {
      this.#readySince.set(node, { process: node.incarnation, sinceMs: nowMs });
    } else if (nowMs - known.sinceMs >= READY_MS && this.#isCalmSince(nowMs - READY_MS)) {
      if (nowMs - (this.#askedMs.get(node) ?? -Infinity) < EVERY_MS) return;
      this.#askedMs.set(node, nowMs);
      this.#propose(node);
    }
  }

  #isCalmSince(sinceMs: number): boolean {
    const { changedMs, isSteady } = this.#calm();
    const { nowMs } = this.#cluster.events;
    const isFast = ({ disk }: SimNode) => disk.latencyMs === FAST_DISK && disk.fullUntilMs <= nowMs && disk.works;
    return isSteady && changedMs <= sinceMs && [...this.#cluster.nodes.values()].every(isFast);
  }

  /** Proposes a lease of an address in no pool, for a client of this node's own; once more if that fails. */
  #propose(node: SimNode, attempt = 1): void {
    const { events, prng, log } = this.#cluster;
    const startedMs = events.nowMs;
    const process = node.incarnation;
    const subnet = LANS[0]?.subnet ?? 0;
    const address = subnet + 0xff00 + node.id;
    const client = clientKey({ subnet, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, 0xff, node.id) });
    const proposal = { address, client, xid: prng.int(0, 0xffffffff), leaseMs: LEASE_MS, detail: NO_DETAIL };
    log?.(`node ${node.id} is ready: it must commit a proposal`);
    let result = "no decision";
    node.ask<"propose">({ kind: "propose", proposal }, (decision) => {
      result = decision.committed ? "" : decision.reason;
      const request = { kind: "released", address, client, restMs: 0, detail: NO_DETAIL } as const;
      if (decision.committed) node.ask<"end">({ kind: "end", request }, () => {});
    });
    events.after(DECIDED_MS, () => {
      const isSame = node.incarnation === process && node.ready && this.#isCalmSince(startedMs - READY_MS);
      if (result === "" || !isSame) return;
      if (attempt < ATTEMPTS) return this.#propose(node, attempt + 1);
      throw new Violation(
        "(j)",
        `node ${node.id} is ready for ${READY_MS / 1_000} s, and its proposals fail: ${result}`,
      );
    });
  }
}
