/** The node as a process on loopback, driven by emulated relayed clients. */

import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { decode } from "../src/dhcp/decode.ts";
import { encode } from "../src/dhcp/encode.ts";
import type { Message } from "../src/dhcp/message.ts";
import { clientMessage, type MessageParts } from "../src/dhcp/server/testing.ts";
import { formatIpv4, parseIpv4 } from "../src/net/ipv4.ts";
import { openUdp } from "../src/net/open.ts";

// Every run has addresses of its own, so that the fixed ports never meet.
const NET = `127.${128 + (Deno.pid >> 16) % 64}.${(Deno.pid >> 8) & 255}`;
const DEADLINE_MS = 20_000;
const PORT = 10_067;
const HTTP_PORT = 18_067;

interface Site {
  readonly folder: string;
  readonly node: string;
  readonly relay: string;
  readonly yaml: string;
}

async function atSite(last: number, use: (site: Site) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-node-" });
  const node = `${NET}.${last}`;
  const yaml = [
    `node: { id: 1, stateDir: ${folder}/state }`,
    `dhcp: { address: ${node}, port: ${PORT} }`,
    `cluster: { nodes: [{ id: 1, address: ${node} }] }`,
    `http: { address: ${node}, port: ${HTTP_PORT} }`,
    `service: { revision: 1, subnets: [{ subnet: 127.0.0.0/8, pools: [127.1.0.0-127.1.0.99] }] }`,
    "",
  ].join("\n");
  try {
    await use({ folder, node, relay: `${NET}.${last + 1}`, yaml });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(site: Site, yaml: string, ...flags: string[]): Promise<Deno.ChildProcess> {
  const file = `${site.folder}/node.yaml`;
  await Deno.writeTextFile(file, yaml);
  const main = new URL("main.ts", import.meta.url).pathname;
  const args = ["run", "--quiet", "-A", main, "--config", file, ...flags];
  return new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}

/** Runs to the end: exit code and standard error. */
async function outcome(site: Site, yaml: string, ...flags: string[]): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await (await run(site, yaml, ...flags)).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** What a stream has said so far. `ended` resolves with its end. */
function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): { text: string; ended: Promise<void> } {
  const collected = { text: "", ended: Promise.resolve() };
  const writable = new WritableStream<string>({ write: (text) => void (collected.text += text) });
  collected.ended = stream.pipeThrough(new TextDecoderStream()).pipeTo(writable);
  return collected;
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpMs = performance.now() + DEADLINE_MS;
  while (!await condition()) {
    if (performance.now() > giveUpMs) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function ready(site: Site): Promise<void> {
  return until("the node to be ready", async () => {
    const response = await fetch(`http://${site.node}:${HTTP_PORT}/readyz`).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status === 200;
  });
}

/** A relay's socket; `ask` sends a client's message and waits for the answer. */
async function openRelay(site: Site) {
  const socket = await openUdp({ address: parseIpv4(site.relay) as number, port: PORT });
  let answered = (_message: Message) => {};
  socket.receive((bytes) => {
    const decoded = decode(bytes);
    if (decoded.ok) answered(decoded.value);
  });
  const send = (type: Parameters<typeof clientMessage>[0], mac: number, parts: MessageParts = {}) => {
    const message = clientMessage(type, mac, { giaddr: site.relay, ...parts });
    socket.send(encode(message).bytes, parseIpv4(site.node) as number, PORT);
  };
  const answer = (deadlineMs = DEADLINE_MS) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("No answer")), deadlineMs);
      answered = (reply) => {
        clearTimeout(timer);
        resolve(`${reply.options.get(53)?.[0]} ${formatIpv4(reply.yiaddr)}`);
      };
    });
  return {
    close: () => socket.close(),
    send,
    answer,
    ask(type: Parameters<typeof send>[0], mac: number, parts?: MessageParts, deadlineMs?: number): Promise<string> {
      const answered = answer(deadlineMs);
      send(type, mac, parts);
      return answered;
    },
  };
}

