import { declined } from "./cases/declined.ts";
import { identity } from "./cases/identity.ts";
import { lifecycle } from "./cases/lifecycle.ts";
import { moved } from "./cases/moved.ts";
import { ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

e2e("dhcpcd gets, renews, rebinds and releases a lease", () => lifecycle(ours, "dhcpcd"));
e2e("dhcpcd gets a NAK and a new address when it is moved to another network", () => moved(ours, "dhcpcd"));
e2e("dhcpcd declines an address in use, which is not offered again", () => declined(ours, "dhcpcd"));
e2e(
  "dhcpcd keeps its address when it is made static and back, and when subnet and pool change",
  () => identity(ours, "dhcpcd"),
);
