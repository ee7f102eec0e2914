import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type ProbeMessage, readProbeMessage, writeProbeMessage } from "../src/dhcp/probe_exchange.ts";
import type { ArpClaim } from "../src/net/arp.ts";
import { Conflicts } from "./conflicts.ts";
import type { Link } from "./sockets/plan.ts";
import { clientInterface, ip } from "./testing/messages.ts";

const NODE = ip("10.99.0.11");
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);
const [FREE, USED] = [ip("10.77.1.0"), ip("10.77.1.1")];

/** A relay on one link, where a host answers for one address. */
function scene(medium: Link["medium"] = "ethernet") {
  const sent: { message: ProbeMessage | undefined; to: number }[] = [];
  const clock = { nowMs: 0, nonce: 0 };
  const failures: string[] = [];
  let opens = true;
  const conflicts = new Conflicts({
    links: () => [{ interface: clientInterface("lan0", ["10.77.0.1"]), index: 2, mac: MAC, medium }],
    nodes: () => [{ address: NODE, port: 67 }],
    send: (_giaddr, bytes, to) => sent.push({ message: readProbeMessage(bytes), to }) > 0,
    openArp: (_device, heard: (claim: ArpClaim) => void) => {
      if (!opens) throw new Error("Cannot open an ARP socket");
      return {
        probe: (address) => {
          if (address === USED) heard({ address, mac: MAC });
          return true;
        },
        close: () => {},
      };
    },
    failed: (device) => failures.push(device),
    now: () => clock.nowMs,
    random: (octets) => new Uint8Array(octets).fill(++clock.nonce),
  });
  /** The node's answer to the last question. */
  const wanted = (changes: Partial<ProbeMessage> = {}): Uint8Array => {
    const ask = sent.at(-1)?.message;
    if (ask === undefined) throw new Error("Nothing was asked");
    const addresses = [{ address: FREE }, { address: USED }];
    return writeProbeMessage({ ...ask, kind: "wanted", nodeNonce: "aa".repeat(8), addresses, ...changes });
  };
  return { conflicts, sent, clock, wanted, failures, refuse: () => opens = false };
}

Deno.test("conflicts: asks the node, probes what it wants, and tells what was found", async () => {
  const { conflicts, sent, wanted } = scene();
  conflicts.ask();
  const [ask] = sent;
  deepStrictEqual([ask?.message?.kind, ask?.message?.link, ask?.to], ["ask", ip("10.77.0.1"), NODE]);
  await conflicts.receive(wanted(), NODE, 67);
  const found = sent.at(-1)?.message;
  deepStrictEqual([found?.kind, found?.nodeNonce], ["found", "aa".repeat(8)]);
  deepStrictEqual(found?.addresses, [{ address: USED, mac: MAC }]);
  deepStrictEqual(conflicts.counts.get("lan0"), { clear: 1, used: 1 });
  conflicts.close();
});

Deno.test("conflicts: believes only the node that was asked, once, and about the subnet of the link", async () => {
  const { conflicts, sent, wanted, clock } = scene();
  conflicts.ask();
  await conflicts.receive(wanted(), ip("10.99.0.12"), 67);
  await conflicts.receive(wanted({ relayNonce: "ff".repeat(8) }), NODE, 67);
  await conflicts.receive(wanted({ addresses: [{ address: ip("10.78.1.0") }] }), NODE, 67);
  await conflicts.receive(wanted(), NODE, 67);
  strictEqual(sent.length, 1, "the answer with an address of another network was the one that counts");
  const late = wanted();
  clock.nowMs += 2_001;
  conflicts.ask();
  await conflicts.receive(late, NODE, 67);
  strictEqual(sent.length, 2);
  conflicts.close();
});

Deno.test("conflicts: asks for no link without ARP, and tells nothing when it can't probe", async () => {
  const tunnel = scene("other");
  tunnel.conflicts.ask();
  strictEqual(tunnel.sent.length, 0);
  const { conflicts, sent, wanted, refuse, failures } = scene();
  refuse();
  conflicts.ask();
  await conflicts.receive(wanted(), NODE, 67);
  deepStrictEqual([sent.length, failures], [1, ["lan0"]]);
});
