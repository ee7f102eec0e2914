import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatIpv4, prefixOf } from "../../net/ipv4.ts";
import { BROADCAST_FLAG, type Message } from "../message.ts";
import { OPTIONS, readOption } from "../options/mod.ts";
import { RelayTrust } from "./relay_trust.ts";
import { REST_LIMITS } from "./rests.ts";
import { clientMessage, ip, SERVER, service, subnet, TestServer } from "./testing.ts";

const RELAY = "10.77.0.1";
const relayed = { giaddr: RELAY };

function server(extra = {}, relays = new RelayTrust()) {
  return new TestServer(
    service([
      subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.3"]),
      subnet("10.78.0.0/16", ["10.78.1.0-10.78.1.3"]),
    ], extra),
    relays,
  );
}

function reply(result: Message | string): Message {
  ok(typeof result !== "string", `no reply: ${result}`);
  return result;
}

function value<T>(message: Message, spec: { code: number } & Parameters<typeof readOption<T>>[1]): T | undefined {
  const read = readOption<T>(message.options, spec);
  return read.kind === "present" ? read.value : undefined;
}

Deno.test("server: DISCOVER, OFFER, REQUEST, ACK (RFC 2131 §3.1)", () => {
  const s = server();
  const offer = reply(s.handle(clientMessage("DISCOVER", 1, relayed)));
  strictEqual(formatIpv4(offer.yiaddr), "10.77.1.0");
  strictEqual(s.table.size, 0, "an offer is no lease");
  const request = clientMessage("REQUEST", 1, { ...relayed, server: SERVER, requested: "10.77.1.0" });
  const ack = reply(s.handle(request));
  strictEqual(value(ack, OPTIONS.messageType), 5);
  strictEqual(value(ack, OPTIONS.serverIdentifier), ip(SERVER));
  strictEqual(value(ack, OPTIONS.addressLeaseTime), 3_600);
  strictEqual(value(ack, OPTIONS.renewalTime), 1_800);
  strictEqual(value(ack, OPTIONS.rebindingTime), 3_150);
  strictEqual(value(ack, OPTIONS.subnetMask), ip("255.255.0.0"));
  strictEqual(ack.giaddr, ip(RELAY));
  strictEqual(s.table.get(ip("10.77.1.0")).state, "bound");
});

Deno.test("server: two clients never get one address; an exhausted pool offers nothing", () => {
  const s = server();
  const got = [1, 2, 3, 4, 5].map((mac) => s.lease(mac, relayed));
  deepStrictEqual(got, ["ACK 10.77.1.0", "ACK 10.77.1.1", "ACK 10.77.1.2", "ACK 10.77.1.3", "exhausted"]);
});

Deno.test("server: an offer keeps its address for its client for a while, then it is free again", () => {
  const s = server();
  strictEqual(s.say(clientMessage("DISCOVER", 1, relayed)), "OFFER 10.77.1.0");
  strictEqual(s.say(clientMessage("DISCOVER", 2, relayed)), "OFFER 10.77.1.1");
  strictEqual(s.say(clientMessage("DISCOVER", 1, relayed)), "OFFER 10.77.1.0");
  const stolen = clientMessage("REQUEST", 2, { ...relayed, server: SERVER, requested: "10.77.1.0" });
  strictEqual(s.say(stolen), "NAK");
  s.wait(16);
  strictEqual(s.say(clientMessage("DISCOVER", 3, relayed)), "OFFER 10.77.1.0");
});

Deno.test("server: choice: the client's old address, the requested one, a never used one, the longest ended", () => {
  const s = server();
  s.lease(1, relayed);
  s.lease(2, relayed);
  for (const mac of [1, 2]) {
    const address = `10.77.1.${mac - 1}`;
    s.wait(1);
    strictEqual(s.say(clientMessage("RELEASE", mac, { ...relayed, ciaddr: address, server: SERVER })), "released");
  }
  strictEqual(s.lease(2, relayed), "ACK 10.77.1.1", "its old one");
  strictEqual(s.lease(3, { ...relayed, requested: "10.77.1.3" }), "ACK 10.77.1.3", "the one it asked for");
  strictEqual(s.lease(4, relayed), "ACK 10.77.1.2", "never used");
  strictEqual(s.lease(5, relayed), "ACK 10.77.1.0", "the longest ended");
});

Deno.test("server: choice: a lease that another member granted comes before an older offer of this one", () => {
  const [s, other] = [server(), server()];
  strictEqual(s.say(clientMessage("DISCOVER", 1, relayed)), "OFFER 10.77.1.0");
  strictEqual(other.lease(1, { ...relayed, requested: "10.77.1.3" }), "ACK 10.77.1.3");
  s.table.set(ip("10.77.1.3"), other.table.get(ip("10.77.1.3")), other.table.detail(ip("10.77.1.3")));
  // The client has lost its memory.
  strictEqual(s.say(clientMessage("DISCOVER", 1, { ...relayed, xid: 77 })), "OFFER 10.77.1.3");
});

