/**
 * Stream records and table rows by position. Values that nearly always repeat within a message are written short: a
 * version of the message's sender is one number, a time is its distance from the message's base.
 */

import { type EndRecord, type LockRecord, NEVER_LATE } from "../../lease/agreement/rule.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import { isEnded, type LeaseDetail, type LeaseRow, type Slot, SLOT_STATES } from "../../lease/agreement/slot.ts";
import { NO_VERSION, TICKS_PER_MS, type Version } from "../../lease/agreement/version.ts";
import type { Envelope, StreamRecord } from "./messages.ts";
import type { Fields } from "./fields.ts";
import { WIRE_LIMITS } from "./limits.ts";
import type { StringReader, StringWriter } from "./strings.ts";

export const UINT8 = 0xff;
export const UINT32 = 0xffffffff;
export const UINT53 = Number.MAX_SAFE_INTEGER;

/** What distances within one message are measured from. */
export interface Base {
  /** Writer of the versions that go without node and incarnation. */
  readonly sender: Envelope;
  /** Ms since 1970. */
  readonly ms: number;
}

/** A base near a version's time. */
export function baseAt(sender: Envelope, version: Version | undefined): Base {
  return { sender, ms: version === undefined ? 0 : Math.floor(version.clock / TICKS_PER_MS) };
}

/** Kinds on the wire: append only. */
const KIND = ["lock", "singleVersionLock", "released", "declined", "aborted"] as const;
const KIND_CODE = { released: 2, declined: 3, aborted: 4 } as const;

/** No version: null; the sender's: its distance from the base; another node's: clock, node, incarnation. */
export function writeVersion(version: Version, base: Base): unknown {
  const { clock, node, incarnation } = version;
  if (clock === 0 && node === 0 && incarnation === 0) return null;
  if (node === base.sender.from && incarnation === base.sender.incarnation) return clock - base.ms * TICKS_PER_MS;
  return [clock, node, incarnation];
}

export function readVersion(fields: Fields, field: string, base: Base): Version {
  const value = fields.any();
  if (value === null) return NO_VERSION;
  if (typeof value === "number") {
    const clock = base.ms * TICKS_PER_MS + value;
    if (isClock(clock)) return { clock, node: base.sender.from, incarnation: base.sender.incarnation };
  } else if (Array.isArray(value) && value.length === 3) {
    const [clock, node, incarnation] = value as readonly unknown[];
    if (isClock(clock) && isWithin(node, 1, UINT8) && isWithin(incarnation, 0, UINT32)) {
      return { clock, node, incarnation: incarnation + 0 };
    }
  }
  fields.fail(field);
  return NO_VERSION;
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && value >= min && value <= max && Math.floor(value) === value;
}

function isClock(value: unknown): value is number {
  return isWithin(value, 1, WIRE_LIMITS.clockMax);
}

export function writeStreamRecord(item: StreamRecord, base: Base, strings: StringWriter): unknown[] {
  const { address, detail } = item;
  if (item.kind === "lock") {
    const { client, version, lockedUntil, committedVersion, singleVersion } = item.record;
    return [
      singleVersion ? 1 : 0,
      address,
      strings.addClient(client),
      writeVersion(version, base),
      lockedUntil - base.ms,
      writeVersion(committedVersion, base),
      ...(base.sender.wireVersion === 1 ? [] : [item.record.proposedAt - base.ms]),
      ...writeDetail(detail, base, strings),
    ];
  }
  const { kind, client, version, replaces, committedVersion, at, until } = item.record;
  return [
    KIND_CODE[kind],
    address,
    strings.addClient(client),
    writeVersion(version, base),
    writeVersion(replaces, base),
    writeVersion(committedVersion, base),
    until,
    ...(base.sender.wireVersion === 1 ? [] : [at]),
    ...writeDetail(detail, base, strings),
  ];
}

function writeDetail(detail: LeaseDetail, base: Base, strings: StringWriter): unknown[] {
  return [
    detail.htype,
    strings.addBytes(detail.chaddr),
    strings.addText(detail.hostname, WIRE_LIMITS.stringOctetsMax),
    strings.addBytes(detail.circuitId),
    strings.addBytes(detail.remoteId),
    detail.giaddr,
    detail.lastSeen - base.ms,
    detail.expires - base.ms,
  ];
}

