/** The relay as a process, between an emulated client and an emulated node on the loopback device. */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { BOOTREPLY, MESSAGE_TYPE } from "../src/dhcp/message.ts";
import { decode } from "../src/dhcp/decode.ts";
import { AT } from "../src/dhcp/layout.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { openUdp } from "../src/net/open.ts";
import type { UdpSocket } from "../src/net/udp.ts";
import { datagram, ip } from "./testing/messages.ts";

// Each run has its own addresses, so that the fixed ports do not collide.
const HOST = `127.${64 + (Deno.pid >> 16) % 64}.${(Deno.pid >> 8) & 255}.${Deno.pid & 255}`;
const RELAY_PORT = 10067;
const CLIENT_PORT = 10068;
const HTTP_PORT = 18068;
const DEADLINE_MS = 20_000;

function command(config: string, ...flags: string[]): Deno.Command {
  const main = new URL("main.ts", import.meta.url).pathname;
  const args = ["run", "--quiet", "-A", main, "--config", config, ...flags];
  return new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "piped" });
}

async function withFile(text: string, use: (file: string) => Promise<void>): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, text);
    await use(file);
  } finally {
    await Deno.remove(file);
  }
}

/** Asks until the answer satisfies `wanted`; fails after the deadline with the last one. */
async function poll(path: string, wanted: (status: number, body: string) => boolean): Promise<string> {
  const giveUpMs = Date.now() + DEADLINE_MS;
  for (let last = "no answer";;) {
    try {
      const response = await fetch(`http://${HOST}:${HTTP_PORT}${path}`);
      const body = await response.text();
      if (wanted(response.status, body)) return body;
      last = `${response.status} ${body}`;
    } catch (error) {
      last = String(error);
    }
    if (Date.now() > giveUpMs) throw new Error(`GET ${path}: still ${last}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The datagrams of a socket, one by one. */
function inbox(socket: UdpSocket): () => Promise<Uint8Array> {
  const waiting: Uint8Array[] = [];
  let wake = Promise.withResolvers<void>();
  socket.receive((bytes) => {
    waiting.push(bytes.slice());
    wake.resolve();
  });
  return async () => {
    const timer = setTimeout(() => wake.reject(new Error("No datagram came")), DEADLINE_MS);
    try {
      while (waiting.length === 0) {
        await wake.promise;
        wake = Promise.withResolvers();
      }
      return waiting.shift() as Uint8Array;
    } finally {
      clearTimeout(timer);
    }
  };
}

Deno.test("relay program: not ready without a node, forwards, drops a forgery, ends with 0", async () => {
  const host = ip(HOST);
  await using stack = new AsyncDisposableStack();
  const socket = async (port: number) => {
    const opened = await openUdp({ address: host, port });
    stack.defer(() => opened.close());
    return opened;
  };
  const [client, node, stranger] = [await socket(CLIENT_PORT), await socket(0), await socket(0)];
  const [toClient, toNode] = [inbox(client), inbox(node)];
  let ready = false;
  const health = Deno.serve(
    { hostname: HOST, port: 0, onListen: () => {} },
    () => new Response(null, { status: ready ? 200 : 503 }),
  );
  stack.defer(() => health.shutdown());
  const yaml = `
relay: { interfaces: [{ name: lo, address: ${HOST} }], port: ${RELAY_PORT}, clientPort: ${CLIENT_PORT} }
nodes: [{ id: 7, address: ${HOST}, port: ${node.port}, health: "http://${HOST}:${health.addr.port}/readyz" }]
probe: { interval: 100ms, timeout: 100ms }
http: { address: ${HOST}, port: ${HTTP_PORT} }
`;
  await withFile(yaml, async (file) => {
    const child = command(file).spawn();
    try {
      const reason = await poll("/readyz", (status, body) => status === 503 && body.includes("node 7"));
      match(reason, /no node is ready: node 7: .*not ready/);
      ready = true;
      await poll("/readyz", (status) => status === 200);

      client.send(datagram({ type: MESSAGE_TYPE.DISCOVER }), host, RELAY_PORT);
      const relayed = await toNode();
      const decoded = decode(relayed);
      ok(decoded.ok);
      strictEqual(formatIpv4(decoded.value.giaddr), HOST);
      strictEqual(decoded.value.hops, 1);
      strictEqual(new TextDecoder().decode(decoded.value.options.get(82)?.subarray(2, 4)), "lo");

      const offered = { op: BOOTREPLY, type: MESSAGE_TYPE.OFFER, yiaddr: "10.77.1.9", giaddr: HOST };
      const offer = datagram(offered);
      stranger.send(offer, host, RELAY_PORT);
      const echo = relayed.slice();
      echo[AT.op] = BOOTREPLY;
      echo[AT.options + 2] = MESSAGE_TYPE.OFFER;
      echo.set([10, 77, 1, 9], AT.yiaddr);
      node.send(echo, host, RELAY_PORT);
      // It is the node's and not the stranger's, and it has lost option 82.
      deepStrictEqual(await toClient(), datagram({ ...offered, hops: 1 }));

      const status = JSON.parse(await poll("/status", (code) => code === 200));
      const { rttMs, id, ready: serves, reachable, chosen, address, port } = status.nodes[0];
      deepStrictEqual({ id, serves, reachable, chosen }, { id: 7, serves: true, reachable: true, chosen: true });
      deepStrictEqual({ address, port }, { address: HOST, port: node.port });
      ok(rttMs > 0 && rttMs < 100);
      const { relayed: up, deliveredLink: down, replyForged: forged } = status.interfaces[0].datagrams;
      deepStrictEqual({ up, down, forged }, { up: 1, down: 1, forged: 1 });
      const metrics = await poll("/metrics", (code) => code === 200);
      match(metrics, /dhcpcluster_relay_datagrams_total\{.*outcome="replyForged".*\} 1\n/);
      match(metrics, /dhcpcluster_relay_node_chosen\{node="7"\} 1\n/);
    } finally {
      child.kill("SIGTERM");
      const { code, stderr } = await child.output();
      const log = new TextDecoder().decode(stderr);
      strictEqual(code, 0, log);
      match(log, /replyForged: not from a configured node's address and port from=127\./);
      match(log, /SIGTERM: stopping[\s\S]*stopped\n$/);
    }
  });
});

Deno.test("relay program: probes become rare while nothing changes, frequent when a client has no answer", async () => {
  const host = ip(HOST);
  await using stack = new AsyncDisposableStack();
  const [client, node] = [
    await openUdp({ address: host, port: CLIENT_PORT }),
    await openUdp({ address: host, port: 0 }),
  ];
  stack.defer(() => [client, node].forEach((socket) => socket.close()));
  /** Times of the requests for the health URL. */
  const probes: number[] = [];
  const health = Deno.serve({ hostname: HOST, port: 0, onListen: () => {} }, () => {
    probes.push(performance.now());
    return Response.json({ ready: true, unanswered: {}, full: [] });
  });
  stack.defer(() => health.shutdown());
  const gapped = async (what: string, wanted: (gapMs: number) => boolean) => {
    const giveUpMs = performance.now() + DEADLINE_MS;
    for (
      const since = probes.length;
      !wanted((probes.at(-1) ?? 0) - (probes.at(-2) ?? 0)) || probes.length < since + 2;
    ) {
      ok(performance.now() < giveUpMs, what);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const yaml = `
relay: { interfaces: [{ name: lo, address: ${HOST} }], port: ${RELAY_PORT}, clientPort: ${CLIENT_PORT} }
nodes: [{ id: 7, address: ${HOST}, port: ${node.port}, health: "http://${HOST}:${health.addr.port}/readyz" }]
probe: { interval: 100ms, timeout: 100ms, ping: false }
http: { address: ${HOST}, port: ${HTTP_PORT} }
`;
  await withFile(yaml, async (file) => {
    const child = command(file).spawn();
    try {
      await gapped("probes become rare", (gapMs) => gapMs > 500);
      client.send(datagram({ type: MESSAGE_TYPE.DISCOVER }), host, RELAY_PORT);
      await gapped("probes become frequent", (gapMs) => gapMs < 300);
    } finally {
      child.kill("SIGTERM");
      strictEqual((await child.output()).code, 0);
    }
  });
});

Deno.test("relay program: a missing interface is one line and exit 1", async () => {
  const yaml = "relay: { interfaces: [{ name: nosuch0 }] }\nnodes: [{ id: 1, address: 192.0.2.1 }]\n";
  await withFile(yaml, async (file) => {
    const { code, stderr } = await command(file).output();
    strictEqual(
      new TextDecoder().decode(stderr),
      "dhcpcluster-relay: Cannot relay for nosuch0: there is no such interface. Create it or correct " +
        "relay.interfaces[0].name (`ip link` lists the interfaces).\n",
    );
    strictEqual(code, 1);
    const checked = await command(file, "--check").output();
    strictEqual(checked.code, 0, new TextDecoder().decode(checked.stderr));
  });
});
