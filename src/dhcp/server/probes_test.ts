import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { formatClient } from "../../lease/agreement/client_key.ts";
import { formatIpv4 } from "../../net/ipv4.ts";
import { PROBE_LIMITS } from "./probes.ts";
import { clientMessage, ip, service, subnet, TestServer } from "./testing.ts";

const LINK = "10.77.0.1";
const relayed = { giaddr: LINK };

function server(pool = "10.77.1.0-10.77.1.7", extra = {}) {
  return new TestServer(service([subnet("10.77.0.0/16", [pool])], extra));
}

/** The address that a new client is offered. */
function offered(s: TestServer, mac: number): string {
  return s.say(clientMessage("DISCOVER", mac, relayed));
}

Deno.test("probes: what would be offered next is probed ahead, once, and again before the result ends", () => {
  const s = server("10.77.1.0-10.77.1.255");
  const wanted = s.probesWanted(LINK);
  strictEqual(wanted.length, PROBE_LIMITS.ahead);
  strictEqual(wanted[0], "10.77.1.0");
  deepStrictEqual(s.probesWanted(LINK), [], "they are being probed");
  deepStrictEqual(s.probesWanted("10.99.0.1"), [], "no subnet is there");
  s.probed(wanted);
  strictEqual(offered(s, 1), "OFFER 10.77.1.0");
  deepStrictEqual(s.probesWanted(LINK), ["10.77.1.64"], "the next one takes its place");
  s.wait(PROBE_LIMITS.againMs / 1_000);
  strictEqual(s.probesWanted(LINK).length, PROBE_LIMITS.ahead);
});

Deno.test("probes: no reply waits for a probe, and what no host answered for comes first", () => {
  const s = server();
  strictEqual(offered(s, 1), "OFFER 10.77.1.0");
  s.probesWanted(LINK);
  s.probed(["10.77.1.5", "10.77.1.6"]);
  deepStrictEqual([2, 3, 4].map((mac) => offered(s, mac)), ["OFFER 10.77.1.5", "OFFER 10.77.1.6", "OFFER 10.77.1.1"]);
  // A result that is too old is none.
  s.probed(["10.77.1.4"]);
  s.wait(PROBE_LIMITS.clearMs / 1_000);
  strictEqual(offered(s, 5), "OFFER 10.77.1.0");
});

Deno.test("probes: an address that a host uses is not offered, and rests in the host's name", () => {
  const s = server();
  const [first, ...others] = s.probesWanted(LINK);
  s.probed(others, [[first ?? "", 99]]);
  deepStrictEqual(s.conflicts.map(({ address, what }) => [formatIpv4(address), what]), [["10.77.1.0", "rests"]]);
  const slot = s.table.get(ip("10.77.1.0"));
  strictEqual(slot.state, "declined");
  strictEqual(slot.client && formatClient(slot.client), "host 01020000000063 in 10.77.0.0");
  deepStrictEqual(s.table.detail(ip("10.77.1.0")).chaddr, Uint8Array.of(2, 0, 0, 0, 0, 99));
  strictEqual(slot.lockedUntil, s.now.wallMs + 86_400_000);
  for (let mac = 1; mac < 8; mac++) strictEqual(offered(s, mac), `OFFER 10.77.1.${mac}`);
  strictEqual(offered(s, 9), "exhausted");
});

Deno.test("probes: a host that uses an address and turns out to be a client keeps it", () => {
  // The lease was lost with a disk, or another server made it.
  for (const clientId of [undefined, Uint8Array.of(1, 2, 3)]) {
    for (const parts of [{ ciaddr: "10.77.1.0" }, { requested: "10.77.1.0" }]) {
      const s = server();
      s.probed([], [[s.probesWanted(LINK)[0] ?? "", 9]]);
      strictEqual(s.table.get(ip("10.77.1.0")).state, "declined");
      const identity = { ...relayed, ...(clientId === undefined ? {} : { clientId }) };
      strictEqual(s.say(clientMessage("REQUEST", 8, { ...relayed, ...parts })), "NAK", "another client");
      const isRenewal = "ciaddr" in parts;
      strictEqual(
        s.say(clientMessage("REQUEST", 9, { ...identity, ...parts })),
        isRenewal ? "ACK 10.77.1.0" : "noRecord",
      );
      const asked = { ...identity, requested: "10.77.1.0" };
      strictEqual(s.say(clientMessage("DISCOVER", 9, asked)), "OFFER 10.77.1.0");
      strictEqual(s.lease(9, asked), "ACK 10.77.1.0");
      const slot = s.table.get(ip("10.77.1.0"));
      const client = clientId === undefined ? "hardware 01020000000009" : "client id 010203";
      strictEqual(slot.client && formatClient(slot.client), `${client} in 10.77.0.0`);
    }
  }
});

