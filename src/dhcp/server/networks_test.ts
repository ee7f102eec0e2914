import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { ClassConfig, ServiceConfig, SharedNetworkConfig, SubnetConfig } from "../../config/service_schema.ts";
import { formatIpv4, prefixOf } from "../../net/ipv4.ts";
import type { Message } from "../message.ts";
import { OPTIONS, readOption } from "../options/mod.ts";
import type { RelayAgentInformation } from "../relay_agent_information.ts";
import { RelayTrust } from "./relay_trust.ts";
import { clientMessage, ip, type MessageParts, SERVER, service, subnet, TestServer } from "./testing.ts";

/** A link with two subnets of three addresses, and a subnet that has its link to itself. */
const FIRST = "10.81.0.0/24";
const SECOND = "10.82.0.0/24";
const RELAY = "10.81.0.1";
const OTHER_RELAY = "10.82.0.1";
const text = (value: string) => new TextEncoder().encode(value);
const hardware = (mac: number) => Uint8Array.of(2, 0, 0, 0, 0, mac);

function campus(
  extra: Partial<SharedNetworkConfig> = {},
  { first = {}, second = {}, more = {}, alone = {} }: {
    readonly first?: Partial<SubnetConfig>;
    readonly second?: Partial<SubnetConfig>;
    readonly alone?: Partial<SubnetConfig>;
    readonly more?: Partial<ServiceConfig>;
  } = {},
): ServiceConfig {
  const shared = { sharedNetwork: 0 };
  return service([
    subnet("10.83.0.0/24", ["10.83.0.10-10.83.0.12"], alone),
    subnet(FIRST, ["10.81.0.10-10.81.0.12"], { ...shared, ...first }),
    subnet(SECOND, ["10.82.0.10-10.82.0.12"], { ...shared, ...second }),
  ], { sharedNetworks: [{ name: "campus", options: new Map(), ...extra }], ...more });
}

/** Clients 1, 2, … ask for a lease each. */
function fill(s: TestServer, count: number, parts: MessageParts): string[] {
  return Array.from({ length: count }, (_, index) => s.lease(index + 1, parts));
}

function replyOf(s: TestServer, message: Message): Message {
  const reply = s.handle(message);
  ok(typeof reply !== "string", `no reply: ${String(reply)}`);
  return reply;
}

function read<T>(message: Message, spec: Parameters<typeof readOption<T>>[1]): T | undefined {
  const option = readOption<T>(message.options, spec);
  return option.kind === "present" ? option.value : undefined;
}

Deno.test("shared network: its subnets are used one after the other, whichever has the relay", () => {
  for (const giaddr of [RELAY, OTHER_RELAY]) {
    const s = new TestServer(campus());
    deepStrictEqual(fill(s, 7, { giaddr }), [
      "ACK 10.81.0.10",
      "ACK 10.81.0.11",
      "ACK 10.81.0.12",
      "ACK 10.82.0.10",
      "ACK 10.82.0.11",
      "ACK 10.82.0.12",
      "exhausted",
    ]);
    deepStrictEqual(s.wanted, [1, 2], "the pools of the link, and of no other one");
    strictEqual(s.lease(9, { giaddr: "10.83.0.1" }), "ACK 10.83.0.10");
  }
});

Deno.test("shared network: a client keeps its address in any subnet of the link", () => {
  const s = new TestServer(campus());
  fill(s, 4, { giaddr: RELAY });
  const held = "10.82.0.10";
  const ways: MessageParts[] = [
    { giaddr: RELAY, requested: held },
    { giaddr: OTHER_RELAY, requested: held },
    { ciaddr: held },
    { giaddr: RELAY, ciaddr: held },
  ];
  for (const parts of ways) {
    strictEqual(s.say(clientMessage("REQUEST", 4, parts)), `ACK ${held}`, JSON.stringify(parts));
  }
  const onLink = { onLink: true, from: 0, receivedOn: ip("10.81.0.5"), serverIdentifier: ip("10.81.0.5") };
  strictEqual(s.say(clientMessage("REQUEST", 4, { requested: held }), onLink), `ACK ${held}`, "on an attached link");
  s.say(clientMessage("RELEASE", 1, { ciaddr: "10.81.0.10", giaddr: RELAY, server: SERVER }));
  strictEqual(s.lease(4, { giaddr: RELAY }), `ACK ${held}`, "though the first subnet has a free address again");
  strictEqual(s.say(clientMessage("REQUEST", 4, { giaddr: RELAY, requested: "10.83.0.10" })), "NAK", "another link");
  strictEqual(s.say(clientMessage("REQUEST", 4, { giaddr: "10.83.0.1", requested: held })), "NAK", "it has moved");
});

