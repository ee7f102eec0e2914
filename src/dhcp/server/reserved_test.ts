import { strictEqual } from "node:assert/strict";
import { toHex } from "../../bytes/hex.ts";
import type { ReservationConfig } from "../../config/service_schema.ts";
import { OPTIONS } from "../options/mod.ts";
import { clientMessage, ip, type MessageParts, SERVER, service, subnet, TestServer } from "./testing.ts";

const RELAY = "10.77.0.1";
const OTHER_RELAY = "10.78.0.1";
const POOL = "10.77.1.0-10.77.1.9";
const RESERVED = "10.77.0.50";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function hardware(...macs: number[]): Uint8Array[] {
  return macs.map((mac) => Uint8Array.of(2, 0, 0, 0, 0, mac));
}

/** A server with reservations of its first subnet, and with some that are valid in both. */
function serverWith(own: Partial<ReservationConfig>[], all: Partial<ReservationConfig>[] = []): TestServer {
  const complete = (reservation: Partial<ReservationConfig>) => ({ options: new Map(), ...reservation });
  return new TestServer(service(
    [
      subnet("10.77.0.0/16", [POOL], { reservations: own.map(complete) }),
      subnet("10.78.0.0/16", ["10.78.1.0-10.78.1.9"]),
    ],
    { reservations: all.map(complete) },
  ));
}

/** A client's message at a port of a switch. */
function at(circuitId: string, remoteId?: string, giaddr = RELAY): MessageParts {
  const remote = remoteId === undefined ? {} : { remoteId: bytes(remoteId) };
  return { giaddr, agent: { circuitId: bytes(circuitId), ...remote } };
}

function hostnameIn(server: TestServer, mac: number, parts: MessageParts): string {
  const offer = server.handle(clientMessage("DISCOVER", mac, { wanted: [12], ...parts }));
  return typeof offer === "string" ? offer : new TextDecoder().decode(offer.options.get(OPTIONS.hostName.code));
}

Deno.test("reservations: one address for several hardware addresses: the first has it until it gives it up", () => {
  const s = serverWith([{ address: ip(RESERVED), hardware: hardware(1, 2) }]);
  strictEqual(s.lease(1, { giaddr: RELAY }), `ACK ${RESERVED}`);
  strictEqual(s.lease(2, { giaddr: RELAY }), "ACK 10.77.1.0", "the first is live");
  strictEqual(s.say(clientMessage("REQUEST", 1, { giaddr: RELAY, ciaddr: RESERVED })), `ACK ${RESERVED}`);
  strictEqual(s.say(clientMessage("REQUEST", 2, { giaddr: RELAY, ciaddr: "10.77.1.0" })), "ACK 10.77.1.0");
  strictEqual(s.say(clientMessage("RELEASE", 1, { giaddr: RELAY, ciaddr: RESERVED })), "released");
  strictEqual(s.say(clientMessage("REQUEST", 2, { giaddr: RELAY, ciaddr: "10.77.1.0" })), "NAK", "its own is free");
  strictEqual(s.lease(2, { giaddr: RELAY }), `ACK ${RESERVED}`);
  strictEqual(s.lease(3, { giaddr: RELAY }), "ACK 10.77.1.1");
});

Deno.test("reservations: one address for several hardware addresses: another has it when the lease has ended", () => {
  const s = serverWith([{ address: ip(RESERVED), hardware: hardware(1, 2) }]);
  strictEqual(s.lease(1, { giaddr: RELAY }), `ACK ${RESERVED}`);
  s.wait(3_700);
  strictEqual(s.lease(2, { giaddr: RELAY }), `ACK ${RESERVED}`);
  strictEqual(s.say(clientMessage("REQUEST", 1, { giaddr: RELAY, requested: RESERVED })), "NAK");
  strictEqual(s.lease(1, { giaddr: RELAY }), "ACK 10.77.1.0");
});

Deno.test("reservations: while one is offered the address, the other of its clients is offered one of the pool", () => {
  const s = serverWith([{ address: ip(RESERVED), hardware: hardware(1, 2) }]);
  strictEqual(s.say(clientMessage("DISCOVER", 1, { giaddr: RELAY })), `OFFER ${RESERVED}`);
  strictEqual(s.say(clientMessage("DISCOVER", 2, { giaddr: RELAY })), "OFFER 10.77.1.0");
  strictEqual(
    s.say(clientMessage("REQUEST", 1, { giaddr: RELAY, requested: RESERVED, server: SERVER })),
    `ACK ${RESERVED}`,
  );
});

Deno.test("reservations: firmware and system of one of several machines have the address in turn", () => {
  const s = serverWith([{ address: ip(RESERVED), hardware: hardware(1, 2) }]);
  strictEqual(s.lease(1, { giaddr: RELAY }), `ACK ${RESERVED}`);
  strictEqual(s.lease(1, { giaddr: RELAY, clientId: Uint8Array.of(0, 1, 2) }), `ACK ${RESERVED}`);
  strictEqual(s.lease(2, { giaddr: RELAY, clientId: Uint8Array.of(0, 1, 3) }), "ACK 10.77.1.0");
});

Deno.test("reservations: by circuit id, by remote id, and by both", () => {
  const s = serverWith([
    { address: ip("10.77.0.51"), circuitId: bytes("port 1"), remoteId: bytes("switch 1") },
    { address: ip("10.77.0.52"), circuitId: bytes("port 1") },
    { address: ip("10.77.0.53"), remoteId: bytes("switch 3") },
    { address: ip("10.77.0.54"), hardware: hardware(9) },
  ]);
  strictEqual(s.lease(1, at("port 1", "switch 1")), "ACK 10.77.0.51");
  strictEqual(s.lease(2, at("port 1", "switch 2")), "ACK 10.77.0.52");
  strictEqual(s.lease(3, at("port 2", "switch 3")), "ACK 10.77.0.53");
  strictEqual(s.lease(4, at("port 2", "switch 1")), "ACK 10.77.1.0");
  strictEqual(s.lease(9, at("port 1", "switch 1")), "ACK 10.77.0.54", "what names the client goes first");
  strictEqual(s.lease(5, { giaddr: RELAY }), "ACK 10.77.1.1");
});

