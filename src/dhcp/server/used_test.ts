import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { OPTIONS, parseOptionValue } from "../options/mod.ts";
import type { Options } from "../message.ts";
import { CompiledService } from "./compiled_service.ts";
import { RelayTrust } from "./relay_trust.ts";
import { clientMessage, ip, SERVER, service, subnet, TestServer } from "./testing.ts";
import { prefixOf } from "../../net/ipv4.ts";

const RELAY = "10.78.0.1";
const relayed = { giaddr: RELAY };
const OTHER_RELAY = new RelayTrust([prefixOf(ip(RELAY), 32)]);
const HARDWARE = (mac: number) => [Uint8Array.of(2, 0, 0, 0, 0, mac)];

function options(given: Partial<Record<keyof typeof OPTIONS, unknown>>): Options {
  return new Map(
    Object.entries(given).map(([name, value]) => {
      const spec = OPTIONS[name as keyof typeof OPTIONS];
      const parsed = parseOptionValue(spec, value);
      if (!parsed.ok) throw new Error(parsed.message);
      return [spec.code, parsed.bytes];
    }),
  );
}

function pool(extra = {}, more = {}) {
  return service([subnet("10.78.0.0/24", ["10.78.0.1-10.78.0.4"], extra)], more);
}

Deno.test("used: routers and servers that options name are in no offer", () => {
  const s = new TestServer(pool({ options: options({ routers: "10.78.0.1", domainNameServers: "10.78.0.3" }) }));
  deepStrictEqual([1, 2, 3].map((mac) => s.lease(mac, { giaddr: "10.78.0.9" })), [
    "ACK 10.78.0.2",
    "ACK 10.78.0.4",
    "exhausted",
  ]);
});

Deno.test("used: an address counts on every level, and in every option that has addresses", () => {
  const used = (config: Parameters<typeof service>[1], extra = {}) => [
    ...new CompiledService(pool(extra, config)).used,
  ];
  const one = [ip("10.78.0.2")];
  deepStrictEqual(used({ options: options({ ntpServers: ["192.0.2.1", "10.78.0.2"] }) }), one, "service");
  deepStrictEqual(used({ nextServer: ip("10.78.0.2") }), one, "nextServer");
  deepStrictEqual(used({ serverName: "10.78.0.2" }), one, "serverName as an address");
  deepStrictEqual(used({ options: options({ tftpServerName: "10.78.0.2" }) }), one, "text that is an address");
  const route = [{ destination: "0.0.0.0/0", router: "10.78.0.2" }];
  deepStrictEqual(used({ options: options({ classlessStaticRoutes: route }) }), one, "RFC 3442");
  const pair = [{ destination: "10.78.0.4", router: "10.78.0.2" }];
  deepStrictEqual(used({ options: options({ staticRoutes: pair }) }), one, "the router, not the destination");
  const match = { vendorClass: "x" };
  const classes = [{ name: "x", match, options: options({ domainNameServers: "10.78.0.2" }) }];
  deepStrictEqual(used({ classes }), one, "class");
  const reservations = [{
    hardware: HARDWARE(9),
    address: ip("10.78.0.4"),
    options: options({ routers: "10.78.0.2" }),
  }];
  deepStrictEqual(used({}, { reservations }), one, "reservation");
  deepStrictEqual(used({ reservations }), one, "reservation that is valid in all subnets");
  const optionDefinitions = [{ name: "site", code: 42, type: "uint32" as const, array: false }];
  deepStrictEqual(used({ options: options({ ntpServers: "10.78.0.2" }), optionDefinitions }), [], "another option");
  deepStrictEqual(used({ options: options({ subnetMask: "255.255.255.0", domainName: "example.net" }) }), []);
  deepStrictEqual(used({ options: options({ routers: "10.78.0.254" }) }), [], "outside the pools");
});

Deno.test("used: giaddr and this node's own addresses are in no offer", () => {
  const s = new TestServer(pool(), OTHER_RELAY);
  deepStrictEqual([1, 2, 3, 4].map((mac) => s.lease(mac, relayed)), [
    "ACK 10.78.0.2",
    "ACK 10.78.0.3",
    "ACK 10.78.0.4",
    "exhausted",
  ]);
  const attached = new TestServer(pool());
  const arrival = { onLink: true, receivedOn: ip("10.78.0.2"), serverIdentifier: ip("10.78.0.2") };
  strictEqual(attached.say(clientMessage("DISCOVER", 1), arrival), "OFFER 10.78.0.1");
  strictEqual(attached.say(clientMessage("DISCOVER", 2), arrival), "OFFER 10.78.0.3");
});

Deno.test("used: a client that asks for such an address gets another", () => {
  const s = new TestServer(pool({ options: options({ routers: "10.78.0.2" }) }), OTHER_RELAY);
  const asks = { ...relayed, requested: "10.78.0.2" };
  strictEqual(s.say(clientMessage("DISCOVER", 1, asks)), "OFFER 10.78.0.3");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...asks, server: SERVER })), "NAK");
});

Deno.test("used: its reservation is its host's", () => {
  const reservations = [{ hardware: HARDWARE(1), address: ip("10.78.0.2"), options: new Map() }];
  const s = new TestServer(pool({ options: options({ routers: "10.78.0.2" }), reservations }), OTHER_RELAY);
  strictEqual(s.lease(1, relayed), "ACK 10.78.0.2");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, ciaddr: "10.78.0.2" })), "ACK 10.78.0.2");
});

Deno.test("used: a lease that runs is renewed, as its client may be that host; others get no such address", () => {
  const s = new TestServer(pool(), OTHER_RELAY);
  strictEqual(s.lease(1, relayed), "ACK 10.78.0.2");
  s.reconfigure(pool({ options: options({ domainNameServers: "10.78.0.2" }) }));
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, ciaddr: "10.78.0.2" })), "ACK 10.78.0.2");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, requested: "10.78.0.2" })), "ACK 10.78.0.2");
  s.say(clientMessage("RELEASE", 1, { ...relayed, ciaddr: "10.78.0.2", server: SERVER }));
  strictEqual(s.table.get(ip("10.78.0.2")).state, "released");
  strictEqual(s.lease(1, relayed), "ACK 10.78.0.3");
  s.reconfigure(pool());
  strictEqual(s.lease(2, { ...relayed, requested: "10.78.0.2" }), "ACK 10.78.0.2", "named no more");
});

Deno.test("used: a lease in a pool that is not for its client any more is not renewed, in use or not", () => {
  const s = new TestServer(pool(), OTHER_RELAY);
  strictEqual(s.lease(1, relayed), "ACK 10.78.0.2");
  const allow = { allow: ["voice"] };
  const classes = [{ name: "voice", match: { vendorClass: "phone" }, options: new Map() }];
  s.reconfigure(pool(allow, { classes, options: options({ routers: "10.78.0.2" }) }));
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, ciaddr: "10.78.0.2" })), "NAK");
});
