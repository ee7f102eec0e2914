/**
 * Waiting for a condition, with a deadline. Nothing in the laboratory sleeps for a fixed time: a wait ends as soon as
 * its condition holds, and fails with the condition's name at the deadline.
 */

/** A condition did not hold before the deadline. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** How often conditions are checked: short against every protocol timer, long against a check of a string. */
const POLL_MS = 10;

/**
 * Waits until `look` returns something other than undefined or false, and returns it.
 *
 * @param what Completes the sentence "gave up waiting for …" in the error.
 * @param look Called every few milliseconds; what it throws ends the wait at once.
 */
export async function until<T>(
  what: string,
  deadlineMs: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const start = performance.now();
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() - start > deadlineMs) {
      throw new DeadlineError(`Gave up waiting for ${what} after ${deadlineMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Awaits a promise for at most `deadlineMs`. */
export async function within<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DeadlineError(`Gave up waiting for ${what} after ${deadlineMs} ms`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
