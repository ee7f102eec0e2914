import { match } from "node:assert/strict";
import { run } from "../lab/process.ts";

Deno.test("the demonstration shows a nearer node chosen, lost and back, and a takeover, and ends by itself", async () => {
  const output = await run([Deno.execPath(), "task", "demo"], { deadlineMs: 90_000 });
  for (const line of EXPECTED) match(output, line);
});

/** In the words of its steps and of its summary. */
const EXPECTED = [
  /the relay chooses the nearest: node 1/,
  /node 3 leads: it is killed now/,
  /node 2 leads, \d\.\d s after the other one died/,
  /the relay chooses node 3 again/,
  /\n27 leases, 10 renewals, 12 releases through the relay/,
];
