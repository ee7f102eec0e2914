/**
 * A `service` section in the making: the same shape for every server that is converted from, each value with the line it
 * came from. `settle.ts` makes the values fit each other, `write.ts` writes them down.
 */

import type { Ipv4, Prefix, Range } from "../../net/ipv4.ts";
import type { Place } from "../leases/lease.ts";

/** A value and the line that says so; the line of 0 stands for what the other server does unless told otherwise. */
export interface Said<T> {
  readonly value: T;
  readonly place: Place;
  /** What to add to the line in the comment. */
  readonly remark?: string;
}

/** Keys that every level may have; times in seconds. */
export interface DraftSettings {
  leaseTime?: Said<number>;
  minLeaseTime?: Said<number>;
  maxLeaseTime?: Said<number>;
  renewTime?: Said<number>;
  rebindTime?: Said<number>;
  nextServer?: Said<Ipv4>;
  serverName?: Said<string>;
  bootFile?: Said<string>;
  readonly options: Map<number, Said<Uint8Array>>;
}

export const TIMES = ["leaseTime", "minLeaseTime", "maxLeaseTime", "renewTime", "rebindTime"] as const;

export interface DraftPool extends DraftSettings {
  range: Range;
  readonly place: Place;
}

export interface DraftReservation extends DraftSettings {
  readonly place: Place;
  readonly address: Ipv4;
  /** One of the two. */
  readonly hardware?: Uint8Array;
  readonly clientId?: Uint8Array;
  hostname?: string;
}

export interface DraftSubnet extends DraftSettings {
  readonly place: Place;
  readonly prefix: Prefix;
  readonly pools: DraftPool[];
  readonly reservations: DraftReservation[];
}

/** What a class matches; all that are given must hold. */
export interface DraftMatch {
  readonly vendorClass?: string;
  readonly userClass?: string;
  readonly architecture?: readonly number[];
}

export interface DraftClass extends DraftSettings {
  readonly place: Place;
  readonly name: string;
  readonly match: DraftMatch;
}

export interface Draft extends DraftSettings {
  authoritative?: Said<boolean>;
  declineTime?: Said<number>;
  rapidCommit?: Said<boolean>;
  readonly classes: DraftClass[];
  readonly subnets: DraftSubnet[];
}

/** A level that says nothing yet. */
export function emptySettings(): DraftSettings {
  return { options: new Map() };
}

export function emptyDraft(): Draft {
  return { ...emptySettings(), classes: [], subnets: [] };
}

const FIELDS = [...TIMES, "nextServer", "serverName", "bootFile"] as const;

/** Adds what a level around says to what it says itself, which wins. */
export function inherit(settings: DraftSettings, around: DraftSettings): void {
  for (const field of FIELDS) {
    const value = around[field];
    if (settings[field] === undefined && value !== undefined) Object.assign(settings, { [field]: value });
  }
  for (const [code, value] of around.options) if (!settings.options.has(code)) settings.options.set(code, value);
}

/** Whether a level says anything. */
export function saysNothing(settings: DraftSettings): boolean {
  return settings.options.size === 0 && FIELDS.every((field) => settings[field] === undefined);
}
