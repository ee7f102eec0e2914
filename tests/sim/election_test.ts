import { randomNetworks } from "../../src/cluster/testing/election_network.ts";

Deno.test("election: one leader per term, ever, and the highest synced one after healing (2,000 random networks)", () => {
  randomNetworks(2_000);
});
