/** Two clients never get one address. */

import { ok, strictEqual } from "node:assert/strict";
import { Swarm } from "../clients/raw/swarm.ts";
import { LANS } from "../lab/topology.ts";
import type { Programs } from "../programs/programs.ts";
import { onSite } from "./site.ts";

const POOL_SIZE = 100;

/** More clients than addresses, on two machines at once, which all ask for the same address. */
export function uniqueAddresses(programs: Programs): Promise<void> {
  return onSite(programs, { pool: "10.77.0.101-10.77.0.200" }, async ({ topology }) => {
    const order = { clients: 75, wishes: ["10.77.0.150"], inFlight: 75, giveUpMs: 4_000 };
    const answers = (await Promise.all([
      Swarm.run(await topology.client("swarm1"), { ...order, first: 1 }),
      Swarm.run(await topology.client("swarm2"), { ...order, first: 1_001 }),
      Swarm.run(await topology.client("swarm3", LANS[1]), { ...order, first: 2_001 }),
    ])).flat();
    const addresses = answers.flatMap((answer) => answer.answer === "ACK" ? [answer.address] : []);
    strictEqual(new Set(addresses).size, addresses.length, "every address was given once");
    const inFirst = addresses.filter((address) => address.startsWith("10.77.0."));
    strictEqual(inFirst.length, POOL_SIZE, "every address of the full pool was given");
    ok(addresses.includes("10.77.0.150"), "one client got its wish");
    strictEqual(addresses.length, POOL_SIZE + 75, "the other network had enough for all");
  });
}
