/** What the kernel tells of interfaces that come, change and go. */

import { strictEqual } from "node:assert/strict";
import { ROOT_TESTS_SKIPPED, withNamespaces } from "../testing/linux.ts";
import { until } from "../testing/until.ts";
import { openRouteChanges } from "./route_changes.ts";

Deno.test({
  name: "openRouteChanges() tells of an interface made, of its addresses, and of its removal, until it is closed",
  ignore: ROOT_TESTS_SKIPPED !== undefined,
  fn: () =>
    withNamespaces(["machine"], async (machine) => {
      let told = 0;
      const changes = machine.run(() => openRouteChanges(() => told++));
      try {
        for (
          const change of [
            "link add lan0 type veth peer name other",
            "link set lan0 up",
            "address add 10.77.0.1/24 dev lan0",
            "address del 10.77.0.1/24 dev lan0",
            "link del lan0",
          ]
        ) {
          const before = told;
          machine.ip(change);
          await until(() => told > before, change);
        }
      } finally {
        changes.close();
      }
      const before = told;
      machine.ip("link add lan0 type veth peer name other");
      await new Promise((resolve) => setTimeout(resolve));
      strictEqual(told, before);
    }),
});
