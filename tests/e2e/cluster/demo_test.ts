import { equal, match, ok } from "node:assert/strict";
import { run } from "../lab/process.ts";

Deno.test("the demonstration shows the choice, loss and return of a nearer node, and a takeover", async () => {
  const output = await run([Deno.execPath(), "task", "demo"], { deadlineMs: 90_000 });
  for (const line of EXPECTED) match(output, line);
  const [leases, releases] = SUMMARY.exec(output)?.slice(1).map(Number) ?? [];
  ok(leases !== undefined && releases !== undefined, "it ends with its summary");
  // Twenty clients, five of which release; another one comes and goes until the relay trusts the nearest node again.
  const visits = leases - 20;
  ok(visits >= 1, `${visits} visits`);
  equal(releases - 5, visits);
});

/** The texts of its steps. */
const EXPECTED = [
  /the relay chooses the nearest: node 1/,
  /node 3 leads: it is killed now/,
  /node 2 leads, \d\.\d s after the other one died/,
  /the relay chooses node 3 again/,
];

/** The number of visits depends on the time that the relay takes. */
const SUMMARY = /\n(\d+) leases, 10 renewals, (\d+) releases through the relay/;
