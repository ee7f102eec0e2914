import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parsePrefix, type Prefix } from "../../src/net/ipv4.ts";
import { FullSubnets } from "./full_subnets.ts";

const prefix = (text: string) => parsePrefix(text) as Prefix;

Deno.test("a subnet is listed for a minute after its last unanswered DISCOVER; its count stays", () => {
  const full = new FullSubnets();
  deepStrictEqual(full.list(0), []);
  for (const atMs of [0, 1_000]) full.add(prefix("10.77.0.0/16"), atMs);
  full.add(prefix("10.78.0.0/16"), 30_000);
  deepStrictEqual(full.list(60_999), [
    { subnet: "10.78.0.0/16", unanswered: 1 },
    { subnet: "10.77.0.0/16", unanswered: 2 },
  ]);
  deepStrictEqual(full.list(61_000), [{ subnet: "10.78.0.0/16", unanswered: 1 }]);
  strictEqual(full.unanswered(prefix("10.77.0.0/16")), 2);
  strictEqual(full.unanswered(prefix("10.79.0.0/16")), 0);
});

Deno.test("the list is bounded and keeps the latest", () => {
  const full = new FullSubnets();
  for (let index = 0; index < 500; index++) full.add({ address: index * 65_536, prefixLength: 16 }, index);
  const listed = full.list(500);
  ok(JSON.stringify(listed).length < 8_000);
  strictEqual(listed[0]?.subnet, "1.243.0.0/16");
});