Deno.test("server: an expired lease goes to others only after the margin, to its client at any time", () => {
  const s = server();
  for (const mac of [1, 2, 3, 4]) s.lease(mac, relayed);
  s.wait(3_600 + 20);
  strictEqual(s.lease(5, relayed), "exhausted");
  strictEqual(s.lease(1, relayed), "ACK 10.77.1.0");
  s.wait(10);
  strictEqual(s.lease(5, relayed), "ACK 10.77.1.1");
});

Deno.test("server: SELECTING: silence when the client chose another server, and its offer ends", () => {
  const s = server();
  s.say(clientMessage("DISCOVER", 1, relayed));
  const other = clientMessage("REQUEST", 1, { ...relayed, server: "10.99.0.99", requested: "10.77.1.0" });
  strictEqual(s.say(other), "otherServer");
  strictEqual(s.say(clientMessage("DISCOVER", 2, relayed)), "OFFER 10.77.1.0");
});

Deno.test("server: SELECTING: an address of another network, or outside every pool, gets a NAK", () => {
  const s = server();
  for (const requested of ["10.78.1.0", "10.77.9.9"]) {
    strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, server: SERVER, requested })), "NAK");
  }
});

Deno.test("server: INIT-REBOOT (RFC 2131 §4.3.2): right, wrong network, another's, unknown", () => {
  const s = server();
  s.lease(1, relayed);
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, requested: "10.77.1.0" })), "ACK 10.77.1.0");
  const moved = s.handle(clientMessage("REQUEST", 1, { giaddr: "10.78.0.1", requested: "10.77.1.0" }));
  const nak = reply(moved);
  strictEqual(value(nak, OPTIONS.messageType), 6);
  strictEqual(nak.flags & BROADCAST_FLAG, BROADCAST_FLAG, "the relay must broadcast it");
  deepStrictEqual([nak.yiaddr, nak.ciaddr, nak.siaddr], [0, 0, 0]);
  strictEqual(value(nak, OPTIONS.addressLeaseTime), undefined);
  strictEqual(s.say(clientMessage("REQUEST", 2, { ...relayed, requested: "10.77.1.0" })), "NAK");
  strictEqual(s.say(clientMessage("REQUEST", 2, { ...relayed, requested: "10.77.1.1" })), "noRecord");
});

Deno.test("server: RENEWING and REBINDING extend the lease; ciaddr is echoed", () => {
  const s = server();
  s.lease(1, relayed);
  const before = s.table.get(ip("10.77.1.0")).lockedUntil;
  s.wait(1_800);
  const ack = reply(s.handle(clientMessage("REQUEST", 1, { xid: 9, ciaddr: "10.77.1.0" })));
  strictEqual(ack.ciaddr, ip("10.77.1.0"));
  strictEqual(s.table.get(ip("10.77.1.0")).lockedUntil - before, 1_800_000);
  s.wait(3_200);
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, xid: 10, ciaddr: "10.77.1.0" })), "ACK 10.77.1.0");
  strictEqual(s.say(clientMessage("REQUEST", 2, { ...relayed, ciaddr: "10.77.1.0" })), "NAK");
});

Deno.test("server: a renewal without a record is granted if the address is available (lease lost with a disk)", () => {
  const s = server();
  strictEqual(s.say(clientMessage("REQUEST", 3, { ...relayed, ciaddr: "10.77.1.2" })), "ACK 10.77.1.2");
  strictEqual(s.say(clientMessage("REQUEST", 4, { ...relayed, ciaddr: "10.77.1.2" })), "NAK", "it is another's now");
  strictEqual(
    s.say(clientMessage("REQUEST", 4, { ...relayed, ciaddr: "10.77.9.9" })),
    "noRecord",
    "outside every pool",
  );
  s.say(clientMessage("DISCOVER", 5, { ...relayed, requested: "10.77.1.3" }));
  strictEqual(
    s.say(clientMessage("REQUEST", 6, { ...relayed, ciaddr: "10.77.1.3" })),
    "noRecord",
    "offered to another",
  );
  const shy = server({ authoritative: false });
  strictEqual(shy.say(clientMessage("REQUEST", 3, { ...relayed, ciaddr: "10.77.1.2" })), "noRecord");
});

Deno.test("server: a declined address rests, for the decliner too", () => {
  const s = server();
  s.lease(1, relayed);
  const decline = { ...relayed, server: SERVER, requested: "10.77.1.0" };
  strictEqual(s.say(clientMessage("DECLINE", 2, decline)), "notOwner");
  strictEqual(s.say(clientMessage("DECLINE", 1, decline)), "declined");
  strictEqual(s.lease(1, relayed), "ACK 10.77.1.1");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, requested: "10.77.1.0" })), "NAK");
  s.lease(2, relayed);
  s.lease(3, relayed);
  strictEqual(s.lease(4, relayed), "exhausted");
  s.wait(86_400 + 25);
  strictEqual(s.lease(5, { ...relayed, requested: "10.77.1.0" }), "ACK 10.77.1.0");
});

/** Leases an address, and declines it. */
function leaseAndDecline(s: TestServer, mac: number): string {
  const [, address = ""] = s.lease(mac, relayed).split(" ");
  const decline = clientMessage("DECLINE", mac, { ...relayed, server: SERVER, requested: address });
  strictEqual(s.say(decline), "declined");
  return address;
}

