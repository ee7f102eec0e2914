/**
 * An intermediate `service` section: the same shape for every source format, each value with the line it came from.
 * `settle.ts` makes the values consistent, `write.ts` writes them.
 */

import type { Ipv4, Prefix, Range } from "../../net/ipv4.ts";
import type { Place } from "../leases/lease.ts";

/** A value and its line; line 0 is a default of the other server. */
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
  /** What this level takes back, though a level around it says it. */
  readonly none: Set<SettingKey>;
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
  clientIdentity?: Said<"clientId" | "hardware">;
  readonly pools: DraftPool[];
  readonly reservations: DraftReservation[];
}

/** What a class matches; all that are given must hold, and none matches every client. */
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
  clientIdentity?: Said<"clientId" | "hardware">;
  authoritative?: Said<boolean>;
  declineTime?: Said<number>;
  rapidCommit?: Said<boolean>;
  readonly classes: DraftClass[];
  readonly subnets: DraftSubnet[];
}

/** A level without settings. */
export function emptySettings(): DraftSettings {
  return { options: new Map(), none: new Set() };
}

export function emptyDraft(): Draft {
  return { ...emptySettings(), classes: [], subnets: [] };
}

const FIELDS = [...TIMES, "nextServer", "serverName", "bootFile"] as const;

/** A key of a level: a field, or the code of an option. */
export type SettingKey = typeof FIELDS[number] | number;

/** What a level says for a key; null: nothing, whatever the levels around say. */
export type Setting = Said<unknown> | null;

/** All that a level says. */
export function settingsOf(settings: DraftSettings): Map<SettingKey, Setting> {
  const all = new Map<SettingKey, Setting>();
  for (const field of FIELDS) {
    const value = settings[field];
    if (value !== undefined) all.set(field, value);
  }
  for (const [code, value] of settings.options) all.set(code, value);
  for (const key of settings.none) all.set(key, null);
  return all;
}

/** Says something at a level, in place of what it said before; undefined takes it back. */
export function say(settings: DraftSettings, key: SettingKey, value: Setting | undefined): void {
  settings.none.delete(key);
  if (typeof key === "number") settings.options.delete(key);
  else delete settings[key];
  if (value === null) settings.none.add(key);
  else if (value === undefined) return;
  else if (typeof key === "number") settings.options.set(key, value as Said<Uint8Array>);
  else Object.assign(settings, { [key]: value });
}

/** Adds the settings of an outer level; own ones win. */
export function inherit(settings: DraftSettings, around: DraftSettings): void {
  const own = settingsOf(settings);
  for (const [key, value] of settingsOf(around)) if (!own.has(key)) say(settings, key, value);
}

/** The settings as another level's. */
export function copySettings(settings: DraftSettings): DraftSettings {
  const copy = emptySettings();
  inherit(copy, settings);
  return copy;
}

/** Whether a level has no settings. */
export function saysNothing(settings: DraftSettings): boolean {
  return [...settingsOf(settings).values()].every((value) => value === null);
}
