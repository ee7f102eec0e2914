import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { serviceSchema } from "../../config/service_schema.ts";
import type { Request } from "../expression/facts.ts";
import { ClientClasses } from "./client_classes.ts";
import { clientMessage, ip, type MessageParts, SERVER, TestServer } from "./testing.ts";

const RELAY = "10.79.0.1";
const encoder = new TextEncoder();

/** A server with a section as a file has it. */
function server(section: object): TestServer {
  return new TestServer(serviceSchema.parse({ revision: 1, ...section }));
}

function of(vendorClass: string | undefined, parts: MessageParts = {}): MessageParts {
  return { giaddr: RELAY, ...parts, options: vendorClass === undefined ? [] : [[60, encoder.encode(vendorClass)]] };
}

const PHONE = of("Cisco IP Phone");
const PLAIN = of(undefined);
const VOICE = { name: "voice", match: 'option[60].text.contains("Phone")', leaseTime: "2h" };

const TWO_POOLS = {
  classes: [VOICE],
  subnets: [{
    subnet: "10.79.0.0/16",
    pools: [
      { range: "10.79.1.0-10.79.1.1", allow: "voice" },
      { range: "10.79.2.0-10.79.2.1", deny: ["voice", "known"] },
    ],
    reservations: [{ hardware: "02:00:00:00:00:09", address: "10.79.9.9" }],
  }],
};

Deno.test("classes: a pool is for those that allow names, and not for those that deny names", () => {
  const s = server(TWO_POOLS);
  deepStrictEqual([1, 2, 3].map((mac) => s.lease(mac, PHONE)), ["ACK 10.79.1.0", "ACK 10.79.1.1", "exhausted"]);
  deepStrictEqual(s.wanted, [0], "the other pool's addresses would not help");
  deepStrictEqual([4, 5, 6].map((mac) => s.lease(mac, PLAIN)), ["ACK 10.79.2.0", "ACK 10.79.2.1", "exhausted"]);
  strictEqual(s.lease(9, PHONE), "ACK 10.79.9.9", "a reservation counts whatever the lists say");
});

Deno.test("classes: an address of another class's pool is neither offered nor granted on request", () => {
  const s = server(TWO_POOLS);
  strictEqual(s.say(clientMessage("DISCOVER", 1, { ...PLAIN, requested: "10.79.1.0" })), "OFFER 10.79.2.0");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...PLAIN, server: SERVER, requested: "10.79.1.0" })), "NAK");
});

Deno.test("classes: with no pool for it a client gets no offer, and no pool is reported as full", () => {
  const [subnet] = TWO_POOLS.subnets;
  const s = server({
    ...TWO_POOLS,
    subnets: [{ ...subnet, pools: [{ range: "10.79.1.0-10.79.1.1", allow: "voice" }] }],
  });
  deepStrictEqual(s.serve(clientMessage("DISCOVER", 1, PLAIN)).action, { kind: "drop", reason: "noPool" });
});

Deno.test("classes: a client that may not have its pool's address any more gets a NAK and a new one", () => {
  for (const onRenewal of [{ ciaddr: "10.79.2.0" }, { requested: "10.79.2.0" }]) {
    const s = server(TWO_POOLS);
    strictEqual(s.lease(1, PLAIN), "ACK 10.79.2.0");
    strictEqual(s.say(clientMessage("REQUEST", 1, { ...PLAIN, ...onRenewal })), "ACK 10.79.2.0");
    strictEqual(s.say(clientMessage("REQUEST", 1, { ...PHONE, ...onRenewal })), "NAK");
    strictEqual(s.lease(1, { ...PHONE, xid: 77 }), "ACK 10.79.1.0");
    strictEqual(s.table.get(ip("10.79.2.0")).state, "released", "another client may have the former one");
  }
});

Deno.test("classes: the lists of a subnet count for all its pools", () => {
  const pools = ["10.79.1.0-10.79.1.1", { range: "10.79.2.0-10.79.2.1", allow: "known" }];
  const reservations = [{ hardware: "02:00:00:00:00:09", address: "10.79.9.9" }];
  const s = server({ classes: [VOICE], subnets: [{ subnet: "10.79.0.0/16", deny: "voice", pools, reservations }] });
  deepStrictEqual([1, 2, 3].map((mac) => s.lease(mac, PLAIN)), ["ACK 10.79.1.0", "ACK 10.79.1.1", "exhausted"]);
  strictEqual(s.lease(4, PHONE), "noPool");
  strictEqual(s.lease(9, PLAIN), "ACK 10.79.9.9");
});

