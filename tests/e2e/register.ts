/** Registers end-to-end tests, ignored where the machine cannot host the laboratory; the runner prints the reason. */

import { obstacle } from "./lab/requirements.ts";

const ignore = obstacle() !== undefined;

export function e2e(name: string, run: () => Promise<void>): void {
  Deno.test({ name, ignore, fn: run });
}
