import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { ClientDestination } from "../src/dhcp/delivery.ts";
import { BROADCAST_FLAG, MESSAGE_TYPE } from "../src/dhcp/message.ts";
import { formatIpv4, type Ipv4 } from "../src/net/ipv4.ts";
import { Relay } from "./relay.ts";
import { NodeTracker } from "./select/tracker.ts";
import { CONFIG, datagram, GATEWAY0, ip } from "./testing/messages.ts";

/** A relay between two LANs and two nodes that records what it sends. `refuse`: sending to these nodes fails. */
function relay(options: { refuse?: readonly Ipv4[]; down?: boolean } = {}) {
  const up: string[] = [];
  const down: { device: string; destination: ClientDestination; bytes: Uint8Array }[] = [];
  const drops: string[] = [];
  const tracker = new NodeTracker(CONFIG.nodes.map(({ id }) => ({ id, weight: 1, local: false })));
  const clock = { nowMs: 0 };
  const core = new Relay({
    config: CONFIG,
    outlet: {
      sendUpstream: (giaddr, _bytes, to) =>
        options.refuse?.includes(to) !== true && up.push(`${formatIpv4(giaddr)} to ${formatIpv4(to)}`) > 0,
      deliver: ({ device }, bytes, destination) =>
        options.down !== false && down.push({ device, destination, bytes: bytes.slice() }) > 0,
    },
    tracker,
    now: () => clock.nowMs,
    dropped: (link, reason) => void drops.push(`${link} ${reason}`),
    rogue: () => {},
  });
  const chooseFirst = () => {
    for (const index of [0, 1]) {
      tracker.healthAsked(index, { kind: "answered", ready: true, rttMs: 1 }, 0);
      tracker.roundEnded(index, 0);
    }
  };
  return { up, down, drops, tracker, core, clock, chooseFirst };
}

/** The non-zero counters. */
function counted(core: Relay): Record<string, number>[] {
  return core.counts.map((counts) => Object.fromEntries(Object.entries(counts).filter(([, value]) => value > 0)));
}

const [NODE1, NODE2] = [ip("10.99.0.11"), ip("10.99.0.12")];

Deno.test("relay: while no node is known to be ready, all get requests; the first to answer gets the next one", () => {
  const { core, up, down, tracker } = relay();
  core.request(0, datagram(), 0, false);
  deepStrictEqual(up, ["10.77.0.1 to 10.99.0.11", "10.77.0.1 to 10.99.0.12"]);
  const option = [82, GATEWAY0.information.broadcast.length, ...GATEWAY0.information.broadcast];
  const offer = { op: 2, type: MESSAGE_TYPE.OFFER, yiaddr: "10.77.1.9", giaddr: "10.77.0.1", flags: BROADCAST_FLAG };
  core.reply(0, datagram({ ...offer, options: option }), NODE2, 67);
  deepStrictEqual(down, [{ device: "lan0", destination: { kind: "broadcast", port: 68 }, bytes: datagram(offer) }]);
  deepStrictEqual([tracker.order, tracker.fanOut], [[1, 0], 1]);
  core.request(0, datagram({ type: MESSAGE_TYPE.REQUEST }), 0, false);
  strictEqual(up.at(-1), "10.77.0.1 to 10.99.0.12");
  deepStrictEqual(counted(core), [{ relayed: 2, deliveredBroadcast: 1 }, {}]);
  core.close();
});

Deno.test("relay: a request has its interface's giaddr, and the reply is delivered through that interface", () => {
  const { core, up, down, chooseFirst } = relay();
  chooseFirst();
  core.request(1, datagram(), 0, false);
  deepStrictEqual(up, ["10.78.0.1 to 10.99.0.11"]);
  core.reply(0, datagram({ op: 2, type: 2, yiaddr: "10.78.1.9", giaddr: "10.78.0.1" }), NODE1, 67);
  deepStrictEqual(down.map(({ device }) => device), ["lan1"]);
  deepStrictEqual(counted(core), [{}, { relayed: 1, deliveredLink: 1 }]);
  core.close();
});

Deno.test("relay: a forged reply is dropped and does not make a node ready", () => {
  const { core, down, drops, tracker } = relay();
  core.request(0, datagram(), 0, false);
  core.reply(0, datagram({ op: 2, type: 2, yiaddr: "10.77.1.9", giaddr: "10.77.0.1" }), ip("10.99.0.99"), 67);
  deepStrictEqual([down, drops, tracker.ready(0)], [[], ["0 replyForged"], false]);
  deepStrictEqual(counted(core), [{ relayed: 1, replyForged: 1 }, {}]);
  core.close();
});

Deno.test("relay: when sending to a node fails the next node gets the request at once", () => {
  const { core, up, chooseFirst } = relay({ refuse: [NODE1] });
  chooseFirst();
  core.request(0, datagram(), 0, false);
  deepStrictEqual(up, ["10.77.0.1 to 10.99.0.12"]);
  deepStrictEqual(counted(core), [{ relayed: 1 }, {}]);
  core.close();
});

Deno.test("relay: what the kernel refuses to send is counted as dropped, not as forwarded", () => {
  const nowhere = relay({ refuse: [NODE1, NODE2] });
  nowhere.core.request(0, datagram(), 0, false);
  deepStrictEqual([nowhere.drops, counted(nowhere.core)], [["0 requestUnsent"], [{ requestUnsent: 1 }, {}]]);
  nowhere.core.close();
  const { core, drops } = relay({ down: false });
  core.request(1, datagram(), 0, false);
  core.reply(0, datagram({ op: 2, type: 2, yiaddr: "10.78.1.9", giaddr: "10.78.0.1" }), NODE1, 67);
  deepStrictEqual([drops, counted(core)], [["1 replyUndelivered"], [{}, { relayed: 1, replyUndelivered: 1 }]]);
  core.close();
});

Deno.test("relay: deadlines are kept: a silent node is hedged by the next one", async () => {
  const { core, up, chooseFirst } = relay();
  chooseFirst();
  // The core's clock does not advance until the timer fires.
  core.request(0, datagram(), 0, false);
  core.close();
  deepStrictEqual(up, ["10.77.0.1 to 10.99.0.11"]);

  const awake = relay();
  awake.chooseFirst();
  const startMs = performance.now();
  Object.defineProperty(awake.clock, "nowMs", { get: () => performance.now() - startMs });
  awake.core.request(0, datagram(), 0, false);
  while (awake.up.length < 2 && performance.now() - startMs < 10_000) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  awake.core.close();
  deepStrictEqual(awake.up, ["10.77.0.1 to 10.99.0.11", "10.77.0.1 to 10.99.0.12"]);
});