Deno.test("classes: clients of service.deny get no answer to anything", () => {
  const s = server({ ...TWO_POOLS, deny: "voice" });
  for (const type of ["DISCOVER", "REQUEST", "DECLINE", "RELEASE", "INFORM"] as const) {
    strictEqual(s.say(clientMessage(type, 1, { ...PHONE, ciaddr: "10.79.1.0", requested: "10.79.1.0" })), "denied");
  }
  strictEqual(s.lease(1, PLAIN), "ACK 10.79.2.0");
  strictEqual(server({ ...TWO_POOLS, deny: "unknown" }).lease(1, PLAIN), "denied");
});

Deno.test("classes: given by a reservation, or only marks that other classes ask for", () => {
  const s = server({
    classes: [
      { name: "staff" },
      { name: "phone", match: { vendorClass: "Cisco" } },
      { name: "staff-phone", match: 'member("staff") && member("phone")', leaseTime: "3h" },
    ],
    subnets: [{
      subnet: "10.79.0.0/16",
      pools: ["10.79.1.0-10.79.1.9"],
      reservations: [
        { hardware: "02:00:00:00:00:01", address: "10.79.9.1", classes: ["staff"] },
        { hardware: "02:00:00:00:00:02", address: "10.79.9.2" },
      ],
    }],
  });
  const seconds = (mac: number, parts: MessageParts) => {
    const { action } = s.serve(
      clientMessage("REQUEST", mac, { ...parts, server: SERVER, requested: `10.79.9.${mac}` }),
    );
    return action.kind === "grant" ? action.leaseSeconds : action.kind;
  };
  deepStrictEqual([seconds(1, PHONE), seconds(1, PLAIN), seconds(2, PHONE)], [10_800, 3_600, 3_600]);
});

Deno.test("classes: each set of them makes settings of its own, of each pool", () => {
  const s = server({
    classes: [
      { name: "long", match: 'option[60].text.contains("l")', leaseTime: "3h" },
      { name: "mark", match: 'option[60].text.contains("m")' },
      { name: "short", match: 'option[60].text.contains("s")', leaseTime: "10m" },
    ],
    subnets: [
      { subnet: "10.79.0.0/16", pools: ["10.79.1.0-10.79.1.9"], options: { "domain-name": "a" } },
      { subnet: "10.80.0.0/16", pools: ["10.80.1.0-10.80.1.9"], options: { "domain-name": "b" } },
    ],
  });
  const ask = (vendorClass: string, giaddr: string) => {
    const offer = s.handle(clientMessage("DISCOVER", 1, { ...of(vendorClass), giaddr, wanted: [15] }));
    if (typeof offer === "string") return offer;
    const [name, time] = [offer.options.get(15), offer.options.get(51)];
    return `${new TextDecoder().decode(name)} ${new DataView(Uint8Array.from(time ?? []).buffer).getUint32(0)}`;
  };
  for (const _again of [1, 2]) {
    deepStrictEqual(["l", "m", "s", "lms"].map((vendorClass) => ask(vendorClass, RELAY)), [
      ...["a 10800", "a 3600", "a 600", "a 600"],
    ]);
    deepStrictEqual(["l", "m", "s", "lms"].map((vendorClass) => ask(vendorClass, "10.80.0.1")), [
      ...["b 10800", "b 3600", "b 600", "b 600"],
    ]);
  }
});

const CIRCUIT = { circuitId: encoder.encode("guest"), subscriberId: encoder.encode("s1") };

function byRelay(match: string): TestServer {
  return server({
    classes: [{ name: "guest", match }],
    subnets: [{ subnet: "10.79.0.0/16", pools: [{ range: "10.79.1.0-10.79.1.1", allow: "guest" }] }],
  });
}

Deno.test("classes: a renewal by unicast, past the relay, is in the classes of its lease", () => {
  for (const match of ['agent["circuit-id"].text == "guest"', 'cidr("10.79.0.0/24").containsIP(giaddr)']) {
    const s = byRelay(match);
    strictEqual(s.lease(1, { giaddr: RELAY, agent: CIRCUIT }), "ACK 10.79.1.0");
    strictEqual(s.say(clientMessage("REQUEST", 1, { ciaddr: "10.79.1.0" })), "ACK 10.79.1.0", match);
    const moved = { giaddr: "10.79.3.1", agent: { circuitId: encoder.encode("office") } };
    strictEqual(s.say(clientMessage("REQUEST", 1, { ciaddr: "10.79.1.0", ...moved })), "NAK", match);
  }
});

