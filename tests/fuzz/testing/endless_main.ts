/** A surface that never ends, under the watchdog: for the test that it is told. */

import { watch } from "../watchdog.ts";

const { progress } = watch(["toy"], 1_000);
// The worker has to start first.
await new Promise((resolve) => setTimeout(resolve, 500));
progress("toy", 3, 5);
for (;;);
