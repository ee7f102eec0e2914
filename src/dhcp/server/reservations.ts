/**
 * Reservations by client and by address. They are kept as sorted columns with a hash table of their places, which are
 * made where the configuration is checked and cross threads as they are: taking over a hundred thousand of them costs
 * the serving thread nothing. A reservation's settings are read when its client is first heard of.
 */

import type { ReservationConfig, ServiceConfig } from "../../config/service_schema.ts";
import type { Ipv4, Prefix } from "../../net/ipv4.ts";
import { putIpv4 } from "../options/values/ipv4.ts";

/** What is kept for a client: an address, or only what it is told. */
export interface Reservation {
  /** Undefined: it gets one of the pools. */
  readonly address: Ipv4 | undefined;
  readonly hostname: string;
  /** It names the client itself, not the place at which the client is connected. */
  readonly namesClient: boolean;
  /** Several clients may come for it: whichever comes first has the address until its lease ends. */
  readonly isShared: boolean;
  readonly config: ReservationConfig;
}

/** What a client is known by, in the order of precedence; a hardware address goes with its type. */
const KINDS = ["clientId", "hardware", "circuitAndRemoteId", "circuitId", "remoteId"] as const;

type Kind = (typeof KINDS)[number];

/** What a request has of each. */
export type Identities = { readonly [Each in Kind]?: Uint8Array | undefined };

/**
 * Sorted columns. A reservation's number is its place in the configuration, counted over all subnets, and then those
 * that are valid in all of them.
 */
export interface ReservationColumns {
  /** Ascending, and the number of the reservation of each. */
  readonly addresses: Uint32Array<ArrayBuffer>;
  readonly byAddress: Uint32Array<ArrayBuffer>;
  /** Keys (`keyOf`) one after the other, ascending; the end of each; the number of the reservation of each. */
  readonly keys: Uint8Array<ArrayBuffer>;
  readonly keyEnds: Uint32Array<ArrayBuffer>;
  readonly byKey: Uint32Array<ArrayBuffer>;
  /** Places of the keys by their hash, and one more: 0 is free (open addressing). */
  readonly keyPlaces: Uint32Array<ArrayBuffer>;
  /** The kinds that any of the keys has, a bit for each. */
  readonly kinds: number;
}

/** The reservations of a service. */
export class Reservations {
  readonly columns: ReservationColumns;
  readonly #configOf: (number: number) => ReservationConfig;
  /** Those that were asked for. */
  readonly #read = new Map<number, Reservation>();

  /** `configOf` gives the settings of a reservation by its number. */
  constructor(columns: ReservationColumns, configOf: (number: number) => ReservationConfig) {
    this.columns = columns;
    this.#configOf = configOf;
  }

  /** Reserved addresses, ascending. */
  get addresses(): Uint32Array {
    return this.columns.addresses;
  }

  /** The reservation an address is kept for. */
  at(address: Ipv4): Reservation | undefined {
    const { addresses, byAddress } = this.columns;
    const place = search(addresses.length, (index) => address - (addresses[index] as number));
    return place === undefined ? undefined : this.#reservation(byAddress[place] as number);
  }

  /** The reservation of a client in a subnet; `ALL_SUBNETS`: one that is valid in all of them. */
  of(prefix: Prefix, identities: Identities): Reservation | undefined {
    for (let index = 0; index < KINDS.length; index++) {
      const identity = (this.columns.kinds & (1 << index)) === 0 ? undefined : identities[KINDS[index] as Kind];
      if (identity === undefined) continue;
      const place = this.#placeOf(keyOf(prefix, index, identity));
      if (place !== undefined) return this.#reservation(this.columns.byKey[place] as number);
    }
    return undefined;
  }

  #placeOf(key: Uint8Array): number | undefined {
    const { keys, keyEnds, keyPlaces } = this.columns;
    const mask = keyPlaces.length - 1;
    for (let at = hash(key) & mask;; at = (at + 1) & mask) {
      const place = (keyPlaces[at] as number) - 1;
      if (place < 0) return undefined;
      const start = place === 0 ? 0 : keyEnds[place - 1] as number;
      let same = (keyEnds[place] as number) - start === key.length ? 0 : -1;
      while (same >= 0 && same < key.length) same = key[same] === keys[start + same] ? same + 1 : -1;
      if (same === key.length) return place;
    }
  }

  #reservation(number: number): Reservation {
    let reservation = this.#read.get(number);
    if (reservation === undefined) {
      reservation = reservationOf(this.#configOf(number));
      this.#read.set(number, reservation);
    }
    return reservation;
  }
}

