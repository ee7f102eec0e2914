/**
 * Reservations by client and by address. They are kept as sorted columns with a hash table of their places, which are
 * made where the configuration is checked and cross threads as they are: taking over a hundred thousand of them costs
 * the serving thread nothing. A reservation's settings are read when its client is first heard of.
 */

import { joinBytes } from "../../bytes/join.ts";
import type { ReservationConfig, ServiceConfig } from "../../config/service_schema.ts";
import type { Ipv4, Prefix } from "../../net/ipv4.ts";
import { typedEthernet } from "../hardware_address.ts";
import { ipv4At, putIpv4 } from "../options/values/ipv4.ts";

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

/** What a request says of its client and of its place. */
export interface Identities {
  readonly clientId?: Uint8Array | undefined;
  /** With its type in front. */
  readonly hardware?: Uint8Array | undefined;
  readonly circuitId?: Uint8Array | undefined;
  readonly remoteId?: Uint8Array | undefined;
}

/** What a client is known by, in the order of precedence. */
const KIND = { clientId: 0, hardware: 1, circuitAndRemoteId: 2, circuitId: 3, remoteId: 4 } as const;

type Kind = (typeof KIND)[keyof typeof KIND];

/**
 * Sorted columns. A reservation's number is its place in the configuration, counted over all subnets, and then those
 * that are valid in all of them.
 */