Deno.test("server: of more than a quarter of a pool that rest, the oldest is used when nothing else is free", () => {
  const s = server();
  const [first, second] = [1, 2].map((mac) => {
    s.wait(1);
    return leaseAndDecline(s, mac);
  });
  s.lease(3, relayed);
  s.lease(4, relayed);
  strictEqual(s.say(clientMessage("DISCOVER", 1, relayed)), `OFFER ${second}`, "not what it declined a moment ago");
  s.wait(16);
  strictEqual(leaseAndDecline(s, 5), second, "the offer is over, and no record says that it rests");
  strictEqual(s.lease(6, relayed), `ACK ${first}`);
  strictEqual(s.say(clientMessage("DISCOVER", 7, relayed)), "exhausted", "one of four may rest");
});

Deno.test("server: a flood of declines leaves addresses for others, and most of the pool after ten minutes", () => {
  // What strangers may have of a nearly full subnet is another question.
  const config = service([subnet("10.77.0.0/24", ["10.77.0.20-10.77.0.199"])], {
    strangers: { ...service([]).strangers, share: 100 },
  });
  const s = new TestServer(config);
  for (let mac = 0; mac < 180; mac++) leaseAndDecline(s, mac);
  strictEqual(s.table.restingIn(0), 180);
  for (let count = 0; count < 76; count++) strictEqual(s.lease(180 + count, relayed), `ACK 10.77.0.${20 + count}`);
  const idle = new TestServer(config);
  for (let mac = 0; mac < 180; mac++) leaseAndDecline(idle, mac);
  idle.wait(REST_LIMITS.shortMs / 1_000 + 25);
  strictEqual(idle.table.restingIn(0), REST_LIMITS.perCircuit);
  // However long it lasts: each of its addresses is the oldest once more.
  for (let mac = 0; mac < 250; mac++) leaseAndDecline(idle, mac);
  strictEqual(idle.lease(255, relayed).slice(0, 3), "ACK");
});

Deno.test("server: a client's own reservation is used before its rest is over, not another's", () => {
  const reservations = [{ hardware: [Uint8Array.of(2, 0, 0, 0, 0, 1)], address: ip("10.77.1.0"), options: new Map() }];
  const s = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.0"], { reservations })]));
  strictEqual(leaseAndDecline(s, 1), "10.77.1.0");
  strictEqual(s.lease(2, relayed), "exhausted");
  strictEqual(s.lease(1, relayed), "exhausted", "declined a moment ago");
  s.wait(31);
  strictEqual(s.lease(1, relayed), "ACK 10.77.1.0");
});

Deno.test("server: a giaddr is believed of its own address, and of configured relays", () => {
  const egress = ip("10.99.0.1");
  const forger = { from: ip("10.80.0.9") };
  for (const [relays, fromEgress] of [[[], "unknownRelay"], [[prefixOf(egress, 32)], "OFFER 10.77.1.1"]] as const) {
    const s = server({}, new RelayTrust(relays));
    strictEqual(s.lease(1, relayed), "ACK 10.77.1.0");
    const named = { ...relayed, server: SERVER };
    strictEqual(s.say(clientMessage("RELEASE", 1, { ...named, ciaddr: "10.77.1.0" }), forger), "unknownRelay");
    strictEqual(s.say(clientMessage("DECLINE", 1, { ...named, requested: "10.77.1.0" }), forger), "unknownRelay");
    strictEqual(s.say(clientMessage("DISCOVER", 2, relayed), forger), "unknownRelay");
    strictEqual(s.say(clientMessage("DISCOVER", 2, relayed), { from: egress }), fromEgress);
    strictEqual(s.table.get(ip("10.77.1.0")).state, "bound");
  }
  const networked = server({}, new RelayTrust([prefixOf(egress, 24)]));
  strictEqual(networked.say(clientMessage("DISCOVER", 2, relayed), { from: ip("10.99.0.77") }), "OFFER 10.77.1.0");
});

Deno.test("server: a client in a pool is no relay, unless it is configured", () => {
  const own = { giaddr: "10.77.1.3", agent: { linkSelection: ip("10.78.0.0") } };
  strictEqual(server().say(clientMessage("DISCOVER", 1, own)), "unknownRelay");
  const trust = new RelayTrust([prefixOf(ip("10.77.1.3"), 32)]);
  strictEqual(server({}, trust).say(clientMessage("DISCOVER", 1, own)), "OFFER 10.78.1.0");
});

