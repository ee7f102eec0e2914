import { classes } from "./cases/classes.ts";
import { declined } from "./cases/declined.ts";
import { identity } from "./cases/identity.ts";
import { lifecycle } from "./cases/lifecycle.ts";
import { moved } from "./cases/moved.ts";
import { reserved } from "./cases/reserved.ts";
import { ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

e2e("dhclient gets, renews, rebinds and releases a lease", () => lifecycle(ours, "dhclient"));
e2e("dhclient gets a NAK and a new address when it is moved to another network", () => moved(ours, "dhclient"));
e2e("dhclient declines an address in use, which is not offered again", () => declined(ours, "dhclient"));
e2e(
  "dhclient keeps its address when it is made static and back, and when subnet and pool change",
  () => identity(ours, "dhclient"),
);
e2e(
  "dhclient gets an address of the pool for its vendor class, and of another when that is for others",
  () => classes(ours, "dhclient"),
);
e2e(
  "dhclient gets the address of two machines in turn, of its place, and options unasked",
  () => reserved(ours, "dhclient"),
);