export interface ReservationColumns {
  /** Ascending, their places by their hash (`tableOf`), and the number of the reservation of each. */
  readonly addresses: Uint32Array<ArrayBuffer>;
  readonly addressPlaces: Uint32Array<ArrayBuffer>;
  readonly byAddress: Uint32Array<ArrayBuffer>;
  /** Keys (`keyOf`) one after the other, ascending; the end of each; the number of the reservation of each. */
  readonly keys: Uint8Array<ArrayBuffer>;
  readonly keyEnds: Uint32Array<ArrayBuffer>;
  readonly byKey: Uint32Array<ArrayBuffer>;
  /** Places of the keys by their hash. */
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
    const { addresses, byAddress, addressPlaces } = this.columns;
    const mask = addressPlaces.length - 1;
    for (let at = hashOf(address) & mask;; at = (at + 1) & mask) {
      const place = (addressPlaces[at] as number) - 1;
      if (place < 0) return undefined;
      if (addresses[place] === address) return this.#reservation(byAddress[place] as number);
    }
  }

  /** The reservation of a client in any of some subnets; `ALL_SUBNETS`: one that is valid in all of them. */
  of(prefixes: readonly Prefix[], { clientId, hardware, circuitId, remoteId }: Identities): Reservation | undefined {
    return this.#find(prefixes, KIND.clientId, clientId) ?? this.#find(prefixes, KIND.hardware, hardware) ??
      (remoteId && this.#find(prefixes, KIND.circuitAndRemoteId, circuitId, remoteId)) ??
      this.#find(prefixes, KIND.circuitId, circuitId) ?? this.#find(prefixes, KIND.remoteId, remoteId);
  }

  #find(
    prefixes: readonly Prefix[],
    kind: Kind,
    first: Uint8Array | undefined,
    second?: Uint8Array,
  ): Reservation | undefined {
    if (first === undefined || (this.columns.kinds & (1 << kind)) === 0) return undefined;
    for (const prefix of prefixes) {
      const reservation = this.#findIn(prefix, kind, first, second);
      if (reservation !== undefined) return reservation;
    }
    return undefined;
  }

  /** Without making a key: this runs several times per request. */
  #findIn({ address }: Prefix, kind: Kind, first: Uint8Array, second = NO_BYTES): Reservation | undefined {
    const { keys, keyEnds, keyPlaces, byKey } = this.columns;
    const octets = KEY_HEADER_OCTETS + first.length + second.length;
    const mask = keyPlaces.length - 1;
    for (let at = hash(second, hash(first, seedOf(address, kind))) & mask;; at = (at + 1) & mask) {
      const place = (keyPlaces[at] as number) - 1;
      if (place < 0) return undefined;
      const start = place === 0 ? 0 : keyEnds[place - 1] as number;
      const body = start + KEY_HEADER_OCTETS;
      if (
        keyEnds[place] === start + octets && ipv4At(keys, start) === address && keys[start + 4] === kind &&
        keys[start + 5] === first.length && isAt(keys, body, first) && isAt(keys, body + first.length, second)
      ) return this.#reservation(byKey[place] as number);
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
const NO_SUBNET: Prefix = { address: 0, prefixLength: 0 };
export const ALL_SUBNETS: readonly Prefix[] = [NO_SUBNET];

/** The columns of what is configured. Of two with one address or client, which a check refuses, the later counts. */
export function reservationColumns(
  { subnets, reservations }: Pick<ServiceConfig, "subnets" | "reservations">,
): ReservationColumns {
  const addresses = new Map<Ipv4, number>();
  const keys: { readonly key: Uint8Array; readonly number: number }[] = [];
  let number = 0;
  for (const scope of [...subnets, { prefix: NO_SUBNET, reservations }]) {
    for (const reservation of scope.reservations) {
      if (reservation.address !== undefined) addresses.set(reservation.address, number);
      for (const key of keysOf(scope.prefix, reservation)) keys.push({ key, number });
      number++;
    }
  }
  const byAddress = [...addresses].sort(([a], [b]) => a - b);
  keys.sort((a, b) => compare(a.key, b.key));
  return {
    ...placed(Uint32Array.from(byAddress, ([address]) => address)),
    byAddress: Uint32Array.from(byAddress, ([, number]) => number),
    ...joinKeys(keys.map(({ key }) => key)),
    byKey: Uint32Array.from(keys, ({ number }) => number),
  };
}

/** The keys of a reservation's clients; a circuit id counts within its remote id when both are given. */
function keysOf(
  prefix: Prefix,
  { clientId = [], hardware = [], circuitId, remoteId }: ReservationConfig,
): Uint8Array[] {
  const keys = clientId.map((each) => keyOf(prefix, KIND.clientId, each));
  for (const each of hardware) keys.push(keyOf(prefix, KIND.hardware, typedEthernet(each)));
  if (circuitId !== undefined && remoteId !== undefined) {
    keys.push(keyOf(prefix, KIND.circuitAndRemoteId, circuitId, remoteId));
  } else if (circuitId !== undefined) keys.push(keyOf(prefix, KIND.circuitId, circuitId));
  else if (remoteId !== undefined) keys.push(keyOf(prefix, KIND.remoteId, remoteId));
  return keys;
}

const NO_BYTES: Uint8Array = new Uint8Array();

/** Places by a hash, and one more: 0 is free (open addressing). At least half of it is free: most are found at once. */
function tableOf(count: number, hashAt: (place: number) => number): Uint32Array<ArrayBuffer> {
  let size = 2;
  while (size < 2 * count) size *= 2;
  const table = new Uint32Array(size);
  for (let place = 0; place < count; place++) {
    let at = hashAt(place) & (size - 1);
    while (table[at] !== 0) at = (at + 1) & (size - 1);
    table[at] = place + 1;
  }
  return table;
}

function placed(
  addresses: Uint32Array<ArrayBuffer>,
): Pick<ReservationColumns, "addresses" | "addressPlaces"> {
  return { addresses, addressPlaces: tableOf(addresses.length, (place) => hashOf(addresses[place] as number)) };
}

function joinKeys(all: readonly Uint8Array[]): Pick<ReservationColumns, "keys" | "keyEnds" | "keyPlaces" | "kinds"> {
  let octets = 0;
  const keyEnds = Uint32Array.from(all, (key) => octets += key.length);
  const kinds = all.reduce((kinds, key) => kinds | (1 << (key[4] as number)), 0);
  return {
    keys: joinBytes(all),
    keyEnds,
    keyPlaces: tableOf(all.length, (place) => hashOfKey(all[place] ?? NO_BYTES)),
    kinds,
  };
}

/** Neighbouring addresses stay neighbours, for the cache. */
function hashOf(address: Ipv4): number {
  return address ^ (address >>> 16);
}

/** FNV-1a. All keys come from the configuration, so that no client makes the table slow. */
function hash(octets: Uint8Array, before: number): number {
  let value = before;
  for (let index = 0; index < octets.length; index++) value = Math.imul(value ^ (octets[index] as number), 0x01000193);
  return value;
}

/** Where the hash of a key begins: what stands in front of the identities. */
function seedOf(address: Ipv4, kind: number): number {
  return Math.imul(address ^ 0x811c9dc5, 0x01000193) ^ kind;
}

function hashOfKey(key: Uint8Array): number {
  return hash(key.subarray(KEY_HEADER_OCTETS), seedOf(ipv4At(key, 0), key[4] as number));
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
    ...placed(
      Uint32Array.from(addressPlaces, (place) => (place < 0 ? added.addresses[~place] : addresses[place]) ?? 0),
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

/** The subnet's address (4 octets), the kind (1 octet), the length of the first identity (1 octet), both identities. */
const KEY_HEADER_OCTETS = 6;

function keyOf({ address }: Prefix, kind: Kind, first: Uint8Array, second = NO_BYTES): Uint8Array {
  const key = new Uint8Array(KEY_HEADER_OCTETS + first.length + second.length);
  putIpv4(key, 0, address);
  key[4] = kind;
  key[5] = first.length;
  key.set(first, KEY_HEADER_OCTETS);
  key.set(second, KEY_HEADER_OCTETS + first.length);
  return key;
}

function isAt(keys: Uint8Array, start: number, octets: Uint8Array): boolean {
  for (let index = 0; index < octets.length; index++) if (keys[start + index] !== octets[index]) return false;
  return true;
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
