/** The clocks of this machine. */

import type { Instant } from "../src/lease/agreement/clock.ts";

/** Both clocks, in whole milliseconds, as everything that is stored. */
export function readClocks(): Instant {
  return { wallMs: Date.now(), monotonicMs: Math.floor(performance.now()) };
}
