import { deepStrictEqual, match } from "node:assert/strict";
import { parsePrefix, type Prefix } from "../src/net/ipv4.ts";
import { Forwarder } from "./forward/forwarder.ts";
import { getLogger } from "@logtape/logtape";
import { HttpTraffic } from "../src/http/traffic.ts";
import { relayHealth } from "./health.ts";
import { NodeTracker } from "./select/tracker.ts";
import { NO_REFUSALS } from "../src/http/access/access.ts";
import { CONFIG } from "./testing/messages.ts";

Deno.test("health: which subnets of this relay's clients are full, as the nodes say", async () => {
  const tracker = new NodeTracker(CONFIG.nodes.map(({ id }) => ({ id, weight: 1, local: false })));
  const subnets = (...full: [string, number][]) =>
    full.map(([subnet, unanswered]) => ({ subnet: parsePrefix(subnet) as Prefix, unanswered }));
  const says = (index: number, ready: boolean, full: ReturnType<typeof subnets>) =>
    tracker.healthAsked(index, { kind: "answered", ready, rttMs: 1, full }, 1_000);
  const service = {
    resolved: {
      forward: CONFIG,
      links: CONFIG.interfaces.map((link, index) => ({
        interface: link,
        index,
        mac: new Uint8Array(6),
        medium: "ethernet" as const,
      })),
      unusable: [],
    },
    tracker,
    relay: { counts: [], forwarder: new Forwarder(CONFIG, tracker, 0) },
    sockets: { errorsOf: () => ({ receiveDrops: 0, sendErrors: { count: 0, last: undefined } }) },
    conflicts: { counts: new Map() },
  };
  const traffic = new HttpTraffic(getLogger("test"));
  const access = { counts: NO_REFUSALS };
  const health = relayHealth({ service, now: () => 1_000, startedMs: 0, traffic, access });
  const full = () => (health.status() as { fullSubnets: object[] }).fullSubnets;
  deepStrictEqual(full(), []);
  // Another relay's clients are in the last one.
  says(0, true, subnets(["10.78.0.0/16", 15], ["10.99.128.0/17", 2]));
  says(1, true, subnets(["10.78.0.0/16", 5]));
  deepStrictEqual(full(), [{ subnet: "10.78.0.0/16", unanswered: 20, nodes: [1, 2], interfaces: ["lan1"] }]);
  const metrics = await health.metrics();
  match(metrics, /^dhcpcluster_relay_interface_subnet_full\{interface="lan0"\} 0$/m);
  match(metrics, /^dhcpcluster_relay_interface_subnet_full\{interface="lan1"\} 1$/m);
  says(0, false, subnets(["10.78.0.0/16", 15]));
  says(1, true, []);
  deepStrictEqual(full(), []);
});
