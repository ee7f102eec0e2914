/**
 * (k) After the faults, once all nodes serve, no member misses a running lease that another one knows to be committed
 * for longer than a round of anti-entropy takes.
 */

import { PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import type { Slot } from "../../src/lease/agreement/slot.ts";
import { compareVersions } from "../../src/lease/agreement/version.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { lockOf } from "./convergence.ts";
import { formatSlot } from "./format.ts";
import type { SimNode } from "./node.ts";
import { Violation } from "./violation.ts";

/** A page of each other member, after a rest when nothing differed; what repair cannot give is proposed once more. */
const PAGE_MS = 6_000;
const SLACK_MS = 5_000;

export class Certified {
  /** Since when a member misses the lease of an address. */
  #missing = new Map<string, number>();

  /** Looks at the tables; all nodes serve. `isHeld`: whether a client holds an address, in truth. */
  look(nodes: readonly SimNode[], nowMs: number, isHeld: (address: Ipv4) => boolean): void {
    const missing = new Map<string, number>();
    for (const address of new Set(nodes.flatMap(({ disk }) => [...disk.rows.keys()]))) {
      if (!isHeld(address)) continue;
      for (const { node, slot, lacking } of this.#lackOf(nodes, address)) {
        const key = `${formatIpv4(address)} at ${lacking.id}`;
        const sinceMs = this.#missing.get(key) ?? nowMs;
        missing.set(key, sinceMs);
        const boundMs = nodes.length * PAGE_MS + 2 * PROPOSAL_MS + SLACK_MS;
        if (nowMs - sinceMs <= boundMs) continue;
        const there = lacking.table?.get(address);
        throw new Violation(
          "(k)",
          `node ${lacking.id} has missed ${formatIpv4(address)} for ${boundMs} ms: ${
            formatSlot(slot)
          } at ${node.id}; ` +
            `here ${there === undefined ? "nothing" : formatSlot(there)}`,
        );
      }
    }
    this.#missing = missing;
  }

  /** Members that do not lock an address as another one does, which knows that this lease is committed. */
  #lackOf(nodes: readonly SimNode[], address: Ipv4): { node: SimNode; slot: Slot; lacking: SimNode }[] {
    const views = nodes.map((node) => ({ node, slot: lockOf(node, address) }));
    return views.flatMap(({ node, slot }) => {
      // An older certificate may be that of a lease that has ended: an attempt that failed made the lock longer.
      const isCertified = slot?.state === "bound" && compareVersions(slot.committedVersion, slot.version) === 0;
      if (slot === undefined || !isCertified) return [];
      return views.filter((other) => !hasLock(other.slot, slot) && !isKept(other.slot, slot))
        .map((other) => ({ node, slot, lacking: other.node }));
    });
  }
}

/** A certificate beats lower versions only: an address that was declined above it rests to the end. */
function isKept(slot: Slot | undefined, { committedVersion }: Slot): boolean {
  return slot?.state === "declined" && compareVersions(slot.version, committedVersion) >= 0;
}

function hasLock(slot: Slot | undefined, { client, lockedUntil }: Slot): boolean {
  return slot !== undefined && (slot.state === "blocked" || slot.client === client) && slot.lockedUntil >= lockedUntil;
}
