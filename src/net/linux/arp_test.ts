/** ARP on a virtual wire. */

import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import type { ArpClaim } from "../arp.ts";
import { ROOT_TESTS_SKIPPED, wire, withNamespaces, withoutCapabilities } from "../testing/linux.ts";
import { until } from "../testing/until.ts";
import { openLinuxArp } from "./arp.ts";

const USED = 0x0a4d0009;
const FREE = 0x0a4d0063;

Deno.test({
  name: "openLinuxArp(): a station that has the address answers a probe, and the sender takes no note of the prober",
  ignore: ROOT_TESTS_SKIPPED !== undefined,
  fn: () =>
    withNamespaces(["node", "host"], async (node, host) => {
      wire({ namespace: node, device: "lan0", mac: "02:00:00:00:00:01", address: "10.77.0.1/24" }, {
        namespace: host,
        device: "eth0",
        mac: "02:00:00:00:00:09",
        address: "10.77.0.9/24",
      });
      const heard: ArpClaim[] = [];
      const socket = node.run(() => openLinuxArp("lan0", (claim) => void heard.push(claim)));
      try {
        strictEqual(socket.probe(FREE), true);
        strictEqual(socket.probe(USED), true);
        await until(() => heard.length > 0, "an answer");
        deepStrictEqual(heard, [{ address: USED, mac: Uint8Array.of(2, 0, 0, 0, 0, 9) }]);
        strictEqual(host.ip("neighbour show"), "");
      } finally {
        socket.close();
      }
      strictEqual(socket.probe(USED), false);
      throws(() => node.run(() => withoutCapabilities(() => openLinuxArp("lan0", () => {}))), { code: "EPERM" });
      throws(() => node.run(() => openLinuxArp("lan7", () => {})), { code: "ENODEV" });
    }),
});