Deno.test("shared network: a release and a decline count for every subnet of the link", () => {
  const s = new TestServer(campus());
  fill(s, 5, { giaddr: RELAY });
  strictEqual(s.say(clientMessage("RELEASE", 4, { ciaddr: "10.82.0.10", giaddr: OTHER_RELAY })), "released");
  strictEqual(s.say(clientMessage("DECLINE", 5, { requested: "10.82.0.11", giaddr: RELAY })), "declined");
});

Deno.test("shared network: each subnet has its settings, over those of the link and the service", () => {
  const options = (router: string) => new Map([[OPTIONS.routers.code, OPTIONS.routers.codec.encode([ip(router)])]]);
  const s = new TestServer(campus({ leaseSeconds: 600, options: options("10.81.0.254") }, {
    second: { leaseSeconds: 300, options: options("10.82.0.254") },
  }));
  const wanted = [OPTIONS.subnetMask.code, OPTIONS.routers.code, OPTIONS.broadcastAddress.code];
  const told = (mac: number, type: "DISCOVER" | "INFORM", parts: MessageParts) => {
    const reply = replyOf(s, clientMessage(type, mac, { ...parts, wanted }));
    return [OPTIONS.routers, OPTIONS.broadcastAddress].flatMap((spec) => {
      const value: unknown = read(reply, spec as typeof OPTIONS.broadcastAddress);
      return (Array.isArray(value) ? value : [value]).map(formatIpv4);
    }).concat(String(read(reply, OPTIONS.addressLeaseTime)));
  };
  deepStrictEqual(told(1, "DISCOVER", { giaddr: RELAY }), ["10.81.0.254", "10.81.0.255", "600"]);
  fill(s, 3, { giaddr: RELAY });
  deepStrictEqual(told(4, "DISCOVER", { giaddr: RELAY }), ["10.82.0.254", "10.82.0.255", "300"]);
  const ciaddr = "10.82.0.77";
  deepStrictEqual(told(5, "INFORM", { giaddr: RELAY, ciaddr }), ["10.82.0.254", "10.82.0.255", "undefined"]);
});

Deno.test("shared network: a reservation in any of its subnets is its client's", () => {
  const reservations = [{ hardware: [hardware(1)], address: ip("10.82.0.200"), options: new Map() }];
  const s = new TestServer(campus({}, { second: { reservations } }));
  strictEqual(s.lease(1, { giaddr: RELAY }), "ACK 10.82.0.200");
  strictEqual(s.lease(2, { giaddr: RELAY }), "ACK 10.81.0.10");
});

Deno.test("shared network: a subnet that joins a link brings its clients, who are one client each there", () => {
  const s = new TestServer(service([subnet(SECOND, ["10.82.0.10-10.82.0.12"])]));
  strictEqual(s.lease(1, { giaddr: OTHER_RELAY }), "ACK 10.82.0.10");
  s.reconfigure(campus());
  strictEqual(s.lease(1, { giaddr: RELAY }), "ACK 10.82.0.10");
  strictEqual(s.lease(2, { giaddr: RELAY }), "ACK 10.81.0.10");
  // The reservation takes the client to another subnet of the link: its former address is free.
  const reservations = [{ hardware: [hardware(1)], address: ip("10.81.0.99"), options: new Map() }];
  s.reconfigure(campus({}, { first: { reservations } }));
  strictEqual(s.lease(1, { giaddr: RELAY, xid: 77 }), "ACK 10.81.0.99");
  strictEqual(s.table.get(ip("10.82.0.10")).state, "released");
  // And a subnet that has a link of its own again keeps those who renew.
  s.reconfigure(service([subnet(FIRST, []), subnet(SECOND, [])]));
  strictEqual(s.say(clientMessage("REQUEST", 2, { giaddr: RELAY, ciaddr: "10.81.0.10" })), "ACK 10.81.0.10");
});

Deno.test("shared network: circuits have their leases on the whole link; a change of links counts them anew", () => {
  const via = { giaddr: RELAY, agent: { circuitId: Uint8Array.of(7) } };
  const s = new TestServer(campus({ maxLeasesPerCircuit: 4 }));
  deepStrictEqual(fill(s, 6, via).slice(2), ["ACK 10.81.0.12", "ACK 10.82.0.10", "circuitFull", "circuitFull"]);
  const { subnets } = campus();
  s.reconfigure(service(
    subnets.map(({ sharedNetwork: _, ...alone }) => alone),
    { maxLeasesPerCircuit: 4 },
  ));
  strictEqual(s.lease(7, { ...via, giaddr: OTHER_RELAY }), "ACK 10.82.0.11", "one of that circuit there");
});

