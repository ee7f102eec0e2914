import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type ProbeMessage, readProbeMessage, writeProbeMessage } from "../../src/dhcp/probe_exchange.ts";
import { CompiledService } from "../../src/dhcp/server/compiled_service.ts";
import type { ProbeResults } from "../../src/dhcp/server/probes.ts";
import { RelayTrust } from "../../src/dhcp/server/relay_trust.ts";
import { ip, service, subnet } from "../../src/dhcp/server/testing.ts";
import { RelayProbes } from "./relay_probes.ts";

const GIADDR = ip("10.77.0.1");
const [FIRST, SECOND] = [ip("10.77.1.0"), ip("10.77.1.1")];
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);

/** A node whose links' next addresses are the first two of the pool. */
function scene(relays = new RelayTrust()) {
  const compiled = new CompiledService(service([
    subnet("10.77.0.0/16", ["10.77.1.0-10.77.1.9"]),
    subnet("10.78.0.0/16", ["10.78.1.0-10.78.1.9"]),
  ]));
  const results: ProbeResults[] = [];
  const clock = { nowMs: 0, nonce: 0 };
  const probes = new RelayProbes({
    believes: (link, giaddr, from) => relays.believesAbout(link, giaddr, from, compiled),
    wanted: () => [FIRST, SECOND],
    probed: (found) => results.push(found),
    nowMs: () => clock.nowMs,
    random: (octets) => new Uint8Array(octets).fill(++clock.nonce),
  });
  const say = (message: Partial<ProbeMessage>, from = GIADDR) => {
    const whole = { ...ASK, ...message };
    const answer = probes.receive(writeProbeMessage(whole), from);
    return answer === undefined ? undefined : readProbeMessage(answer);
  };
  return { say, results, clock };
}

const ASK: ProbeMessage = {
  kind: "ask",
  relayNonce: "0102030405060708",
  nodeNonce: "0000000000000000",
  giaddr: GIADDR,
  link: GIADDR,
  addresses: [],
};
const USED = [{ address: SECOND, mac: MAC }];

Deno.test("relay probes: a relay is told what to probe, and what it found counts once", () => {
  const { say, results } = scene();
  const wanted = say({});
  deepStrictEqual(wanted?.addresses, [{ address: FIRST }, { address: SECOND }]);
  strictEqual(wanted?.relayNonce, ASK.relayNonce);
  // Of another address nothing was asked.
  const found = { ...wanted, kind: "found", addresses: [...USED, { address: 1, mac: MAC }] } as const;
  say(found);
  say(found);
  deepStrictEqual(results, [{ clear: [FIRST], used: USED, giaddr: GIADDR }]);
});

Deno.test("relay probes: a forged report counts for nothing", () => {
  const { say, results, clock } = scene();
  const wanted = say({});
  const found = { ...ASK, ...wanted, kind: "found", addresses: USED } as const;
  say({ ...found, nodeNonce: "ffffffffffffffff" });
  say({ ...found, link: ip("10.78.0.1") });
  say(found, ip("10.77.0.2"));
  clock.nowMs += 5_001;
  say(found);
  deepStrictEqual(results, []);
});

Deno.test("relay probes: a relay is believed about its own subnet, and a configured one about all", () => {
  const other = { link: ip("10.78.0.1") };
  const outside = { giaddr: ip("10.99.0.1") };
  const client = { giaddr: ip("10.77.1.5"), link: ip("10.77.1.5") };
  const { say } = scene();
  strictEqual(say(other), undefined, "a host elsewhere says nothing of that link");
  strictEqual(say(outside, outside.giaddr), undefined);
  strictEqual(say(client, client.giaddr), undefined, "a client is no relay");
  strictEqual(say({ link: ip("10.99.0.1") }), undefined, "no subnet is there");
  const trusting = scene(new RelayTrust([{ address: outside.giaddr, prefixLength: 32 }]));
  strictEqual(trusting.say(outside, outside.giaddr)?.kind, "wanted");
});

Deno.test("relay probes: a link that asks too often gets no answer", () => {
  const { say, clock } = scene();
  strictEqual(say({})?.kind, "wanted");
  strictEqual(say({}), undefined);
  clock.nowMs += 500;
  strictEqual(say({})?.kind, "wanted");
});
