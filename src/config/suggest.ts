/** "Did you mean": the nearest of a few known words. */

/** Edits (insert, delete, replace, swap neighbours) between two words, or Infinity when lengths alone say too many. */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return Infinity;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, (beforeLast[column - 2] as number) + 1);
      }
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] as number;
}

/** Letters and digits in lower case: `lease-time` and `lease_time` mean `leaseTime`. */
function skeleton(word: string): string {
  return word.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

/**
 * The known word nearest to one that is not known, or undefined when none is near enough to be meant.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(nearest("leaseTme", ["leaseTime", "renewTime"]), "leaseTime");
 * strictEqual(nearest("colour", ["leaseTime", "renewTime"]), undefined);
 * ```
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const wanted = skeleton(word);
  if (wanted === "") return undefined;
  const most = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | undefined;
  let bestDistance = most + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, skeleton(candidate), most);
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** The hint for an unknown word: the nearest known one, else all of them when they are few. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  if (near !== undefined) return `did you mean "${near}"?`;
  return known.length <= 20 ? `known here: ${known.join(", ")}` : "see the operator's guide for what is known here";
}
