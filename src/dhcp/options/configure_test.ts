import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { formatOption, optionByCode, optionByKey, OPTIONS, parseOptionValue } from "./mod.ts";
import { octets } from "./testing.ts";

const message = (key: string, input: unknown): string | undefined => {
  const spec = optionByKey(key);
  const parsed = spec === undefined ? undefined : parseOptionValue(spec, input);
  return parsed?.ok === false ? parsed.message : undefined;
};

Deno.test("parseOptionValue() reads the values of the design's example", () => {
  const cases: [key: string, input: unknown, hex: string][] = [
    ["ntp-servers", ["10.77.0.123"], "0a4d007b"],
    ["224", "0x0102ff", "0102ff"],
    ["routers", ["10.77.0.1"], "0a4d0001"],
    ["domain-name-servers", ["10.77.0.53"], "0a4d0035"],
    ["domain-name", "example.net", "6578616d706c652e6e6574"],
    ["time-offset", -3600, "fffff1f0"],
    ["classless-static-routes", [{ destination: "10.0.0.0/8", router: "10.77.0.1" }], "080a0a4d0001"],
    ["43", { 6: "0x08" }, "060108"],
  ];
  for (const [key, input, hex] of cases) {
    const spec = optionByKey(key);
    if (spec === undefined) throw new Error(`${key} must be known`);
    deepStrictEqual(parseOptionValue(spec, input), { ok: true, bytes: octets(hex) });
  }
});

Deno.test("parseOptionValue() takes hex for every option, and checks it", () => {
  deepStrictEqual(parseOptionValue(OPTIONS.routers, "0x0a4d0001"), { ok: true, bytes: octets("0a4d0001") });
  strictEqual(
    message("routers", "0x0a4d00"),
    'must be IPv4 addresses, such as [192.0.2.1, 192.0.2.2]: is "0x0a4d00"',
  );
});

Deno.test("parseOptionValue() says what was wanted and what was found", () => {
  strictEqual(
    message("routers", ["10.77.0.1", "10.77.0"]),
    'must be IPv4 addresses, such as [192.0.2.1, 192.0.2.2]: is "10.77.0"',
  );
  strictEqual(message("ip-forwarding", "on"), 'must be true or false: is "on"');
  strictEqual(
    message("domain-name", null),
    "must be text without control characters; numbers and yes/no words need quotes: is null",
  );
  strictEqual(message("53", 1), "can't be set here: every message has its own");
  strictEqual(message("224", 5), 'must be bytes in hex, such as "0x01": is 5');
  strictEqual(message("routers", "x".repeat(500))?.length, 119);
});

Deno.test("formatOption() falls back to hex", () => {
  strictEqual(formatOption(OPTIONS.routers, octets("0a4d0001")), "10.77.0.1");
  strictEqual(formatOption(OPTIONS.routers, octets("0a4d00")), "0x0a4d00");
  strictEqual(formatOption(optionByCode(224), octets("01ff")), "0x01ff");
  strictEqual(
    formatOption(OPTIONS.relayAgentInformation, octets("0102 6c61 0504 0a4d0000")),
    "circuitId 0x6c61, linkSelection 10.77.0.0",
  );
});