Deno.test("shared network: it is nearly full when its pools are, together", () => {
  const strangers = {
    messages: { perSecond: 100, burst: 100 },
    nearlyFull: 50,
    leases: { perSecond: 1, burst: 1 },
    firstLeaseSeconds: 60,
    share: 1,
  };
  const two = [
    subnet(FIRST, ["10.81.0.10-10.81.0.41"], { sharedNetwork: 0 }),
    subnet(SECOND, ["10.82.0.10-10.82.0.73"], { sharedNetwork: 0 }),
  ];
  const s = new TestServer(service(two, { strangers, sharedNetworks: [{ name: "campus", options: new Map() }] }));
  const got = fill(s, 50, { giaddr: RELAY });
  strictEqual(got.findIndex((answer) => !answer.startsWith("ACK")), 49, "half of both, and one");
  deepStrictEqual(s.reports().map(({ link }) => link), ["campus"]);

  const [first, second] = two as [SubnetConfig, SubnetConfig];
  const sharedNetworks = [{ name: "campus", options: new Map() }];
  const forPhones = { ...second, allow: ["voice"] };
  const restricted = new TestServer(service([first, forPhones], { strangers, sharedNetworks, classes: [VOICE] }));
  strictEqual(
    fill(restricted, 20, { giaddr: RELAY }).findIndex((answer) => !answer.startsWith("ACK")),
    17,
    "half of its pools",
  );
});

const VOICE: ClassConfig = { name: "voice", match: { vendorClass: "phone" }, options: new Map() };
const PHONE: MessageParts = { giaddr: RELAY, options: [[OPTIONS.vendorClassIdentifier.code, text("phone")]] };

Deno.test("shared network: a subnet may be for a class only, whichever subnet has the relay", () => {
  const forPhones = { second: { allow: ["voice"] }, more: { classes: [VOICE] } };
  for (const giaddr of [RELAY, OTHER_RELAY]) {
    const s = new TestServer(campus({}, forPhones));
    const plain = { giaddr };
    deepStrictEqual(fill(s, 4, plain), ["ACK 10.81.0.10", "ACK 10.81.0.11", "ACK 10.81.0.12", "exhausted"]);
    deepStrictEqual(s.wanted, [1], "another address of the second subnet would not help");
    strictEqual(s.lease(5, { ...PHONE, giaddr }), "ACK 10.82.0.10");
    strictEqual(s.say(clientMessage("REQUEST", 5, { ...PHONE, giaddr, ciaddr: "10.82.0.10" })), "ACK 10.82.0.10");
    strictEqual(s.say(clientMessage("REQUEST", 5, { ...plain, ciaddr: "10.82.0.10" })), "NAK", "no phone any more");
    strictEqual(s.say(clientMessage("REQUEST", 6, { ...plain, server: SERVER, requested: "10.82.0.11" })), "NAK");
  }
  const { second, more } = forPhones;
  const apart = new TestServer(campus({}, { first: { deny: ["voice"] }, second, more }));
  strictEqual(apart.lease(1, PHONE), "ACK 10.82.0.10");
  strictEqual(apart.lease(2, { giaddr: RELAY }), "ACK 10.81.0.10");
  const none = new TestServer(campus({}, { first: second, second, more }));
  strictEqual(none.say(clientMessage("DISCOVER", 1, { giaddr: RELAY })), "noPool");
});

Deno.test("shared network: a class's limit of leases per circuit goes before the link's", () => {
  const more = { classes: [{ ...VOICE, maxLeasesPerCircuit: 2 }] };
  const s = new TestServer(campus({ maxLeasesPerCircuit: 1 }, { more }));
  const agent = { circuitId: text("port 1") };
  strictEqual(s.lease(1, { giaddr: RELAY, agent }), "ACK 10.81.0.10");
  strictEqual(s.lease(2, { giaddr: OTHER_RELAY, agent }), "circuitFull");
  strictEqual(s.lease(3, { ...PHONE, giaddr: OTHER_RELAY, agent }), "ACK 10.81.0.11");
  strictEqual(s.lease(4, { ...PHONE, agent }), "circuitFull");
});

Deno.test("shared network: a reservation that is valid in all subnets has its address anywhere on the link", () => {
  const reservations = [
    { hardware: [hardware(1)], address: ip("10.82.0.200"), hostname: "laptop", options: new Map() },
    { hardware: [hardware(2)], address: ip("10.82.0.201"), options: new Map() },
  ];
  const own = [{ hardware: [hardware(2)], address: ip("10.81.0.99"), options: new Map() }];
  const s = new TestServer(campus({}, { first: { reservations: own }, more: { reservations } }));
  strictEqual(s.lease(1, { giaddr: RELAY }), "ACK 10.82.0.200");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ciaddr: "10.82.0.200" })), "ACK 10.82.0.200");
  strictEqual(s.lease(2, { giaddr: OTHER_RELAY }), "ACK 10.81.0.99", "one of a subnet of the link goes first");
  strictEqual(s.lease(1, { giaddr: "10.83.0.1" }), "ACK 10.83.0.10", "another link");
  const offer = replyOf(s, clientMessage("DISCOVER", 1, { giaddr: "10.83.0.1" }));
  strictEqual(read(offer, OPTIONS.hostName), "laptop");
});