Deno.test("server: without a relay a routed host renews, releases and informs for itself, and no more", () => {
  const s = server();
  const attached = { onLink: true, receivedOn: ip("10.77.0.1"), from: 0 };
  strictEqual(s.say(clientMessage("DISCOVER", 1), attached), "OFFER 10.77.1.0");
  strictEqual(
    s.say(clientMessage("REQUEST", 1, { server: SERVER, requested: "10.77.1.0" }), attached),
    "ACK 10.77.1.0",
  );
  const forger = { from: ip("10.80.0.9") };
  const wanted = { ciaddr: "10.77.1.1" };
  strictEqual(s.say(clientMessage("DISCOVER", 2, wanted), forger), "notRelayed");
  const selecting = { ...wanted, server: SERVER, requested: "10.77.1.1" };
  strictEqual(s.say(clientMessage("REQUEST", 2, selecting), forger), "notRelayed");
  strictEqual(s.say(clientMessage("REQUEST", 2, { requested: "10.77.1.1" }), forger), "notRelayed");
  strictEqual(s.say(clientMessage("DECLINE", 1, { server: SERVER, requested: "10.77.1.0" }), forger), "notRelayed");
  const declined = { ciaddr: "10.77.1.0", server: SERVER, requested: "10.77.1.0" };
  strictEqual(s.say(clientMessage("DECLINE", 1, declined), { from: ip("10.77.1.0") }), "notRelayed");
  strictEqual(s.say(clientMessage("RELEASE", 1, { ciaddr: "10.77.1.0", server: SERVER }), forger), "notOwner");
  strictEqual(s.say(clientMessage("REQUEST", 2, wanted), forger), "noRecord", "an invented renewal");
  strictEqual(s.say(clientMessage("REQUEST", 2, wanted)), "ACK 10.77.1.1", "a lease whose record was lost");
  // A host with two addresses may renew one from the other, as dhclient does; the answer goes to the lease's address.
  strictEqual(s.say(clientMessage("REQUEST", 1, { ciaddr: "10.77.1.0" }), forger), "ACK 10.77.1.0");
});

Deno.test("server: a release counts through the relay and circuit of the lease, or from the address", () => {
  const s = server();
  const agent = { circuitId: Uint8Array.of(7) };
  s.lease(1, { ...relayed, agent });
  const release = { ciaddr: "10.77.1.0", server: SERVER };
  strictEqual(s.say(clientMessage("RELEASE", 1, { ...release, ...relayed })), "notOwner");
  strictEqual(s.say(clientMessage("RELEASE", 1, release), { from: ip("10.77.1.9") }), "notOwner");
  strictEqual(s.say(clientMessage("RELEASE", 2, { ...release, ...relayed, agent })), "notOwner");
  strictEqual(s.say(clientMessage("RELEASE", 1, release), { from: ip("10.77.1.0") }), "released");
  strictEqual(s.lease(1, { ...relayed, agent }), "ACK 10.77.1.0");
  strictEqual(s.say(clientMessage("RELEASE", 1, { ...release, ...relayed, agent })), "released");
});

Deno.test("server: INFORM gets parameters, no address and no times (RFC 2131 §4.3.5)", () => {
  const s = server();
  const ack = reply(s.handle(clientMessage("INFORM", 1, { ciaddr: "10.77.5.5", wanted: [1] })));
  deepStrictEqual([...ack.options.keys()], [53, 54, 1]);
  strictEqual(ack.yiaddr, 0);
  strictEqual(s.say(clientMessage("INFORM", 1)), "notRelayed");
  strictEqual(s.say(clientMessage("INFORM", 1), { onLink: true, receivedOn: ip("10.77.0.1") }), "noAddress");
  strictEqual(s.table.size, 0);
});

Deno.test("server: INFORM through a relay without an address is answered through the relay, which broadcasts", () => {
  const s = server();
  const ack = reply(s.handle(clientMessage("INFORM", 1, { ...relayed, wanted: [1] })));
  deepStrictEqual([...ack.options.keys()], [53, 54, 1]);
  deepStrictEqual([ack.ciaddr, ack.yiaddr, ack.giaddr, ack.flags], [0, 0, ip("10.77.0.1"), 0x8000]);
});

Deno.test("server: rapid commit (RFC 4039), only where the client asks and the configuration allows", () => {
  const asking = { ...relayed, options: [[80, new Uint8Array()] as [number, Uint8Array]] };
  const ack = reply(
    server().handle(clientMessage("DISCOVER", 1, { ...asking, agent: { circuitId: Uint8Array.of(1) } })),
  );
  strictEqual(value(ack, OPTIONS.messageType), 5);
  strictEqual(ack.options.get(80)?.length, 0);
  strictEqual([...ack.options.keys()].at(-1), 82);
  strictEqual(server({ rapidCommit: false }).say(clientMessage("DISCOVER", 1, asking)), "OFFER 10.77.1.0");
});

Deno.test("server: subnet by link selection, else giaddr, else the receiving address", () => {
  const s = server();
  const agent = { linkSelection: ip("10.78.0.0") };
  strictEqual(s.say(clientMessage("DISCOVER", 1, { giaddr: "10.77.0.1", agent })), "OFFER 10.78.1.0");
  strictEqual(s.say(clientMessage("DISCOVER", 2, { giaddr: "10.78.0.1" })), "OFFER 10.78.1.1");
  strictEqual(s.say(clientMessage("DISCOVER", 3), { receivedOn: ip("10.77.0.9"), onLink: true }), "OFFER 10.77.1.0");
  strictEqual(s.say(clientMessage("DISCOVER", 4), { onLink: true }), "noSubnet");
});

Deno.test("server: the relay's server identifier override names the server (RFC 5107)", () => {
  const s = server();
  const parts = { ...relayed, agent: { serverIdentifierOverride: ip(RELAY) } };
  const offer = reply(s.handle(clientMessage("DISCOVER", 1, parts)));
  strictEqual(value(offer, OPTIONS.serverIdentifier), ip(RELAY));
  const request = { ...parts, server: RELAY, requested: "10.77.1.0" };
  strictEqual(s.say(clientMessage("REQUEST", 1, request)), "ACK 10.77.1.0");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, server: RELAY, requested: "10.77.1.0" })), "otherServer");
});

