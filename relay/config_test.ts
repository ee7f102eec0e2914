import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatIssues } from "../src/config/issue.ts";
import { loadConfig, loadConfigFile } from "../src/config/load.ts";
import { checkRelay, keepBound, type RelayConfig, relaySchema } from "./config.ts";

const SMALL = ["relay: { interfaces: [{ name: lan0 }] }", "nodes: [{ id: 1, address: 10.99.0.11 }]"];

function load(lines: readonly string[]): RelayConfig {
  const result = loadConfig(lines.join("\n"), relaySchema, checkRelay);
  ok(result.ok, result.ok ? "" : formatIssues("relay.yaml", result.issues));
  return result.value;
}

function issuesOf(...lines: string[]): string[] {
  const result = loadConfig(lines.join("\n"), relaySchema, checkRelay);
  return result.ok ? [] : formatIssues("f", result.issues).split("\n");
}

Deno.test("relaySchema fills in the defaults", () => {
  deepStrictEqual(load(SMALL), {
    relay: {
      interfaces: [{ name: "lan0", trusted: false, option82: "forward", knownServers: [] }],
      hopsMax: 4,
      limits: {
        client: { perSecond: 10, burst: 30 },
        interface: { perSecond: 50_000, burst: 50_000 },
        strangers: { perSecond: 200, burst: 2_000 },
        openPerCircuit: 10_000,
      },
      linkSelection: true,
      serverIdentifierOverride: true,
      port: 67,
      clientPort: 68,
    },
    nodes: [{ id: 1, address: 0x0a63000b, port: 67, health: "http://10.99.0.11:8067/readyz", weight: 1 }],
    probe: { intervalMs: 1000, timeoutMs: 500, ping: true },
    http: { address: 0x7f000001, port: 8068, allow: [], hosts: [] },
    log: { level: "info", format: "text" },
  });
});

Deno.test("relaySchema reads every key", () => {
  const config = load([
    "relay:",
    "  site: berlin",
    "  interfaces:",
    '  - { name: lan0, address: 10.77.0.1, trusted: true, circuitId: "0x0102", option82: append, subscriberId: s,',
    "      secondary: [10.78.0.1], remoteId: r, knownServers: [10.77.0.5] }",
    "  hopsMax: 16",
    "  remoteId: site-7",
    "  relayId: edge-1",
    "  limits: { client: { perSecond: 1 }, interface: { burst: 2 }, strangers: { burst: 4 },",
    "    openPerCircuit: 3 }",
    "  linkSelection: false",
    "  serverIdentifierOverride: false",
    "  port: 6700",
    "  clientPort: 6800",
    "nodes: [{ id: 2, address: 127.0.0.1, port: 6701, health: 'http://127.0.0.1:1/', weight: 3, site: berlin }]",
    "probe: { interval: 2s, timeout: 250ms, ping: false }",
  ]);
  deepStrictEqual(config.relay, {
    site: "berlin",
    interfaces: [{
      name: "lan0",
      address: 0x0a4d0001,
      secondary: [0x0a4e0001],
      trusted: true,
      option82: "append",
      circuitId: Uint8Array.of(1, 2),
      remoteId: new TextEncoder().encode("r"),
      subscriberId: new TextEncoder().encode("s"),
      knownServers: [0x0a4d0005],
    }],
    relayId: new TextEncoder().encode("edge-1"),
    limits: {
      client: { perSecond: 1, burst: 30 },
      interface: { perSecond: 50_000, burst: 2 },
      strangers: { perSecond: 200, burst: 4 },
      openPerCircuit: 3,
    },
    hopsMax: 16,
    remoteId: new TextEncoder().encode("site-7"),
    linkSelection: false,
    serverIdentifierOverride: false,
    port: 6700,
    clientPort: 6800,
  });
  deepStrictEqual(config.nodes, [{
    id: 2,
    address: 0x7f000001,
    port: 6701,
    health: "http://127.0.0.1:1/",
    weight: 3,
    site: "berlin",
  }]);
  deepStrictEqual(config.probe, { intervalMs: 2000, timeoutMs: 250, ping: false });
});

Deno.test("interfaces differ in name and circuit id", () => {
  deepStrictEqual(
    issuesOf(
      "relay:",
      "  interfaces:",
      "  - { name: lan0, address: 10.77.0.1, circuitId: a }",
      '  - { name: lan0, address: 10.77.0.1, circuitId: "0x61" }',
      SMALL[1] as string,
    ),
    [
      'f:4:13: relay.interfaces[1].name: "lan0" stands at relay.interfaces[0].name already; name each interface once',
      'f:4:50: relay.interfaces[1].circuitId: "0x61" stands at relay.interfaces[0].circuitId already; ' +
      "nodes tell interfaces apart by it; give each interface its own",
    ],
  );
});

