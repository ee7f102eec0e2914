import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { ClusterMessage, Envelope, NodeId } from "../../src/cluster/wire/messages.ts";
import { encodeMessage } from "../../src/cluster/wire/codec.ts";
import { DOMAIN, type Run, Sealer } from "../../src/cluster/wire/seal.ts";
import { busyBatch } from "../../src/cluster/wire/testing/batch.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { openUdp, socketImplementation } from "../../src/net/open.ts";
import { until } from "../../src/net/testing/until.ts";
import { nodeCipher } from "./cipher.ts";
import { closeQuietly, Frames } from "./frames.ts";
import { NEWCOMER_LIMITS } from "./newcomers.ts";
import type { RefusalKind, TransportProblem } from "./transport_problems.ts";
import { GUARD_LIMITS } from "./source_guard.ts";
import { Transport, type TransportOptions } from "./transport.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER_KEY = new Uint8Array(32).fill(2);
const GROUP: Ipv4 = 0xefff4399;
const STARTS = 1_000;
const ELECTION: ClusterMessage = { type: "election", term: 7 };
const LARGE: ClusterMessage = { type: "config", revision: 1, text: "x".repeat(5_000) };

function addressOf(node: NodeId): Ipv4 {
  return 0x7f000000 + node;
}

function runOf(node: NodeId, changes: Partial<Run> = {}): Run {
  return { node, starts: STARTS, incarnation: 0xabc00000 + node, ...changes };
}

