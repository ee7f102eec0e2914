/** What differs between two sequences that are mostly the same. */

/** Between the same beginning and the same end. */
export interface Difference {
  readonly at: number;
  /** Where the same end begins, in either. */
  readonly endBefore: number;
  readonly endAfter: number;
}

/**
 * The one stretch that differs between two texts, by their UTF-16 units, or two lists; empty when they are the same.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual(differenceOf("10.77.0.5", "10.78.10.5"), { at: 4, endBefore: 6, endAfter: 7 });
 * ```
 */
export function differenceOf<Item>(before: ArrayLike<Item>, after: ArrayLike<Item>): Difference {
  const shorter = Math.min(before.length, after.length);
  let at = 0;
  while (at < shorter && before[at] === after[at]) at++;
  let same = 0;
  while (same < shorter - at && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  return { at, endBefore: before.length - same, endAfter: after.length - same };
}