Deno.test("server: client identifier and option 82 are echoed, option 82 last (RFC 6842, RFC 3046)", () => {
  const s = server();
  const clientId = Uint8Array.of(255, 1, 2, 3);
  const parts = { ...relayed, clientId, agent: { circuitId: Uint8Array.of(9) } };
  for (const type of ["DISCOVER", "REQUEST"] as const) {
    const answer = reply(s.handle(clientMessage(type, 1, { ...parts, server: SERVER, requested: "10.78.9.9" })));
    deepStrictEqual(answer.options.get(61), clientId);
    deepStrictEqual([...answer.options.keys()].slice(-2), [61, 82]);
    deepStrictEqual(answer.options.get(82), Uint8Array.of(1, 1, 9));
  }
});

Deno.test("server: a client is its identifier; a client identifier never equals a hardware address", () => {
  const s = server();
  strictEqual(s.lease(1, { ...relayed, clientId: Uint8Array.of(0, 65) }), "ACK 10.77.1.0");
  strictEqual(s.lease(2, { ...relayed, clientId: Uint8Array.of(0, 65) }), "ACK 10.77.1.0");
  strictEqual(s.lease(1, relayed), "ACK 10.77.1.1");
  const lookalike = Uint8Array.of(1, 2, 0, 0, 0, 0, 1);
  strictEqual(s.lease(3, { ...relayed, clientId: lookalike }), "ACK 10.77.1.2");
  const anonymous = clientMessage("DISCOVER", 1, relayed);
  anonymous.chaddr = new Uint8Array();
  strictEqual(s.say(anonymous), "noIdentity");
});

Deno.test("server: a hardware address that no client can have gets no answer", () => {
  const s = server();
  for (const octets of [[0, 0, 0, 0, 0, 0], [255, 255, 255, 255, 255, 255], [1, 0, 0x5e, 0, 0, 1]]) {
    for (const clientId of [undefined, Uint8Array.of(0, 65)]) {
      const message = clientMessage("DISCOVER", 1, { ...relayed, ...(clientId && { clientId }) });
      message.chaddr = Uint8Array.from(octets);
      strictEqual(s.say(message), "noStation");
    }
  }
});

Deno.test("server: what only servers send, and what has no type, is dropped", () => {
  const s = server();
  strictEqual(s.say(clientMessage("OFFER", 1, relayed)), "unexpectedType");
  const bootreply = clientMessage("DISCOVER", 1, relayed);
  bootreply.op = 2;
  strictEqual(s.say(bootreply), "notRequest");
  const short = clientMessage("REQUEST", 1, { ...relayed, options: [[50, Uint8Array.of(1, 2)]] });
  strictEqual(s.say(short), "malformedOption");
});

Deno.test("server: DECLINE counts only through the relay and circuit of the lease", () => {
  const s = server();
  const agent = { circuitId: Uint8Array.of(7) };
  s.lease(1, { ...relayed, agent });
  const decline = { server: SERVER, requested: "10.77.1.0" };
  strictEqual(s.say(clientMessage("DECLINE", 1, { ...decline, ...relayed })), "notOwner");
  strictEqual(s.say(clientMessage("DECLINE", 1, { ...decline, giaddr: "10.77.0.9", agent })), "notOwner");
  strictEqual(s.say(clientMessage("DECLINE", 1, { ...decline, ...relayed, agent })), "declined");
});

Deno.test("server: a renewal by unicast leaves what is known of the relay, so that a release through it counts", () => {
  const s = server();
  const agent = { circuitId: Uint8Array.of(7) };
  s.lease(1, { ...relayed, agent });
  strictEqual(s.say(clientMessage("REQUEST", 1, { xid: 9, ciaddr: "10.77.1.0" })), "ACK 10.77.1.0");
  strictEqual(
    s.say(clientMessage("RELEASE", 1, { ...relayed, agent, ciaddr: "10.77.1.0", server: SERVER })),
    "released",
  );
});

Deno.test("server: INIT-REBOOT for a free address by a client that has another one gets a NAK", () => {
  const s = server();
  s.lease(1, relayed);
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, requested: "10.77.1.2" })), "NAK");
});

Deno.test("server: on a link of its own the link decides, not the address a client brought along", () => {
  const s = server();
  s.lease(1, relayed);
  const arrival = { receivedOn: ip("10.78.0.1"), onLink: true };
  strictEqual(s.say(clientMessage("REQUEST", 1, { ciaddr: "10.77.1.0" }), arrival), "NAK");
});

Deno.test("server: a subnet that shrinks keeps its clients", () => {
  const wide = server();
  wide.lease(1, relayed);
  const narrow = new TestServer(service([subnet("10.77.0.0/17", ["10.77.1.0-10.77.1.3"])]));
  narrow.table.load(wide.table.rows());
  strictEqual(narrow.say(clientMessage("REQUEST", 1, { ...relayed, ciaddr: "10.77.1.0" })), "ACK 10.77.1.0");
});

