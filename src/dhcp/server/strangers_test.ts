import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { OPTIONS, readOption } from "../options/mod.ts";
import { formatIpv4 } from "../../net/ipv4.ts";
import { clientMessage, SERVER, service, subnet, TestServer } from "./testing.ts";

const relayed = { giaddr: "10.77.0.1" };

/** Hardware addresses that no test client has. */
let invented = 0x10000;

function discover(server: TestServer): string {
  return server.say(clientMessage("DISCOVER", invented++, relayed));
}

Deno.test("strangers: 20 DISCOVERs a second on a /24 take no address from new clients", () => {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.1-10.77.1.254"])]));
  let failed = 0;
  for (let second = 0; second < 60; second++) {
    for (let count = 0; count < 20; count++) {
      server.wait(0.05);
      discover(server);
    }
    if (!server.lease(second, relayed).startsWith("ACK")) failed += 1;
  }
  strictEqual(failed, 0);
});

Deno.test("strangers: an offer gives way only when no address is free, the oldest first, and not at once", () => {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.1-10.77.1.2"])]));
  const say = (mac: number) => server.say(clientMessage("DISCOVER", mac, relayed));
  strictEqual(say(1), "OFFER 10.77.1.1");
  server.wait(1);
  strictEqual(say(2), "OFFER 10.77.1.2");
  strictEqual(say(3), "exhausted", "both may be about to be requested");
  server.wait(1);
  strictEqual(say(3), "OFFER 10.77.1.1");
  const late = clientMessage("REQUEST", 1, { ...relayed, server: SERVER, requested: "10.77.1.1" });
  strictEqual(server.say(late), "NAK", "its client asks for another one");
  const kept = clientMessage("REQUEST", 2, { ...relayed, server: SERVER, requested: "10.77.1.2" });
  strictEqual(server.say(kept), "ACK 10.77.1.2");
  server.wait(2);
  strictEqual(say(4), "OFFER 10.77.1.1", "a lease does not give way");
});

Deno.test("strangers: an offer whose lease is being proposed does not give way", () => {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.1-10.77.1.1"])]));
  server.say(clientMessage("DISCOVER", 1, relayed));
  server.wait(2);
  server.stall();
  server.say(clientMessage("REQUEST", 1, { ...relayed, server: SERVER, requested: "10.77.1.1" }));
  strictEqual(server.say(clientMessage("DISCOVER", 2, relayed)), "exhausted");
});

Deno.test("strangers: a client gets its former address back from an offer to a stranger; its own offer stays", () => {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.1-10.77.1.1"])]));
  strictEqual(server.lease(1, relayed), "ACK 10.77.1.1");
  server.say(clientMessage("RELEASE", 1, { ...relayed, ciaddr: "10.77.1.1", server: SERVER }));
  ok(discover(server).startsWith("OFFER"));
  server.wait(2);
  strictEqual(server.say(clientMessage("DISCOVER", 1, relayed)), "OFFER 10.77.1.1");
  server.wait(2);
  deepStrictEqual([discover(server), server.lease(1, relayed)], ["exhausted", "ACK 10.77.1.1"]);
});

const STRANGERS = service([]).strangers;
const NETWORK = subnet("10.77.0.0/16", ["10.77.1.1-10.77.1.200"]);

function network(strangers: Partial<typeof STRANGERS> = {}, extra: Partial<typeof NETWORK> = {}): TestServer {
  return new TestServer(service([{ ...NETWORK, ...extra }], { strangers: { ...STRANGERS, ...strangers } }));
}

/** Leases to this many clients, numbered from 1. */
function populate(server: TestServer, clients: number): void {
  for (let mac = 1; mac <= clients; mac++) ok(server.lease(mac, relayed).startsWith("ACK"));
}

function secondsOf(result: ReturnType<TestServer["handle"]>): number | string {
  if (typeof result === "string") return result;
  const read = readOption(result.options, OPTIONS.addressLeaseTime);
  return read.kind === "present" ? read.value : "no time";
}

