import { strictEqual } from "node:assert/strict";
import { isEthernetStation, isNoStation } from "./hardware_address.ts";

const ADDRESSES: [what: string, htype: number, octets: number[], noStation: boolean, ethernet: boolean][] = [
  ["a burnt-in address", 1, [0, 0x1a, 0x2b, 0, 0, 1], false, true],
  ["a locally administered address", 1, [2, 0, 0, 0, 0, 0], false, true],
  ["zero", 1, [0, 0, 0, 0, 0, 0], true, false],
  ["zero in the whole field", 1, new Array(16).fill(0), true, false],
  ["broadcast", 1, [255, 255, 255, 255, 255, 255], true, false],
  ["multicast", 1, [1, 0, 0x5e, 0, 0, 1], true, false],
  ["multicast of another IEEE 802 network", 6, [3, 0, 0, 0, 0, 1], true, false],
  ["an InfiniBand client without an address", 32, [], false, false],
  ["an address of another form", 1, [1, 2, 3, 4, 5, 6, 7, 8], false, false],
];
for (const [what, htype, octets, noStation, ethernet] of ADDRESSES) {
  Deno.test(`hardware address: ${what}`, () => {
    strictEqual(isNoStation(htype, Uint8Array.from(octets)), noStation);
    strictEqual(isEthernetStation(htype, Uint8Array.from(octets)), ethernet);
  });
}
