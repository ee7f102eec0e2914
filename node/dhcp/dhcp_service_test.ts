import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { decode } from "../../src/dhcp/decode.ts";
import { encode } from "../../src/dhcp/encode.ts";
import type { Message } from "../../src/dhcp/message.ts";
import type { ServiceConfig } from "../../src/config/service_schema.ts";
import { CompiledService } from "../../src/dhcp/server/compiled_service.ts";
import { clientMessage, ip, type MessageParts, SERVER, service, subnet } from "../../src/dhcp/server/testing.ts";
import type { NodeEvent } from "../../src/core/effects.ts";
import { NodeCore } from "../../src/core/node_core.ts";
import type { Instant } from "../../src/lease/agreement/clock.ts";
import { PROPOSAL_MS } from "../../src/lease/agreement/limits.ts";
import type { Writes } from "../../src/lease/agreement/slot.ts";
import { LogLimiter } from "../../src/log/limiter.ts";
import { logger } from "../../src/log/configure.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { NodeCounters, TYPE_NAME } from "../admin/counters.ts";
import { DhcpService, type RequestSource } from "./dhcp_service.ts";

const NETWORK = service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.9"])]);
const ARRIVAL = { from: ip("10.77.0.1"), serverIdentifier: ip(SERVER), receivedOn: ip(SERVER), onLink: false };

/** A node alone that serves, with a disk whose syncs the test performs. */
function started(config: ServiceConfig = NETWORK) {
  let now: Instant = { wallMs: 1_700_000_000_000, monotonicMs: 1 };
  const writes: { writes: Writes; token: number }[] = [];
  const sent: string[] = [];
  const datagrams: Uint8Array[] = [];
  const counters = new NodeCounters();
  const compiled = new CompiledService(config);
  const core = new NodeCore<RequestSource>({
    self: 1,
    incarnation: 7,
    hashSeed: 0,
    facts: new Map(),
    nodes: [{ id: 1, address: ip(SERVER) }],
    bootstrap: false,
    file: { revision: 1, text: "first" },
    served: { text: "first", service: compiled },
    revise: (text) => text,
    random: () => 0.5,
    now,
  });
  const dhcp = new DhcpService({
    core,
    counters,
    log: logger("test"),
    limiter: new LogLimiter(),
    now: () => now,
    request: (event) => receive(event),
  });
  const perform = () => {
    core.flush(now);
    if (core.nextDeadline(now) <= now.monotonicMs) core.tick(now);
    for (const effect of core.takeEffects()) {
      if (effect.kind === "persist") writes.push(effect);
      else dhcp.perform(effect);
    }
  };
  const receive = (event: NodeEvent<RequestSource>) => {
    core.receive(event, now);
    perform();
  };
  const sync = () => {
    for (const { token } of writes.splice(0)) receive({ kind: "persisted", token });
  };
  const send = (bytes: Uint8Array, reply: Message) => {
    const decoded = decode(bytes, { bootp: true });
    strictEqual(decoded.ok, true, "what is sent decodes");
    datagrams.push(bytes);
    sent.push(`${TYPE_NAME.get(reply.options.get(53)?.[0] ?? 0)} ${formatIpv4(reply.yiaddr)}`);
    return true;
  };
  core.beginLoad();
  core.loaded();
  receive({ kind: "listening" });
  while (writes.length > 0) sync();
  strictEqual(core.notReady(now), undefined);
  return {
    core,
    dhcp,
    counters,
    sent,
    datagrams,
    /** Lease rows that wait for a sync. */
    rows: () => writes.flatMap(({ writes }) => writes.rows ?? []).length,
    receive: (bytes: Uint8Array) => dhcp.receive(bytes, ARRIVAL, send),
    say(type: Parameters<typeof clientMessage>[0], mac: number, parts: MessageParts = {}, from = "10.77.0.1") {
      const { bytes } = encode(clientMessage(type, mac, { giaddr: "10.77.0.1", ...parts }));
      dhcp.receive(bytes, { ...ARRIVAL, from: ip(from) }, send);
    },
    failStore: () => receive({ kind: "store", failure: "full" }),
    reconfigure: (service: ServiceConfig) =>
      core.server.reconfigure(new CompiledService(service), now, core.clock.bounds(now)),
    sync,
    wait(ms: number) {
      now = { wallMs: now.wallMs + ms, monotonicMs: now.monotonicMs + ms };
      perform();
    },
  };
}

