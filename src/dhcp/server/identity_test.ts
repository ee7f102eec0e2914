/** Whatever an operator changes, a client stays the client that it was. */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { ServiceConfig, SubnetConfig } from "../../config/service_schema.ts";
import { CLIENT_TAG, clientKey } from "../../lease/agreement/client_key.ts";
import { clientMessage, ip, type MessageParts, SERVER, service, subnet, TestServer } from "./testing.ts";

const RELAY = "10.79.1.1";
const CLIENT_ID = Uint8Array.of(0, 65, 66);
const OTHER_ID = Uint8Array.of(0, 67);
const POOL = "10.79.1.100-10.79.1.103";
const HELD = "10.79.1.100";

type Reservations = SubnetConfig["reservations"];

function hardware(mac: number): Uint8Array[] {
  return [Uint8Array.of(2, 0, 0, 0, 0, mac)];
}

function reserved(address: string, client: { hardware?: Uint8Array[]; clientId?: Uint8Array[] }): Reservations {
  return [{ address: ip(address), ...client, options: new Map() }];
}

function lan(reservations: Reservations = [], extra: Partial<SubnetConfig> = {}, pool = POOL): ServiceConfig {
  return service([subnet("10.79.1.0/24", [pool], { reservations, ...extra })]);
}

/** What a client says that believes to hold an address. */
function asks(s: TestServer, mac: number, address: string, parts: MessageParts = {}): string[] {
  return [
    s.say(clientMessage("REQUEST", mac, { xid: 101, ciaddr: address, ...parts })),
    s.say(clientMessage("REQUEST", mac, { xid: 102, ciaddr: address, giaddr: RELAY, ...parts })),
    s.say(clientMessage("REQUEST", mac, { xid: 103, requested: address, giaddr: RELAY, ...parts })),
  ];
}

/** RENEWING, REBINDING, INIT-REBOOT, and from the start. */
function keeps(s: TestServer, mac: number, address: string, parts: MessageParts = {}): void {
  const ack = `ACK ${address}`;
  deepStrictEqual(asks(s, mac, address, parts), [ack, ack, ack]);
  strictEqual(s.say(clientMessage("DISCOVER", mac, { xid: 104, giaddr: RELAY, ...parts })), `OFFER ${address}`);
}

const IDENTITIES: readonly [string, MessageParts][] = [
  ["with a client identifier", { clientId: CLIENT_ID }],
  ["without one", {}],
];

