import { complains, configures, refuses, same } from "../testing.ts";
import { slpDirectoryAgents, slpServiceScope } from "./slp.ts";

Deno.test("slp: a mandatory octet, then addresses or text", () => {
  same(slpDirectoryAgents, { mandatory: true, value: [0x0a4d0001] }, "01 0a4d0001");
  same(slpServiceScope, { mandatory: false, value: "a,b" }, "00 612c62");
  refuses(slpDirectoryAgents, "", "badLength");
  refuses(slpDirectoryAgents, "02 0a4d0001", "badValue");
  refuses(slpDirectoryAgents, "01 0a4d", "badLength", 1);
});

Deno.test("slp: configuration", () => {
  configures(slpDirectoryAgents, { mandatory: true, addresses: ["10.77.0.1"] }, "01 0a4d0001");
  configures(slpServiceScope, { mandatory: false, scopes: "a,b" }, "00 612c62");
  complains(slpDirectoryAgents, { addresses: ["10.77.0.1"] });
  complains(slpDirectoryAgents, { mandatory: true, addresses: ["10.77.0"] }, "10.77.0");
});
