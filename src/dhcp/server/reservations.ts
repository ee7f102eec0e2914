/**
 * Reservations by client and by address. They are kept as sorted columns, which are made where the configuration is
 * checked and cross threads as they are: taking over ten thousand of them costs the serving thread nothing. A
 * reservation's settings are read when its client is first heard of.
 */

import type { ReservationConfig, SubnetConfig } from "../../config/service_schema.ts";
import type { Ipv4, Prefix } from "../../net/ipv4.ts";

/** One client's own address. */
export interface Reservation {
  readonly address: Ipv4;
  readonly hostname: string;
  readonly config: ReservationConfig;
}

/** What a client is known by: its identifier, or its hardware type and address. */
export type IdentityKind = "id" | "hw";

/** Sorted columns. A reservation's number is its place in the configuration, counted over all subnets. */
export interface ReservationColumns {
  /** Ascending, and the number of the reservation of each. */
  readonly addresses: Uint32Array<ArrayBuffer>;
  readonly byAddress: Uint32Array<ArrayBuffer>;
  /** Keys (`keyOf`) one after the other, ascending; the end of each; the number of the reservation of each. */
  readonly keys: Uint8Array<ArrayBuffer>;
  readonly keyEnds: Uint32Array<ArrayBuffer>;
  readonly byKey: Uint32Array<ArrayBuffer>;
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

  /** Addresses kept for one client each, ascending. */
  get addresses(): Uint32Array {
    return this.columns.addresses;
  }

  /** The reservation an address is kept for. */
  at(address: Ipv4): Reservation | undefined {
    const { addresses, byAddress } = this.columns;
    const place = search(addresses.length, (index) => address - (addresses[index] as number));
    return place === undefined ? undefined : this.#reservation(byAddress[place] as number);
  }

  /** The reservation of a client in a subnet. */
  of(prefix: Prefix, kind: IdentityKind, identity: Uint8Array): Reservation | undefined {
    const { keys, keyEnds, byKey } = this.columns;
    const key = keyOf(prefix, kind, identity);
    const place = search(keyEnds.length, (index) => compare(key, keyAt(keys, keyEnds, index)));
    return place === undefined ? undefined : this.#reservation(byKey[place] as number);
  }

  #reservation(number: number): Reservation {
    let reservation = this.#read.get(number);
    if (reservation === undefined) {
      const config = this.#configOf(number);
      reservation = { address: config.address, hostname: config.hostname ?? "", config };
      this.#read.set(number, reservation);
    }
    return reservation;
  }
}

/** The columns of what is configured. Of two with one address or client, which a check refuses, the later counts. */
export function reservationColumns(subnets: readonly SubnetConfig[]): ReservationColumns {
  const addresses = new Map<Ipv4, number>();
  const keys: { readonly key: Uint8Array; readonly number: number }[] = [];
  let number = 0;
  for (const { prefix, reservations } of subnets) {
    for (const { address, clientId, hardware } of reservations) {
      addresses.set(address, number);
      if (clientId !== undefined) keys.push({ key: keyOf(prefix, "id", clientId), number });
      if (hardware !== undefined) keys.push({ key: keyOf(prefix, "hw", ethernet(hardware)), number });
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

function joinKeys(keys: readonly Uint8Array[]): Pick<ReservationColumns, "keys" | "keyEnds"> {
  let octets = 0;
  const keyEnds = Uint32Array.from(keys, (key) => octets += key.length);
  const joined = new Uint8Array(octets);
  for (const [index, key] of keys.entries()) joined.set(key, (keyEnds[index] as number) - key.length);
  return { keys: joined, keyEnds };
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
const KEY_HEADER_OCTETS = 5;

function keyOf({ address }: Prefix, kind: IdentityKind, identity: Uint8Array): Uint8Array {
  const key = new Uint8Array(KEY_HEADER_OCTETS + identity.length);
  new DataView(key.buffer).setUint32(0, address);
  key[4] = kind === "id" ? 0 : 1;
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
