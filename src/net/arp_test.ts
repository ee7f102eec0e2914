import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { ARP_FRAME_OCTETS, arpProbe, readArpClaim } from "./arp.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const PROBE = arpProbe(MAC, 0x0a4d0102);
const REPLY = Uint8Array.of(
  ...[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 6], // to, from, ARP
  ...[0, 1, 8, 0, 6, 4, 0, 2], // Ethernet, IPv4, reply
  ...[2, 0, 0, 0, 0, 9, 10, 77, 1, 2], // sender
  ...[2, 0, 0, 0, 0, 1, 0, 0, 0, 0], // target
);

Deno.test("arpProbe() asks all stations for the address and claims none (RFC 5227 §2.1.1)", () => {
  deepStrictEqual([...PROBE], [
    ...[255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6],
    ...[0, 1, 8, 0, 6, 4, 0, 1],
    ...[2, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    ...[0, 0, 0, 0, 0, 0, 10, 77, 1, 2],
  ]);
  strictEqual(readArpClaim(PROBE), undefined);
});

Deno.test("readArpClaim() reads the sender of requests and replies, also padded", () => {
  const claim = { address: 0x0a4d0102, mac: Uint8Array.of(2, 0, 0, 0, 0, 9) };
  deepStrictEqual(readArpClaim(REPLY), claim);
  const request = REPLY.slice();
  request[21] = 1;
  deepStrictEqual(readArpClaim(request), claim);
  deepStrictEqual(readArpClaim(Uint8Array.of(...REPLY, ...new Uint8Array(18))), claim);
});

Deno.test("readArpClaim() takes no other frame, and no beginning of one", () => {
  for (let size = 0; size < ARP_FRAME_OCTETS; size++) strictEqual(readArpClaim(REPLY.subarray(0, size)), undefined);
  for (const at of [12, 14, 16, 18, 19]) {
    const other = REPLY.slice();
    other[at] = 99;
    strictEqual(readArpClaim(other), undefined, `octet ${at}`);
  }
});