Deno.test("an option 82 policy requires trust", () => {
  const relay = (entry: string) => `relay: { interfaces: [{ name: lan0, ${entry} }] }`;
  deepStrictEqual(issuesOf(relay("option82: append"), SMALL[1] as string), [
    'f:1:47: relay.interfaces[0].option82: "append" has no effect on an interface that is not trusted; ' +
    "add trusted: true",
  ]);
  deepStrictEqual(issuesOf(relay("option82: drop"), SMALL[1] as string), []);
  deepStrictEqual(issuesOf(relay("option82: keep"), SMALL[1] as string), [
    'f:1:47: relay.interfaces[0].option82: "keep" is not one of forward, append, replace, drop; write one of these',
  ]);
});

Deno.test("nodes differ in id, and in address or port", () => {
  const nodes = (second: string) => `nodes: [{ id: 1, address: 127.0.0.1 }, ${second}]`;
  deepStrictEqual(issuesOf(SMALL[0] as string, nodes("{ id: 2, address: 127.0.0.1, port: 68 }")), []);
  deepStrictEqual(issuesOf(SMALL[0] as string, nodes("{ id: 1, address: 127.0.0.1, port: 67 }")), [
    "f:2:46: nodes[1].id: 1 stands at nodes[0].id already; give every node its own id",
    'f:2:58: nodes[1].address: "127.0.0.1" stands at nodes[0].address already; ' +
    "give every node its own address or port",
  ]);
});

Deno.test("hopsMax is at most 16 (RFC 1542 §4.1.1)", () => {
  deepStrictEqual(issuesOf("relay: { interfaces: [{ name: lan0 }], hopsMax: 17 }", SMALL[1] as string), [
    "f:1:49: relay.hopsMax: 17 is too large; write a whole number from 1 to 16",
  ]);
});

Deno.test("the probe's timeout is not longer than its interval, defaults included", () => {
  const issue = (probe: string) => issuesOf(...SMALL, `probe: ${probe}`);
  deepStrictEqual(issue("{ interval: 500ms, timeout: 500ms }"), []);
  deepStrictEqual(issue("{ timeout: 2s }"), [
    'f:3:19: probe.timeout: "2s" is longer than probe.interval (1s); shorten it',
  ]);
  deepStrictEqual(issue("{ interval: 200ms }"), [
    'f:3:20: probe.interval: "200ms" is shorter than probe.timeout (500ms); set probe.timeout with it',
  ]);
  deepStrictEqual(issue("{ timeout: 500 }").length, 1);
});

Deno.test("the relay's site must be the site of a node", () => {
  const relay = "relay: { interfaces: [{ name: lan0 }], site: berlin }";
  deepStrictEqual(issuesOf(relay, "nodes: [{ id: 1, address: 10.99.0.11, site: bonn }]"), [
    'f:1:46: relay.site: "berlin" is not the site of any node; set it on a node, or remove it here',
  ]);
  deepStrictEqual(issuesOf(relay, "nodes: [{ id: 1, address: 10.99.0.11, site: berlin }]"), []);
});

Deno.test("keepBound() keeps bound ports and addresses at a reload, and names what the file changes", () => {
  const running = load(SMALL);
  const wanted = load(["relay: { interfaces: [{ name: lan1 }], port: 6700 }", SMALL[1] as string, "http: { port: 1 }"]);
  const { value, fixed } = keepBound(wanted, running);
  deepStrictEqual(fixed, ["relay.port", "http.port"]);
  deepStrictEqual(value, { ...wanted, relay: { ...wanted.relay, port: 67 }, http: running.http });
});

Deno.test("a relay needs interfaces and nodes", () => {
  deepStrictEqual(issuesOf("relay: { interfaces: [] }", "nodes: []"), [
    "f:1:22: relay.interfaces: has 0 entries; give at least 1",
    "f:2:8: nodes: has 0 entries; give at least 1",
  ]);
});

Deno.test({ name: "relay/example.yaml is valid", permissions: { read: true } }, async () => {
  const file = new URL("./example.yaml", import.meta.url).pathname;
  const loaded = await loadConfigFile(file, relaySchema, checkRelay);
  ok(loaded.ok, loaded.ok ? "" : loaded.message);
  strictEqual(loaded.value.nodes.length, 3);
  const text = await Deno.readTextFile(file);
  const full = loadConfig(text.replaceAll(/^( +)# (\w+: .*)$/gm, "$1$2"), relaySchema, checkRelay);
  ok(full.ok, full.ok ? "" : formatIssues(file, full.issues));
  const { remoteId, relayId, site, interfaces, ...others } = full.value.relay;
  const { interfaces: [loadedInterface], ...defaults } = loaded.value.relay;
  // Uncommented, the keys change only what the machine would have provided.
  deepStrictEqual(others, defaults);
  deepStrictEqual([remoteId, relayId, site], [
    new TextEncoder().encode("site-7"),
    new TextEncoder().encode("edge-1"),
    "berlin",
  ]);
  deepStrictEqual(full.value.probe, loaded.value.probe);
  deepStrictEqual(full.value.nodes, [{ ...loaded.value.nodes[0], site }, ...loaded.value.nodes.slice(1)]);
  strictEqual(interfaces[0]?.trusted, loadedInterface?.trusted);
  strictEqual(interfaces[0]?.address, 0x0a4d0001);
});
