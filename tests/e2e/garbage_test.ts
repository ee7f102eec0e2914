import { garbage } from "./cases/garbage.ts";
import { ours } from "./programs/ours.ts";
import { e2e } from "./register.ts";

// Measures memory and rates: the runner runs it alone.
e2e("10,000 garbage datagrams a second change nothing for clients, log and memory", () => garbage(ours));
