/** Arbitrary rows for property tests. */

import fc from "fast-check";
import { type ClientKey, clientKeyOf } from "../../../src/lease/agreement/client_key.ts";
import { isEnded, type LeaseRow, SLOT_STATES } from "../../../src/lease/agreement/slot.ts";
import { NO_VERSION } from "../../../src/lease/agreement/version.ts";

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const uint8 = fc.integer({ min: 0, max: 255 });
const uint53 = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 51, 2 ** 53 - 1));
const version = fc.record({ clock: uint53, node: uint8, incarnation: uint32 }, { noNullPrototype: true });
const octets = (maxLength: number) => fc.uint8Array({ maxLength });

/** Any row that the types allow. */
export const anyRow: fc.Arbitrary<LeaseRow> = fc.record({
  address: uint32,
  slot: fc.record({
    state: fc.constantFrom(...SLOT_STATES),
    client: fc.oneof(
      fc.constant(undefined),
      fc.uint8Array({ minLength: 6, maxLength: 300 }).map((bytes): ClientKey => clientKeyOf(bytes)),
    ),
    version,
    lockedUntil: uint53,
    committedVersion: version,
    singleVersion: fc.boolean(),
    replaces: version,
    at: uint53,
  }, { noNullPrototype: true }).map(({ replaces, committedVersion, at, ...slot }) =>
    isEnded(slot.state)
      ? { ...slot, committedVersion: NO_VERSION, ended: { replaces, committedVersion, at } }
      : { ...slot, committedVersion }
  ),
  detail: fc.record({
    htype: uint8,
    chaddr: octets(16),
    hostname: fc.string({ unit: "grapheme", maxLength: 60 }),
    circuitId: octets(255),
    remoteId: octets(255),
    giaddr: uint32,
    lastSeen: uint53,
    expires: uint53,
  }, { noNullPrototype: true }),
}, { noNullPrototype: true });

/** Byte strings as plain lists: a view of a chunk and an array of its own are equal when their octets are. */
export function plain(row: LeaseRow): unknown {
  const { chaddr, circuitId, remoteId } = row.detail;
  return { ...row, detail: { ...row.detail, chaddr: [...chaddr], circuitId: [...circuitId], remoteId: [...remoteId] } };
}
