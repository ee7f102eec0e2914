// deno-lint-ignore-file no-console -- a command line
/**
 * Chaos on real processes, from the command line; `README.md` says what happens and what is judged.
 *
 * usage (root, Debian packages faketime and nftables):
 *   deno task chaos --minutes N [--nodes 3|5] [--seed S] [--clients N] [--per-second N] [--faults A,B] [--history FILE]
 */

import { parseArgs } from "node:util";
import { obstacle } from "../e2e/lab/requirements.ts";
import { parseFaults } from "./faults.ts";
import { describeReport, describeViolation } from "./report.ts";
import { runChaos } from "./run.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "5" },
    nodes: { type: "string", default: "3" },
    seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
    clients: { type: "string", default: "2000" },
    "per-second": { type: "string", default: "100" },
    faults: { type: "string" },
    history: { type: "string" },
  },
});

const reason = obstacle();
if (reason !== undefined) {
  console.error(`Chaos is not possible here: ${reason}`);
  Deno.exit(2);
}
const afresh = { write: true, create: true, truncate: true };
const file = values.history === undefined ? undefined : Deno.openSync(values.history, afresh);
const encoder = new TextEncoder();
console.log(`seed ${values.seed}`);
const report = await runChaos({
  nodes: Number(values.nodes),
  seed: Number(values.seed),
  faultsMs: Number(values.minutes) * 60_000,
  clients: Number(values.clients),
  perSecond: Number(values["per-second"]),
  ...(values.faults === undefined ? {} : { faults: parseFaults(values.faults) }),
  print: (line) => console.log(line),
  record: (event) => void file?.writeSync(encoder.encode(`${JSON.stringify(event)}\n`)),
});
file?.close();
for (const violation of report.violations) console.log(describeViolation(violation, report));
console.log(describeReport(report));
Deno.exit(report.violations.length > 0 ? 1 : 0);
