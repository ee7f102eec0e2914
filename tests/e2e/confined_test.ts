/**
 * What executables may do once they are confined: permissions that were compiled in hold like those of a command line.
 */

import { deepStrictEqual } from "node:assert/strict";
import { CONFINED, tryConfined } from "../../src/cli/testing/trial.ts";

// Only where executables can be compiled.
const ignore = (Deno.env.get("DHCPCLUSTER_DIST") ?? "") === "";

Deno.test({
  name: "an executable with a node's permissions reads and writes nothing but its own, and runs nothing",
  ignore,
  fn: async () => {
    const outcomes = await tryConfined("node", ["/etc/dhcpcluster/node.yaml"], { compiled: true });
    deepStrictEqual(outcomes, { ...CONFINED, ping: "NotCapable" });
  },
});

Deno.test({
  name: "an executable with a relay's permissions runs ping and nothing else, and reads and writes nothing but its own",
  ignore,
  fn: async () => {
    const outcomes = await tryConfined("relay", ["/etc/dhcpcluster/relay.yaml"], { compiled: true });
    deepStrictEqual(outcomes, { ...CONFINED, ping: "done" });
  },
});
