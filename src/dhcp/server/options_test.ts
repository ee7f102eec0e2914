import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatIpv4 } from "../../net/ipv4.ts";
import type { Message, Options } from "../message.ts";
import { optionByName, parseOptionValue } from "../options/mod.ts";
import type { ClassConfig } from "../../config/service_schema.ts";
import { INFINITE_SECONDS } from "../../config/duration.ts";
import { clientMessage, ip, type MessageParts, SERVER, service, subnet, TestServer } from "./testing.ts";

const RELAY = "10.77.0.1";

/** Options as configuration would give them. */
function configured(values: Record<string, unknown>): Options {
  const options: Options = new Map();
  for (const [name, input] of Object.entries(values)) {
    const spec = optionByName(name);
    ok(spec, `no option ${name}`);
    const parsed = parseOptionValue(spec, input);
    ok(parsed.ok);
    options.set(spec.code, parsed.bytes);
  }
  return options;
}

function text(bytes: Uint8Array | undefined): string {
  return String.fromCharCode(...bytes ?? []);
}

function ask(server: TestServer, mac: number, parts: MessageParts): Message {
  const offer = server.handle(clientMessage("DISCOVER", mac, { giaddr: RELAY, ...parts }));
  ok(typeof offer !== "string", `no offer: ${offer}`);
  return offer;
}

const NETWORK = subnet("10.77.0.0/16", [], {
  options: configured({ "domain-name": "subnet", routers: ["10.77.0.1"] }),
  leaseSeconds: 7_200,
  pools: [
    {
      range: { first: ip("10.77.1.0"), last: ip("10.77.1.9") },
      options: configured({ "domain-name": "pool" }),
      minLeaseSeconds: 600,
      maxLeaseSeconds: 9_000,
    },
  ],
  reservations: [
    {
      hardware: [Uint8Array.of(2, 0, 0, 0, 0, 7)],
      address: ip("10.77.0.50"),
      hostname: "printer",
      options: configured({ "domain-name": "reservation" }),
      leaseSeconds: 99_000,
      maxLeaseSeconds: 99_000,
    },
    { clientId: [Uint8Array.of(0, 99)], address: ip("10.77.1.3"), options: new Map() },
  ],
});

const BASE = service([NETWORK], {
  options: configured({
    "domain-name": "service",
    "ntp-servers": ["10.77.0.123"],
    "domain-name-servers": ["10.0.0.9"],
  }),
});

Deno.test("options: the most specific level wins; what it does not say is inherited", () => {
  const server = new TestServer(BASE);
  const pool = ask(server, 1, { wanted: [15, 42, 3, 12] });
  strictEqual(text(pool.options.get(15)), "pool");
  deepStrictEqual(pool.options.get(42), Uint8Array.of(10, 77, 0, 123));
  deepStrictEqual(pool.options.get(3), Uint8Array.of(10, 77, 0, 1));
  strictEqual(pool.options.has(12), false);
  const reserved = ask(server, 7, { wanted: [15, 42, 12] });
  strictEqual(text(reserved.options.get(15)), "reservation");
  strictEqual(text(reserved.options.get(12)), "printer");
  deepStrictEqual(reserved.options.get(42), Uint8Array.of(10, 77, 0, 123));
});

Deno.test("options: the parameter request list gives the order; the mask precedes the routers", () => {
  const server = new TestServer(BASE);
  const offer = ask(server, 1, { wanted: [15, 3, 1, 6, 200, 42] });
  deepStrictEqual([...offer.options.keys()], [53, 54, 51, 58, 59, 15, 1, 3, 6, 42]);
  const all = ask(server, 2, {});
  deepStrictEqual(new Set(all.options.keys()), new Set([53, 54, 51, 58, 59, 1, 28, 15, 42, 6, 3]));
});

Deno.test("options: the subnet mask, a reserved host name and what is always sent come without being asked for", () => {
  const server = new TestServer({ ...BASE, alwaysSend: [42, 66, 200], classes: [{ ...BOOT, alwaysSend: [15] }] });
  const offer = ask(server, 7, { wanted: [3, 6], options: [[60, bytes("PXEClient")]] });
  deepStrictEqual([...offer.options.keys()], [53, 54, 51, 58, 59, 1, 3, 6, 42, 66, 15, 12, 60]);
  strictEqual(text(offer.options.get(12)), "printer");
  strictEqual(text(offer.options.get(66)), "boot.example.net");
  deepStrictEqual([...ask(server, 1, { wanted: [3] }).options.keys()], [53, 54, 51, 58, 59, 1, 3, 42]);
  const all = new Set(ask(server, 7, {}).options.keys());
  deepStrictEqual(all, new Set([53, 54, 51, 58, 59, 1, 28, 15, 42, 6, 3, 12]));
});

