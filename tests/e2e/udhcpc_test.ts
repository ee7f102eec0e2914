import { classes } from "./cases/classes.ts";
import { declined } from "./cases/declined.ts";
import { identity } from "./cases/identity.ts";
import { lifecycle } from "./cases/lifecycle.ts";
import { moved } from "./cases/moved.ts";
import { reserved } from "./cases/reserved.ts";
import { ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

/** udhcpc renews at half of the lease time and ignores T1. */
const UNNOTICED = { unnoticed: true, service: { leaseTime: 30 } };

e2e("udhcpc gets, renews, rebinds and releases a lease", () => lifecycle(ours, "udhcpc"));
e2e("udhcpc gets a NAK and a new address when it is moved to another network", () => moved(ours, "udhcpc"));
e2e(
  "udhcpc that does not see its move accepts the NAK when it renews",
  () => moved(ours, "udhcpc", UNNOTICED),
);
e2e("udhcpc declines an address in use, which is not offered again", () => declined(ours, "udhcpc"));
e2e(
  "udhcpc keeps its address when it is made static and back, and when subnet and pool change",
  () => identity(ours, "udhcpc"),
);
e2e(
  "udhcpc gets an address of the pool for its vendor class, and of another when that is for others",
  () => classes(ours, "udhcpc"),
);
e2e(
  "udhcpc gets the address of two machines in turn, of its place, and options unasked",
  () => reserved(ours, "udhcpc"),
);
