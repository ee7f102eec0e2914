import { lifecycle } from "./cases/lifecycle.ts";
import { moved } from "./cases/moved.ts";
import { ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

const onLink = { onLink: true };

e2e("without a relay: udhcpc gets, renews, rebinds and releases a lease", () => lifecycle(ours, "udhcpc", onLink));
e2e(
  "without a relay: dhclient gets a NAK and a new address in another network",
  () => moved(ours, "dhclient", onLink),
);
