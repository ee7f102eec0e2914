/** A batch as a busy node sends it, for tests and benchmarks. */

import { CLIENT_TAG, clientKey } from "../../../lease/agreement/client_key.ts";
import { NO_VERSION } from "../../../lease/agreement/version.ts";
import type { Envelope, LeaseBatch, StreamRecord } from "../messages.ts";

export const ENVELOPE: Envelope = {
  from: 2,
  incarnation: 0xdeadbeef,
  epoch: 3,
  membershipHash: 0x12345678,
  wireVersion: 2,
};

const WALL_MS = 1_790_000_000_000;
const SUBNET = 0x0a4d0000;

function lock(index: number): StreamRecord {
  const chaddr = Uint8Array.of(2, 0, 0, 0, index >> 8, index);
  return {
    kind: "lock",
    address: 0x0a4d0100 + index,
    record: {
      client: clientKey({ subnet: SUBNET, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, ...chaddr) }),
      version: { clock: WALL_MS * 1024 + index, node: ENVELOPE.from, incarnation: ENVELOPE.incarnation },
      lockedUntil: WALL_MS + 3_600_000,
      committedVersion: NO_VERSION,
      singleVersion: true,
      proposedAt: WALL_MS,
    },
    detail: {
      htype: 1,
      chaddr,
      hostname: `host-${index}`,
      circuitId: new TextEncoder().encode("lan0"),
      remoteId: new Uint8Array(),
      giaddr: 0x0a4d0001,
      lastSeen: WALL_MS,
      expires: WALL_MS + 3_600_000,
    },
  };
}

/** A batch of `count` granted leases. */
export function busyBatch(count: number): LeaseBatch {
  return {
    type: "leaseBatch",
    first: 1_000_001,
    records: Array.from({ length: count }, (_, index) => lock(index)),
    committed: [{ first: 999_980, last: 999_991 }],
    seen: [1, 2, 3].map((origin) => ({ origin, incarnation: 0xcafe0000 + origin, sequence: 1_000_000 })),
    free: [21_000],
    ready: true,
    synced: true,
    diskId: "0123456789abcdef",
    bootCount: 1_790_000_000,
    diskGeneration: 1,
    lsnFound: 1_000_000,
    lsn: 2_000_000,
    revision: 4,
    settled: true,
    complete: true,
    wallMs: WALL_MS,
    witness: false,
  };
}
