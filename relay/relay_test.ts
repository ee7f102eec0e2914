import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { BROADCAST_FLAG, MESSAGE_TYPE } from "../src/dhcp/message.ts";
import type { Ipv4 } from "../src/net/ipv4.ts";
import type { ClientDestination } from "../src/dhcp/delivery.ts";
import { Relay } from "./relay.ts";
import { NodeTracker } from "./select/tracker.ts";
import { CONFIG, datagram, ip, LAN0 } from "./testing/messages.ts";
import type { Wire } from "./wires/wires.ts";

/** A relay between two LANs and two nodes, whose wires write down what they are given. */
function relay(options: { up?: boolean; down?: boolean } = {}) {
  const up: { link: number; to: Ipv4; bytes: Uint8Array }[] = [];
  const down: { link: number; destination: ClientDestination; bytes: Uint8Array }[] = [];
  const drops: string[] = [];
  const wires = CONFIG.interfaces.map((_, link): Wire => ({
    receive() {},
    sendUpstream: (bytes, to) => options.up !== false && up.push({ link, to, bytes }) > 0,
    deliver: (bytes, destination) => options.down !== false && down.push({ link, destination, bytes }) > 0,
    receiveDrops: 0,
    sendErrors: { count: 0, last: undefined },
    close() {},
  }));
  const tracker = new NodeTracker(CONFIG.nodes.map(({ id }) => ({ id, weight: 1, local: false })));
  const dropped = (link: number, reason: string) => void drops.push(`${link} ${reason}`);
  return { up, down, drops, tracker, core: new Relay({ config: CONFIG, wires, tracker, now: () => 0, dropped }) };
}

/** The counters that are not zero. */
function counted(core: Relay): Record<string, number>[] {
  return core.counts.map((counts) => Object.fromEntries(Object.entries(counts).filter(([, value]) => value > 0)));
}

const [NODE1, NODE2] = [ip("10.99.0.11"), ip("10.99.0.12")];
const READY = { kind: "answered", ready: true, rttMs: 1 } as const;

Deno.test("relay: while no node is known to live, requests go to all; the first to answer gets the next one", () => {
  const { core, up, down, tracker } = relay();
  core.request(0, datagram(), 0, false);
  deepStrictEqual(up.map(({ to }) => to), [NODE1, NODE2]);
  const option = [82, LAN0.information.broadcast.length, ...LAN0.information.broadcast];
  const offer = { op: 2, type: MESSAGE_TYPE.OFFER, yiaddr: "10.77.1.9", giaddr: "10.77.0.1", flags: BROADCAST_FLAG };
  core.reply(0, datagram({ ...offer, options: option }), NODE2, 67);
  deepStrictEqual(down, [{ link: 0, destination: { kind: "broadcast", port: 68 }, bytes: datagram(offer) }]);
  deepStrictEqual([tracker.order, tracker.fanOut], [[1, 0], 1]);
  core.request(0, datagram({ type: MESSAGE_TYPE.REQUEST }), 0, false);
  deepStrictEqual(up.map(({ to }) => to), [NODE1, NODE2, NODE2]);
  deepStrictEqual(counted(core), [{ relayed: 2, deliveredBroadcast: 1 }, {}]);
});

Deno.test("relay: a request leaves through the interface it came from, a reply through the one its giaddr names", () => {
  const { core, up, down, tracker } = relay();
  tracker.healthAsked(0, READY, 0);
  core.request(1, datagram(), 0, false);
  deepStrictEqual(up.map(({ link, to }) => [link, to]), [[1, NODE1]]);
  core.reply(0, datagram({ op: 2, type: 2, yiaddr: "10.78.1.9", giaddr: "10.78.0.1" }), NODE1, 67);
  deepStrictEqual(down.map(({ link }) => link), [1]);
  deepStrictEqual(counted(core), [{}, { relayed: 1, deliveredLink: 1 }]);
});

Deno.test("relay: a forged reply goes nowhere and vouches for nobody", () => {
  const { core, down, drops, tracker } = relay();
  core.reply(0, datagram({ op: 2, type: 2, yiaddr: "10.77.1.9", giaddr: "10.77.0.1" }), ip("10.99.0.99"), 67);
  deepStrictEqual([down, drops, tracker.ready(0)], [[], ["0 replyForged"], false]);
  deepStrictEqual(counted(core), [{ replyForged: 1 }, {}]);
});

Deno.test("relay: what the system will not send is counted as dropped, not as forwarded", () => {
  const { core, drops } = relay({ up: false, down: false });
  core.request(0, datagram(), 0, false);
  core.reply(0, datagram({ op: 2, type: 2, yiaddr: "10.78.1.9", giaddr: "10.78.0.1" }), NODE1, 67);
  deepStrictEqual(drops, ["0 requestUnsent", "1 replyUndelivered"]);
  deepStrictEqual(counted(core), [{ requestUnsent: 1 }, { replyUndelivered: 1 }]);
});

Deno.test("relay: a renewal by unicast is marked as one", () => {
  const { core, up } = relay();
  core.request(0, datagram({ type: 3, ciaddr: "10.77.1.9" }), ip("10.77.1.9"), true);
  const unicast = [82, LAN0.information.unicast.length, ...LAN0.information.unicast];
  deepStrictEqual(
    up[0]?.bytes,
    datagram({ type: 3, ciaddr: "10.77.1.9", giaddr: "10.77.0.1", hops: 1, options: unicast }),
  );
  strictEqual(up.length, 2);
});
