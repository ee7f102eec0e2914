import { shared, sharedElsewhere } from "./cases/shared.ts";
import { ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

e2e("shared network: udhcpc through a relay gets an address of the second subnet", () => shared(ours, "udhcpc"));
e2e("shared network: dhclient through a relay gets an address of the second subnet", () => shared(ours, "dhclient"));
e2e(
  "shared network: udhcpc on the node's own link gets an address of the second subnet",
  () => shared(ours, "udhcpc", { onLink: true }),
);
e2e("shared network: Kea does the same", () => sharedElsewhere("kea", "udhcpc"));
e2e("shared network: dhcpd does the same", () => sharedElsewhere("dhcpd", "udhcpc"));
