/**
 * Slots in columns: a typed array per field instead of an object per address, so that a million leases fit in the
 * memory of a router. It does not know addresses, nor which change of a slot is allowed.
 */

import { Arena } from "./arena.ts";
import type { ClientKey } from "../agreement/client_key.ts";
import {
  encodeRecord,
  recordClient,
  recordDetail,
  recordHasClient,
  recordHasSender,
  type RecordTest,
} from "./record.ts";
import {
  FREE_SLOT,
  isEnded,
  type LeaseDetail,
  NO_DETAIL,
  type Slot,
  SLOT_STATES,
  type SlotState,
} from "../agreement/slot.ts";
import { compareVersions, NO_VERSION, type Version } from "../agreement/version.ts";

const SINGLE_VERSION_BIT = 0x80;
const FREE_CODE = SLOT_STATES.indexOf("free");
const STATE_CODES = new Map(SLOT_STATES.map((state, code) => [state, code]));

/** A column of versions. */
class VersionColumn {
  #clock: Float64Array;
  #node: Uint8Array;
  #incarnation: Uint32Array;

  constructor(slots: number) {
    this.#clock = new Float64Array(slots);
    this.#node = new Uint8Array(slots);
    this.#incarnation = new Uint32Array(slots);
  }

  get(index: number): Version {
    const clock = this.#clock[index] as number;
    if (clock === 0) return NO_VERSION;
    return { clock, node: this.#node[index] as number, incarnation: this.#incarnation[index] as number };
  }

  set(index: number, version: Version): void {
    this.#clock[index] = version.clock;
    this.#node[index] = version.node;
    this.#incarnation[index] = version.incarnation;
  }

  grow(slots: number): void {
    this.#clock = grown(this.#clock, new Float64Array(slots));
    this.#node = grown(this.#node, new Uint8Array(slots));
    this.#incarnation = grown(this.#incarnation, new Uint32Array(slots));
  }
}

function grown<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}

/** All fields of all slots, by index. */
export class SlotColumns {
  #slots: number;
  #state: Uint8Array;
  #lockedUntil: Float64Array;
  #lastSeen: Float64Array;
  #expires: Float64Array;
  readonly #version: VersionColumn;
  /** Of an ended slot, which has no certificate: `committedVersion` of its end record. */
  readonly #committedVersion: VersionColumn;
  /** Of ended slots only. */
  readonly #replaces: VersionColumn;
  #endedAt: Float64Array;
  readonly #records: Arena;

  constructor(slots: number) {
    this.#slots = slots;
    this.#state = new Uint8Array(slots);
    this.#lockedUntil = new Float64Array(slots);
    this.#lastSeen = new Float64Array(slots);
    this.#expires = new Float64Array(slots);
    this.#endedAt = new Float64Array(slots);
    this.#version = new VersionColumn(slots);
    this.#committedVersion = new VersionColumn(slots);
    this.#replaces = new VersionColumn(slots);
    this.#records = new Arena(slots);
  }

  /** Whether the slot's address was never leased. */
  isFree(index: number): boolean {
    return ((this.#state[index] as number) & ~SINGLE_VERSION_BIT) === FREE_CODE;
  }

  state(index: number): SlotState {
    return SLOT_STATES[(this.#state[index] as number) & ~SINGLE_VERSION_BIT] ?? "free";
  }

  slot(index: number): Slot {
    const packed = this.#state[index] as number;
    const state = this.state(index);
    if (state === "free") return FREE_SLOT;
    const client = recordClient(this.#records.read(index));
    const version = this.#version.get(index);
    const lockedUntil = this.#lockedUntil[index] as number;
    const committedVersion = this.#committedVersion.get(index);
    const singleVersion = (packed & SINGLE_VERSION_BIT) !== 0;
    if (!isEnded(state)) {
      return { state, client, version, lockedUntil, committedVersion, singleVersion };
    }
    const ended = { replaces: this.#replaces.get(index), committedVersion, at: this.#endedAt[index] as number };
    return { state, client, version, lockedUntil, committedVersion: NO_VERSION, singleVersion, ended };
  }

  detail(index: number): LeaseDetail {
    const record = this.#records.read(index);
    if (record.length === 0) return NO_DETAIL;
    return {
      ...recordDetail(record),
      lastSeen: this.#lastSeen[index] as number,
      expires: this.#expires[index] as number,
    };
  }

  hasClient(index: number, client: ClientKey): boolean {
    return recordHasClient(this.#records.read(index), client);
  }

  /** Whether a slot's client sent the same as this one, in whichever subnet. */
  hasSender(index: number, client: ClientKey): boolean {
    return recordHasSender(this.#records.read(index), client);
  }

  client(index: number): ClientKey {
    return recordClient(this.#records.read(index));
  }

  /** Whether a slot's record passes a test; see `recordTest`. */
  testRecord(index: number, test: RecordTest): boolean {
    return this.#records.test(index, test);
  }

  lockedUntil(index: number): number {
    return this.#lockedUntil[index] as number;
  }

  lastSeen(index: number): number {
    return this.#lastSeen[index] as number;
  }

  expires(index: number): number {
    return this.#expires[index] as number;
  }

  /** Sets the certificate of a slot at exactly `version`. An ended slot has no certificate. */
  certify(index: number, version: Version): void {
    if (isEnded(this.state(index))) return;
    if (compareVersions(this.#version.get(index), version) === 0) this.#committedVersion.set(index, version);
  }

  set(index: number, slot: Slot, client: ClientKey, detail: LeaseDetail): void {
    this.#state[index] = (STATE_CODES.get(slot.state) as number) | (slot.singleVersion ? SINGLE_VERSION_BIT : 0);
    this.#lockedUntil[index] = slot.lockedUntil;
    this.#lastSeen[index] = detail.lastSeen;
    this.#expires[index] = detail.expires;
    this.#version.set(index, slot.version);
    this.#committedVersion.set(index, slot.ended?.committedVersion ?? slot.committedVersion);
    if (isEnded(slot.state)) {
      this.#replaces.set(index, slot.ended?.replaces ?? NO_VERSION);
      this.#endedAt[index] = slot.ended?.at ?? 0;
    }
    this.#records.write(index, encodeRecord(client, detail));
  }

  /** Makes room for at least `slots`. */
  grow(slots: number): void {
    if (slots <= this.#slots) return;
    this.#slots = slots;
    this.#state = grown(this.#state, new Uint8Array(slots));
    this.#lockedUntil = grown(this.#lockedUntil, new Float64Array(slots));
    this.#lastSeen = grown(this.#lastSeen, new Float64Array(slots));
    this.#expires = grown(this.#expires, new Float64Array(slots));
    this.#endedAt = grown(this.#endedAt, new Float64Array(slots));
    this.#version.grow(slots);
    this.#committedVersion.grow(slots);
    this.#replaces.grow(slots);
    this.#records.grow(slots);
  }
}
