import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatIssues } from "../src/config/issue.ts";
import { loadConfig, loadConfigFile } from "../src/config/load.ts";
import { checkNode, type NodeConfig, nodeSchema, reviseServiceText } from "./config.ts";

const STANDALONE = [
  "node: { id: 1, stateDir: /tmp/state }",
  "dhcp: { address: 10.99.0.11 }",
  "cluster: { nodes: [{ id: 1, address: 10.99.0.11 }] }",
  "service: { revision: 1, subnets: [{ subnet: 10.77.0.0/16, pools: [10.77.1.0-10.77.1.9] }] }",
];

function load(lines: readonly string[]): NodeConfig {
  const result = loadConfig(lines.join("\n"), nodeSchema, checkNode);
  ok(result.ok, result.ok ? "" : formatIssues("node.yaml", result.issues));
  return result.value;
}

/** The issues of the smallest configuration with some lines replaced. */
function issuesOf(replaced: Partial<Record<"node" | "dhcp" | "cluster" | "http" | "service", string>>): string[] {
  const lines = STANDALONE.map((line) => replaced[line.split(":", 1)[0] as keyof typeof replaced] ?? line);
  if (replaced.http !== undefined) lines.push(replaced.http);
  const result = loadConfig(lines.join("\n"), nodeSchema, checkNode);
  return result.ok ? [] : formatIssues("f", result.issues).split("\n");
}

Deno.test("nodeSchema fills in the defaults of a standalone node", () => {
  const { service, ...rest } = load(STANDALONE);
  deepStrictEqual(rest, {
    node: { id: 1, stateDir: "/tmp/state", witness: false },
    dhcp: { address: 0x0a63000b, port: 67, relays: [], interfaces: [] },
    cluster: { nodes: [{ id: 1, address: 0x0a63000b }], port: 6767, multicast: 0xefff4343 },
    http: { address: 0x7f000001, port: 8067, allow: [], hosts: [] },
    log: { level: "info", format: "text" },
  });
  strictEqual(service.subnets.length, 1);
});

Deno.test("relays are addresses or networks", () => {
  const dhcp = (relays: string) => `dhcp: { address: 10.99.0.11, relays: ${relays} }`;
  const lines = STANDALONE.map((line) => line.startsWith("dhcp") ? dhcp("[10.99.0.1, 10.99.8.0/24, 0.0.0.0/0]") : line);
  deepStrictEqual(load(lines).dhcp.relays, [
    { address: 0x0a630001, prefixLength: 32 },
    { address: 0x0a630800, prefixLength: 24 },
    { address: 0, prefixLength: 0 },
  ]);
  strictEqual(issuesOf({ dhcp: dhcp("[10.99.0.1/24]") }).length, 1);
});

Deno.test("multicast: off means unicast", () => {
  const cluster = "cluster: { nodes: [{ id: 1, address: 10.99.0.11 }], multicast: off }";
  strictEqual(load(STANDALONE.map((line) => line.startsWith("cluster") ? cluster : line)).cluster.multicast, undefined);
});

Deno.test("node.id must be one of cluster.nodes", () => {
  deepStrictEqual(issuesOf({ node: "node: { id: 2, stateDir: /tmp/state }" }), [
    "f:1:13: node.id: 2 is not among cluster.nodes; add this node there, with the address the others reach",
  ]);
});

Deno.test("a witness needs nodes that serve, and serves no interface", () => {
  const node = "node: { id: 1, stateDir: /tmp/state, witness: true }";
  const dhcp = "dhcp: { address: 10.99.0.11, interfaces: [{ name: lan0 }] }";
  const found = issuesOf({ node, dhcp });
  deepStrictEqual(found.map((line) => line.replace(/^f:\d+:\d+: /, "")), [
    "node.witness: true needs nodes that serve; list all members in cluster.nodes",
    "dhcp.interfaces: a list is not for a witness, which serves no clients; leave it out",
  ]);
  const nodes = "[{ id: 1, address: 10.99.0.11 }, { id: 2, address: 10.99.0.12 }]";
  deepStrictEqual(issuesOf({ node, cluster: `cluster: { nodes: ${nodes}, keyFile: /etc/k }` }), []);
});