for (const [name, identity] of IDENTITIES) {
  Deno.test(`identity: a client ${name} keeps its lease when it is made static, rewritten, and back`, () => {
    const s = new TestServer(lan());
    strictEqual(s.lease(1, { giaddr: RELAY, ...identity }), `ACK ${HELD}`);
    const ways = [{ hardware: hardware(1) }, { hardware: hardware(1), clientId: [CLIENT_ID] }, {
      hardware: hardware(1),
    }];
    for (const way of ways) {
      s.wait(60);
      s.reconfigure(lan(reserved(HELD, way)));
      keeps(s, 1, HELD, identity);
    }
    s.wait(60);
    s.reconfigure(lan());
    keeps(s, 1, HELD, identity);
  });

  Deno.test(`identity: a reserved address stays its client's, ${name}, when the reservation is taken back`, () => {
    const s = new TestServer(lan(reserved(HELD, { hardware: hardware(1) })));
    strictEqual(s.lease(1, { giaddr: RELAY, ...identity }), `ACK ${HELD}`);
    s.reconfigure(lan());
    keeps(s, 1, HELD, identity);
  });

  Deno.test(`identity: a client ${name} keeps its lease when its subnet is widened, numbered, and narrowed`, () => {
    const s = new TestServer(lan());
    strictEqual(s.lease(1, { giaddr: RELAY, ...identity }), `ACK ${HELD}`);
    const wide = (extra: Partial<SubnetConfig> = {}) => service([subnet("10.79.0.0/23", [POOL], extra)]);
    for (const config of [wide(), wide({ id: 7 }), wide({ id: 8 }), lan([], { id: 8 }), lan()]) {
      s.wait(60);
      s.reconfigure(config);
      keeps(s, 1, HELD, identity);
    }
    strictEqual(s.lease(2, { giaddr: RELAY }), "ACK 10.79.1.101", "another client gets another address");
  });

  Deno.test(`identity: a client ${name} keeps its lease when its subnet is split`, () => {
    const s = new TestServer(service([subnet("10.79.0.0/23", [POOL])]));
    strictEqual(s.lease(1, { giaddr: RELAY, ...identity }), `ACK ${HELD}`);
    s.reconfigure(service([subnet("10.79.0.0/24", ["10.79.0.100-10.79.0.103"]), subnet("10.79.1.0/24", [POOL])]));
    const ack = `ACK ${HELD}`;
    deepStrictEqual(asks(s, 1, HELD, identity), [ack, ack, ack]);
  });

  Deno.test(`identity: a client ${name} keeps its lease when the pool is moved, and a new one is from the pool`, () => {
    const s = new TestServer(lan());
    strictEqual(s.lease(1, { giaddr: RELAY, ...identity }), `ACK ${HELD}`);
    s.reconfigure(lan([], {}, "10.79.1.200-10.79.1.203"));
    const ack = `ACK ${HELD}`;
    deepStrictEqual(asks(s, 1, HELD, identity), [ack, ack, ack]);
    strictEqual(s.lease(1, { xid: 9, giaddr: RELAY, ...identity }), "ACK 10.79.1.200");
    strictEqual(s.table.get(ip(HELD)).state, "released", "a client has one address");
    strictEqual(s.say(clientMessage("REQUEST", 1, { xid: 10, requested: HELD, giaddr: RELAY, ...identity })), "NAK");
  });
}

Deno.test("identity: a lease that ended outside the pools is not given again", () => {
  const s = new TestServer(lan());
  strictEqual(s.lease(1, { giaddr: RELAY }), `ACK ${HELD}`);
  s.reconfigure(lan([], {}, "10.79.1.200-10.79.1.203"));
  s.wait(3_700);
  strictEqual(s.say(clientMessage("REQUEST", 1, { xid: 9, requested: HELD, giaddr: RELAY })), "NAK");
});

Deno.test("identity: firmware, installer and system of a machine that is reserved for get its one address", () => {
  const s = new TestServer(lan(reserved(HELD, { hardware: hardware(1) })));
  for (const [index, clientId] of [CLIENT_ID, OTHER_ID, undefined, CLIENT_ID].entries()) {
    const identity = clientId === undefined ? {} : { clientId };
    strictEqual(s.lease(1, { xid: 20 + index, giaddr: RELAY, ...identity }), `ACK ${HELD}`);
    keeps(s, 1, HELD, identity);
  }
  // The last of them is the client, whether it is reserved for or not.
  s.reconfigure(lan());
  keeps(s, 1, HELD, { clientId: CLIENT_ID });
  deepStrictEqual(asks(s, 1, HELD, { clientId: OTHER_ID }), ["NAK", "NAK", "NAK"]);
});

Deno.test("identity: the holder of an address that is now another's gives it up as soon as it has a new one", () => {
  const s = new TestServer(lan());
  strictEqual(s.lease(1, { giaddr: RELAY, clientId: CLIENT_ID }), `ACK ${HELD}`);
  s.reconfigure(lan(reserved(HELD, { hardware: hardware(2) })));
  strictEqual(s.lease(2, { giaddr: RELAY }), "ACK 10.79.1.101", "its own is in use");
  const renewal = clientMessage("REQUEST", 1, { xid: 9, ciaddr: HELD, clientId: CLIENT_ID });
  strictEqual(s.say(renewal), "NAK");
  strictEqual(s.table.get(ip(HELD)).state, "bound", "the DHCPNAK may be lost on its way");
  strictEqual(s.lease(1, { xid: 10, giaddr: RELAY, clientId: CLIENT_ID }), "ACK 10.79.1.102");
  strictEqual(s.table.get(ip(HELD)).state, "released");
  // Its owner gets it, and frees its former address as soon as it has it.
  strictEqual(s.say(clientMessage("REQUEST", 2, { xid: 11, ciaddr: "10.79.1.101" })), "NAK");
  strictEqual(s.lease(2, { xid: 12, giaddr: RELAY }), `ACK ${HELD}`);
  strictEqual(s.table.get(ip("10.79.1.101")).state, "released");
});

