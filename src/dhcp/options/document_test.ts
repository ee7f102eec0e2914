import { ok, strictEqual } from "node:assert/strict";
import { ALL_OPTIONS, optionTable } from "./mod.ts";

Deno.test("optionTable() has a row of five cells for every option", () => {
  const lines = optionTable().trimEnd().split("\n");
  strictEqual(lines.length, ALL_OPTIONS.length + 2);
  for (const line of lines) strictEqual(line.replaceAll("\\|", "").split("|").length, 7, line);
  ok(
    lines.includes(
      "| 3 | `routers` | IPv4 addresses | IPv4 addresses, such as [192.0.2.1, 192.0.2.2] | RFC 2132 §3.5 |",
    ),
  );
  ok(
    lines.some((line) =>
      line.startsWith("| 51 | `dhcp-lease-time` ") && line.includes("not configurable: use the key leaseTime")
    ),
  );
});