const REQUEST = { server: SERVER, requested: "10.77.1.0" };

Deno.test("service: the DHCPACK leaves after the sync, the DHCPOFFER at once", () => {
  const s = started();
  s.say("DISCOVER", 1);
  s.say("REQUEST", 1, REQUEST);
  deepStrictEqual(s.sent, ["OFFER 10.77.1.0"]);
  strictEqual(s.core.member.pending, 1);
  s.sync();
  deepStrictEqual(s.sent, ["OFFER 10.77.1.0", "ACK 10.77.1.0"]);
  deepStrictEqual([s.counters.received.REQUEST, s.counters.sent.ACK, s.counters.granted], [1, 1, 1]);
});

const PRINTER = { address: ip("10.77.0.50"), hardware: [Uint8Array.of(2, 0, 0, 0, 0, 9)], hostname: "printer" };

/** What a BOOTP client sends (RFC 951 §3): no options, with the cookie of RFC 1533 or without. */
function bootRequest(mac: number, hasCookie = true): Uint8Array {
  const message = clientMessage("DISCOVER", mac, { giaddr: "10.77.0.1" });
  message.options.clear();
  const bytes = encode(message, { bootp: true }).bytes.slice();
  if (!hasCookie) bytes.fill(0, 236);
  return bytes;
}

