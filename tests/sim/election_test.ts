import { partialCuts, randomNetworks } from "../../src/cluster/testing/election_network.ts";

Deno.test("election: one leader per term, in the end the highest synced node (2,000 random networks)", () => {
  randomNetworks(2_000);
});

Deno.test("election: partial cuts and a lossy node cost few terms (200 networks)", () => {
  partialCuts(200);
});
