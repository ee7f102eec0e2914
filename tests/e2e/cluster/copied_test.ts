import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { decliners } from "../clients/raw/decliner.ts";
import { until } from "../lab/wait.ts";
import { e2e } from "../register.ts";
import { say } from "./bars.ts";
import { type ClusterSite, onCluster } from "./site.ts";

const CLIENTS = 20;
const STEP_MS = 10_000;
/** Where dhcrelay sends from: the gateway's address among the nodes, and not the giaddr. */
const DHCRELAY = "10.99.0.1";

e2e(
  "behind ISC dhcrelay, which copies to all nodes: the named node answers, a declined address stays declined",
  () =>
    onCluster({ relays: [DHCRELAY] }, async (site) => {
      await site.start();
      await copyToAll(site);
      const host = await site.topology.client("decliner");
      const results = await decliners(host, CLIENTS);
      const again = results.filter(({ declined, address }) => declined === address);
      say(`${again.length} of ${results.length} declined addresses were acknowledged again to their clients`);
      const replies = results.map(({ acknowledgements }) => acknowledgements.length);
      say(`replies to one REQUEST: ${replies.join(" ")}`);
      deepStrictEqual(again, []);
      strictEqual(results.length, CLIENTS);
      // RFC 2131 §4.3.2: the other servers stay silent.
      deepStrictEqual(results.filter(({ acknowledgements }) => acknowledgements.length !== 1), []);
      await site.agrees();
    }),
);

/** Starts ISC's relay on the gateway, as `ip helper-address` to every node. */
async function copyToAll(site: ClusterSite): Promise<void> {
  const { gateway } = site.topology;
  const servers = site.members.map(({ host }) => host.address);
  const relay = gateway.spawn(
    ["dhcrelay", "-4", "-d", "--no-pid", "-id", "lan0", "-iu", "srv0", ...servers],
    { label: "dhcrelay" },
  );
  await until("dhcrelay to listen", STEP_MS, () => {
    relay.mustRun();
    return relay.udpPortBound(67);
  });
}