Deno.test("members differ in id and address, and more than one need a key", () => {
  const nodes = "[{ id: 1, address: 10.99.0.11 }, { id: 1, address: 10.99.0.11 }]";
  deepStrictEqual(issuesOf({ cluster: `cluster: { nodes: ${nodes} }` }), [
    "f:3:1: cluster.keyFile: is missing; nodes that talk to each other share a key: " +
    "dhcpcluster-node key FILE makes one; copy it to every node",
    "f:3:58: cluster.nodes[1].id: 1 stands at cluster.nodes[0].id already; give every node its own id",
    'f:3:70: cluster.nodes[1].address: "10.99.0.11" stands at cluster.nodes[0].address already; ' +
    "give every node its own address",
  ]);
  const two = "[{ id: 1, address: 10.99.0.11 }, { id: 2, address: 10.99.0.12 }]";
  deepStrictEqual(issuesOf({ cluster: `cluster: { nodes: ${two}, keyFile: /etc/k }` }), []);
});

Deno.test("ids go from 1 to 255", () => {
  const cluster = (id: number) =>
    `cluster: { nodes: [{ id: 1, address: 10.0.0.1 }, { id: ${id}, address: 10.0.0.2 }], keyFile: k }`;
  deepStrictEqual(issuesOf({ cluster: cluster(255) }), []);
  deepStrictEqual(issuesOf({ cluster: cluster(0) }), [
    "f:3:56: cluster.nodes[1].id: 0 is too small; write a whole number from 1 to 255",
  ]);
  deepStrictEqual(issuesOf({ cluster: cluster(256) }).length, 1);
});

Deno.test("no pool contains an address of a node", () => {
  deepStrictEqual(issuesOf({ dhcp: "dhcp: { address: 10.77.1.5 }" }), [
    'f:4:67: service.subnets[0].pools[0]: "10.77.1.0-10.77.1.9" contains 10.77.1.5, the address of this node ' +
    "(dhcp.address); leave it out",
  ]);
});

Deno.test("interfaces are named once", () => {
  deepStrictEqual(issuesOf({ dhcp: "dhcp: { address: 10.99.0.11, interfaces: [{ name: lan0 }, { name: lan0 }] }" }), [
    'f:2:67: dhcp.interfaces[1].name: "lan0" stands at dhcp.interfaces[0].name already; name each interface once',
  ]);
});

Deno.test("mistakes in several sections are told at once, in file order", () => {
  const issues = issuesOf({
    node: "node: { id: one }",
    dhcp: "dhcp: { adress: 10.99.0.11 }",
    http: "http: { port: 99999 }",
  });
  deepStrictEqual(issues.map((issue) => issue.split(" ", 2).join(" ")), [
    "f:1:1: node.stateDir:",
    "f:1:13: node.id:",
    "f:2:1: dhcp.address:",
    "f:2:9: dhcp.adress:",
    "f:5:15: http.port:",
  ]);
});

Deno.test({ name: "node/example.yaml is valid", permissions: { read: true } }, async () => {
  const file = new URL("./example.yaml", import.meta.url).pathname;
  const loaded = await loadConfigFile(file, nodeSchema, checkNode);
  ok(loaded.ok, loaded.ok ? "" : loaded.message);
  strictEqual(loaded.value.cluster.nodes.length, 1);
  strictEqual(loaded.value.service.subnets.length, 4);
  // What is commented out as a default is one: without its comment mark it changes nothing.
  const text = await Deno.readTextFile(file);
  const uncommented = text.replaceAll(
    /^( *)# (\w+: .*)$/gm,
    (line, indent: string, key: string) =>
      /^(?:port|interfaces|multicast|declineTime|authoritative|rapidCommit):/.test(key)
        ? `${indent}${indent === "" ? "  " : ""}${key}`
        : line,
  );
  ok(uncommented.split("\n  rapidCommit:").length === 2, "the pattern finds the commented-out keys");
  const full = loadConfig(uncommented, nodeSchema, checkNode);
  ok(full.ok, full.ok ? "" : formatIssues(file, full.issues));
  deepStrictEqual(full.value, loaded.value);
});

Deno.test("reviseServiceText() changes the revision alone, and takes nothing but a service section", () => {
  const text = '{"classes":[{"revision":5,"name":"\\"revision\\":5"}],"domain":"revision","revision":31,"subnets":[]}';
  strictEqual(reviseServiceText(text, 7), text.replace("31", "7"));
  strictEqual(reviseServiceText('{"subnets":[]}', 7), '{"revision":7,"subnets":[]}');
  strictEqual(reviseServiceText('{"revision":"1","subnets":[]}', 7), '{"revision":7,"subnets":[]}');
  for (const none of ["{", "[]", "null", "7"]) strictEqual(reviseServiceText(none, 7), undefined);
});