function envelopeOf(run: Run): Envelope {
  return { from: run.node, incarnation: run.incarnation, epoch: 1, membershipHash: 9, wireVersion: 3 };
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

interface Member {
  readonly transport: Transport;
  readonly heard: { from: NodeId; message: ClusterMessage }[];
  readonly said: TransportProblem[];
}

async function openMember(self: Run, port: number, options: Partial<TransportOptions> = {}): Promise<Member> {
  const heard: Member["heard"] = [];
  const said: TransportProblem[] = [];
  const transport = await Transport.open({
    self,
    members: [1, 2, 3].map((id) => ({ id, address: addressOf(id) })),
    port,
    multicast: undefined,
    keys: [KEY],
    envelope: () => envelopeOf(self),
    receive: (envelope, message, from) => {
      // A TCP connection over loopback comes from whatever address the system chose.
      if (message.type !== "config") strictEqual(from, addressOf(envelope.from));
      heard.push({ from: envelope.from, message });
    },
    outranked: () => {},
    problem: (problem) => said.push(problem),
    recovered: () => {},
    ...options,
  });
  return { transport, heard, said };
}

/** Three members on 127.0.0.1 to .3 for the length of a test. */
async function withCluster(
  options: Partial<TransportOptions>,
  test: (members: [Member, Member, Member], port: number) => Promise<void>,
): Promise<void> {
  const port = freePort();
  const ids = [1, 2, 3];
  const members: Member[] = [];
  try {
    for (const id of ids) members.push(await openMember(runOf(id), port, options));
    const knowsAll = ({ transport }: Member, at: number) => ids.every((id) => id === at + 1 || transport.isProven(id));
    await until(() => members.every(knowsAll), "all have proved that they run");
    await test(members as [Member, Member, Member], port);
  } finally {
    for (const { transport } of members) transport.close();
  }
}

/** Seals as a sender that is not one of the transports. */
function stranger(run: Run, key = KEY): Sealer {
  return new Sealer({ self: run, keys: [key], isMember: () => true, cipher: nodeCipher });
}

/** Sends raw octets from a member's address. */
async function inject(from: NodeId, to: NodeId, port: number, ...datagrams: Uint8Array[]): Promise<void> {
  const socket = await openUdp({ address: addressOf(from), port: 0 });
  try {
    for (const bytes of datagrams) ok(socket.send(bytes, addressOf(to), port));
  } finally {
    socket.close();
  }
}

/** The portable sockets can't do multicast on Deno 2.6. */
for (const multicast of [GROUP, undefined]) {
  const how = multicast === undefined ? "unicast to each" : "multicast";
  Deno.test(`transport: by ${how}, each other member hears a broadcast once`, async () => {
    await withCluster({ multicast }, async ([one, two, three]) => {
      const before = one.transport.counters.datagramsSent;
      for (let term = 0; term < 50; term++) one.transport.broadcast({ type: "election", term });
      two.transport.send(1, busyBatch(15));
      three.transport.send(1, { type: "okay", term: 3 });
      await until(() => two.heard.length >= 50 && three.heard.length >= 50 && one.heard.length >= 2, "all heard it");
      two.transport.broadcast({ type: "okay", term: 1 });
      await until(() => one.heard.length >= 3 && three.heard.length >= 51, "the next broadcast");
      strictEqual(two.heard.length, 50);
      strictEqual(three.heard.length, 51);
      deepStrictEqual(
        two.heard.map(({ message }) => "term" in message && message.term),
        Array.from({ length: 50 }, (_, term) => term),
      );
      deepStrictEqual(one.heard.find(({ message }) => message.type === "leaseBatch"), {
        from: 2,
        message: busyBatch(15),
      });
      const { datagramsSent, datagramsOwn } = one.transport.counters;
      strictEqual(datagramsSent - before, multicast === undefined ? 100 : 50);
      strictEqual(datagramsOwn, multicast === undefined ? 0 : 50);
      for (const { transport, said } of [one, two, three]) {
        deepStrictEqual(said, []);
        ok(Object.values(transport.refused).every((count) => count === 0));
      }
    });
  });
}

Deno.test("transport: what is not a member's fresh message is counted, said once, and dropped", async () => {
  await withCluster({}, async ([one], port) => {
    const two = runOf(2, { starts: STARTS + 1 });
    const plain = encodeMessage(envelopeOf(two), ELECTION);
    const sealer = stranger(two);
    const proof = sealer.proof(runOf(1));
    const good = sealer.seal(DOMAIN.datagram, plain);
    const tampered = sealer.seal(DOMAIN.datagram, plain);
    tampered[tampered.length - 20] = (tampered[tampered.length - 20] as number) ^ 1;
    const futureVersion = plain.slice();
    futureVersion[0] = 99;
    const { refused } = one.transport;
    const cases: [RefusalKind, NodeId, Uint8Array][] = [
      ["replayed", 2, good],
      ["forged", 2, tampered],
      ["forged", 2, sealer.seal(DOMAIN.datagram, plain).subarray(0, 50)],
      ["tooShort", 2, good.subarray(0, 20)],
      ["badMagic", 2, new Uint8Array(60)],
      ["wrongKey", 2, stranger(two, OTHER_KEY).seal(DOMAIN.datagram, plain)],
      ["unknownSender", 2, stranger(runOf(77)).seal(DOMAIN.datagram, plain)],
      ["stale", 2, stranger(runOf(2)).seal(DOMAIN.datagram, plain)],
      ["copied", 2, stranger({ ...two, incarnation: 5 }).seal(DOMAIN.datagram, plain)],
      ["wrongDomain", 2, sealer.seal(DOMAIN.stream, plain)],
      ["wrongAddress", 3, sealer.seal(DOMAIN.datagram, plain)],
      // A later start of the member, by its seal; but another machine's, which must not end the member's own run.
      ["wrongAddress", 3, stranger(runOf(2, { starts: STARTS + 2 })).seal(DOMAIN.datagram, plain)],
      ["ownId", 3, stranger(runOf(1, { starts: STARTS + 1 })).seal(DOMAIN.datagram, plain)],
      ["wrongEnvelope", 2, sealer.seal(DOMAIN.datagram, encodeMessage(envelopeOf(runOf(3)), ELECTION))],
      ["malformed", 2, sealer.seal(DOMAIN.datagram, Uint8Array.of(1))],
      ["badValue", 2, sealer.seal(DOMAIN.datagram, Uint8Array.of(1, 0x80))],
      ["wireVersion", 2, sealer.seal(DOMAIN.datagram, futureVersion)],
    ];
    await inject(2, 1, port, proof, good);
    await until(() => one.heard.length === 1, "the good one");
    for (const [kind, from, bytes] of cases) {
      const before = refused[kind];
      const told = one.said.length;
      await inject(from, 1, port, bytes);
      await until(() => refused[kind] > before, kind);
      strictEqual(refused[kind], before + 1, kind);
      // A second datagram of the same fault is counted and not told again.
      const expected = before > 0 ? 0 : 1;
      strictEqual(one.said.length - told, expected, kind);
    }
    strictEqual(one.heard.length, 1);
    const problems = one.transport.problems();
    strictEqual(problems.length, new Set(cases.map(([kind]) => kind)).size);
    strictEqual(problems.find(({ kind }) => kind === "forged")?.count, 2);
    for (const { message } of problems) match(message, /^127\.0\.0\.[23] .*: \w+/);
    // And still hears the true member.
    await inject(2, 1, port, sealer.seal(DOMAIN.datagram, plain));
    await until(() => one.heard.length === 2, "the next good one");
  });
});

Deno.test("transport: recorded datagrams of a dead member are not believed after a restart", async () => {
  const recorded: Uint8Array[] = [];
  let taken = 0;
  await withCluster({}, async ([one], port) => {
    const two = runOf(2, { starts: STARTS + 1 });
    const sealer = stranger(two);
    const proof = sealer.proof(runOf(1));
    for (let count = 0; count < 87; count++) {
      recorded.push(sealer.seal(DOMAIN.datagram, encodeMessage(envelopeOf(two), ELECTION)));
    }
    await inject(2, 1, port, proof, ...recorded);
    await until(() => one.heard.length === recorded.length, "all are heard while they are new");
    taken = one.heard.length;
  });
  strictEqual(taken, 87);
  const port = freePort();
  const one = await openMember(runOf(1, { starts: STARTS + 9 }), port);
  try {
    await inject(2, 1, port, ...recorded);
    await until(() => one.transport.refused.unproven === recorded.length, "all are seen");
    deepStrictEqual([one.heard, one.said], [[], []]);
  } finally {
    one.transport.close();
  }
});

Deno.test("transport: a newcomer with the key hears the members before it is one, and they tell of it", async () => {
  await withCluster({ multicast: GROUP }, async ([one], port) => {
    const members = [1, 2, 3, 4].map((id) => ({ id, address: addressOf(id) }));
    const four = await openMember(runOf(4), port, { members, multicast: GROUP });
    try {
      await until(() => [1, 2, 3].every((id) => four.transport.isProven(id)), "the members prove themselves");
      one.transport.broadcast(ELECTION);
      await until(() => four.heard.length === 1, "the newcomer hears node 1");
      four.transport.broadcast(ELECTION);
      await until(() => one.said.some(({ kind, node }) => kind === "unknownSender" && node === 4), "it is told");
      strictEqual(one.heard.length, 0);
    } finally {
      four.transport.close();
    }
  });
});

Deno.test("transport: a key is replaced without a lost message", async () => {
  await withCluster({}, async (members) => {
    let expected = 0;
    const exchange = async () => {
      for (const { transport } of members) transport.broadcast(ELECTION);
      expected += 2;
      await until(() => members.every(({ heard }) => heard.length === expected), `${expected} messages each`);
    };
    await exchange();
    for (const keys of [[KEY, OTHER_KEY], [OTHER_KEY, KEY], [OTHER_KEY]]) {
      for (const { transport } of members) {
        transport.setKeys(keys);
        await exchange();
      }
    }
    for (const { said } of members) deepStrictEqual(said, []);
  });
});

Deno.test("transport: members come and go", async () => {
  await withCluster({}, async ([one, two, three]) => {
    const both = [1, 2].map((id) => ({ id, address: addressOf(id) }));
    one.transport.setMembers(both);
    one.transport.broadcast(ELECTION);
    three.transport.send(1, ELECTION);
    await until(() => two.heard.length === 1 && one.transport.refused.unknownSender === 1, "the change");
    strictEqual(three.heard.length, 0);
    one.transport.setMembers([...both, { id: 3, address: addressOf(3) }]);
    three.transport.send(1, ELECTION);
    await until(() => one.heard.length === 1, "node 3 again");
  });
});

Deno.test("transport: a message too large for a datagram goes by TCP, to one or all", async () => {
  await withCluster({ multicast: undefined }, async ([one, two, three]) => {
    const config = (revision: number): ClusterMessage => ({ type: "config", revision, text: "x".repeat(300_000) });
    one.transport.broadcast(config(1));
    one.transport.send(2, config(2));
    await until(() => two.heard.length === 2 && three.heard.length === 1, "the configuration");
    deepStrictEqual(two.heard.map(({ message }) => message), [config(1), config(2)]);
    strictEqual(one.transport.streams.connected, 2);
    one.transport.send(2, { type: "config", revision: 3, text: "é".repeat(8_400_000) });
    strictEqual(one.transport.counters.tooLarge, 1);
  });
});

/** Opens a member on a port that its former process is about to let go. */
async function reopened(self: Run, port: number): Promise<Member> {
  for (let tries = 1;; tries++) {
    try {
      return await openMember(self, port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

Deno.test("transport: the first large message to a member that has been restarted is not lost", async () => {
  await withCluster({}, async ([one, two], port) => {
    const config = (revision: number): ClusterMessage => ({ type: "config", revision, text: "x".repeat(2_000) });
    one.transport.send(2, config(1));
    await until(() => two.heard.length === 1, "the first");
    two.transport.close();
    const again = await reopened(runOf(2, { starts: STARTS + 1 }), port);
    try {
      one.transport.send(2, config(2));
      await until(() => again.heard.length === 1, "the second");
      strictEqual(one.transport.streams.connected, 2);
    } finally {
      again.transport.close();
    }
  });
});

async function isClosed(conn: Deno.Conn): Promise<boolean> {
  const bytes = new Uint8Array(1_024);
  try {
    while (await conn.read(bytes) !== null);
  } catch {
    // Reset is closed, too.
  }
  return true;
}

Deno.test("transport: over TCP, who stalls, sends garbage, announces too much or has no key is cut off", async () => {
  const streamLimits = { connectMs: 150, stallMs: 150, idleMs: 300, inboundPerPeerMax: 2 };
  await withCluster({ streamLimits }, async ([one, two], port) => {
    const { streams } = one.transport;
    const connect = () => Deno.connect({ hostname: formatIpv4(addressOf(1)), port });
    const open: Deno.Conn[] = [];
    const dial = async () => {
      const conn = await connect();
      open.push(conn);
      return conn;
    };
    const expected = new Map<keyof typeof streams.faults, number>();
    const cut = async (conn: Deno.Conn, fault: keyof typeof streams.faults) => {
      const times = (expected.get(fault) ?? 0) + 1;
      expected.set(fault, times);
      ok(await isClosed(conn));
      await until(() => streams.faults[fault] === times, () => `${times} ${fault}, not ${streams.faults[fault]}`);
      conn.close();
      open.splice(open.indexOf(conn), 1);
    };
    try {
      // Says nothing.
      await cut(await dial(), "stalled");
      // Garbage where the first frame should be: a length that no greeting has.
      const garbage = await dial();
      await garbage.write(new Uint8Array(200).fill(0xee));
      await cut(garbage, "tooLarge");
      // A sealed greeting, but for another connection: a replay.
      const replay = await dial();
      const recorded = stranger(runOf(2)).seal(DOMAIN.stream, Uint8Array.of(1), new Uint8Array(37));
      await replay.write(Uint8Array.of(...new Uint8Array(16), 0, 0, 0, recorded.length, ...recorded));
      await cut(replay, "refused");
      strictEqual(one.transport.refused.forged, 1);
      // Without the key.
      const handshake = async (run: Run, key = KEY) => {
        const conn = await dial();
        const frames = await Frames.start(conn, {
          sealer: stranger(run, key),
          client: true,
          stallMs: 1_000,
          refused: () => {},
        });
        await frames.write(Uint8Array.of(0));
        return { conn, frames };
      };
      await cut((await handshake(runOf(2), OTHER_KEY)).conn, "refused");
      strictEqual(one.transport.refused.wrongKey, 1);
      // More strangers than there is room for: the oldest gives way, and the others said nothing.
      const strangers: Deno.Conn[] = [];
      for (let count = 0; count <= NEWCOMER_LIMITS.perMemberMax; count++) strangers.push(await dial());
      await until(() => streams.faults.full === 1, "the oldest is turned away");
      await Promise.all(strangers.map(isClosed));
      const stalled = 1 + NEWCOMER_LIMITS.perMemberMax;
      expected.set("stalled", stalled);
      await until(() => streams.faults.stalled === stalled, "the others are cut off");
      const said = one.said.filter(({ kind }) => kind === "unauthenticated");
      strictEqual(said.length, 1, "told once");
      match(said[0]?.message ?? "", /127\.0\.0\.1 opens connections to the cluster's port/);
      // A member that stops in mid-frame.
      const { conn, frames } = await handshake(runOf(2));
      ok(await frames.read(1) !== undefined);
      await conn.write(Uint8Array.of(0, 0, 1, 0, 1, 2, 3));
      await cut(conn, "stalled");
      // A member with too many connections.
      await (await handshake(runOf(2))).frames.read(1);
      await (await handshake(runOf(2))).frames.read(1);
      const third = await handshake(runOf(2));
      strictEqual(await third.frames.read(1).catch(() => undefined), undefined);
      await until(() => streams.faults.full === 2, "the member's third is turned away");
      // And a good one still gets through once there is room.
      for (const conn of open.splice(0)) conn.close();
      await until(() => {
        two.transport.send(1, LARGE);
        return one.heard.length > 0;
      }, "a member gets through");
      deepStrictEqual(one.heard[0]?.message, LARGE);
    } finally {
      for (const conn of open) conn.close();
    }
  });
});

Deno.test("transport: connections from no member's address are told once, and keep no member out", async () => {
  const streamLimits = { connectMs: 2_000 };
  const members = [11, 12].map((id) => ({ id, address: addressOf(id) }));
  const port = freePort();
  const one = await openMember(runOf(11), port, { members, streamLimits });
  const two = await openMember(runOf(12), port, { members, streamLimits });
  const open: Deno.Conn[] = [];
  try {
    let closed = 0;
    const hold = async () => {
      const conn = await Deno.connect({ hostname: formatIpv4(addressOf(11)), port });
      open.push(conn);
      void isClosed(conn).then(() => closed++);
    };
    // From 127.0.0.1, as all connections over loopback.
    for (let count = 0; count < 60; count++) await hold();
    await until(() => closed >= 56, () => `all but a few are closed at once, not only ${closed}`);
    strictEqual(one.said.filter(({ kind }) => kind === "foreign").length, 1);
    await until(() => {
      two.transport.send(11, LARGE);
      return one.heard.length > 0;
    }, "a member gets through meanwhile");
  } finally {
    for (const conn of open) closeQuietly(conn);
    one.transport.close();
    two.transport.close();
  }
});

Deno.test("transport: datagrams from elsewhere are counted, told and not opened; the kernel drops floods", async () => {
  await withCluster({ multicast: undefined }, async ([one, two], port) => {
    const later = runOf(2, { starts: STARTS + 1 });
    const good = stranger(later).seal(DOMAIN.datagram, encodeMessage(envelopeOf(later), ELECTION));
    await inject(77, 1, port, ...new Array(1_000).fill(good));
    const { refused, counters } = one.transport;
    await until(() => refused.foreign > 0 && counters.datagramsForeign === 1_000, "the flood is seen");
    strictEqual(refused.wrongAddress, GUARD_LIMITS.explainedPerSecond, "few are opened");
    match(one.said.find(({ kind }) => kind === "foreign")?.message ?? "", /127\.0\.0\.77 sends to the cluster's port/);
    const seen = counters.datagramsForeign;
    await inject(77, 1, port, ...new Array(1_000).fill(good));
    two.transport.send(1, ELECTION);
    await until(() => one.heard.length === 1, "a member is heard");
    if (socketImplementation().kind === "linux") ok(counters.datagramsForeign - seen < 200, "the kernel drops most");
  });
});

Deno.test("transport: a message to a closed or unknown node is dropped", async () => {
  await withCluster({ streamLimits: { connectMs: 300 } }, async ([one, two]) => {
    two.transport.close();
    one.transport.send(2, LARGE);
    await until(() => one.transport.streams.messagesDropped === 1, "the message is dropped");
    strictEqual(one.transport.streams.faults.closed, 1);
    const sent = one.transport.counters.datagramsSent;
    one.transport.send(9, ELECTION);
    strictEqual(one.transport.counters.datagramsSent, sent, "to no address");
  });
});