function renew(server: TestServer, mac: number, address: string): number | string {
  return secondsOf(server.handle(clientMessage("REQUEST", mac, { ...relayed, ciaddr: address })));
}

/** Exchanges of invented clients; how many of them got a lease. */
function flood(server: TestServer, seconds: number, perSecond: number): number {
  let leases = 0;
  for (let count = 0; count < seconds * perSecond; count++) {
    if (count % perSecond === 0) server.wait(1);
    if (server.lease(invented++, relayed).startsWith("ACK")) leases += 1;
  }
  return leases;
}

Deno.test("strangers: in a nearly full subnet a first lease is short; renewed, it gets the full time", () => {
  const server = network();
  populate(server, 100);
  const offer = server.handle(clientMessage("DISCOVER", 101, relayed));
  strictEqual(secondsOf(offer), 300);
  const address = "10.77.1.101";
  const request = clientMessage("REQUEST", 101, { ...relayed, server: SERVER, requested: address });
  strictEqual(secondsOf(server.handle(request)), 300);
  strictEqual(renew(server, 101, address), 300, "a renewal at once is what a flood can do as well");
  server.wait(150);
  strictEqual(renew(server, 101, address), 3_600);
  strictEqual(renew(server, 101, address), 3_600);
  strictEqual(renew(server, 1, "10.77.1.1"), 3_600);
});

Deno.test("strangers: a flood takes its share of a nearly full subnet, and no more while it does not renew", () => {
  const server = network();
  populate(server, 100);
  strictEqual(flood(server, 1, 1_000), 50, "a quarter of 200");
  strictEqual(server.say(clientMessage("DISCOVER", invented, relayed)), "strangerLeases");
  for (let mac = 1; mac <= 99; mac++) strictEqual(renew(server, mac, `10.77.1.${mac}`), 3_600);
  ok(flood(server, 1_200, 10) > 50, "leases that ended make room for others");
  strictEqual(server.table.onProbation(0), 50);
  server.wait(3_600);
  for (let mac = 1; mac <= 99; mac++) ok(server.lease(mac, relayed).startsWith("ACK"), `client ${mac} is known`);
});

Deno.test("strangers: of an empty subnet a flood takes the lower half, and its share of the rest", () => {
  const server = network();
  strictEqual(flood(server, 1, 2_000), 100 + 50);
});

Deno.test("strangers: an invented client is no known one when it comes again", () => {
  const server = network({ leases: { perSecond: 1, burst: 1 } });
  populate(server, 100);
  strictEqual(server.lease(101, relayed), "ACK 10.77.1.101");
  strictEqual(server.lease(102, relayed), "strangerLeases");
  server.wait(400);
  strictEqual(server.lease(102, relayed), "ACK 10.77.1.102");
  strictEqual(server.lease(101, relayed), "strangerLeases", "its lease ended without a renewal");
  server.wait(1);
  const again = clientMessage("DISCOVER", 101, relayed);
  strictEqual(secondsOf(server.handle(again)), 300);
});

Deno.test("strangers: a released first lease makes no client known either", () => {
  const server = network({ leases: { perSecond: 1, burst: 1 } });
  populate(server, 100);
  strictEqual(server.lease(101, relayed), "ACK 10.77.1.101");
  server.say(clientMessage("RELEASE", 101, { ...relayed, ciaddr: "10.77.1.101", server: SERVER }));
  strictEqual(server.table.onProbation(0), 0);
  strictEqual(server.lease(101, relayed), "strangerLeases");
});