Deno.test("identity: a client frees its address for the one that is reserved for it", () => {
  const s = new TestServer(lan());
  strictEqual(s.lease(1, { giaddr: RELAY, clientId: CLIENT_ID }), `ACK ${HELD}`);
  s.reconfigure(lan(reserved("10.79.1.50", { hardware: hardware(1) })));
  strictEqual(s.lease(1, { xid: 9, giaddr: RELAY, clientId: CLIENT_ID }), "ACK 10.79.1.50");
  strictEqual(s.table.get(ip(HELD)).state, "released");
});

Deno.test("identity: a late copy of an earlier exchange frees no address", () => {
  const s = new TestServer(lan());
  const identity = { giaddr: RELAY, clientId: CLIENT_ID };
  strictEqual(s.say(clientMessage("DISCOVER", 1, { ...identity, xid: 1 })), `OFFER ${HELD}`);
  strictEqual(s.lease(1, { ...identity, xid: 2 }), `ACK ${HELD}`);
  s.reconfigure(lan(reserved("10.79.1.50", { hardware: hardware(1) })));
  strictEqual(s.lease(1, { ...identity, xid: 1 }), "ACK 10.79.1.50");
  strictEqual(s.table.get(ip(HELD)).state, "bound", "the client may have got it after it sent these");
});

Deno.test("identity: a renewal without the identifier of its lease, or with one it lacked, is its client's", () => {
  for (const [first, then] of [[{ clientId: CLIENT_ID }, {}], [{}, { clientId: CLIENT_ID }]]) {
    const s = new TestServer(lan());
    strictEqual(s.lease(1, { giaddr: RELAY, ...first }), `ACK ${HELD}`);
    const ack = `ACK ${HELD}`;
    deepStrictEqual(asks(s, 1, HELD, then), [ack, ack, ack]);
    deepStrictEqual(asks(s, 2, HELD, then), ["NAK", "NAK", "NAK"], "another machine's");
    keeps(s, 1, HELD, first);
    // Two that ask for an address are two: a host and a container behind one hardware address.
    strictEqual(s.say(clientMessage("DISCOVER", 1, { xid: 9, giaddr: RELAY, ...then })), "OFFER 10.79.1.101");
    strictEqual(s.say(clientMessage("RELEASE", 1, { ciaddr: HELD, ...then })), "released");
  }
});

Deno.test("identity: two identifiers behind one hardware address are two clients", () => {
  const s = new TestServer(lan());
  strictEqual(s.lease(1, { giaddr: RELAY, clientId: CLIENT_ID }), `ACK ${HELD}`);
  strictEqual(s.lease(1, { giaddr: RELAY, clientId: OTHER_ID }), "ACK 10.79.1.101");
  deepStrictEqual(asks(s, 1, HELD, { clientId: OTHER_ID }), ["NAK", "NAK", "NAK"]);
});

Deno.test("identity: by hardware, all identifiers of a machine are one client; per service and per subnet", () => {
  const byService = { ...lan(), clientIdentity: "hardware" as const };
  for (const config of [byService, lan([], { clientIdentity: "hardware" })]) {
    const s = new TestServer(config);
    for (const identity of [{ clientId: CLIENT_ID }, { clientId: OTHER_ID }, {}]) {
      strictEqual(s.lease(1, { giaddr: RELAY, ...identity }), `ACK ${HELD}`);
      keeps(s, 1, HELD, identity);
    }
    strictEqual(s.lease(2, { giaddr: RELAY, clientId: CLIENT_ID }), "ACK 10.79.1.101", "one identifier, two machines");
    const infiniband = clientMessage("DISCOVER", 3, { giaddr: RELAY, clientId: OTHER_ID });
    infiniband.chaddr = new Uint8Array();
    strictEqual(s.say(infiniband), "OFFER 10.79.1.102", "without a hardware address (RFC 4390 §2.1)");
  }
  const s = new TestServer({ ...lan([], { clientIdentity: "clientId" }), clientIdentity: "hardware" });
  s.lease(1, { giaddr: RELAY, clientId: CLIENT_ID });
  strictEqual(s.lease(1, { giaddr: RELAY, clientId: OTHER_ID }), "ACK 10.79.1.101", "the subnet's setting counts");
});

