import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { AT } from "../../src/dhcp/layout.ts";
import { BROADCAST_FLAG, MESSAGE_TYPE } from "../../src/dhcp/message.ts";
import { scanOptions } from "../../src/dhcp/relay_agent.ts";
import { NodeTracker } from "../select/tracker.ts";
import {
  CLIENT_MAC,
  CONFIG,
  datagram,
  type DatagramFields,
  GATEWAY0,
  GATEWAY1,
  ip,
  LAN0,
  LAN1,
} from "../testing/messages.ts";
import type { ForwardConfig } from "./config.ts";
import { Forwarder } from "./forwarder.ts";
import { byteAt } from "./header.ts";
import { relayRequest } from "./request.ts";

const NODE = ip("10.99.0.12");
const FOREIGN_OPTION_82 = [82, 3, 1, 1, 9];

function option82(value: Uint8Array): number[] {
  return [82, value.length, ...value];
}

const LAN0_OPTION_82 = option82(GATEWAY0.information.broadcast);

/** An answer as the node sends it to lan0's giaddr. */
function answer(fields: DatagramFields): Uint8Array {
  return datagram({ op: 2, type: MESSAGE_TYPE.ACK, yiaddr: "10.77.1.9", giaddr: "10.77.0.1", ...fields });
}

/** A relay that has relayed a client's request to all nodes, on every interface; `options`: per interface. */
function asked(
  type: number,
  config: ForwardConfig,
  options: Record<number, readonly number[]> = {},
  hlen = 6,
): Forwarder {
  const tracker = new NodeTracker(config.nodes.map(({ id }) => ({ id, weight: 1, local: false })));
  const forwarder = new Forwarder(config, tracker, 0);
  for (const link of config.interfaces.keys()) {
    const request = datagram({ type, hlen, options: options[link] ?? [] });
    forwarder.request(request, { link, from: 0, unicast: false }, 0);
  }
  return forwarder;
}

interface Delivered {
  readonly outcome: string;
  readonly node?: number;
  readonly link?: number;
  readonly destination?: unknown;
  readonly bytes?: Uint8Array;
}

/** The outcome of a reply. */
function deliver(
  bytes: Uint8Array,
  from = NODE,
  port = 67,
  forwarder = asked(scanOptions(bytes).messageType === MESSAGE_TYPE.OFFER ? 1 : 3, CONFIG, {}, bytes[AT.hlen]),
): Delivered {
  // A DHCPNAK is held because both nodes were asked: the other one agrees.
  if (scanOptions(bytes).messageType === MESSAGE_TYPE.NAK) forwarder.reply(bytes, 0, ip("10.99.0.11"), 67, 1);
  for (const effect of forwarder.reply(bytes, 0, from, port, 1)) {
    if (effect.kind === "deliver") {
      const { outcome, node, link, destination, bytes } = effect.delivery;
      return { outcome, node, link, destination, bytes };
    }
    if (effect.kind === "dropped" && effect.outcome !== "replyLater") return { outcome: effect.outcome };
  }
  throw new Error("Neither delivered nor dropped");
}

Deno.test("reply: an OFFER goes to the client's hardware address without option 82", () => {
  deepStrictEqual(deliver(answer({ type: MESSAGE_TYPE.OFFER, options: LAN0_OPTION_82, bytes: 0 })), {
    outcome: "deliveredLink",
    node: 1,
    link: 0,
    destination: { kind: "link", mac: CLIENT_MAC, to: ip("10.77.1.9"), port: 68 },
    bytes: answer({ type: MESSAGE_TYPE.OFFER, bytes: 275 }),
  });
});