Deno.test("options: sub-options add up over levels, and bytes replace them", () => {
  const sub = (option: number, space: string, code: number, value: number) => (
    { option, space, code, bytes: Uint8Array.of(value) }
  );
  const phone: ClassConfig = {
    ...BOOT,
    name: "phone",
    match: { vendorClass: "phone" },
    subOptions: [sub(43, "phone", 2, 2), sub(125, "vendor-9", 1, 3)],
  };
  const raw: ClassConfig = {
    ...BOOT,
    name: "raw",
    match: { vendorClass: "raw" },
    options: new Map([[43, bytes("r")]]),
  };
  const server = new TestServer({
    ...BASE,
    classes: [phone, raw],
    subOptions: [sub(43, "phone", 1, 1), sub(43, "phone", 2, 9)],
    alwaysSend: [43, 125],
  });
  const given = (vendorClass: string) => {
    const { options } = ask(server, 1, { wanted: [3], options: [[60, bytes(vendorClass)]] });
    return [[...options.get(43) ?? []], [...options.get(125) ?? []]];
  };
  deepStrictEqual(given("other"), [[1, 1, 1, 2, 1, 9], []]);
  deepStrictEqual(given("phone"), [[1, 1, 1, 2, 1, 2], [0, 0, 0, 9, 3, 1, 1, 3]]);
  deepStrictEqual(given("raw"), [[...bytes("r")], []]);
});

Deno.test("times: per level, clamped to the bounds, T1 and T2 within the lease", () => {
  const server = new TestServer(BASE);
  const seconds = (message: Message, code: number) => {
    const bytes = message.options.get(code);
    return bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  };
  strictEqual(seconds(ask(server, 1, {}), 51), 7_200);
  strictEqual(seconds(ask(server, 1, { leaseSeconds: 60 }), 51), 600);
  strictEqual(seconds(ask(server, 1, { leaseSeconds: INFINITE_SECONDS }), 51), 9_000);
  strictEqual(seconds(ask(server, 7, {}), 51), 99_000);
  const fixed = new TestServer({ ...BASE, subnets: [{ ...NETWORK, renewSeconds: 1_000, rebindSeconds: 3_000 }] });
  const long = ask(fixed, 1, {});
  deepStrictEqual([seconds(long, 58), seconds(long, 59)], [1_000, 3_000]);
  const short = ask(fixed, 1, { leaseSeconds: 800 });
  deepStrictEqual([seconds(short, 51), seconds(short, 58), seconds(short, 59)], [800, 400, 700]);
  const endless = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.9"])], {
    leaseSeconds: INFINITE_SECONDS,
  }));
  const offer = ask(endless, 1, {});
  deepStrictEqual([seconds(offer, 51), offer.options.has(58)], [INFINITE_SECONDS, false]);
  strictEqual(endless.lease(1, { giaddr: RELAY }), "ACK 10.77.1.0", "a lease without end is no insane record");
});

Deno.test("reservations: by hardware address and by client id; no other client gets the address", () => {
  const server = new TestServer(BASE);
  strictEqual(server.lease(7, { giaddr: RELAY }), "ACK 10.77.0.50");
  strictEqual(server.lease(8, { giaddr: RELAY, clientId: Uint8Array.of(0, 99) }), "ACK 10.77.1.3");
  strictEqual(
    server.say(clientMessage("REQUEST", 1, { giaddr: RELAY, server: SERVER, requested: "10.77.1.3" })),
    "NAK",
  );
  const got = new Set(Array.from({ length: 9 }, (_, index) => server.lease(20 + index, { giaddr: RELAY })));
  strictEqual(got.has("ACK 10.77.1.3"), false);
  strictEqual(got.size, 9);
});

Deno.test("reservations: a client that got one meanwhile moves to it at its next renewal", () => {
  const before = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.9"])]));
  strictEqual(before.lease(7, { giaddr: RELAY }), "ACK 10.77.1.0");
  const after = new TestServer(BASE);
  after.table.load(before.table.rows());
  strictEqual(after.say(clientMessage("REQUEST", 7, { giaddr: RELAY, ciaddr: "10.77.1.0" })), "NAK");
  strictEqual(after.lease(7, { giaddr: RELAY }), "ACK 10.77.0.50");
});

