/** The contract of `UdpSocket`, run against each implementation. */

import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { Ipv4 } from "./ipv4.ts";
import { libcUnavailable } from "./linux/libc.ts";
import { openUdp } from "./open.ts";
import { until } from "./testing/until.ts";
import { SocketError, type UdpOptions, type UdpSocket } from "./udp.ts";

const LOOPBACK: Ipv4 = 0x7f000001;
/** TEST-NET-1 (RFC 5737): an address of no machine. */
const FOREIGN: Ipv4 = 0xc00002c8;
const GROUP: Ipv4 = 0xefff6343;
/** The longest payload that fits IPv4's total length. */
const PAYLOAD_OCTETS_MAX = 65535 - 20 - 8;

const LINUX_SKIPPED = libcUnavailable();
/** Deno before 2.9 can't join a group or choose its interface through node:dgram. */
const DGRAM_MULTICAST_SKIPPED = Deno.version.deno < "2.9" ? "node:dgram has no multicast here" : undefined;

interface Received {
  readonly bytes: Uint8Array;
  readonly from: Ipv4;
  readonly port: number;
}

type Open = (options?: Partial<UdpOptions>) => Promise<UdpSocket>;

/** Collects what a socket receives. */
function collect(socket: UdpSocket): Received[] {
  const received: Received[] = [];
  socket.receive((bytes, from, port) => received.push({ bytes, from, port }));
  return received;
}

/** Opens a socket on a port that another one is about to free. */
async function opened(open: Open, port: number): Promise<UdpSocket> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      return await open({ port });
    } catch (error) {
      ok(error instanceof SocketError && error.code === "EADDRINUSE");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  throw new Error(`port ${port} stays taken`);
}

/** A payload that identifies itself: neighbouring payloads differ in every octet. */
function numbered(index: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = index * 7 + at;
  return bytes;
}

function contract(kind: UdpSocket["kind"], name: string, test: (open: Open) => Promise<void>, skipped?: string): void {
  const reason = skipped ?? (kind === "linux" ? LINUX_SKIPPED : undefined);
  Deno.test({
    name: reason === undefined ? `${kind} socket: ${name}` : `${kind} socket: ${name} (skipped: ${reason})`,
    ignore: reason !== undefined,
    // The wait in libc, or node:dgram's last read, ends one turn after the socket is closed.
    sanitizeOps: false,
    async fn() {
      const sockets: UdpSocket[] = [];
      try {
        await test(async (options = {}) => {
          const socket = await openUdp({ address: LOOPBACK, port: 0, ...options }, kind);
          sockets.push(socket);
          return socket;
        });
      } finally {
        for (const socket of sockets) socket.close();
      }
    },
  });
}

