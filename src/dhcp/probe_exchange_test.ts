import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { isProbeMessage, type ProbeMessage, readProbeMessage, writeProbeMessage } from "./probe_exchange.ts";

const COMMON = {
  relayNonce: "0102030405060708",
  nodeNonce: "1112131415161718",
  giaddr: 0x0a4d0001,
  link: 0x0a4d0001,
};
const ASK: ProbeMessage = { ...COMMON, kind: "ask", nodeNonce: "0000000000000000", addresses: [] };
const WANTED: ProbeMessage = { ...COMMON, kind: "wanted", addresses: [{ address: 1 }, { address: 0xffffffff }] };
const FOUND: ProbeMessage = {
  ...COMMON,
  kind: "found",
  addresses: [{ address: 1, mac: Uint8Array.of(2, 0, 0, 0, 0, 9) }],
};

Deno.test("probe exchange: what is written is read, and no BOOTP message looks like it", () => {
  for (const message of [ASK, WANTED, FOUND]) {
    const bytes = writeProbeMessage(message);
    deepStrictEqual(readProbeMessage(bytes), message);
    strictEqual(isProbeMessage(bytes), true);
  }
  for (const op of [1, 2]) strictEqual(isProbeMessage(Uint8Array.of(op)), false);
});

Deno.test("probe exchange: no question is shorter than its answer, which goes to a source that may be forged", () => {
  const most = Array.from({ length: 64 }, (_, address) => ({ address }));
  strictEqual(writeProbeMessage(ASK).length, writeProbeMessage({ ...WANTED, addresses: most }).length);
});

Deno.test("probe exchange: every other length, kind, count and magic is refused", () => {
  for (const message of [ASK, WANTED, FOUND]) {
    const bytes = writeProbeMessage(message);
    for (let size = 0; size < bytes.length; size++) strictEqual(readProbeMessage(bytes.subarray(0, size)), undefined);
    strictEqual(readProbeMessage(Uint8Array.of(...bytes, 0)), undefined);
    for (const [at, value] of [[0, 1], [4, 3], [29, 65], [29, message.addresses.length + 1]] as const) {
      const other = bytes.slice();
      other[at] = value;
      strictEqual(readProbeMessage(other), undefined, `octet ${at}`);
    }
  }
});