const NAK = MESSAGE_TYPE.NAK;
const DESTINATIONS: [what: string, fields: DatagramFields, destination: unknown][] = [
  ["the broadcast flag set: broadcast", { flags: BROADCAST_FLAG }, { kind: "broadcast", port: 68 }],
  ["other flags only: the hardware address", { flags: 0x7fff }, {
    kind: "link",
    mac: CLIENT_MAC,
    to: ip("10.77.1.9"),
    port: 68,
  }],
  ["ciaddr set: that address", { ciaddr: "10.77.1.9" }, { kind: "ip", to: ip("10.77.1.9"), port: 68 }],
  ["ciaddr and the broadcast flag set: ciaddr", { ciaddr: "10.77.1.9", flags: BROADCAST_FLAG }, {
    kind: "ip",
    to: ip("10.77.1.9"),
    port: 68,
  }],
  ["a NAK: broadcast, whatever the flag", { type: NAK, yiaddr: "0.0.0.0" }, { kind: "broadcast", port: 68 }],
  ["a NAK with ciaddr: broadcast", { type: NAK, ciaddr: "10.77.1.9" }, { kind: "broadcast", port: 68 }],
  ["no yiaddr: broadcast", { yiaddr: "0.0.0.0" }, { kind: "broadcast", port: 68 }],
  ["InfiniBand (RFC 4390): broadcast", { htype: 32, hlen: 0 }, { kind: "broadcast", port: 68 }],
];
for (const [what, fields, destination] of DESTINATIONS) {
  Deno.test(`reply: ${what}`, () => {
    const decision = deliver(answer({ ...fields, options: LAN0_OPTION_82 }));
    deepStrictEqual(decision.destination, destination);
  });
}

const DROPS: [what: string, outcome: string, bytes: Uint8Array, from?: number, port?: number][] = [
  ["another host's address", "replyForged", answer({}), ip("10.99.0.13")],
  ["another port of a node", "replyForged", answer({}), NODE, 6767],
  ["a giaddr that is not ours", "replyGiaddr", answer({ giaddr: "10.80.0.1" })],
  ["no giaddr", "replyGiaddr", answer({ giaddr: "0.0.0.0" })],
  [
    "a giaddr that is not ours, but our circuit id",
    "replyGiaddr",
    answer({ giaddr: "10.80.0.1", options: LAN0_OPTION_82 }),
  ],
  ["a BOOTREQUEST", "requestFromUpstream", datagram({ ciaddr: "10.77.1.9" })],
  ["a cut header", "replyLength", answer({}).subarray(0, 239)],
  ["op 0", "replyOp", answer({ op: 0 })],
  ["another magic cookie", "replyCookie", answer({}).with(AT.cookie, 0)],
  ["a hardware address of 255 octets", "replyHlen", answer({ hlen: 255 })],
  ["an option that runs past the end", "replyOptions", answer({ options: [82, 250] })],
];
for (const [what, outcome, bytes, from, port] of DROPS) {
  Deno.test(`reply: dropped with ${what}`, () => deepStrictEqual(deliver(bytes, from, port), { outcome }));
}

Deno.test("reply: without an echoed option 82 giaddr identifies the interface", () => {
  const bytes = answer({ giaddr: "10.78.0.1" });
  const decision = deliver(bytes);
  strictEqual(decision.link, 1);
  deepStrictEqual(decision.bytes, bytes);
});

Deno.test("reply: interfaces that share an address are told apart by the transaction", () => {
  const twin = { ...LAN1, gateways: [{ ...GATEWAY1, giaddr: GATEWAY0.giaddr }] };
  const config = { ...CONFIG, interfaces: [LAN0, twin] };
  const tracker = new NodeTracker(CONFIG.nodes.map(({ id }) => ({ id, weight: 1, local: false })));
  const forwarder = new Forwarder(config, tracker, 0);
  forwarder.request(datagram({ type: 3 }), { link: 1, from: 0, unicast: false }, 0);
  strictEqual(deliver(answer({}), NODE, 67, forwarder).link, 1);
});

Deno.test("reply: behind a trusted interface the switch's own option 82 goes back to it", () => {
  const bytes = answer({ giaddr: "10.78.0.1", options: FOREIGN_OPTION_82 });
  deepStrictEqual(deliver(bytes, NODE, 67, asked(3, CONFIG, { 1: FOREIGN_OPTION_82 })).bytes, bytes);
  deepStrictEqual(deliver(answer({ options: FOREIGN_OPTION_82 })).bytes, answer({ bytes: 300 }));
});

