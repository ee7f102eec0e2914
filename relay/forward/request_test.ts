import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { decode } from "../../src/dhcp/decode.ts";
import { AT } from "../../src/dhcp/layout.ts";
import { scanOptions } from "../../src/dhcp/relay_agent.ts";
import { clientInterface, CONFIG, datagram, type DatagramFields, ip, LAN0, LAN1 } from "../testing/messages.ts";
import type { ForwardConfig, ForwardInterface, Gateway } from "./config.ts";
import { HOPS_LIMIT } from "./config.ts";
import { readUint32 } from "./header.ts";
import { gatewayFor, relayRequest, requestFault } from "./request.ts";

const LAN0_OPTION_82 = [
  ...[82, 29],
  ...[1, 4, 0x6c, 0x61, 0x6e, 0x30], // circuit id "lan0"
  ...[2, 6, 2, 0xff, 0, 0, 0, 1], // remote id: the interface's MAC
  ...[5, 4, 10, 77, 0, 1], // link selection
  ...[10, 1, 0], // flags: broadcast
  ...[11, 4, 10, 77, 0, 1], // server identifier override
];
const FOREIGN_OPTION_82 = [82, 3, 1, 1, 9];

/** The outcome of a request, and the relayed datagram. */
function relay(
  bytes: Uint8Array,
  on: ForwardInterface = LAN0,
  unicast = false,
  config: ForwardConfig = CONFIG,
): { outcome: string; bytes?: Uint8Array } {
  const fault = requestFault(config, on, bytes);
  if (fault !== undefined) return { outcome: fault };
  const result = relayRequest(on, on.gateways[0] as Gateway, bytes, { options: scanOptions(bytes), unicast });
  return typeof result === "string" ? { outcome: result } : { outcome: result.outcome, bytes: result.bytes };
}

/** The forwarded datagram; fails the test when there is none. */
function relayed(bytes: Uint8Array, on: ForwardInterface = LAN0, unicast = false): Uint8Array {
  const result = relay(bytes, on, unicast);
  if (result.bytes === undefined) throw new Error(`Dropped: ${result.outcome}`);
  return result.bytes;
}

Deno.test("request: a broadcast DISCOVER is relayed with giaddr, one hop more and option 82 last", () => {
  const discover = datagram({ type: 1, options: [55, 2, 1, 3] });
  const expected = datagram({
    type: 1,
    options: [55, 2, 1, 3, ...LAN0_OPTION_82],
    hops: 1,
    giaddr: "10.77.0.1",
  });
  deepStrictEqual(relay(discover), { outcome: "relayed", bytes: expected });
});

Deno.test("request: a renewal by unicast is marked as such (RFC 5010)", () => {
  const renewal = datagram({ type: 3, ciaddr: "10.77.1.9" });
  const option = LAN0_OPTION_82.with(24, 0x80); // the flags
  const expected = datagram({
    type: 3,
    ciaddr: "10.77.1.9",
    options: option,
    hops: 1,
    giaddr: "10.77.0.1",
  });
  deepStrictEqual(relayed(renewal, LAN0, true), expected);
});

Deno.test("request: the received datagram is not modified", () => {
  for (const on of [LAN0, LAN1]) {
    const bytes = datagram({ options: on.trusted ? FOREIGN_OPTION_82 : [] });
    const before = bytes.slice();
    notStrictEqual(relayed(bytes, on), bytes);
    deepStrictEqual(bytes, before);
  }
});

Deno.test("request: a message without end option gets one, behind option 82", () => {
  const bytes = datagram({ bytes: 0 }).subarray(0, -1);
  deepStrictEqual([...relayed(bytes).subarray(AT.options)], [53, 1, 1, ...LAN0_OPTION_82, 255]);
});

/** RFC 2132 §9.3: a server reads options in `file` and `sname`, too. */
function overloaded(at: number): Uint8Array {
  const bytes = datagram({ options: [52, 1, 3] });
  bytes.set([12, 1, 0x61, 0, ...FOREIGN_OPTION_82, 255], at);
  return bytes;
}

