import { killedAfterAck, restarted } from "./cases/restart.ts";
import { uniqueAddresses } from "./cases/uniqueness.ts";
import { ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

e2e("a restarted node knows every lease and renews it", () => restarted(ours));
e2e("kill -9 right after a DHCPACK loses nothing", () => killedAfterAck(ours));
e2e("two clients never get one address", () => uniqueAddresses(ours));