Deno.test("reply: sub-options appended to a switch's option 82 are removed again", () => {
  const config = { ...CONFIG, interfaces: [LAN0, { ...LAN1, option82: "append" as const }] };
  const own = [...GATEWAY1.information.broadcast];
  const echoed = [82, 3 + own.length, ...FOREIGN_OPTION_82.slice(2), ...own];
  const reply = answer({ giaddr: "10.78.0.1", options: echoed, bytes: 400 });
  const { bytes } = deliver(reply, NODE, 67, asked(3, config, { 1: FOREIGN_OPTION_82 }));
  deepStrictEqual(bytes, answer({ giaddr: "10.78.0.1", options: FOREIGN_OPTION_82, bytes: 400 - echoed.length }));
});

Deno.test("reply: option 82 in several parts and before other options is removed whole", () => {
  const options = [82, 3, 1, 4, 0x6c, 82, 3, 0x61, 0x6e, 0x30, 0, 51, 4, 0, 0, 0, 9];
  const decision = deliver(answer({ options, bytes: 400 }));
  const expected = answer({ options: [0, 51, 4, 0, 0, 0, 9], bytes: 390 });
  deepStrictEqual(decision.bytes, expected);
});

const anyOption = fc.tuple(
  fc.integer({ min: 1, max: 254 }).filter((code) => code !== 82 && code !== 53),
  fc.uint8Array({ maxLength: 40 }),
).map(([code, value]) => [code, value.length, ...value]);

Deno.test("reply: everything but the echoed option 82 reaches the client unchanged", () => {
  fc.assert(fc.property(fc.array(anyOption, { maxLength: 10 }), fc.nat(300), (parts, padding) => {
    const discover = datagram();
    const request = relayRequest(LAN0, GATEWAY0, discover, { options: scanOptions(discover), unicast: false });
    if (typeof request === "string") throw new Error(request);
    const echoed = [...request.bytes.subarray(243, 243 + 2 + byteAt(request.bytes, 244))];
    const options = parts.flat();
    const bytes = Math.max(300, 244 + options.length + padding);
    const decision = deliver(answer({ options: [...options, ...echoed], bytes: bytes + echoed.length }));
    deepStrictEqual(decision.bytes, answer({ options, bytes }));
  }));
});

Deno.test("reply: a message never gets shorter than BOOTP's 300 octets by losing option 82", () => {
  const decision = deliver(answer({ options: LAN0_OPTION_82, bytes: 310 }));
  deepStrictEqual(decision.bytes, answer({ bytes: 300 }));
});

Deno.test("reply: nothing throws, neither noise nor a mutated or cut message", () => {
  const good = answer({ options: [12, 4, 1, 2, 3, 4, ...LAN0_OPTION_82], bytes: 0 });
  const mutation = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 });
  const outcomes = new Set<string>();
  const forwarder = asked(3, CONFIG);
  const decide = (bytes: Uint8Array) => {
    forwarder.request(datagram({ type: 3 }), { link: 0, from: 0, unicast: false }, 0);
    for (const effect of forwarder.reply(bytes, 0, NODE, 67, 1)) {
      if (effect.kind === "dropped") outcomes.add(effect.outcome);
      if (effect.kind === "deliver") outcomes.add(effect.delivery.outcome);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), decide));
  fc.assert(
    fc.property(mutation, fc.nat(good.length), (changes, size) => {
      const bytes = good.slice();
      for (const [offset, value] of changes) bytes[offset] = value;
      decide(bytes);
      decide(bytes.subarray(0, size));
    }),
    { numRuns: 2000 },
  );
  strictEqual(outcomes.size > 4, true, `Only ${[...outcomes].join(", ")} occurred: the test does not reach far`);
});