function reservationOf(config: ReservationConfig): Reservation {
  const { address, hostname = "", clientId = [], hardware = [] } = config;
  const named = clientId.length + hardware.length;
  return { address, hostname, namesClient: named > 0, isShared: named !== 1, config };
}

/** Stands for the subnet of reservations that are valid in all; no subnet has this address. */
export const ALL_SUBNETS: Prefix = { address: 0, prefixLength: 0 };

/** The columns of what is configured. Of two with one address or client, which a check refuses, the later counts. */
export function reservationColumns(
  { subnets, reservations }: Pick<ServiceConfig, "subnets" | "reservations">,
): ReservationColumns {
  const addresses = new Map<Ipv4, number>();
  const keys: { readonly key: Uint8Array; readonly number: number }[] = [];
  let number = 0;
  for (const scope of [...subnets, { prefix: ALL_SUBNETS, reservations }]) {
    for (const reservation of scope.reservations) {
      if (reservation.address !== undefined) addresses.set(reservation.address, number);
      const identities = identitiesOf(reservation);
      for (const [index, kind] of KINDS.entries()) {
        for (const identity of identities[kind]) keys.push({ key: keyOf(scope.prefix, index, identity), number });
      }
      number++;
    }
  }
  const byAddress = [...addresses].sort(([a], [b]) => a - b);
  keys.sort((a, b) => compare(a.key, b.key));
  return {
    addresses: Uint32Array.from(byAddress, ([address]) => address),
    byAddress: Uint32Array.from(byAddress, ([, number]) => number),
    ...joinKeys(keys.map(({ key }) => key)),
    byKey: Uint32Array.from(keys, ({ number }) => number),
  };
}

/** What a reservation's clients are known by; a circuit id counts within its remote id when both are given. */
function identitiesOf(
  { clientId = NONE, hardware = NONE, circuitId, remoteId }: ReservationConfig,
): { readonly [Each in Kind]: readonly Uint8Array[] } {
  const { circuitAndRemoteId, ...single } = circuitIdentities(circuitId, remoteId);
  const either = (identity: Uint8Array | undefined) => identity && !circuitAndRemoteId ? [identity] : NONE;
  return {
    clientId,
    hardware: hardware.map(ethernet),
    circuitAndRemoteId: circuitAndRemoteId === undefined ? NONE : [circuitAndRemoteId],
    circuitId: either(single.circuitId),
    remoteId: either(single.remoteId),
  };
}

const NONE: readonly Uint8Array[] = [];

/** What option 82 says of the place at which a client is connected. */
export function circuitIdentities(
  circuitId: Uint8Array | undefined,
  remoteId: Uint8Array | undefined,
): Omit<Identities, "clientId" | "hardware"> {
  if (circuitId === undefined || remoteId === undefined) return { circuitId, remoteId };
  return { circuitId, remoteId, circuitAndRemoteId: Uint8Array.of(circuitId.length, ...circuitId, ...remoteId) };
}

/** How many entries the hash table has for each key, at least: most are found at the first look. */
const ENTRIES_PER_KEY = 2;

function joinKeys(all: readonly Uint8Array[]): Omit<ReservationColumns, "addresses" | "byAddress" | "byKey"> {
  let octets = 0;
  const keyEnds = Uint32Array.from(all, (key) => octets += key.length);
  const keys = new Uint8Array(octets);
  let entries = ENTRIES_PER_KEY;
  while (entries < ENTRIES_PER_KEY * all.length) entries *= 2;
  const keyPlaces = new Uint32Array(entries);
  let kinds = 0;
  for (const [place, key] of all.entries()) {
    kinds |= 1 << (key[KIND_AT] as number);
    keys.set(key, (keyEnds[place] as number) - key.length);
    let at = hash(key) & (entries - 1);
    while (keyPlaces[at] !== 0) at = (at + 1) & (entries - 1);
    keyPlaces[at] = place + 1;
  }
  return { keys, keyEnds, keyPlaces, kinds };
}

