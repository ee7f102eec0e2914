import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
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