Deno.test("strangers: reserved clients, renewals and small subnets have no share", () => {
  const reserved = { hardware: [Uint8Array.of(2, 0, 0, 0, 0, 250)], address: 0x0a4d0105, options: new Map() };
  const server = network({ leases: { perSecond: 1, burst: 1 }, share: 1 }, { reservations: [reserved] });
  for (let mac = 1; mac <= 98; mac++) server.lease(mac, relayed);
  flood(server, 2, 10);
  strictEqual(server.say(clientMessage("DISCOVER", invented, relayed)), "strangerLeases");
  const offer = server.handle(clientMessage("DISCOVER", 250, relayed));
  strictEqual(secondsOf(offer), 3_600);
  strictEqual(server.lease(250, relayed), "ACK 10.77.1.5");
  const small = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.1-10.77.1.9"])]));
  for (let mac = 1; mac <= 8; mac++) small.lease(mac, relayed);
  strictEqual(secondsOf(small.handle(clientMessage("DISCOVER", 9, relayed))), 3_600);
});

Deno.test("strangers: a reserved port makes one client known, not all that are invented there", () => {
  const circuitId = new TextEncoder().encode("port 1");
  const at = { ...relayed, agent: { circuitId } };
  const reserved = [{ circuitId, address: 0x0a4d0032, options: new Map() }, {
    remoteId: circuitId,
    options: new Map(),
  }];
  const server = network({ leases: { perSecond: 1, burst: 1 }, share: 1 }, { reservations: reserved });
  for (let mac = 1; mac <= 98; mac++) server.lease(mac, relayed);
  flood(server, 2, 10);
  strictEqual(secondsOf(server.handle(clientMessage("DISCOVER", 250, at))), 3_600);
  strictEqual(server.lease(250, at), "ACK 10.77.0.50");
  for (const place of [at, { ...relayed, agent: { remoteId: circuitId } }]) {
    const said = Array.from({ length: 2 }, () => server.lease(invented++, place));
    strictEqual(said.at(-1), "strangerLeases");
  }
});

Deno.test("strangers: after a forced recovery every client may be one, and renews", () => {
  const server = network({ leases: { perSecond: 1, burst: 1 }, nearlyFull: 0, share: 1 });
  server.renewalsOnly = true;
  for (let mac = 1; mac <= 100; mac++) ok(typeof renew(server, mac, `10.77.1.${mac}`) === "number");
});

Deno.test("strangers: what a link sends beyond its rate is dropped; known clients and other links are served", () => {
  const server = network({ messages: { perSecond: 10, burst: 20 } });
  const via = (circuit: string) => ({ ...relayed, agent: { circuitId: new TextEncoder().encode(circuit) } });
  strictEqual(server.lease(1, via("lan0")), "ACK 10.77.1.1");
  const said = Array.from({ length: 40 }, () => server.say(clientMessage("DISCOVER", invented++, via("lan0"))));
  strictEqual(said.filter((line) => line === "strangerRate").length, 21, "the first client was a stranger once");
  strictEqual(server.lease(1, via("lan0")), "ACK 10.77.1.1");
  strictEqual(renew(server, 1, "10.77.1.1"), 3_600);
  ok(server.lease(2, via("lan1")).startsWith("ACK"));
  server.wait(1);
  strictEqual(server.say(clientMessage("DISCOVER", invented - 1, via("lan0"))).slice(0, 5), "OFFER");
});

Deno.test("strangers: a link that exceeds a limit is news once a minute, and is reported with its rate", () => {
  const server = network({ messages: { perSecond: 1, burst: 1 } });
  const agent = { circuitId: new TextEncoder().encode("lan0"), remoteId: Uint8Array.of(2, 0, 0, 0, 0, 1) };
  const news = () => {
    const { action } = server.serve(clientMessage("DISCOVER", invented++, { ...relayed, agent }));
    return action.kind === "drop" ? action.shed?.isNews : undefined;
  };
  deepStrictEqual([news(), news(), news()], [undefined, true, false]);
  const [report] = server.reports();
  deepStrictEqual(report?.link, "10.77.0.0/16 circuit lan0 remote 0x020000000001");
  deepStrictEqual(report?.dropped, { messages: 2, leases: 0, share: 0, waiting: 0, circuit: 0 });
  strictEqual(report?.perSecond, 3);
  server.wait(60);
  deepStrictEqual([news(), news()], [undefined, true]);
});

