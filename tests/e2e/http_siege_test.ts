/** Connections that are held open and carry nothing, against the node as a process, while clients renew. */

import { ok, strictEqual } from "node:assert/strict";
import { Renewals } from "../../scripts/bench/siege/renewals.ts";
import type { SiegeOrder, SiegeProgress } from "../../scripts/bench/siege/hold_main.ts";
import { until } from "./lab/wait.ts";
import { e2e } from "./register.ts";

const READY_MS = 30_000;
const ROOT = new URL("../../", import.meta.url).pathname;

e2e(
  "3,000 idle and half-open HTTP connections: the node lives, clients renew, /readyz answers at once after it",
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-siege-" });
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const config = {
      node: { id: 1, stateDir: `${folder}/state` },
      dhcp: { address: "127.0.0.1", port },
      cluster: { nodes: [{ id: 1, address: "127.0.0.1" }], port: port + 1 },
      http: { port: port + 2 },
      service: { revision: 1, subnets: [{ subnet: "10.77.0.0/16", pools: ["10.77.1.0-10.77.1.250"] }] },
    };
    await Deno.writeTextFile(`${folder}/node.yaml`, JSON.stringify(config));
    // 512 files in all: the connections alone would use them up.
    const node = new Deno.Command("sh", {
      args: [
        "-c",
        'ulimit -n 512; exec "$0" run --no-check -A node/main.ts --config "$1"',
        Deno.execPath(),
        `${folder}/node.yaml`,
      ],
      cwd: ROOT,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const ready = async () => {
      const url = `http://127.0.0.1:${port + 2}/readyz`;
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
      await response?.body?.cancel();
      return response?.status === 200;
    };
    let renewals: Renewals | undefined;
    try {
      await until("the node to be ready", READY_MS, ready);
      renewals = await Renewals.open({ node: "127.0.0.1", port, clients: 50, perSecond: 50 });
      const order: SiegeOrder = {
        hostname: "127.0.0.1",
        port: port + 2,
        connections: 3_000,
        sources: 1_000,
        perSecond: 1_500,
        seconds: 5,
        kinds: ["idle", "half", "unread"],
        path: "/metrics",
      };
      const siege = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "-A", `${ROOT}scripts/bench/siege/hold_main.ts`, JSON.stringify(order)],
        stdout: "piped",
      }).output();
      const { sent, unanswered } = await renewals.measure(5);
      const { stdout } = await siege;
      const last = JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1) ?? "{}") as SiegeProgress;
      ok(last.opened > 600, `only ${last.opened} connections came about`);
      ok(sent > 50);
      strictEqual(unanswered, 0, `${unanswered} of ${sent} renewals were not answered`);
      await until("/readyz to answer", 5_000, ready);
    } finally {
      renewals?.close();
      node.kill("SIGTERM");
      await node.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
);