Deno.test("server: an old offer's end leaves a later one of the same address alone", () => {
  const s = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.0"])]));
  s.lease(1, relayed);
  s.say(clientMessage("DISCOVER", 1, relayed));
  s.wait(10);
  s.say(clientMessage("RELEASE", 1, { ...relayed, ciaddr: "10.77.1.0", server: SERVER }));
  s.wait(4.5);
  strictEqual(s.say(clientMessage("DISCOVER", 2, relayed)), "OFFER 10.77.1.0");
  s.wait(1.5);
  strictEqual(s.say(clientMessage("DISCOVER", 3, relayed)), "exhausted");
  const request = clientMessage("REQUEST", 2, { ...relayed, server: SERVER, requested: "10.77.1.0" });
  strictEqual(s.say(request), "ACK 10.77.1.0");
});

Deno.test("server: a host name that is no UTF-8 is cut to 255 octets", () => {
  const s = server();
  s.lease(1, { ...relayed, options: [[12, new Uint8Array(255).fill(0xff)]] });
  const { hostname } = s.table.detail(ip("10.77.1.0"));
  strictEqual(new TextEncoder().encode(hostname).length, 255);
});

Deno.test("server: a moved client gets its NAK from the server it knows, where relays override the identifier", () => {
  const s = server();
  const behind = (giaddr: string) => ({ giaddr, agent: { serverIdentifierOverride: ip(giaddr) } });
  s.lease(1, { ...behind("10.77.0.1"), server: "10.77.0.1" });
  const moved = reply(s.handle(clientMessage("REQUEST", 1, { ...behind("10.78.0.1"), ciaddr: "10.77.1.0" })));
  deepStrictEqual([value(moved, OPTIONS.messageType), value(moved, OPTIONS.serverIdentifier)], [6, ip("10.77.0.1")]);
  const stranger = reply(s.handle(clientMessage("REQUEST", 2, { ...behind("10.78.0.1"), ciaddr: "10.77.1.0" })));
  strictEqual(value(stranger, OPTIONS.serverIdentifier), ip("10.78.0.1"));
});

Deno.test("server: with its own share used up it offers from another's, and says that it wants more", () => {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.31"])]));
  server.table.setRanges([[{ first: ip("10.77.1.0"), last: ip("10.77.1.0") }]]);
  strictEqual(server.lease(1, { giaddr: "10.77.0.1" }), "ACK 10.77.1.0");
  deepStrictEqual(server.wanted, []);
  strictEqual(server.lease(2, { giaddr: "10.77.0.1" }), "ACK 10.77.1.31");
  deepStrictEqual(server.wanted, [0]);
});

Deno.test("server: a REQUEST for another member is left to it, unless it is away or the client asks again", () => {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.31"])]));
  const other = "10.99.0.12";
  const ask = (mac: number, requested: string, onLink = false) =>
    server.say(clientMessage("REQUEST", mac, { giaddr: "10.77.0.1", server: other, requested, xid: mac }), {
      onLink,
    });
  strictEqual(ask(1, "10.77.1.4"), "otherServer", "no member has this address");
  server.members.set(ip(other), true);
  for (const onLink of [true, false]) {
    const mac = onLink ? 2 : 3;
    const requested = `10.77.1.${mac}`;
    strictEqual(ask(mac, requested, onLink), "otherMember");
    strictEqual(ask(mac, requested, onLink), "otherMember", "a copy that a second relay made");
    server.wait(4);
    strictEqual(ask(mac, requested, onLink), `ACK ${requested}`, "the member that it selected did not answer");
  }
  strictEqual(ask(4, "10.77.1.3"), "otherMember");
  server.wait(4);
  strictEqual(ask(4, "10.77.1.3"), "NAK", "taken, and the member that offered it says nothing");
  server.members.set(ip(other), false);
  strictEqual(ask(5, "10.77.1.6"), "ACK 10.77.1.6");
  strictEqual(ask(6, "10.77.1.6"), "NAK", "no other server will refuse it");
});

Deno.test("server: the offer of a member that was not selected ends, unless it was of the same address", () => {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.0"])]));
  const other = "10.99.0.12";
  server.members.set(ip(other), true);
  const select = (mac: number, requested: string) =>
    server.say(clientMessage("REQUEST", mac, { ...relayed, server: other, requested }));
  strictEqual(server.say(clientMessage("DISCOVER", 1, relayed)), "OFFER 10.77.1.0");
  strictEqual(select(1, "10.77.1.0"), "otherMember");
  strictEqual(server.say(clientMessage("DISCOVER", 2, relayed)), "exhausted");
  strictEqual(select(1, "10.77.1.9"), "otherMember");
  strictEqual(server.say(clientMessage("DISCOVER", 2, relayed)), "OFFER 10.77.1.0");
});