Deno.test("node program: kill -9 right after a DHCPACK loses nothing; SIGTERM ends it with 0", () =>
  atSite(1, async (site) => {
    const first = await run(site, site.yaml);
    await ready(site);
    const relay = await openRelay(site);
    for (let mac = 1; mac <= 5; mac++) {
      strictEqual(await relay.ask("DISCOVER", mac), `2 127.1.0.${mac - 1}`);
      const request = { server: site.node, requested: `127.1.0.${mac - 1}` };
      strictEqual(await relay.ask("REQUEST", mac, request), `5 127.1.0.${mac - 1}`);
    }
    first.kill("SIGKILL");
    await first.output();
    const second = await run(site, site.yaml);
    await ready(site);
    for (let mac = 1; mac <= 5; mac++) {
      const renewal = { ciaddr: `127.1.0.${mac - 1}`, xid: 100 + mac };
      strictEqual(await relay.ask("REQUEST", mac, renewal), `5 127.1.0.${mac - 1}`);
    }
    // Far from the offers of the first process, which are forgotten.
    strictEqual(await relay.ask("DISCOVER", 9), "2 127.1.0.60");
    const status = await (await fetch(`http://${site.node}:${HTTP_PORT}/status`)).json();
    deepStrictEqual(
      [status.id, status.role, status.leader, status.quorum, status.ready, status.counters.granted],
      [1, "standalone", 1, true, true, 5],
    );
    const metrics = await (await fetch(`http://${site.node}:${HTTP_PORT}/metrics`)).text();
    match(metrics, /^dhcpcluster_replies_sent_total\{type="ACK"\} 5$/m);
    second.kill("SIGTERM");
    const { code, stderr } = await second.output();
    strictEqual(code, 0, new TextDecoder().decode(stderr));
    relay.close();
  }));

Deno.test("node program: three mistakes give three lines with line and column, and exit 1", () =>
  atSite(11, async (site) => {
    const yaml = site.yaml.replace("id: 1, stateDir", "id: 300, stateDir")
      .replace("127.1.0.0-127.1.0.99", "10.1.0.0-10.1.0.99")
      .replace("revision: 1,", "revision: 1, leesTime: 5,");
    for (const flags of [["--check"], []]) {
      const { code, stderr } = await outcome(site, yaml, ...flags);
      strictEqual(code, 1);
      const lines = stderr.trim().split("\n").filter((line) => /node\.yaml:\d+:\d+: /.test(line));
      strictEqual(lines.length, 3, stderr);
      match(stderr, /node\.yaml:1:13: .*id/);
      match(stderr, /leaseTime/);
    }
  }));

Deno.test("node program: --check warns of routes that are trimmed, and where", () =>
  atSite(12, async (site) => {
    const route = "{ destination: 10.9.0.1/12, router: 127.1.0.254 }";
    const yaml = site.yaml.replace("revision: 1,", `revision: 1, options: { classless-static-route: [${route}] },`);
    const { code, stderr } = await outcome(site, yaml, "--check");
    strictEqual(code, 0, stderr);
    match(
      stderr,
      /: warning: service\.options\.classless-static-route: "10\.9\.0\.1\/12" has .*: clients get 10\.0\.0\.0\/12\n$/,
    );
    strictEqual((await outcome(site, yaml.replace("9.0.1/12", "0.0.0/12"), "--check")).stderr, "");
  }));

Deno.test("node program: --check warns about addresses in pools that are in use, and the file stays valid", () =>
  atSite(31, async (site) => {
    const route = "classless-static-route: [{ destination: 10.9.0.1/12, router: 127.2.0.254 }]";
    const named = `options: { routers: [127.1.0.7], domain-name-servers: [127.1.0.8, 127.2.0.1], ${route} }`;
    const reserved = 'reservations: [{ hardware: "02:00:00:00:00:01", address: 127.1.0.8 }]';
    const yaml = site.yaml.replace("subnets: [{ ", `subnets: [{ ${named}, ${reserved}, `)
      .replace("dhcp: { ", "dhcp: { interfaces: [{ name: lo }], ")
      .replace("127.1.0.0-127.1.0.99", "127.0.0.1-127.1.0.99");
    const { code, stderr } = await outcome(site, yaml, "--check");
    strictEqual(code, 0, stderr);
    const warning = (address: string, key: string) =>
      `${site.folder}/node.yaml: warning: the pool 127.0.0.1-127.1.0.99 contains ${address}, which ${key} names: ` +
      "no client gets it; leave it out of the pool, or reserve it for the host that has it";
    const [trimmed, ...used] = stderr.trim().split("\n");
    match(String(trimmed), /: warning: service\.subnets\[0\]\.options\.classless-static-route: /);
    deepStrictEqual(used, [
      warning("127.1.0.7", "routers"),
      warning("127.0.0.1", "dhcp.interfaces (lo)"),
    ]);
  }));

