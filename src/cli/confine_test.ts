/** What programs may do once they are confined; `tests/e2e/confined_test.ts` tries executables. */

import { deepStrictEqual } from "node:assert/strict";
import { CONFINED, tryConfined } from "./testing/trial.ts";

Deno.test("confine(): a node reads and writes nothing outside its places, and runs nothing", async () => {
  deepStrictEqual(await tryConfined("node", ["/etc/dhcpcluster/node.yaml"]), { ...CONFINED, ping: "NotCapable" });
});

Deno.test("confine(): a relay may run ping beside, and nothing else", async () => {
  deepStrictEqual(await tryConfined("relay", ["/etc/dhcpcluster/relay.yaml"]), { ...CONFINED, ping: "done" });
});

Deno.test("confine(): with its configuration elsewhere a program can still read, but not write", async () => {
  deepStrictEqual(await tryConfined("node", ["/srv/node.yaml"]), {
    ...CONFINED,
    elsewhere: "done",
    listing: "done",
    ping: "NotCapable",
  });
});

Deno.test("confine(): with its state elsewhere a node can still open any file, and runs nothing", async () => {
  deepStrictEqual(await tryConfined("node", ["/etc/dhcpcluster/node.yaml"], { stateDir: "/srv/dhcpcluster" }), {
    ...CONFINED,
    elsewhere: "done",
    listing: "done",
    writing: "done",
    ping: "NotCapable",
  });
  deepStrictEqual(await tryConfined("node", ["/etc/dhcpcluster/node.yaml"], { stateDir: "/var/lib/dhcpcluster" }), {
    ...CONFINED,
    ping: "NotCapable",
  });
});