Deno.test("service: a BOOTP client gets its reservation in 300 octets, without options of DHCP, for good", () => {
  const options = new Map([[3, Uint8Array.of(10, 77, 0, 1)], [15, new Uint8Array(40).fill(120)], [
    6,
    new Uint8Array(4),
  ]]);
  const reservations = [{ ...PRINTER, options, bootFile: "printer.img" }];
  const s = started({ ...service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.9"], { reservations })]), bootp: true });
  for (const hasCookie of [true, false]) {
    s.receive(bootRequest(9, hasCookie));
    s.sync();
    const bytes = s.datagrams.pop() ?? new Uint8Array();
    strictEqual(bytes.length, 300, "RFC 951 §3");
    const decoded = decode(bytes, { bootp: true });
    if (!decoded.ok) throw new Error("it decodes");
    const { yiaddr, options: given, file } = decoded.value;
    deepStrictEqual([formatIpv4(yiaddr), new TextDecoder().decode(file)], ["10.77.0.50", "printer.img"]);
    deepStrictEqual([...given.keys()], [1, 28, 3, 6, 12], "what fits into 64 octets");
  }
  const [lease] = s.core.table.rows();
  strictEqual((lease?.detail.expires ?? 0) - 1_700_000_000_000 > 100 * 365 * 86_400_000, true);
  s.receive(bootRequest(7));
  s.sync();
  deepStrictEqual([s.datagrams.length, s.counters.dropped.notReserved], [0, 1]);
  s.say("DISCOVER", 7);
  deepStrictEqual(s.sent.at(-1), "OFFER 10.77.1.0");
});

Deno.test("service: BOOTP is dropped as what it is unless it is wanted", () => {
  const reservations = [{ ...PRINTER, options: new Map() }];
  const s = started(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.9"], { reservations })]));
  s.receive(bootRequest(9));
  s.receive(bootRequest(9, false));
  deepStrictEqual([s.datagrams.length, s.counters.undecodable.bootp], [0, 2]);
});

Deno.test("service: a disk that hangs costs the answer, and the address is free for another attempt", () => {
  const s = started();
  s.say("REQUEST", 1, REQUEST);
  s.wait(PROPOSAL_MS + 1);
  s.sync();
  deepStrictEqual(s.sent, []);
  strictEqual(s.counters.failedGrants.timeout, 1);
  s.say("REQUEST", 2, REQUEST);
  s.sync();
  deepStrictEqual(s.sent, ["ACK 10.77.1.0"]);
});

Deno.test("service: a retransmission while the disk works gets its own answer from the same commit", () => {
  const s = started();
  s.say("REQUEST", 1, REQUEST);
  s.say("REQUEST", 1, REQUEST);
  strictEqual(s.rows(), 1);
  s.sync();
  deepStrictEqual(s.sent, ["ACK 10.77.1.0", "ACK 10.77.1.0"]);
});

Deno.test("service: what is no message, and what deserves no answer, is counted by reason", () => {
  const s = started();
  s.receive(new Uint8Array(10));
  s.receive(new Uint8Array(300));
  s.say("REQUEST", 1, { server: "10.99.0.99", requested: "10.77.1.0" });
  s.say("DISCOVER", 2, { giaddr: "10.99.0.1" });
  s.say("DISCOVER", 3, { giaddr: "10.99.0.1" }, "10.99.0.1");
  deepStrictEqual([s.counters.undecodable.truncated, s.counters.undecodable.badValue], [1, 1]);
  deepStrictEqual([s.counters.dropped.otherServer, s.counters.dropped.unknownRelay, s.counters.dropped.noSubnet], [
    1,
    1,
    1,
  ]);
  deepStrictEqual(s.sent, []);
});

Deno.test("service: a reload keeps what is pending and the leases", () => {
  const s = started();
  s.say("REQUEST", 1, REQUEST);
  s.reconfigure(service([subnet("10.77.0.0/16", ["10.77.2.0-10.77.2.9"])], { revision: 2 }));
  s.say("DISCOVER", 2);
  strictEqual(s.dhcp.compiled.config.revision, 2);
  s.sync();
  deepStrictEqual(s.sent, ["OFFER 10.77.2.0", "ACK 10.77.1.0"]);
  strictEqual(s.dhcp.table.get(ip("10.77.1.0")).state, "bound");
  s.say("REQUEST", 1, { ciaddr: "10.77.1.0", xid: 9 });
  s.sync();
  strictEqual(s.sent.at(-1), "ACK 10.77.1.0", "kept, though it is in no pool any more");
});

Deno.test("service: while the store does not work nothing is offered or promised", () => {
  const s = started();
  s.failStore();
  s.say("DISCOVER", 1);
  s.say("REQUEST", 1, REQUEST);
  deepStrictEqual([s.sent, s.rows(), s.counters.unserved.store], [[], 0, 2]);
});

Deno.test("service: a client that gets another address of its subnet leaves the former one to others", () => {
  const s = started();
  s.say("REQUEST", 1, REQUEST);
  s.sync();
  s.wait(121_000);
  s.say("REQUEST", 1, { server: SERVER, requested: "10.77.1.5", xid: 7 });
  s.sync();
  strictEqual(s.dhcp.table.get(ip("10.77.1.0")).state, "released");
  strictEqual(s.dhcp.table.get(ip("10.77.1.5")).state, "bound");
});

Deno.test("service: a late request for another address does not end the lease that the client has by now", () => {
  const s = started();
  s.say("REQUEST", 1, REQUEST);
  s.sync();
  s.wait(60_000);
  s.say("REQUEST", 1, { server: SERVER, requested: "10.77.1.5", xid: 7 });
  s.sync();
  strictEqual(s.dhcp.table.get(ip("10.77.1.0")).state, "bound");
});

Deno.test("service: a reload that leaves the pools as they are keeps the offers, and divides no pool anew", () => {
  const s = started();
  const { pools } = s.core.server;
  s.say("DISCOVER", 1);
  s.reconfigure({ ...NETWORK, revision: 2, leaseSeconds: 60 });
  s.say("DISCOVER", 2);
  deepStrictEqual(s.sent, ["OFFER 10.77.1.0", "OFFER 10.77.1.1"]);
  strictEqual(s.core.server.pools, pools, "another array would have the leader divide them again");
  s.reconfigure(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.20"])], { revision: 3 }));
  s.say("DISCOVER", 3);
  strictEqual(s.sent.at(-1), "OFFER 10.77.1.2");
  notStrictEqual(s.core.server.pools, pools);
});