Deno.test("classes: what no lease remembers is asked of the relay: no NAK to a renewal by unicast", () => {
  const s = byRelay('agent["subscriber-id"].text == "s1"');
  strictEqual(s.lease(1, { giaddr: RELAY, agent: CIRCUIT }), "ACK 10.79.1.0");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ciaddr: "10.79.1.0" })), "noPool");
  strictEqual(
    s.say(clientMessage("REQUEST", 1, { ciaddr: "10.79.1.0", giaddr: RELAY, agent: CIRCUIT })),
    "ACK 10.79.1.0",
  );
  strictEqual(s.say(clientMessage("REQUEST", 1, { ciaddr: "10.79.1.0", giaddr: RELAY })), "NAK");
});

Deno.test("classes: addresses that give way to a new client are of its own pools", () => {
  const s = server(TWO_POOLS);
  // Offers that strangers left open, in the pool of the others.
  for (const mac of [1, 2]) s.say(clientMessage("DISCOVER", mac, PLAIN));
  s.wait(10);
  for (const mac of [3, 4]) s.lease(mac, PHONE);
  strictEqual(s.lease(5, PHONE), "exhausted");
  strictEqual(s.lease(6, PLAIN), "ACK 10.79.2.0");
});

Deno.test("classes: a limit of leases of a circuit by class", () => {
  const { subnets: [subnet] } = TWO_POOLS;
  const pools = ["10.79.1.0-10.79.1.9"];
  const s = server({
    classes: [{ ...VOICE, maxLeasesPerCircuit: 2 }],
    maxLeasesPerCircuit: 1,
    subnets: [{ ...subnet, pools }],
  });
  const at = (parts: MessageParts) => ({ ...parts, agent: { circuitId: encoder.encode("eth1") } });
  deepStrictEqual([1, 2].map((mac) => s.lease(mac, at(PLAIN))), ["ACK 10.79.1.0", "circuitFull"]);
  deepStrictEqual([3, 4].map((mac) => s.lease(mac, at(PHONE))), ["ACK 10.79.1.1", "circuitFull"]);
});

Deno.test("classes: of alternatives each counts, however many values the others have", () => {
  const match = 'option[60].text == "a" || option[60].text in ["b", "c"] || known';
  const reservations = [{ hardware: "02:00:00:00:00:09", address: "10.79.9.9" }];
  const s = server({
    classes: [{ name: "any", match }],
    deny: "any",
    subnets: [{ subnet: "10.79.0.0/16", pools: ["10.79.1.0-10.79.1.9"], reservations }],
  });
  deepStrictEqual([of("a"), of("c"), of("d")].map((parts) => s.lease(1, parts)), ["denied", "denied", "ACK 10.79.1.0"]);
  strictEqual(s.lease(9, of("d")), "denied", "by its reservation");
});

Deno.test("ClientClasses finds by its index what every condition by itself finds", () => {
  const condition = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom(
        'option[60].text == "a"',
        '"ab" == option[60].text',
        'option[60].text in ["a", "b", ""]',
        'option[60].text.startsWith("a")',
        'option[60].text.startsWith("")',
        'option[60].hex == "61"',
        "option[93].number == 7",
        "option[93].number in [0, 7]",
        "known",
        "known == true",
        'member("c0")',
        'hardware.startsWith("02:0")',
      ),
      tie("node").map((a) => `!(${a})`),
      fc.tuple(tie("node"), tie("node")).map(([a, b]) => `(${a} && ${b})`),
      fc.tuple(tie("node"), tie("node")).map(([a, b]) => `(${a} || ${b})`),
      fc.tuple(tie("node"), tie("node"), tie("node")).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    ),
  })).node;
  const text = fc.constantFrom("", "a", "ab", "b", "ba");
  fc.assert(fc.property(
    fc.array(condition, { minLength: 1, maxLength: 8 }),
    fc.record({ vendor: fc.option(text), architecture: fc.option(fc.constantFrom(0, 7)), known: fc.boolean() }),
    (conditions, { vendor, architecture, known }) => {
      const options = new Map<number, Uint8Array>();
      if (vendor !== null) options.set(60, encoder.encode(vendor));
      if (architecture !== null) options.set(93, Uint8Array.of(0, architecture));
      const request: Request = {
        message: { options, htype: 1, chaddr: Uint8Array.of(2, 1), ciaddr: 0 },
        giaddr: 0,
        agent: () => undefined,
        known,
      };
      const found = (matches: readonly string[]) => {
        const classes = matches.map((match, index) => ({ name: `c${index}`, match }));
        const { classes: configs } = serviceSchema.parse({ revision: 1, classes, subnets: [{ subnet: "10.0.0.0/8" }] });
        return new ClientClasses(configs).of(request, undefined).classes.map(({ number }) => number);
      };
      // What is always looked at, as nothing can be told of "!!".
      deepStrictEqual(found(conditions), found(conditions.map((match) => `!(!(${match}))`)));
    },
  ));
});