Deno.test("strangers: a node that starts knows from its disk which leases are on probation", () => {
  const server = network();
  populate(server, 110);
  strictEqual(server.table.onProbation(0), 10);
  strictEqual(server.restarted().onProbation(0), 10);
});

Deno.test("strangers: a client that has a lease takes no further ones beyond the share", () => {
  const server = network({ leases: { perSecond: 1_000, burst: 1_000 } });
  populate(server, 99);
  const take = (address: number) =>
    server.say(clientMessage("REQUEST", 1, { ...relayed, server: SERVER, requested: `10.77.1.${address}` }));
  const said = Array.from({ length: 100 }, (_, index) => take(100 + index));
  strictEqual(
    said.filter((line) => line.startsWith("ACK")).length,
    51,
    "the one that makes it half full, and a quarter",
  );
  strictEqual(said.at(-1), "strangerLeases");
});

Deno.test("circuits: one has as many leases as it may have; renewals and other circuits are served", () => {
  const server = network({}, { maxLeasesPerCircuit: 2 });
  const via = (circuit: number, remote = 1) => ({
    ...relayed,
    agent: { circuitId: Uint8Array.of(circuit), remoteId: Uint8Array.of(remote) },
  });
  deepStrictEqual([1, 2, 3].map((mac) => server.lease(mac, via(7))), [
    "ACK 10.77.1.1",
    "ACK 10.77.1.2",
    "circuitFull",
  ]);
  strictEqual(server.lease(1, via(7)), "ACK 10.77.1.1");
  const more = clientMessage("REQUEST", 1, { ...via(7), server: SERVER, requested: "10.77.1.9" });
  strictEqual(server.say(more), "circuitFull", "nor does a client get another one");
  const renewal = clientMessage("REQUEST", 1, { ciaddr: "10.77.1.1" });
  strictEqual(server.say(renewal, { from: 0x0a4d0101 }), "ACK 10.77.1.1", "by unicast, without option 82");
  strictEqual(server.lease(4, via(8)), "ACK 10.77.1.3");
  strictEqual(server.lease(5, via(7, 2)), "ACK 10.77.1.4", "a port of another switch");
  deepStrictEqual([6, 7, 8].map((mac) => server.lease(mac, relayed).slice(0, 3)), ["ACK", "ACK", "ACK"]);
  strictEqual(server.say(clientMessage("RELEASE", 2, { ...via(7), ciaddr: "10.77.1.2", server: SERVER })), "released");
  strictEqual(server.lease(3, via(7)), "ACK 10.77.1.8");
  server.wait(3_700);
  strictEqual(server.lease(2, via(7)), "ACK 10.77.1.2", "the others' leases are over");
  deepStrictEqual(server.reports().map(({ link, dropped }) => [link, dropped.circuit]), [
    ["10.77.0.0/16 circuit 0x07 remote 0x01", 2],
  ]);
});

Deno.test("circuits: leases are counted when a limit comes with a reload, and stay so with other pools", () => {
  const config = service([NETWORK]);
  const server = new TestServer(config);
  const via = { ...relayed, agent: { circuitId: Uint8Array.of(7) } };
  for (const mac of [1, 2]) server.lease(mac, via);
  server.reconfigure({ ...config, maxLeasesPerCircuit: 2 });
  strictEqual(server.lease(3, via), "circuitFull");
  const wider = subnet("10.77.0.0/16", ["10.77.1.1-10.77.1.250"]);
  server.reconfigure({ ...config, subnets: [wider], maxLeasesPerCircuit: 2 });
  strictEqual(server.lease(3, via), "circuitFull");
  server.reconfigure({ ...config, maxLeasesPerCircuit: 3 });
  strictEqual(server.lease(3, via).slice(0, 3), "ACK");
});

