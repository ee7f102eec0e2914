/**
 * What several nodes' slots of one address say together (README.md, union): for a learner, and for every member when
 * the membership changes. Never weaker than any of them: two locks that cannot be resolved block the address.
 */

import { isLocked } from "./rule.ts";
import type { Bounds } from "./clock.ts";
import { FREE_SLOT, type Slot } from "./slot.ts";
import { compareVersions, maxVersion } from "./version.ts";

/**
 * The union of two slots of one address. Commutative, associative and idempotent up to the client of a blocked slot.
 */
export function unionSlots(a: Slot, b: Slot, time: Bounds): Slot {
  if (a === FREE_SLOT || a.state === "free") return b;
  if (b.state === "free" || equalSlots(a, b)) return a;
  const version = maxVersion(a.version, b.version);
  // A raised declined slot keeps the fields of its end record: they name the versions that it ended, which are all
  // lower.
  const raised = (slot: Slot): Slot =>
    compareVersions(slot.version, version) === 0 ? slot : { ...slot, version, singleVersion: false };
  if (a.state === "bound" && b.state === "bound" && a.client === b.client) {
    return {
      state: "bound",
      client: a.client,
      version,
      lockedUntil: Math.max(a.lockedUntil, b.lockedUntil),
      committedVersion: maxVersion(a.committedVersion, b.committedVersion),
      singleVersion: false,
    };
  }
  if (compareVersions(a.committedVersion, b.version) > 0) return raised(a);
  if (compareVersions(b.committedVersion, a.version) > 0) return raised(b);
  if (!isLocked(a, time) && !isLocked(b, time)) return compareVersions(a.version, b.version) > 0 ? a : b;
  if (!isLocked(a, time)) return raised(b);
  if (!isLocked(b, time)) return raised(a);
  const newer = compareVersions(a.version, b.version) > 0 ? a : b;
  const { client, committedVersion } = newer;
  // A blocked slot was not made by an end record: `ended` of a declined slot is dropped.
  return {
    state: "blocked",
    client,
    version,
    lockedUntil: Math.max(a.lockedUntil, b.lockedUntil),
    committedVersion,
    singleVersion: false,
  };
}

function equalSlots(a: Slot, b: Slot): boolean {
  return a.state === b.state && a.client === b.client && a.lockedUntil === b.lockedUntil &&
    a.singleVersion === b.singleVersion &&
    compareVersions(a.version, b.version) === 0 && compareVersions(a.committedVersion, b.committedVersion) === 0 &&
    equalEnded(a, b);
}

function equalEnded({ ended: a }: Slot, { ended: b }: Slot): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.at === b.at && compareVersions(a.replaces, b.replaces) === 0 &&
    compareVersions(a.committedVersion, b.committedVersion) === 0;
}