Deno.test("reservations: the address of a port stays with its client, also when that renews by unicast", () => {
  const s = serverWith([{ address: ip(RESERVED), circuitId: bytes("port 1") }]);
  strictEqual(s.lease(1, at("port 1")), `ACK ${RESERVED}`);
  strictEqual(s.say(clientMessage("REQUEST", 1, { ciaddr: RESERVED })), `ACK ${RESERVED}`);
  strictEqual(s.lease(2, at("port 1")), "ACK 10.77.1.0", "a second host at the port");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...at("port 2"), requested: RESERVED })), "NAK", "it was moved");
  strictEqual(s.lease(1, { ...at("port 2"), xid: 7 }), "ACK 10.77.1.1");
  strictEqual(s.lease(3, at("port 1")), `ACK ${RESERVED}`, "the first has given it up");
});

Deno.test("reservations: without an address they say what the client is told", () => {
  const s = serverWith([{ hardware: hardware(1), hostname: "phone", options: new Map([[66, bytes("tftp")]]) }]);
  strictEqual(s.lease(1, { giaddr: RELAY }), "ACK 10.77.1.0");
  strictEqual(hostnameIn(s, 1, { giaddr: RELAY }), "phone");
  strictEqual(hostnameIn(s, 2, { giaddr: RELAY }), "");
  strictEqual(s.say(clientMessage("REQUEST", 1, { giaddr: RELAY, ciaddr: "10.77.1.0" })), "ACK 10.77.1.0");
});

Deno.test("reservations: valid in all subnets: the name everywhere, the address where it lies", () => {
  const s = serverWith([{ hardware: hardware(2), hostname: "own" }], [
    { address: ip(RESERVED), hardware: hardware(1), hostname: "laptop" },
    { hardware: hardware(2), hostname: "all" },
  ]);
  strictEqual(s.lease(1, { giaddr: RELAY }), `ACK ${RESERVED}`);
  strictEqual(s.lease(1, { giaddr: OTHER_RELAY }), "ACK 10.78.1.0");
  strictEqual(hostnameIn(s, 1, { giaddr: OTHER_RELAY }), "laptop");
  strictEqual(hostnameIn(s, 2, { giaddr: OTHER_RELAY }), "all");
  strictEqual(hostnameIn(s, 2, { giaddr: RELAY }), "own", "one of the subnet goes first");
  strictEqual(s.say(clientMessage("REQUEST", 3, { giaddr: RELAY, server: SERVER, requested: RESERVED })), "NAK");
});

Deno.test("reservations: 100,000 are found by client and by place, and no other", () => {
  const address = ip("10.1.0.0");
  const reservations = Array.from({ length: 50_000 }, (_, index) => {
    const number = Uint8Array.of(2, 0, 0, index >>> 16, index >>> 8, index);
    return [
      { address: address + 2 * index, hardware: [number], options: new Map() },
      { address: address + 2 * index + 1, remoteId: number, options: new Map() },
    ];
  }).flat();
  const s = new TestServer(service([subnet("10.0.0.0/8", ["10.200.0.0-10.200.0.9"], { reservations })]));
  const [network] = s.compiled.subnets;
  if (network === undefined) throw new Error("there is a subnet");
  for (let index = 0; index < 50_500; index += 500) {
    const number = Uint8Array.of(2, 0, 0, index >>> 16, index >>> 8, index);
    const unknown = Uint8Array.of(6, ...number);
    for (const [offset, mac, remoteId] of [[0, number, unknown], [1, unknown, number]] as const) {
      const client = { clientId: undefined, hardware: Uint8Array.of(1, ...mac) };
      const found = s.compiled.reservationFor(network, client, { remoteId });
      strictEqual(found?.address, index < 50_000 ? address + 2 * index + offset : undefined, toHex(number));
    }
  }
});

/** The same without option 53, as BOOTP clients send it. */
function bootp(mac: number) {
  const message = clientMessage("DISCOVER", mac, { giaddr: RELAY });
  message.options.delete(OPTIONS.messageType.code);
  return message;
}

Deno.test("reservations: a BOOTP client keeps its address, which its machine's DHCP client may take over", () => {
  strictEqual(new TestServer(WITH_BOOTP).say(bootp(1)), "unexpectedType");
  const b = new TestServer({ ...WITH_BOOTP, bootp: true });
  strictEqual(b.say(bootp(3)), "notReserved");
  strictEqual(b.say(bootp(1)), `? ${RESERVED}`);
  b.wait(100 * 86_400);
  strictEqual(b.say(bootp(2)), "notReserved", "the other of its clients may be there");
  strictEqual(b.lease(2, { giaddr: RELAY }), "ACK 10.77.1.0");
  strictEqual(b.lease(1, { giaddr: RELAY, clientId: Uint8Array.of(0, 1) }), `ACK ${RESERVED}`);
  const typed = clientMessage("DISCOVER", 1, {
    giaddr: RELAY,
    options: [[OPTIONS.messageType.code, Uint8Array.of(0)]],
  });
  strictEqual(b.say(typed), "unexpectedType", "type 0 is no BOOTP");
});

const WITH_BOOTP = service([subnet("10.77.0.0/16", [POOL], {
  reservations: [{ address: ip(RESERVED), hardware: hardware(1, 2), options: new Map() }],
})]);
