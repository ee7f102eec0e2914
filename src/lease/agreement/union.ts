/**
 * What several nodes' slots of one address say together (lease agreement, `union`): used by a node that starts with a blank
 * disk, and by every member when the membership changes. Never weaker than any of them: what can't be resolved is blocked.
 */

import { isLocked } from "./rule.ts";
import type { Bounds } from "./clock.ts";
import { FREE_SLOT, type Slot } from "./slot.ts";
import { compareVersions, maxVersion } from "./version.ts";

/** The union of two slots of one address. Commutative, associative and idempotent up to who stands in a blocked slot. */
export function unionSlots(a: Slot, b: Slot, time: Bounds): Slot {
  if (a === FREE_SLOT || a.state === "free") return b;
  if (b.state === "free" || equalSlots(a, b)) return a;
  const version = maxVersion(a.version, b.version);
  // A declined slot keeps what its end record said when it is raised: that names the versions it ends, all of them lower, and
  // stays true; the record's own version only says what comes after it.
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
  // Nobody's end: a declined slot's record does not stay with it.
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
  return compareVersions(a.replaces, b.replaces) === 0 && compareVersions(a.committedVersion, b.committedVersion) === 0;
}
