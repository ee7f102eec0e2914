/** Starting fails: what was opened until then is closed, which the test runner looks for. */

import { ok, rejects } from "node:assert/strict";
import { parseIpv4 } from "../src/net/ipv4.ts";
import { openUdp } from "../src/net/open.ts";
import { read } from "./reader/read.ts";
import { RunningNode } from "./running_node.ts";

/** Starts a node on loopback whose DHCP port and HTTP port are given. */
async function start(dhcpPort: number, httpPort: number): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-start-" });
  const text = `node: { id: 1, stateDir: ${directory}/state }
dhcp: { address: 127.0.0.1, port: ${dhcpPort} }
cluster: { nodes: [{ id: 1, address: 127.0.0.1 }] }
http: { port: ${httpPort} }
service: { revision: 1, subnets: [{ subnet: 10.77.0.0/16, pools: [10.77.1.0-10.77.1.99] }] }
`;
  try {
    const file = read({ kind: "file", text, file: "node.yaml" });
    ok(file.ok && "config" in file, JSON.stringify(file));
    const running = await RunningNode.start({ file });
    await running.stop();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Timers and files that stay open fail the test. */
const CLOSED = { sanitizeOps: true, sanitizeResources: true };

const port = () => 20_000 + Math.floor(Math.random() * 10_000);

Deno.test("running node: a taken DHCP port is said, and nothing stays open", CLOSED, async () => {
  const taken = await openUdp({ address: parseIpv4("127.0.0.1") as number, port: port() });
  try {
    await rejects(start(taken.port, taken.port + 1), /EADDRINUSE/);
  } finally {
    taken.close();
  }
});

Deno.test("running node: a taken HTTP port is said, and nothing stays open", CLOSED, async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: port() });
  try {
    await rejects(start(taken.addr.port - 1, taken.addr.port), /another process uses this port/);
  } finally {
    taken.close();
  }
});