Deno.test("identity: clients keep their leases when they are told apart by hardware, and by identifier again", () => {
  const s = new TestServer(lan());
  strictEqual(s.lease(1, { giaddr: RELAY, clientId: CLIENT_ID }), `ACK ${HELD}`);
  s.reconfigure(lan([], { clientIdentity: "hardware" }));
  keeps(s, 1, HELD, { clientId: CLIENT_ID });
  const ack = `ACK ${HELD}`;
  deepStrictEqual(asks(s, 1, HELD, { clientId: OTHER_ID }), [ack, ack, ack]);
  s.reconfigure(lan());
  keeps(s, 1, HELD, { clientId: CLIENT_ID });
});

Deno.test("identity: leases of the release before: its key had the reservation and the subnet's address in it", () => {
  const before = clientKey({
    subnet: ip("10.79.1.0"),
    tag: CLIENT_TAG.hardware,
    bytes: Uint8Array.of(1, 2, 0, 0, 0, 0, 1),
  });
  const s = new TestServer(lan(reserved(HELD, { hardware: hardware(1) })));
  s.lease(1, { giaddr: RELAY });
  strictEqual(s.table.get(ip(HELD)).client, before);
  // In that release the client had sent an identifier, which no record tells.
  keeps(s, 1, HELD, { clientId: CLIENT_ID });
  strictEqual(s.table.get(ip(HELD)).client, before, "a lease that runs keeps its key: the others' slots have it");
  strictEqual(s.lease(1, { xid: 9, giaddr: RELAY, clientId: CLIENT_ID }), `ACK ${HELD}`);
  s.reconfigure(lan());
  keeps(s, 1, HELD, { clientId: CLIENT_ID });
});

Deno.test("identity: while a member of the release before runs, keys are as it computes them", () => {
  const s = new TestServer(lan(reserved(HELD, { hardware: hardware(1) }), { id: 7 }));
  s.hasEarlierRelease = true;
  s.lease(1, { giaddr: RELAY, clientId: CLIENT_ID });
  const { client } = s.table.get(ip(HELD));
  strictEqual(
    client,
    clientKey({ subnet: ip("10.79.1.0"), tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, 2, 0, 0, 0, 0, 1) }),
  );
  s.lease(2, { giaddr: RELAY, clientId: OTHER_ID });
  s.hasEarlierRelease = false;
  keeps(s, 1, HELD, { clientId: CLIENT_ID });
  keeps(s, 2, "10.79.1.101", { clientId: OTHER_ID });
  s.hasEarlierRelease = true;
  keeps(s, 1, HELD, { clientId: CLIENT_ID });
  keeps(s, 2, "10.79.1.101", { clientId: OTHER_ID });
});

Deno.test("identity: one machine in two subnets is two clients, also when addresses move from one to the other", () => {
  const config = (first: string, second: string) =>
    service([subnet(first, ["10.79.0.8-10.79.0.9"]), subnet(second, ["10.79.0.208-10.79.0.209"])]);
  const s = new TestServer(service([
    subnet("10.79.0.0/24", ["10.79.0.208-10.79.0.209"]),
    subnet("10.79.2.0/24", ["10.79.2.8-10.79.2.9"]),
  ]));
  strictEqual(s.lease(1, { giaddr: "10.79.0.1" }), "ACK 10.79.0.208");
  s.reconfigure(config("10.79.0.0/25", "10.79.0.128/25"));
  strictEqual(s.say(clientMessage("DISCOVER", 1, { xid: 9, giaddr: "10.79.0.129" })), "OFFER 10.79.0.209");
});

