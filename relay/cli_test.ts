import { strictEqual } from "node:assert/strict";
import { describeRelay } from "./cli.ts";

Deno.test("status: where requests go and why, in a table; nothing that a terminal would act on", () => {
  const node = { loss: 0, share: 1, hedges: 2, failovers: 1, grade: "healthy", reason: "the only node\u001b[2J" };
  const text = describeRelay({
    version: "1",
    ready: true,
    nodes: [{ ...node, id: 3, address: "10.99.0.13", chosen: true, rttMs: 2.125 }],
    interfaces: [{ name: "lan0", up: true, giaddrs: ["10.77.0.1"] }, { name: "lan1", up: false, giaddrs: [] }],
    rogueServers: [{ server: "10.77.0.66", interface: "lan0" }],
    fullSubnets: [{ subnet: "10.78.0.0/16", interfaces: ["lan1"] }],
  });
  strictEqual(
    text,
    [
      "Relaying: a node can serve",
      "lan0: 10.77.0.1",
      "lan1: down",
      "Rogue DHCP server: 10.77.0.66 on lan0",
      "Full: 10.78.0.0/16 (lan1): its clients get no address; enlarge its pools, or shorten lease times",
      "",
      "id  address     grade    chosen  round trip  loss  requests  hedges  failovers  reason",
      "3   10.99.0.13  healthy  yes        2.13 ms   0 %     100 %       2          1  the only node\ufffd[2J",
    ].join("\n"),
  );
});