for (const kind of ["linux", "dgram"] as const) {
  contract(kind, "an echo comes back from the address and port it went to", async (open) => {
    const server = await open();
    const client = await open();
    strictEqual(server.kind, kind);
    strictEqual(server.address, LOOPBACK);
    ok(server.port > 0);
    const requests: Received[] = [];
    server.receive((bytes, from, port) => {
      requests.push({ bytes, from, port });
      server.send(bytes, from, port);
    });
    const replies = collect(client);
    strictEqual(client.send(Uint8Array.of(1, 2, 3), LOOPBACK, server.port), true);
    await until(() => replies.length === 1, "an echo");
    deepStrictEqual(requests, [{ bytes: Uint8Array.of(1, 2, 3), from: LOOPBACK, port: client.port }]);
    deepStrictEqual(replies, [{ bytes: Uint8Array.of(1, 2, 3), from: LOOPBACK, port: server.port }]);
    strictEqual(client.sendErrors.count, 0);
  });

  contract(kind, "a transient datagram is complete while the handler runs", async (open) => {
    const server = await open({ transient: true });
    const client = await open();
    const seen: Uint8Array[] = [];
    server.receive((bytes) => seen.push(bytes.slice()));
    const sent = [5, 900, 1, 300].map((length, index) => numbered(index, length));
    for (const bytes of sent) client.send(bytes, LOOPBACK, server.port);
    await until(() => seen.length === sent.length, "all datagrams");
    // node:dgram does not keep the order.
    const byLength = (list: readonly Uint8Array[]) => list.toSorted((a, b) => a.length - b.length);
    deepStrictEqual(byLength(seen), byLength(sent));
  });

  contract(kind, "each batch ends once, after its datagrams", async (open) => {
    const server = await open();
    const client = await open();
    let inBatch = 0;
    let total = 0;
    const batches: number[] = [];
    server.receive(() => {
      inBatch++;
      total++;
    }, () => {
      batches.push(inBatch);
      inBatch = 0;
    });
    for (let index = 0; index < 200; index++) client.send(numbered(index, 10), LOOPBACK, server.port);
    await until(() => total === 200 && inBatch === 0, () => `200 datagrams in batches, is ${total}`);
    ok(batches.every((size) => size > 0), "no batch is empty");
    strictEqual(batches.reduce((sum, size) => sum + size, 0), 200);
    // Datagrams that were sent before the first read arrive as one batch.
    if (kind === "linux") strictEqual(batches[0], 64);
  });

  contract(kind, "payloads of every usual length, jumbo and the longest arrive complete", async (open) => {
    const server = await open({ receiveBufferBytes: 4_000_000 });
    const client = await open();
    const received = collect(server);
    const lengths = [...Array.from({ length: 1473 }, (_, length) => length), 8000, PAYLOAD_OCTETS_MAX];
    const arrived = new Map<number, Uint8Array>();
    for (const [index, length] of lengths.entries()) {
      client.send(numbered(length, length), LOOPBACK, server.port);
      if (index % 32 === 31 || length > 1472) {
        await until(() => received.length === index + 1, () => `${index + 1} datagrams, is ${received.length}`);
      }
    }
    await until(() => received.length === lengths.length, "all of them");
    for (const { bytes } of received) arrived.set(bytes.length, bytes);
    for (const length of lengths) deepStrictEqual(arrived.get(length), numbered(length, length));
  });

  contract(kind, "received bytes do not change, and 5,000 datagrams arrive", async (open) => {
    const server = await open({ receiveBufferBytes: 4_000_000 });
    const client = await open();
    const received = collect(server);
    for (let index = 0; index < 5_000; index++) {
      client.send(numbered(index, 300), LOOPBACK, server.port);
      if (index % 100 === 99) await until(() => received.length === index + 1, () => `${index + 1} datagrams`);
    }
    const first = new Set(received.map(({ bytes }) => bytes.join()));
    const sent = new Set(Array.from({ length: 256 }, (_, index) => numbered(index, 300).join()));
    deepStrictEqual(first, sent);
    strictEqual(received.length, 5_000);
  });

  contract(kind, "the caller may write to its bytes once they are sent", async (open) => {
    const server = await open();
    const client = await open();
    const received = collect(server);
    const bytes = Uint8Array.of(1, 2, 3);
    client.send(bytes, LOOPBACK, server.port);
    bytes.fill(9);
    await until(() => received.length === 1, "a datagram");
    deepStrictEqual(received[0]?.bytes, Uint8Array.of(1, 2, 3));
  });

  contract(kind, "a view sends only what it shows", async (open) => {
    const server = await open();
    const client = await open();
    const received = collect(server);
    client.send(Uint8Array.of(0, 1, 2, 3, 4).subarray(1, 4), LOOPBACK, server.port);
    await until(() => received.length === 1, "a datagram");
    deepStrictEqual(received[0]?.bytes, Uint8Array.of(1, 2, 3));
  });

  contract(kind, "a port in use is an error with advice", async (open) => {
    const { port } = await open();
    await rejects(open({ port }), (error) => {
      ok(error instanceof SocketError);
      strictEqual(error.code, "EADDRINUSE");
      strictEqual(
        error.message,
        `Cannot bind 127.0.0.1:${port}: address is in use (EADDRINUSE). ` +
          `Stop the program that holds the port (\`ss -ulnp sport = ${port}\` shows it) or configure another one.`,
      );
      return true;
    });
  });

  contract(kind, "an address of another machine is an error with advice", async (open) => {
    await rejects(open({ address: FOREIGN, port: 5067 }), (error) => {
      ok(error instanceof SocketError);
      strictEqual(error.code, "EADDRNOTAVAIL");
      strictEqual(
        error.message,
        "Cannot bind 192.0.2.200:5067: no interface has this address (EADDRNOTAVAIL). " +
          "Add the address to an interface (`ip -4 address` shows what there is) or configure another one.",
      );
      return true;
    });
  });

  contract(kind, "a datagram that cannot be sent is counted with its reason", async (open) => {
    const socket = await open();
    strictEqual(socket.sendErrors.count, 0);
    const sent = socket.send(new Uint8Array(PAYLOAD_OCTETS_MAX + 1), LOOPBACK, socket.port);
    if (kind === "linux") strictEqual(sent, false);
    await until(() => socket.sendErrors.count === 1, "a send error");
    ok(socket.sendErrors.last?.includes("EMSGSIZE"), socket.sendErrors.last);
  });

  contract(kind, "close() in the middle of a batch ends delivery at once", async (open) => {
    const server = await open();
    const client = await open();
    let handled = 0;
    let ended = 0;
    server.receive(() => {
      handled++;
      if (handled === 3) server.close();
    }, () => ended++);
    const echo = collect(client);
    for (let index = 0; index < 10; index++) client.send(numbered(index, 10), LOOPBACK, server.port);
    await until(() => handled === 3, "the third datagram");
    // The client's own datagram, sent after the others, has come through the same loop.
    client.send(Uint8Array.of(1), LOOPBACK, client.port);
    await until(() => echo.length === 1, "the client's own datagram");
    strictEqual(handled, 3);
    // Linux: all ten were one batch, which never ended; node:dgram: the first two were batches of their own.
    strictEqual(ended, kind === "linux" ? 0 : 2);
  });

  contract(kind, "close() is idempotent, refuses to send, and frees the port", async (open) => {
    const first = await open();
    collect(first);
    // The wait for datagrams is under way when the socket is closed.
    await new Promise((resolve) => setTimeout(resolve, 20));
    first.close();
    first.close();
    strictEqual(first.send(Uint8Array.of(1), LOOPBACK, 9), false);
    strictEqual(first.sendErrors.count, 1);
    // node:dgram closes a little later.
    const second = kind === "linux" ? await open({ port: first.port }) : await opened(open, first.port);
    strictEqual(second.port, first.port);
    const received = collect(second);
    second.send(Uint8Array.of(7), LOOPBACK, second.port);
    await until(() => received.length === 1, "a datagram on the port that was freed");
  });

  contract(kind, "two sockets each receive their own datagrams", async (open) => {
    const [one, two, client] = [await open(), await open(), await open()];
    const [ofOne, ofTwo] = [collect(one), collect(two)];
    for (let index = 0; index < 50; index++) {
      client.send(Uint8Array.of(1), LOOPBACK, one.port);
      client.send(Uint8Array.of(2), LOOPBACK, two.port);
    }
    await until(() => ofOne.length === 50 && ofTwo.length === 50, "50 datagrams each");
    ok(ofOne.every(({ bytes }) => bytes[0] === 1) && ofTwo.every(({ bytes }) => bytes[0] === 2));
  });

  contract(kind, "reuseAddress lets two sockets share a port", async (open) => {
    const one = await open({ reuseAddress: true });
    const two = await open({ reuseAddress: true, port: one.port });
    strictEqual(two.port, one.port);
    await rejects(open({ port: one.port }), SocketError);
  });

  contract(kind, "a joined group is received, another one is not", async (open) => {
    const server = await open({ address: 0 });
    const client = await open();
    server.joinMulticast(GROUP, LOOPBACK);
    // Without IP_MULTICAST_ALL = 0, Linux delivers the groups of all sockets on this machine to one on 0.0.0.0.
    if (kind === "linux") (await open({ address: 0 })).joinMulticast(GROUP + 1, LOOPBACK);
    const received = collect(server);
    client.setMulticast({ on: LOOPBACK, ttl: 1, loopback: true });
    client.send(Uint8Array.of(1), GROUP + 1, server.port);
    client.send(Uint8Array.of(2), GROUP, server.port);
    await until(() => received.some(({ bytes }) => bytes[0] === 2), "a datagram to the group");
    strictEqual(received.length, 1);
  }, kind === "dgram" ? DGRAM_MULTICAST_SKIPPED : undefined);

  contract(kind, "timers and messages run under load", async (open) => {
    const socket = await open();
    let received = 0;
    socket.receive((bytes, from, port) => {
      received++;
      socket.send(bytes, from, port);
    });
    for (let index = 0; index < 100; index++) socket.send(numbered(index, 300), LOOPBACK, socket.port);
    const { port1, port2 } = new MessageChannel();
    let messages = 0;
    port1.onmessage = () => {
      messages++;
      port2.postMessage(0);
    };
    port2.postMessage(0);
    let timers = 0;
    const timer = setInterval(() => timers++, 5);
    try {
      await until(() => timers >= 20 && messages >= 20 && received >= 2_000, () => {
        return `20 timers (${timers}), 20 messages (${messages}) and 2,000 datagrams (${received})`;
      });
    } finally {
      clearInterval(timer);
      port1.close();
      port2.close();
    }
  });

  contract(kind, "a program ends once it has closed its socket", async () => {
    const fixture = new URL("testing/exit_fixture.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--allow-ffi", "--allow-net", fixture, kind],
      stderr: "inherit",
      signal: AbortSignal.timeout(20_000),
    });
    const { code, signal, stdout } = await child.output();
    deepStrictEqual([code, signal, new TextDecoder().decode(stdout)], [0, null, "received 3\n"]);
  });
}