const DROPS: [what: string, outcome: string, bytes: Uint8Array, on?: ForwardInterface][] = [
  ["a datagram one octet short of the options", "requestLength", datagram().subarray(0, 239)],
  ["an empty datagram", "requestLength", new Uint8Array()],
  ["a giant datagram", "requestLength", datagram({ bytes: 4097 })],
  ["op 3", "requestOp", datagram({ op: 3 })],
  ["another magic cookie", "requestCookie", datagram().with(AT.cookie, 98)],
  ["a hardware address of 17 octets", "requestHlen", datagram({ hlen: 17 })],
  ["a hardware address of zeros", "requestHardware", datagram().fill(0, AT.chaddr, AT.chaddr + 6)],
  ["a broadcast hardware address", "requestHardware", datagram().fill(255, AT.chaddr, AT.chaddr + 6)],
  ["a multicast hardware address", "requestHardware", datagram().with(AT.chaddr, 1)],
  ["an option that runs past the end", "requestOptions", datagram({ options: [12, 200] })],
  ["option 82 in the overloaded file field", "requestOptions", overloaded(AT.file)],
  ["option 82 in the overloaded sname field", "requestOptions", overloaded(AT.sname)],
  ["an option without length", "requestOptions", datagram({ bytes: 0, options: [12] }).subarray(0, -1)],
  ["more hops than configured", "requestHops", datagram({ hops: 5 })],
  ["a BOOTREPLY", "replyFromClientSide", datagram({ op: 2, giaddr: "10.77.0.1" })],
  ["giaddr set on an untrusted interface", "giaddrUntrusted", datagram({ giaddr: "10.80.0.1" })],
  ["this relay's giaddr, untrusted interface", "giaddrSpoofed", datagram({ giaddr: "10.77.0.1" })],
  ["this relay's giaddr, trusted interface", "giaddrSpoofed", datagram({ giaddr: "10.77.0.1" }), LAN1],
  ["option 82 on an untrusted interface", "informationUntrusted", datagram({ options: FOREIGN_OPTION_82 })],
];
for (const [what, outcome, bytes, on] of DROPS) {
  Deno.test(`request: dropped with ${what}`, () => deepStrictEqual(relay(bytes, on), { outcome }));
}

Deno.test("request: hopsMax hops pass, and 16 never do", () => {
  strictEqual(relayed(datagram({ hops: 4 }))[AT.hops], 5);
  const lenient = { ...CONFIG, hopsMax: 255 };
  strictEqual(relay(datagram({ hops: HOPS_LIMIT - 1 }), LAN0, false, lenient).outcome, "relayed");
  strictEqual(relay(datagram({ hops: HOPS_LIMIT }), LAN0, false, lenient).outcome, "requestHops");
});

Deno.test("request: behind a trusted interface a switch's option 82 stays the only one", () => {
  const bytes = datagram({ options: FOREIGN_OPTION_82 });
  const expected = datagram({ options: FOREIGN_OPTION_82, hops: 1, giaddr: "10.78.0.1" });
  deepStrictEqual(relay(bytes, LAN1), { outcome: "relayedKeepingInformation", bytes: expected });
});

const POLICIES: [policy: ForwardInterface["option82"], outcome: string, options: number[] | undefined][] = [
  ["forward", "relayedKeepingInformation", FOREIGN_OPTION_82],
  ["append", "relayedAppendingInformation", [...FOREIGN_OPTION_82, ...LAN0_OPTION_82]],
  ["replace", "relayedReplacingInformation", LAN0_OPTION_82],
  ["drop", "informationPolicy", undefined],
];
for (const [option82, outcome, options] of POLICIES) {
  Deno.test(`request: the policy "${option82}" for a switch's option 82`, () => {
    const result = relay(datagram({ options: FOREIGN_OPTION_82 }), { ...LAN0, trusted: true, option82 });
    deepStrictEqual(result, {
      outcome,
      ...(options === undefined ? {} : { bytes: datagram({ options, hops: 1, giaddr: "10.77.0.1" }) }),
    });
  });
}

Deno.test("request: an interface with two subnets: the client's own, the requested one, then each in turn", () => {
  const lan = clientInterface("lan0", ["10.77.0.1", "10.78.0.1"]);
  const giaddr = (fields: DatagramFields, retransmissions: number) => {
    const bytes = datagram(fields);
    return gatewayFor(lan, bytes, scanOptions(bytes), retransmissions)?.giaddr;
  };
  const [primary, secondary] = [ip("10.77.0.1"), ip("10.78.0.1")];
  deepStrictEqual([0, 1, 2, 3, 4, 5, 6].map((retransmissions) => giaddr({}, retransmissions)), [
    ...[primary, primary, primary],
    ...[secondary, secondary, secondary],
    primary,
  ]);
  strictEqual(giaddr({ type: 3, ciaddr: "10.78.1.9" }, 0), secondary);
  strictEqual(giaddr({ options: [50, 4, 10, 78, 1, 9] }, 0), secondary);
  strictEqual(giaddr({ options: [50, 4, 192, 168, 1, 9] }, 0), primary);
  // A link with both subnets: what was offered through one gateway is requested through it.
  strictEqual(giaddr({ type: 3, options: [50, 4, 10, 78, 1, 9, 54, 4, 10, 77, 0, 1] }, 0), primary);
});