Deno.test("node program: a taken port, a taken database and a bad key file are one line each", () =>
  atSite(21, async (site) => {
    const other = await openUdp({ address: parseIpv4(site.node) as number, port: PORT });
    const taken = await outcome(site, site.yaml);
    other.close();
    strictEqual(taken.code, 1);
    match(taken.stderr, /Cannot bind .*EADDRINUSE/);

    const running = await run(site, site.yaml);
    await ready(site);
    const locked = await outcome(site, site.yaml);
    strictEqual(locked.code, 1);
    match(locked.stderr, /another process|in use/);
    running.kill("SIGTERM");
    strictEqual((await running.output()).code, 0);

    const second =
      `cluster: { keyFile: /dev/null, nodes: [{ id: 1, address: ${site.node} }, { id: 2, address: ${site.relay} }] }`;
    const cluster = await outcome(site, site.yaml.replace(/^cluster:.*$/m, second));
    strictEqual(cluster.code, 1);
    match(cluster.stderr, /\/dev\/null as key file/);
    for (const { stderr } of [taken, locked, cluster]) ok(stderr.trim().split("\n").length <= 4, stderr);
  }));

Deno.test("node program: the log says which relay to add, and SIGHUP adds it", () =>
  atSite(41, async (site) => {
    const node = await run(site, site.yaml);
    const log = collect(node.stderr);
    await ready(site);
    const relay = await openRelay(site);
    const giaddr = `${NET}.49`;
    await rejects(relay.ask("DISCOVER", 1, { giaddr }, 1_000), /No answer/);
    const advice = [`from ${site.relay} (giaddr ${giaddr}): unknownRelay: `, `add ${site.relay} to dhcp.relays`];
    await until("the advice", () => log.text.split("\n").some((line) => advice.every((part) => line.includes(part))));
    const added = site.yaml.replace(/^dhcp: \{/m, `dhcp: { relays: [${site.relay}],`);
    await Deno.writeTextFile(`${site.folder}/node.yaml`, added);
    const answers = await openRelay({ ...site, relay: giaddr });
    node.kill("SIGHUP");
    await until("the answer", async () => {
      const asked = answers.answer(1_000);
      relay.send("DISCOVER", 1, { giaddr });
      return await asked.then((answer) => answer === "2 127.1.0.0", () => false);
    });
    ok(!/take effect at the next start/.test(log.text), log.text);
    answers.close();
    relay.close();
    node.kill("SIGTERM");
    const [{ code }] = await Promise.all([node.status, node.stdout.cancel(), log.ended]);
    strictEqual(code, 0);
  }));

Deno.test("node program: SIGHUP serves the new configuration, and keeps the old one when the new one is wrong", () =>
  atSite(31, async (site) => {
    const node = await run(site, site.yaml);
    const log = collect(node.stderr);
    await ready(site);
    const relay = await openRelay(site);
    await Deno.writeTextFile(`${site.folder}/node.yaml`, site.yaml.replace("127.1.0.0-127.1.0.99", "nonsense"));
    node.kill("SIGHUP");
    await until("the refusal", () => /Kept the running configuration.*\n.*ERROR.*nonsense/.test(log.text));
    strictEqual(await relay.ask("DISCOVER", 1), "2 127.1.0.0");
    await Deno.writeTextFile(
      `${site.folder}/node.yaml`,
      site.yaml.replace("127.1.0.0-127.1.0.99", "127.2.0.0-127.2.0.9"),
    );
    node.kill("SIGHUP");
    await until("the new configuration", () => log.text.split("Serving revision 1").length === 3);
    strictEqual(await relay.ask("DISCOVER", 2), "2 127.2.0.0");
    node.kill("SIGTERM");
    const [{ code }] = await Promise.all([node.status, node.stdout.cancel(), log.ended]);
    strictEqual(code, 0);
    relay.close();
  }));
