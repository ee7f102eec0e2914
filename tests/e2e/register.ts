/** Registers end-to-end tests, ignored where the machine can't host the laboratory; the runner says why. */

import { obstacle } from "./lab/requirements.ts";

const ignore = obstacle() !== undefined;

export function e2e(name: string, run: () => Promise<void>): void {
  Deno.test({ name, ignore, fn: run });
}