Deno.test("strangers: a network of new devices fills up to the last address", () => {
  const server = network();
  const requests: ReturnType<typeof clientMessage>[] = [];
  for (let mac = 1; mac <= 200; mac++) {
    const offer = server.handle(clientMessage("DISCOVER", mac, relayed));
    ok(typeof offer !== "string");
    const requested = formatIpv4(offer.yiaddr);
    requests.push(clientMessage("REQUEST", mac, { ...relayed, server: SERVER, requested }));
  }
  const said = requests.map((request) => server.say(request));
  strictEqual(said.filter((line) => line.startsWith("ACK")).length, 150, "half of them, and a quarter");
  server.wait(0.5);
  for (const request of requests) server.say(request);
  server.wait(0.6);
  strictEqual(server.table.onProbation(0), 100, "the others a second later");
});

Deno.test("strangers: an address whose lease is being agreed is in use", () => {
  const server = network();
  populate(server, 60);
  server.stall();
  const said = Array.from({ length: 60 }, () => server.lease(invented++, relayed));
  strictEqual(said.filter((line) => line === "undecided").length, 60);
  strictEqual(secondsOf(server.handle(clientMessage("DISCOVER", invented++, relayed))), 300);
});

Deno.test("strangers: a flood is recognized while those beyond the share wait", () => {
  const server = network();
  for (let count = 0; count < 1_000; count++) {
    server.wait(0.0005);
    server.lease(invented++, relayed);
  }
  server.wait(2);
  strictEqual(server.table.onProbation(0), 50);
});

Deno.test("strangers: those that exceed the rate of new leases are a flood for a while", () => {
  const server = network({ leases: { perSecond: 1, burst: 60 } });
  populate(server, 100);
  for (let count = 0; count < 70; count++) server.lease(invented++, relayed);
  server.wait(2);
  strictEqual(server.table.onProbation(0), 50);
  server.wait(100);
  server.lease(invented++, relayed);
  server.wait(2);
  strictEqual(server.table.onProbation(0), 50);
});

Deno.test("strangers: of more devices than there are addresses, the first get one each", () => {
  const server = network();
  populate(server, 100);
  server.wait(301);
  let leases = 0;
  for (let mac = 101; mac <= 250; mac++) {
    server.wait(0.1);
    if (server.lease(mac, relayed).startsWith("ACK")) leases += 1;
  }
  server.wait(2);
  deepStrictEqual([leases, server.table.free(0)], [50, 0], "half of them a second later");
});

Deno.test("strangers: slow ones that never renew are recognized by that", () => {
  const server = network();
  populate(server, 99);
  // Fewer than two per address in five minutes.
  for (let count = 0; count < 300; count++) {
    server.wait(1);
    server.lease(invented++, relayed);
  }
  ok(server.table.onProbation(0) > 90);
  for (let count = 0; count < 700; count++) {
    server.wait(1);
    server.lease(invented++, relayed);
  }
  strictEqual(server.table.onProbation(0), 50);
});

Deno.test("circuits: a lease whose address becomes reserved counts no more, and counts again afterwards", () => {
  const config = service([{ ...NETWORK, maxLeasesPerCircuit: 2 }]);
  const server = new TestServer(config);
  const via = { ...relayed, agent: { circuitId: Uint8Array.of(7) } };
  for (const mac of [1, 2]) strictEqual(server.lease(mac, via).slice(0, 3), "ACK");
  strictEqual(server.lease(3, via), "circuitFull");
  const reservation = { hardware: [Uint8Array.of(2, 0, 0, 0, 0, 1)], address: 0x0a4d0101, options: new Map() };
  server.reconfigure(service([{ ...NETWORK, maxLeasesPerCircuit: 2, reservations: [reservation] }]));
  strictEqual(server.lease(3, via).slice(0, 3), "ACK");
  server.reconfigure(config);
  strictEqual(server.lease(4, via), "circuitFull");
  server.wait(3_700);
  strictEqual(server.lease(4, via).slice(0, 3), "ACK");
});
