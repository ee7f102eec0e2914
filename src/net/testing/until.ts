/** Waiting in tests: for a condition with a deadline, never for a fixed time. */

const DEADLINE_MS = 5_000;
const PERIOD_MS = 2;

/** Resolves once the condition holds; rejects with its name at the deadline. */
export async function until(condition: () => boolean, what: string | (() => string)): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`Not within ${DEADLINE_MS} ms: ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
  }
}
