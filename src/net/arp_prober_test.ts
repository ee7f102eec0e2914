import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import type { ArpClaim } from "./arp.ts";
import { ArpProber } from "./arp_prober.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);

/** A link on which the hosts of these addresses answer, and 9 can't be sent to. */
function scene(answers: readonly number[]) {
  const asked: number[] = [];
  const overheard: number[] = [];
  let hear: (claim: ArpClaim) => void = () => {};
  let open = 0;
  const prober = new ArpProber((heard) => {
    hear = heard;
    open++;
    return {
      probe: (address) => {
        if (address === 9) return false;
        asked.push(address);
        if (answers.includes(address)) heard({ address, mac: MAC });
        return true;
      },
      close: () => void open--,
    };
  }, ({ address }) => overheard.push(address));
  return { prober, asked, overheard, hear: (address: number) => hear({ address, mac: MAC }), isOpen: () => open };
}

Deno.test("ArpProber: asks for each address twice, and tells which a host answered for", async () => {
  const { prober, asked, isOpen } = scene([2]);
  strictEqual(isOpen(), 0, "nothing is open before the first probe");
  deepStrictEqual(await prober.probe([1, 2, 9]), { clear: [1], used: [{ address: 2, mac: MAC }] });
  deepStrictEqual(asked, [1, 2, 1, 2]);
  prober.close();
  strictEqual(isOpen(), 0);
});

Deno.test("ArpProber: listens for what it found free, and tells once", async () => {
  const { prober, overheard, hear } = scene([2]);
  const probes = prober.probe([1, 2]);
  hear(1);
  deepStrictEqual((await probes).clear, [], "also an announcement counts meanwhile");
  deepStrictEqual((await prober.probe([3, 4])).clear, [3, 4]);
  for (const address of [1, 2, 3, 3, 5]) hear(address);
  deepStrictEqual(overheard, [3]);
  prober.close();
  hear(4);
  deepStrictEqual(overheard, [3]);
});

Deno.test("ArpProber: rejects while its socket can't be opened", async () => {
  const prober = new ArpProber(() => {
    throw new Error("Cannot open an ARP socket");
  }, () => {});
  await rejects(prober.probe([1]), { message: /Cannot open/ });
});