Deno.test("server: DECLINE and RELEASE that name another member end this member's record, too", () => {
  const s = server();
  const other = "10.99.0.12";
  s.lease(1, relayed);
  strictEqual(s.say(clientMessage("DECLINE", 1, { ...relayed, server: other, requested: "10.77.1.0" })), "otherServer");
  s.members.set(ip(other), true);
  s.say(clientMessage("DECLINE", 1, { ...relayed, server: other, requested: "10.77.1.0" }));
  strictEqual(s.table.get(ip("10.77.1.0")).state, "bound", "the record of the other member is on its way");
  strictEqual(s.lease(1, relayed), "ACK 10.77.1.1");
  s.say(clientMessage("RELEASE", 1, { ...relayed, server: other, ciaddr: "10.77.1.1" }));
  s.lease(2, { ...relayed, xid: 9 });
  s.say(clientMessage("RELEASE", 2, { ...relayed, server: other, ciaddr: "10.77.1.2" }));
  s.say(clientMessage("REQUEST", 2, { ...relayed, xid: 10, requested: "10.77.1.2" }));
  s.wait(8);
  const states = ["10.77.1.0", "10.77.1.1", "10.77.1.2"].map((address) => s.table.get(ip(address)).state);
  deepStrictEqual(states, ["declined", "released", "bound"], "a lease that was requested since goes on");
});

Deno.test("server: on an interface with several addresses a client is served by the one that it knows", () => {
  const s = server();
  const [first, second, unserved] = [ip("10.77.0.1"), ip("10.78.0.1"), ip("192.0.2.1")];
  const on = (receivedOn: number, ...further: number[]) => ({
    from: 0,
    onLink: true,
    serverIdentifier: receivedOn,
    receivedOn,
    further,
  });
  const identifierOf = (result: Message | string) => value(reply(result), OPTIONS.serverIdentifier);
  // From the time when the second address was the only one.
  const offer = reply(s.handle(clientMessage("DISCOVER", 1), on(second)));
  const { yiaddr } = offer;
  strictEqual(formatIpv4(yiaddr), "10.78.1.0");
  const taken = clientMessage("REQUEST", 1, { server: "10.78.0.1", requested: "10.78.1.0" });
  strictEqual(identifierOf(s.handle(taken, on(first, second))), second, "the exchange goes on");
  for (const parts of [{ ciaddr: "10.78.1.0" }, { requested: "10.78.1.0" }]) {
    const again = s.handle(clientMessage("REQUEST", 1, { xid: 2, ...parts }), on(first, second));
    deepStrictEqual([reply(again).yiaddr, identifierOf(again)], [yiaddr, second]);
  }
  strictEqual(s.say(clientMessage("DISCOVER", 2), on(first, second)), "OFFER 10.77.1.0");
  strictEqual(identifierOf(s.handle(clientMessage("DISCOVER", 3), on(unserved, second))), second);
  strictEqual(s.say(clientMessage("DISCOVER", 4), on(unserved, unserved)), "noSubnet");
  // Without the second address the client is in another network (RFC 2131 §4.3.2).
  strictEqual(s.say(clientMessage("REQUEST", 1, { xid: 3, requested: "10.78.1.0" }), on(first)), "NAK");
});

Deno.test("server: case 32b: the record of a RELEASE that waited tells when it arrived, not when it was made", () => {
  const s = server();
  const other = "10.99.0.12";
  s.members.set(ip(other), true);
  s.lease(1, relayed);
  const { wallMs } = s.now;
  s.say(clientMessage("RELEASE", 1, { ...relayed, server: other, ciaddr: "10.77.1.0" }));
  s.wait(8);
  const { state, ended } = s.table.get(ip("10.77.1.0"));
  deepStrictEqual([state, ended?.at], ["released", wallMs]);
});

Deno.test("server: a declined address is not offered to its client, though the lease is not known here yet", () => {
  const s = server();
  const decline = { ...relayed, requested: "10.77.1.0", server: SERVER };
  strictEqual(s.say(clientMessage("DECLINE", 1, decline)), "notOwner");
  strictEqual(s.say(clientMessage("DISCOVER", 1, { ...relayed, requested: "10.77.1.0" })), "OFFER 10.77.1.1");
  strictEqual(s.say(clientMessage("DISCOVER", 2, relayed)), "OFFER 10.77.1.0", "it is the client's own matter");
});

Deno.test("server: an address that was refused to a client is not offered to it again for a while", () => {
  const s = server();
  s.lease(1, relayed);
  const wish = { ...relayed, requested: "10.77.1.0" };
  strictEqual(s.say(clientMessage("REQUEST", 2, wish)), "NAK");
  // This node's own record of the lease goes: another node still has it, and would refuse again.
  s.table.set(ip("10.77.1.0"), { ...s.table.get(ip("10.77.1.0")), state: "released" }, s.table.detail(ip("10.77.1.0")));
  strictEqual(s.say(clientMessage("DISCOVER", 2, wish)), "OFFER 10.77.1.1");
  strictEqual(s.say(clientMessage("DISCOVER", 3, wish)), "OFFER 10.77.1.0", "it was not refused to others");
  s.wait(31);
  strictEqual(s.say(clientMessage("DISCOVER", 2, wish)), "OFFER 10.77.1.0");
});