Deno.test("probes: after its rest an address is probed again before it is offered", () => {
  const s = server("10.77.1.0-10.77.1.7", { declineSeconds: 3_600 });
  s.probed([], [[s.probesWanted(LINK)[0] ?? "", 99]]);
  s.wait(3_600 + 30);
  strictEqual(s.probesWanted(LINK).at(-1), "10.77.1.0");
  s.probed([], [["10.77.1.0", 99]]);
  strictEqual(s.table.get(ip("10.77.1.0")).lockedUntil, s.now.wallMs + 3_600_000);
});

Deno.test("probes: what was not asked for is no result, and neither is an address in use", () => {
  const s = server();
  s.probed(["10.77.1.3"], [["10.77.1.0", 99]]);
  strictEqual(offered(s, 1), "OFFER 10.77.1.0");
  s.probesWanted(LINK);
  s.wait(PROBE_LIMITS.askedMs / 1_000);
  s.probed([], [["10.77.1.1", 99]]);
  deepStrictEqual(s.conflicts, [], "it comes too late");
  s.probesWanted(LINK);
  strictEqual(s.lease(2, relayed), "ACK 10.77.1.1");
  s.probed([], [["10.77.1.1", 2]]);
  strictEqual(s.table.get(ip("10.77.1.1")).state, "bound");
  deepStrictEqual(s.conflicts, []);
  // A host that is heard of later counts, too.
  s.probed(["10.77.1.4"]);
  s.probed([], [["10.77.1.4", 99]]);
  deepStrictEqual(s.conflicts.map(({ what }) => what), ["rests"]);
});

Deno.test("probes: the last client, which goes on using its address, may have it again; others may not", () => {
  const s = server("10.77.1.0-10.77.1.3");
  strictEqual(s.lease(1, relayed), "ACK 10.77.1.0");
  s.wait(3_700);
  s.probed([], s.probesWanted(LINK).map((address) => [address, address === "10.77.1.0" ? 1 : 99] as const).slice(-1));
  deepStrictEqual(s.conflicts.map(({ what }) => what), ["lastClient"]);
  for (const mac of [2, 3, 4]) strictEqual(offered(s, mac), `OFFER 10.77.1.${mac - 1}`);
  strictEqual(offered(s, 5), "exhausted");
  strictEqual(s.say(clientMessage("REQUEST", 1, { ...relayed, ciaddr: "10.77.1.0" })), "ACK 10.77.1.0");
});

Deno.test("probes: a host that answers for every address keeps no more of a pool back than may rest", () => {
  const s = server();
  s.probed([], s.probesWanted(LINK).map((address) => [address, 99]));
  deepStrictEqual(s.conflicts.map(({ what }) => what), ["rests", "rests", ...Array(6).fill("tooMany")]);
  for (const mac of [1, 2, 3, 4, 5, 6]) strictEqual(offered(s, mac), `OFFER 10.77.1.${mac + 1}`);
});

Deno.test("probes: conflictDetection: false, for the service or a subnet, asks for none", () => {
  deepStrictEqual(server("10.77.1.0-10.77.1.7", { conflictDetection: false }).probesWanted(LINK), []);
  const subnets = [
    subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.3"], { conflictDetection: false }),
    subnet("10.78.0.0/16", ["10.78.1.0-10.78.1.3"]),
  ];
  const s = new TestServer(service(subnets));
  deepStrictEqual([s.probesWanted(LINK).length, s.probesWanted("10.78.0.1").length], [0, 4]);
});