/** FNV-1a. All keys come from the configuration, so that no client makes the table slow. */
function hash(key: Uint8Array): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) value = Math.imul(value ^ (key[index] as number), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}

function keyAt(keys: Uint8Array, ends: Uint32Array, place: number): Uint8Array {
  return keys.subarray(place === 0 ? 0 : ends[place - 1], ends[place]);
}

/** Reservations that are replaced by others, by their number. */
interface Replaced {
  readonly at: number;
  readonly removed: number;
  /** Columns of those that come in their place, numbered from 0. */
  readonly added: ReservationColumns;
  readonly count: number;
}

/** Columns with some reservations replaced; undefined when two would have one address or one client. */
export function replaceReservations(
  { addresses, byAddress, keys, keyEnds, byKey }: ReservationColumns,
  { at, removed, added, count }: Replaced,
): ReservationColumns | undefined {
  const isKept = (number: number) => number < at || number >= at + removed;
  const numberOf = (number: number) => number < at ? number : number + count - removed;
  const addressPlaces = merge(byAddress, added.byAddress, isKept, (one, other) => {
    return (addresses[one] as number) - (added.addresses[other] as number);
  });
  const keyPlaces = merge(byKey, added.byKey, isKept, (one, other) => {
    return compare(keyAt(keys, keyEnds, one), keyAt(added.keys, added.keyEnds, other));
  });
  if (addressPlaces === undefined || keyPlaces === undefined) return undefined;
  return {
    addresses: Uint32Array.from(
      addressPlaces,
      (place) => (place < 0 ? added.addresses[~place] : addresses[place]) ?? 0,
    ),
    byAddress: Uint32Array.from(
      addressPlaces,
      (place) => place < 0 ? at + (added.byAddress[~place] ?? 0) : numberOf(byAddress[place] ?? 0),
    ),
    ...joinKeys(
      keyPlaces.map((place) => place < 0 ? keyAt(added.keys, added.keyEnds, ~place) : keyAt(keys, keyEnds, place)),
    ),
    byKey: Uint32Array.from(
      keyPlaces,
      (place) => place < 0 ? at + (added.byKey[~place] ?? 0) : numberOf(byKey[place] ?? 0),
    ),
  };
}

/** Two sorted columns as one: places of the first that are kept, and `~place` of the second. Undefined: two agree. */
function merge(
  numbers: Uint32Array,
  added: Uint32Array,
  isKept: (number: number) => boolean,
  order: (place: number, added: number) => number,
): number[] | undefined {
  const places: number[] = [];
  let next = 0;
  for (const [place, number] of numbers.entries()) {
    if (!isKept(number)) continue;
    for (; next < added.length; next++) {
      const ordered = order(place, next);
      if (ordered === 0) return undefined;
      if (ordered < 0) break;
      places.push(~next);
    }
    places.push(place);
  }
  for (; next < added.length; next++) places.push(~next);
  return places;
}

/** RFC 1700, hardware type 1. */
const ETHERNET = 1;

/** A hardware address of the configuration with its type, as clients send it. */
export function ethernet(hardware: Uint8Array): Uint8Array {
  return Uint8Array.of(ETHERNET, ...hardware);
}

/** The subnet's address (4 octets), the kind (1 octet), and what the client is known by. */
const KIND_AT = 4;
const KEY_HEADER_OCTETS = 5;

function keyOf({ address }: Prefix, kind: number, identity: Uint8Array): Uint8Array {
  const key = new Uint8Array(KEY_HEADER_OCTETS + identity.length);
  putIpv4(key, 0, address);
  key[KIND_AT] = kind;
  key.set(identity, KEY_HEADER_OCTETS);
  return key;
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The place at which `ordered` is 0: positive means a later one, negative an earlier one. */
function search(length: number, ordered: (index: number) => number): number | undefined {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = ordered(middle);
    if (order === 0) return middle;
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return undefined;
}