export function readStreamRecord(fields: Fields, base: Base, strings: StringReader): StreamRecord {
  const kind = fields.choice("kind", KIND);
  const address = fields.uint("address", UINT32);
  const client = readClient(strings);
  const version = readVersion(fields, "version", base);
  if (kind === "lock" || kind === "singleVersionLock") {
    const lockedUntil = fields.near("lockedUntil", base.ms, UINT53);
    const committedVersion = readVersion(fields, "committedVersion", base);
    const proposedAt = base.sender.wireVersion === 1 ? NEVER_LATE : fields.near("proposedAt", base.ms, UINT53);
    const record: LockRecord = {
      client,
      version,
      lockedUntil,
      committedVersion,
      singleVersion: kind === "singleVersionLock",
      proposedAt,
    };
    return { kind: "lock", address, record, detail: readDetail(fields, base, strings) };
  }
  const replaces = readVersion(fields, "replaces", base);
  const committedVersion = readVersion(fields, "committedVersion", base);
  const until = fields.uint("until", UINT53);
  const at = base.sender.wireVersion === 1 ? 0 : fields.uint("at", UINT53);
  const record: EndRecord = { kind, client, version, replaces, committedVersion, at, until };
  return { kind: "end", address, record, detail: readDetail(fields, base, strings) };
}

/** In an ended slot the certificate is that of its end record, and what that replaces comes last. */
export function writeRow(row: LeaseRow, base: Base, strings: StringWriter): unknown[] {
  const { address, slot, detail } = row;
  return [
    2 * SLOT_STATES.indexOf(slot.state) + (slot.singleVersion ? 1 : 0),
    address,
    slot.client === undefined ? null : strings.addClient(slot.client),
    writeVersion(slot.version, base),
    slot.lockedUntil - base.ms,
    writeVersion(slot.ended?.committedVersion ?? slot.committedVersion, base),
    ...writeDetail(detail, base, strings),
    ...(slot.ended === undefined ? [] : [writeVersion(slot.ended.replaces, base)]),
    ...(slot.ended === undefined || base.sender.wireVersion === 1 ? [] : [slot.ended.at]),
  ];
}

export function readRow(fields: Fields, base: Base, strings: StringReader): LeaseRow {
  const code = fields.uint("state", 2 * SLOT_STATES.length - 1);
  const state = SLOT_STATES[code >> 1] ?? "free";
  const address = fields.uint("address", UINT32);
  const client = fields.isNull() ? undefined : readClient(strings);
  // Only a slot that was never leased, or that a union blocked, has no client.
  if (client === undefined && state !== "free" && state !== "blocked") fields.fail("client");
  const version = readVersion(fields, "version", base);
  const lockedUntil = fields.near("lockedUntil", base.ms, UINT53);
  const committedVersion = readVersion(fields, "committedVersion", base);
  const detail = readDetail(fields, base, strings);
  const slot: Slot = {
    state,
    client,
    version,
    lockedUntil,
    committedVersion,
    singleVersion: (code & 1) === 1,
  };
  if (!isEnded(state)) return { address, slot, detail };
  const replaces = readVersion(fields, "replaces", base);
  const at = base.sender.wireVersion === 1 ? 0 : fields.uint("at", UINT53);
  return {
    address,
    slot: { ...slot, committedVersion: NO_VERSION, ended: { replaces, committedVersion, at } },
    detail,
  };
}

/** Subnet (4 octets) and tag come first. */
const CLIENT_OCTETS_MIN = 5;

function readClient(strings: StringReader): ClientKey {
  return strings.client("client", CLIENT_OCTETS_MIN, WIRE_LIMITS.clientOctetsMax);
}

function readDetail(fields: Fields, base: Base, strings: StringReader): LeaseDetail {
  return {
    htype: fields.uint("htype", UINT8),
    chaddr: strings.bytes("chaddr", WIRE_LIMITS.chaddrOctetsMax),
    hostname: strings.text("hostname", WIRE_LIMITS.stringOctetsMax),
    circuitId: strings.bytes("circuitId", WIRE_LIMITS.stringOctetsMax),
    remoteId: strings.bytes("remoteId", WIRE_LIMITS.stringOctetsMax),
    giaddr: fields.uint("giaddr", UINT32),
    lastSeen: fields.near("lastSeen", base.ms, UINT53),
    expires: fields.near("expires", base.ms, UINT53),
  };
}

/**
 * Upper bound of the octets that one record takes in a `LeaseBatch`, used to fill a batch. Never below the true size,
 * and above it by about twenty octets.
 */
export function streamRecordBytesMax(item: StreamRecord): number {
  const { detail, record } = item;
  const strings = record.client.length + detail.chaddr.length + 3 * detail.hostname.length + detail.circuitId.length +
    detail.remoteId.length;
  // Kind, array header, lengths of strings, address and giaddr, htype: 35. Four times: 9 each. Own version: 9.
  const foreign = item.kind === "lock" ? 1 : 2;
  return 35 + 4 * 9 + 9 + foreign * FOREIGN_VERSION_BYTES + strings;
}

/** Array header, clock as a double, node, incarnation. */
const FOREIGN_VERSION_BYTES = 1 + 9 + 2 + 5;