Deno.test("shared network: a reservation of a place, in any of its subnets; what names the client goes first", () => {
  const place = { circuitId: text("port 1"), address: ip("10.81.0.99"), options: new Map() };
  const other = { circuitId: text("port 2"), address: ip("10.82.0.99"), options: new Map() };
  const named = { hardware: [hardware(3)], address: ip("10.82.0.100"), options: new Map() };
  const s = new TestServer(campus({}, { first: { reservations: [place] }, second: { reservations: [other, named] } }));
  const at = (port: string, giaddr = RELAY) => ({ giaddr, agent: { circuitId: text(port) } });
  strictEqual(s.lease(1, at("port 1", OTHER_RELAY)), "ACK 10.81.0.99");
  strictEqual(s.lease(2, at("port 2")), "ACK 10.82.0.99");
  strictEqual(s.say(clientMessage("REQUEST", 2, { ciaddr: "10.82.0.99" })), "ACK 10.82.0.99", "past its relay");
  strictEqual(s.lease(3, at("port 1")), "ACK 10.82.0.100");
  strictEqual(s.lease(4, at("port 2")), "ACK 10.81.0.10", "a second host at the port");
});

Deno.test("relays: circuits, remote ids, relay ids and giaddrs lead to a link; the most specific counts", () => {
  const s = new TestServer(
    campus({ relays: [{ circuitId: text("lan0") }, { relayId: Uint8Array.of(0, 3, 1) }] }, {
      alone: { relays: [{ circuitId: text("lan0"), remoteId: Uint8Array.of(9) }, { giaddr: ip("192.0.2.9") }] },
    }),
    new RelayTrust([prefixOf(0, 0)]),
  );
  const elsewhere = "192.0.2.1";
  const offered = (giaddr: string, agent: RelayAgentInformation) =>
    s.say(clientMessage("DISCOVER", 1, { giaddr, agent })).replace(/\.\d+$/, "");
  strictEqual(offered(elsewhere, {}), "noSubnet");
  strictEqual(offered(elsewhere, { circuitId: text("lan1") }), "noSubnet");
  strictEqual(offered(elsewhere, { circuitId: text("lan0") }), "OFFER 10.81.0");
  strictEqual(offered(elsewhere, { relayId: Uint8Array.of(0, 3, 1) }), "OFFER 10.81.0");
  strictEqual(offered("10.83.0.1", { circuitId: text("lan0") }), "OFFER 10.81.0", "giaddr in another link");
  strictEqual(offered(elsewhere, { circuitId: text("lan0"), remoteId: Uint8Array.of(9) }), "OFFER 10.83.0");
  strictEqual(offered("192.0.2.9", {}), "OFFER 10.83.0");
  strictEqual(offered("192.0.2.9", { linkSelection: ip("10.82.0.0") }), "OFFER 10.81.0", "RFC 3527 before giaddr");
  strictEqual(offered("10.83.0.1", {}), "OFFER 10.83.0");
  const agent = { circuitId: text("lan0") };
  const direct = { from: 0, onLink: true, receivedOn: ip("10.83.0.1") };
  strictEqual(s.say(clientMessage("DISCOVER", 2, { agent }), direct), "OFFER 10.83.0.11", "no relay speaks");
});

Deno.test("subnet selection (RFC 3011): leads to a link and is returned, where it is believed", () => {
  const code = OPTIONS.subnetSelection.code;
  const asks = (parts: MessageParts = {}) =>
    clientMessage("DISCOVER", 1, { giaddr: "10.83.0.1", options: [[code, Uint8Array.of(10, 82, 0, 0)]], ...parts });
  const deaf = replyOf(new TestServer(campus()), asks());
  deepStrictEqual([formatIpv4(deaf.yiaddr), deaf.options.has(code)], ["10.83.0.10", false]);
  const s = new TestServer(campus({}, { more: { subnetSelection: true } }));
  const reply = replyOf(s, asks());
  deepStrictEqual([formatIpv4(reply.yiaddr), reply.options.get(code)], [
    "10.81.0.10",
    Uint8Array.of(10, 82, 0, 0),
  ]);
  const linked = replyOf(s, asks({ agent: { linkSelection: ip("10.83.0.0") } }));
  strictEqual(formatIpv4(linked.yiaddr), "10.83.0.10", "RFC 3527 §3: the relay's comes first");
  strictEqual(s.say(asks({ options: [[code, Uint8Array.of(1)]] })), "malformedOption");
});