Deno.test("identity: a release counts through any relay of the subnet, and by the lease's circuit of its own", () => {
  const agent = { circuitId: Uint8Array.of(7) };
  const cases: readonly [MessageParts, string][] = [
    [{ giaddr: RELAY, agent: { circuitId: Uint8Array.of(8) } }, "notOwner"],
    [{ giaddr: "10.80.0.1", agent }, "notOwner"],
    [{ giaddr: "10.79.1.2", agent: { circuitId: Uint8Array.of(8) } }, "released"],
    [{ giaddr: "10.79.1.2" }, "released"],
    [{ giaddr: RELAY, agent }, "released"],
  ];
  for (const [way, outcome] of cases) {
    const s = new TestServer(service([subnet("10.79.1.0/24", [POOL]), subnet("10.80.0.0/16", [])]));
    strictEqual(s.lease(1, { giaddr: RELAY, agent }), `ACK ${HELD}`);
    strictEqual(s.say(clientMessage("RELEASE", 2, { ciaddr: HELD, server: SERVER, ...way })), "notOwner");
    strictEqual(s.say(clientMessage("RELEASE", 1, { ciaddr: HELD, server: SERVER, ...way })), outcome);
  }
});

Deno.test("identity: leases of a circuit count as they did when its subnet is widened and numbered", () => {
  const via = { giaddr: RELAY, agent: { circuitId: Uint8Array.of(7) } };
  const s = new TestServer(lan([], { maxLeasesPerCircuit: 2 }));
  deepStrictEqual([s.lease(1, via), s.lease(2, via)], [`ACK ${HELD}`, "ACK 10.79.1.101"]);
  for (const extra of [{}, { id: 7 }]) {
    s.reconfigure(service([subnet("10.79.0.0/23", [POOL], { maxLeasesPerCircuit: 2, ...extra })]));
    strictEqual(s.lease(3, via), "circuitFull");
    strictEqual(s.say(clientMessage("REQUEST", 1, { ...via, ciaddr: HELD })), `ACK ${HELD}`);
  }
  s.say(clientMessage("RELEASE", 1, { ...via, ciaddr: HELD, server: SERVER }));
  strictEqual(s.lease(3, { ...via, xid: 9 }), "ACK 10.79.1.102");
});

Deno.test("identity: without authority strangers hear nothing, a client with a record hears DHCPNAK", () => {
  const s = new TestServer({
    ...service([subnet("10.79.1.0/24", [POOL]), subnet("10.80.0.0/16", ["10.80.1.0-10.80.1.3"])]),
    authoritative: false,
  });
  strictEqual(s.lease(1, { giaddr: RELAY, clientId: CLIENT_ID }), `ACK ${HELD}`);
  const says = (mac: number, parts: MessageParts) => s.say(clientMessage("REQUEST", mac, { xid: 9, ...parts }));
  const other = { giaddr: "10.80.0.1", requested: HELD };
  strictEqual(says(1, { ...other, clientId: CLIENT_ID }), "NAK", "of another network");
  strictEqual(says(1, { giaddr: "10.80.0.1", ciaddr: HELD, clientId: CLIENT_ID }), "NAK");
  strictEqual(says(2, other), "notAuthoritative");
  strictEqual(says(1, { giaddr: RELAY, requested: "10.79.1.102", clientId: CLIENT_ID }), "NAK", "it has another");
  strictEqual(says(2, { giaddr: RELAY, requested: HELD }), "notAuthoritative", "another's, and a stranger asks");
  strictEqual(says(2, { giaddr: RELAY, requested: "10.79.1.102" }), "noRecord");
  s.lease(3, { giaddr: RELAY });
  strictEqual(says(3, { giaddr: RELAY, requested: HELD }), "NAK", "another's, and a known client asks");
});
