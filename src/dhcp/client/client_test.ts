import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatIpv4 } from "../../net/ipv4.ts";
import type { Message } from "../message.ts";
import { ip, service, subnet, TestServer } from "../server/testing.ts";
import { type ClientEvent, DhcpClient, type Outgoing } from "./client.ts";

/** A client on a wire to a server; `lossy` swallows what the client sends. */
function wire(options: { rapidCommit?: boolean } = {}) {
  const server = new TestServer(service([subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.9"])], { leaseSeconds: 600 }));
  const events: string[] = [];
  let lossy = false;
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 0x7fffffff) / 0x7fffffff;
  const notify = (event: ClientEvent) => void events.push(`${event.kind} ${formatIpv4(event.address)}`);
  const client = new DhcpClient({ chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1), random, notify, ...options });
  const exchange = (outgoing: Outgoing[]) => {
    for (const { message } of outgoing) {
      if (lossy) continue;
      const relayed: Message = message.ciaddr === 0 ? { ...message, giaddr: ip("10.77.0.1") } : message;
      const reply = server.handle(relayed);
      if (typeof reply !== "string") exchange(client.receive(reply, server.now.monotonicMs));
    }
  };
  const wait = (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      server.wait(1);
      exchange(client.tick(server.now.monotonicMs));
    }
  };
  return { server, client, events, exchange, wait, lose: (value: boolean) => lossy = value };
}

Deno.test("client: gets a lease, renews it at T1, releases it", () => {
  const w = wire();
  w.exchange(w.client.start(0));
  strictEqual(w.client.state, "bound");
  w.wait(301);
  w.exchange(w.client.release(w.server.now.monotonicMs));
  deepStrictEqual(w.events, ["offered 10.77.1.0", "bound 10.77.1.0", "renewed 10.77.1.0", "released 10.77.1.0"]);
  strictEqual(w.server.table.get(ip("10.77.1.0")).state, "released");
});

Deno.test("client: rapid commit takes one exchange", () => {
  const w = wire({ rapidCommit: true });
  w.exchange(w.client.start(0));
  deepStrictEqual(w.events, ["bound 10.77.1.0"]);
});

Deno.test("client: retransmits with growing delays until a server answers", () => {
  const w = wire();
  w.lose(true);
  w.exchange(w.client.start(0));
  w.wait(20);
  strictEqual(w.client.state, "selecting");
  w.lose(false);
  w.wait(20);
  strictEqual(w.client.state, "bound");
});

Deno.test("client: rebinds at T2, and starts over when the lease ran out", () => {
  const w = wire();
  w.exchange(w.client.start(0));
  w.lose(true);
  w.wait(526);
  strictEqual(w.client.state, "rebinding");
  w.wait(75);
  strictEqual(w.client.state, "selecting");
  strictEqual(w.events.at(-1), "expired 10.77.1.0");
});

Deno.test("client: INIT-REBOOT keeps the address, a NAK leads back to the start", () => {
  const w = wire();
  w.exchange(w.client.start(0));
  const lease = w.client.lease;
  ok(lease);
  w.exchange(w.client.reboot(lease, w.server.now.monotonicMs));
  strictEqual(w.client.lease?.address, lease.address);
  w.exchange(w.client.reboot({ ...lease, address: ip("10.78.0.1") }, w.server.now.monotonicMs));
  deepStrictEqual(w.events.slice(2), ["bound 10.77.1.0", "refused 10.78.0.1", "offered 10.77.1.0", "bound 10.77.1.0"]);
});

Deno.test("client: a declined address does not come back", () => {
  const w = wire();
  w.exchange(w.client.start(0));
  w.exchange(w.client.decline(w.server.now.monotonicMs));
  w.exchange(w.client.start(w.server.now.monotonicMs));
  strictEqual(w.client.lease?.address, ip("10.77.1.1"));
});
