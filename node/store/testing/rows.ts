/** Rows for the store's tests and its benchmark. */

import { CLIENT_TAG, clientKey } from "../../../src/lease/agreement/client_key.ts";
import type { LeaseRow } from "../../../src/lease/agreement/slot.ts";

const NOW_MS = 1_790_000_000_000;
const circuitId = new TextEncoder().encode("lan0");

/** A lease as a real client gets it; `salt` makes the same address differ. */
export function sampleRow(address: number, salt = 0): LeaseRow {
  const chaddr = Uint8Array.of(
    2,
    salt & 255,
    address >>> 24,
    (address >>> 16) & 255,
    (address >>> 8) & 255,
    address & 255,
  );
  const version = { clock: (NOW_MS + salt) * 1024 + 7, node: 3, incarnation: 0xfedcba98 };
  return {
    address,
    slot: {
      state: "bound",
      client: clientKey({
        subnet: 0x0a000000,
        tag: CLIENT_TAG.hardware,
        bytes: Uint8Array.of(1, ...chaddr),
      }),
      version,
      lockedUntil: NOW_MS + 3_600_000 + salt,
      committedVersion: version,
      singleVersion: salt % 2 === 1,
    },
    detail: {
      htype: 1,
      chaddr,
      hostname: `host-${address & 0xffff}`,
      circuitId,
      remoteId: new Uint8Array(),
      giaddr: 0x0a000001,
      lastSeen: NOW_MS,
      expires: NOW_MS + 3_600_000,
    },
  };
}