Deno.test("server: a client that asks anew while its lease is undecided, or failed, is offered another address", () => {
  for (const wait of [0, 3]) {
    const s = server();
    s.stall();
    strictEqual(s.lease(1, { ...relayed, xid: 7 }), "undecided");
    strictEqual(s.say(clientMessage("DISCOVER", 1, { ...relayed, xid: 7 })), "OFFER 10.77.1.0", "a late copy");
    s.wait(wait);
    strictEqual(s.say(clientMessage("DISCOVER", 1, { ...relayed, xid: 8 })), "OFFER 10.77.1.1");
    s.resume();
    const again = { ...relayed, server: SERVER, requested: "10.77.1.1", xid: 8 };
    strictEqual(s.say(clientMessage("REQUEST", 1, again)), "ACK 10.77.1.1");
  }
});

Deno.test("server: a lease that another member granted comes before the refusal of an attempt that failed here", () => {
  const [s, other] = [server(), server()];
  s.stall();
  strictEqual(s.lease(1, { ...relayed, xid: 7 }), "undecided");
  s.wait(3);
  strictEqual(other.lease(1, { ...relayed, xid: 7 }), "ACK 10.77.1.0");
  const address = ip("10.77.1.0");
  const certified = { ...other.table.get(address), committedVersion: other.table.get(address).version };
  s.table.set(address, certified, other.table.detail(address));
  strictEqual(s.say(clientMessage("DISCOVER", 1, { ...relayed, xid: 8 })), "OFFER 10.77.1.0");
});

Deno.test("server: a client that has a lease, or a reservation, is offered it again after a failure", () => {
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
  const s = new TestServer(service([
    subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.3"], {
      reservations: [{ address: ip("10.77.1.3"), hardware: [mac], options: new Map() }],
    }),
  ]));
  s.lease(1, relayed);
  s.stall();
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, xid: 7, ciaddr: "10.77.1.0" })), "undecided");
  strictEqual(s.lease(9, { ...relayed, xid: 7 }), "undecided");
  s.wait(3);
  strictEqual(s.say(clientMessage("DISCOVER", 1, { ...relayed, xid: 8 })), "OFFER 10.77.1.0");
  strictEqual(s.say(clientMessage("DISCOVER", 9, { ...relayed, xid: 8 })), "OFFER 10.77.1.3");
});

Deno.test("server: an aborted proposal's address is no former address of its client", () => {
  const s = server();
  s.stall();
  s.lease(1, relayed);
  s.wait(3);
  strictEqual(s.table.get(ip("10.77.1.0")).state, "aborted");
  s.resume();
  s.wait(31);
  strictEqual(s.say(clientMessage("DISCOVER", 1, relayed)), "OFFER 10.77.1.1");
  const reboot = clientMessage("REQUEST", 1, { ...relayed, xid: 9, requested: "10.77.1.0" });
  strictEqual(s.say(reboot), "noRecord", "RFC 2131 §4.3.2: no record of this client: silence");
});

Deno.test("server: a lease that another member granted meanwhile counts more than an offer made here", () => {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.0"])]));
  const other = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.0"])]));
  strictEqual(server.say(clientMessage("DISCOVER", 1, { giaddr: "10.77.0.1" })), "OFFER 10.77.1.0");
  strictEqual(other.lease(2, { giaddr: "10.77.0.1" }), "ACK 10.77.1.0");
  for (const { address, slot, detail } of other.table.rows()) server.table.set(address, slot, detail);
  const reboot = clientMessage("REQUEST", 2, { giaddr: "10.77.0.1", requested: "10.77.1.0", xid: 9 });
  strictEqual(server.say(reboot), "ACK 10.77.1.0");
});

Deno.test("server: after a forced recovery only renewals are served, and nothing is contradicted", () => {
  const s = server();
  strictEqual(s.lease(1, relayed), "ACK 10.77.1.0");
  strictEqual(s.lease(2, relayed), "ACK 10.77.1.1");
  s.renewalsOnly = true;
  const asks = (type: "DISCOVER" | "REQUEST", mac: number, parts: object) =>
    s.say(clientMessage(type, mac, { ...relayed, ...parts }));
  strictEqual(asks("DISCOVER", 3, {}), "renewalsOnly");
  strictEqual(asks("DISCOVER", 1, {}), "renewalsOnly", "also of a client with a lease");
  strictEqual(asks("REQUEST", 3, { server: SERVER, requested: "10.77.1.2" }), "renewalsOnly", "SELECTING");
  strictEqual(asks("REQUEST", 1, { requested: "10.77.1.0" }), "renewalsOnly", "INIT-REBOOT");
  strictEqual(asks("REQUEST", 1, { ciaddr: "10.77.1.0", requested: "10.77.1.0" }), "renewalsOnly", "neither");
  strictEqual(asks("REQUEST", 1, { ciaddr: "10.77.1.0" }), "ACK 10.77.1.0", "RENEWING, REBINDING");
  strictEqual(asks("REQUEST", 4, { ciaddr: "10.77.1.3" }), "ACK 10.77.1.3", "a lease that only the lost disks knew");
  strictEqual(asks("REQUEST", 5, { ciaddr: "10.77.1.1" }), "renewalsOnly", "no DHCPNAK: the record may be outdated");
  strictEqual(asks("REQUEST", 5, { ciaddr: "10.99.1.1" }), "NAK", "the network alone contradicts");
  s.renewalsOnly = false;
  strictEqual(asks("DISCOVER", 3, {}), "OFFER 10.77.1.2");
});