const BOOT: ClassConfig = {
  name: "boot",
  match: { vendorClass: "PXEClient" },
  options: new Map(),
  serverName: "boot.example.net",
};

const PXE: ClassConfig[] = [
  {
    name: "bios",
    match: { vendorClass: "PXEClient", architecture: [0] },
    options: new Map(),
    nextServer: ip("10.77.0.69"),
    bootFile: "pxelinux.0",
  },
  {
    name: "uefi",
    match: { vendorClass: "PXEClient", architecture: [7, 9] },
    options: new Map(),
    nextServer: ip("10.77.0.69"),
    serverName: "boot.example.net",
    bootFile: "grubx64.efi",
  },
  {
    name: "http",
    match: { vendorClass: "HTTPClient" },
    options: configured({ "vendor-class-identifier": "HTTPClient" }),
    bootFile: "http://10.77.0.80/boot.efi",
  },
  { name: "ipxe", match: { userClass: "iPXE" }, options: new Map(), bootFile: "http://10.77.0.80/menu.ipxe" },
];

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

Deno.test("classes: PXE clients get next server and boot file by architecture, in the fields and as options", () => {
  const server = new TestServer({ ...BASE, classes: PXE });
  const uuid = Uint8Array.of(0, ...new Uint8Array(16).fill(5));
  const pxe = (architecture: number): MessageParts => ({
    wanted: [1, 3, 66, 67, 60],
    options: [[60, bytes("PXEClient:Arch:00000:UNDI:002001")], [93, Uint8Array.of(0, architecture)], [97, uuid]],
  });
  const bios = ask(server, 1, pxe(0));
  deepStrictEqual([formatIpv4(bios.siaddr), text(bios.file)], ["10.77.0.69", "pxelinux.0"]);
  deepStrictEqual(bios.options.get(97), uuid);
  const uefi = ask(server, 2, pxe(7));
  deepStrictEqual([text(uefi.file), text(uefi.sname)], ["grubx64.efi", "boot.example.net"]);
  deepStrictEqual([text(uefi.options.get(67)), text(uefi.options.get(66))], ["grubx64.efi", "boot.example.net"]);
  const plain = ask(server, 3, { wanted: [67] });
  deepStrictEqual([plain.siaddr, plain.file.length, plain.options.has(67)], [0, 0, false]);
});

Deno.test("classes: HTTP boot answers with its vendor class, iPXE by its user class in both forms", () => {
  const server = new TestServer({ ...BASE, classes: PXE });
  const http = ask(server, 1, { wanted: [67], options: [[60, bytes("HTTPClient:Arch:00016")]] });
  deepStrictEqual([text(http.options.get(60)), text(http.options.get(67))], [
    "HTTPClient",
    "http://10.77.0.80/boot.efi",
  ]);
  for (const userClass of [bytes("iPXE"), Uint8Array.of(4, ...bytes("iPXE"))]) {
    const pxe: MessageParts = { options: [[60, bytes("PXEClient")], [93, Uint8Array.of(0, 7)], [77, userClass]] };
    strictEqual(text(ask(server, 2, pxe).file), "http://10.77.0.80/menu.ipxe", "the later class wins");
  }
});

Deno.test("reservations: by hardware, all identities of a machine are one client, whatever is stored", () => {
  const server = new TestServer(BASE);
  strictEqual(server.lease(7, { giaddr: RELAY, clientId: Uint8Array.of(0, 1, 2) }), "ACK 10.77.0.50");
  strictEqual(server.lease(7, { giaddr: RELAY }), "ACK 10.77.0.50");
  const fresh = new TestServer(BASE);
  strictEqual(fresh.say(clientMessage("REQUEST", 7, { giaddr: RELAY, requested: "10.77.0.50" })), "ACK 10.77.0.50");
});

Deno.test("classes: a class for network boot names the kind of boot by itself", () => {
  const http: ClassConfig = {
    name: "http",
    match: { vendorClass: "HTTPClient" },
    options: new Map(),
    bootFile: "http://x/",
  };
  const server = new TestServer({ ...BASE, classes: [http] });
  const offer = ask(server, 1, { wanted: [67], options: [[60, bytes("HTTPClient:Arch:00016")]] });
  strictEqual(text(offer.options.get(60)), "HTTPClient");
});
