/** Installed by the documented steps, with what the units allow, the service gives a real client its lease. */

import { lifecycle } from "./cases/lifecycle.ts";
import { obstacle } from "./lab/requirements.ts";
import { installed } from "./programs/installed.ts";

const dist = Deno.env.get("DHCPCLUSTER_DIST") ?? "";

Deno.test({
  name: "installed: udhcpc gets, renews, rebinds and releases a lease",
  // Only executables are installed; the runner gives this test some where there are any.
  ignore: dist === "" || obstacle() !== undefined,
  fn: () => lifecycle(installed(dist), "udhcpc"),
});