Deno.test("request: another relay's giaddr stays, with or without option 82", () => {
  for (const options of [[], FOREIGN_OPTION_82]) {
    const expected = datagram({ options, hops: 2, giaddr: "10.80.0.1" });
    const decision = relay(datagram({ options, hops: 1, giaddr: "10.80.0.1" }), LAN1);
    deepStrictEqual(decision, { outcome: "relayedChained", bytes: expected });
  }
});

Deno.test("request: option 82 is left out exactly where it would not fit into a frame", () => {
  const filler = (octets: number) => Array.from({ length: octets / 2 }, () => [12, 0]).flat();
  const room = 1472 - AT.options - 3 - LAN0_OPTION_82.length - 1;
  const whole = relayed(datagram({ options: filler(room - room % 2) }));
  strictEqual(whole.length, 1472 - room % 2);
  const options = filler(room - room % 2 + 2);
  const decision = relay(datagram({ options }));
  const expected = datagram({ options, hops: 1, giaddr: "10.77.0.1" });
  deepStrictEqual(decision, { outcome: "relayedWithoutInformation", bytes: expected });
});

/** Option 52 would make options fields of what is random. */
const anyOption = fc.tuple(
  fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52 && code !== 82),
  fc.uint8Array({ maxLength: 40 }),
).map(([code, value]) => [code, value.length, ...value]);

Deno.test("request: whatever a client sends, only hops, giaddr and option 82 change", () => {
  const header = fc.uint8Array({ minLength: AT.cookie, maxLength: AT.cookie });
  const options = fc.array(anyOption, { maxLength: 12 });
  fc.assert(fc.property(header, options, fc.nat(60), fc.boolean(), (random, parts, padding, unicast) => {
    const bytes = datagram({ type: 0, options: parts.flat(), bytes: 241 + parts.flat().length + padding });
    const fixed = { op: 1, hlen: (random[AT.hlen] as number) % 17, hops: (random[AT.hops] as number) % 5 };
    bytes.set(random);
    bytes.set([fixed.op, random[AT.htype] as number, fixed.hlen, fixed.hops]);
    bytes.fill(0, AT.giaddr, AT.giaddr + 4);
    // A station's address, neither zero nor of a group.
    bytes[AT.chaddr] = 2;

    const result = relayed(bytes, LAN0, unicast);
    strictEqual(result[AT.hops], fixed.hops + 1);
    strictEqual(readUint32(result, AT.giaddr), ip("10.77.0.1"));
    const information = (LAN0.gateways[0] as Gateway).information[unicast ? "unicast" : "broadcast"];
    const end = AT.options + parts.flat().length;
    const added = end + 2 + information.length;
    deepStrictEqual([...result.subarray(end, added + 1)], [82, information.length, ...information, 255]);
    // Padding gives way to the option; there is none but zeros.
    deepStrictEqual(result.subarray(added + 1), new Uint8Array(Math.max(0, bytes.length - added - 1)));
    const kept = result.slice(0, end);
    kept[AT.hops] = fixed.hops;
    kept.fill(0, AT.giaddr, AT.giaddr + 4);
    deepStrictEqual(kept, bytes.subarray(0, end));
  }));
});

Deno.test("request: the message decodes to the same afterwards, except for option 82", () => {
  const bytes = datagram({ type: 3, options: [50, 4, 10, 77, 1, 9, 61, 3, 1, 2, 3, 55, 2, 1, 3], ciaddr: "10.77.1.9" });
  const before = decode(bytes);
  const after = decode(relayed(bytes, LAN0, true));
  if (!before.ok || !after.ok) throw new Error("Both must decode");
  after.value.options.delete(82);
  deepStrictEqual(after.value, { ...before.value, hops: 1, giaddr: ip("10.77.0.1") });
});

Deno.test("request: nothing throws, neither noise nor a mutated or cut message", () => {
  const good = datagram({ options: [12, 4, 1, 2, 3, 4, ...LAN0_OPTION_82], bytes: 0 });
  const mutation = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 });
  const outcomes = new Set<string>();
  const decide = (bytes: Uint8Array) => {
    for (const on of [LAN0, LAN1]) outcomes.add(relay(bytes, on).outcome);
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
  ok(outcomes.size > 4, `Only ${[...outcomes].join(", ")} occurred: the test does not reach far`);
});
