/**
 * Versions order every change of one slot (README.md, SLOT): a hybrid logical clock, the node that minted the version,
 * and that node's incarnation, compared in this order.
 */

/** One version. Never reused: the incarnation is random per process start. */
export interface Version {
  /** Hybrid logical clock in units of 1/1024 ms since 1970; 0 in {@link NO_VERSION} only. */
  readonly clock: number;
  /** The minting node's id, 1..255. */
  readonly node: number;
  /** The minting process, a random integer below 2^32. */
  readonly incarnation: number;
}

/** Lower than every version. As `committedVersion`: no version is known to be committed. */
export const NO_VERSION: Version = { clock: 0, node: 0, incarnation: 0 };

/** Ticks of {@link Version.clock} per millisecond. */
export const TICKS_PER_MS = 1024;

/** Negative, zero or positive as `a` is lower than, equal to or higher than `b`. */
export function compareVersions(a: Version, b: Version): number {
  return a.clock - b.clock || a.node - b.node || a.incarnation - b.incarnation;
}

/** The higher of two versions. */
export function maxVersion(a: Version, b: Version): Version {
  return compareVersions(a, b) >= 0 ? a : b;
}
