/** Makes a failing case smaller as long as it fails in the same way: fewer inputs, then shorter ones, then zeros. */

/** Whether a case still fails in the way that is being looked at. */
export type StillFails = (inputs: readonly Uint8Array[]) => Promise<boolean>;

/** `budgetMs`: when to stop trying; what is smallest by then is returned. */
export async function minimise(
  inputs: readonly Uint8Array[],
  stillFails: StillFails,
  budgetMs: number,
): Promise<Uint8Array[]> {
  const endMs = performance.now() + budgetMs;
  const left = () => performance.now() < endMs;
  let best: Uint8Array[] = inputs.map((input) => input.slice());
  for (let size = best.length >> 1; size >= 1 && best.length > 1; size >>= 1) {
    for (let at = 0; at < best.length && best.length > 1 && left();) {
      const fewer = best.toSpliced(at, size);
      if (fewer.length > 0 && await stillFails(fewer)) best = fewer;
      else at += size;
    }
  }
  for (let index = 0; index < best.length; index++) {
    const attempt = async (shorter: Uint8Array) => {
      const changed = best.with(index, shorter);
      if (!(await stillFails(changed))) return false;
      best = changed;
      return true;
    };
    const current = () => best[index] as Uint8Array;
    for (let size = current().length >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at < current().length && left();) {
        if (!(await attempt(without(current(), at, size)))) at += size;
      }
    }
    for (let at = 0; at < current().length && left(); at++) {
      if (current()[at] !== 0) await attempt(current().with(at, 0));
    }
  }
  return best;
}

function without(bytes: Uint8Array, at: number, size: number): Uint8Array {
  const shorter = new Uint8Array(bytes.length - Math.min(size, bytes.length - at));
  shorter.set(bytes.subarray(0, at));
  shorter.set(bytes.subarray(at + size), at);
  return shorter;
}
