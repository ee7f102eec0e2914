/** The operator's guide lists what the code has, no less and no more. */

import { deepStrictEqual } from "node:assert/strict";
import { Forwarder } from "./forward/forwarder.ts";
import { OUTCOMES } from "./forward/outcomes.ts";
import { getLogger } from "@logtape/logtape";
import { HttpTraffic } from "../src/http/traffic.ts";
import { relayHealth } from "./health.ts";
import { NodeTracker } from "./select/tracker.ts";
import { NO_REFUSALS } from "../src/http/access/access.ts";
import { CONFIG } from "./testing/messages.ts";

const README = await Deno.readTextFile(new URL("README.md", import.meta.url));

/** The cells of every table row, in code quotes or not. */
const ROWS = README.split("\n").filter((line) => line.startsWith("| ")).map((line) =>
  line.split("|").slice(1, -1).map((cell) => cell.trim())
);

Deno.test("README.md lists every outcome of the table", () => {
  const documented = ROWS.filter(([, path, result]) => /^(request|reply)$/.test(path ?? "") && result !== undefined);
  const expected = Object.entries(OUTCOMES).map((
    [name, { path, result, help }],
  ) => [`\`${name}\``, path, result, help]);
  deepStrictEqual(documented, expected);
});

Deno.test("README.md lists every metric of the relay", async () => {
  const documented = new Set(README.match(/dhcpcluster_relay_\w+/g));
  const service = {
    resolved: { forward: CONFIG, links: [], unusable: [] },
    tracker: new NodeTracker([{ id: 1, weight: 1, local: false }]),
    relay: { counts: [], forwarder: new Forwarder(CONFIG, new NodeTracker([]), 0) },
    sockets: { errorsOf: () => ({ receiveDrops: 0, sendErrors: { count: 0, last: undefined } }) },
    conflicts: { counts: new Map() },
  };
  const traffic = new HttpTraffic(getLogger("test"));
  const access = { counts: NO_REFUSALS };
  const metrics = await relayHealth({ service, now: () => 0, startedMs: 0, traffic, access }).metrics();
  const actual = new Set(Array.from(metrics.matchAll(/^# TYPE (dhcpcluster_relay_\w+)/gm), (match) => match[1]));
  deepStrictEqual(documented, actual);
});
