/**
 * The configurations of a run: two LANs with small pools, so that a free address is leased again soon. A text stands
 * for a `service` section; a push changes pools and whom they are for, times, a reservation, or the numbers of the
 * subnets.
 */

import type { Message } from "../../src/dhcp/message.ts";
import { OPTIONS } from "../../src/dhcp/options/mod.ts";
import { parseExpression } from "../../src/dhcp/expression/parse.ts";
import { CompiledService } from "../../src/dhcp/server/compiled_service.ts";
import { service, subnet } from "../../src/dhcp/server/testing.ts";
import { CLIENT_TAG, type ClientKey, clientKey } from "../../src/lease/agreement/client_key.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";

/** The LANs, known by their index. The relay has the first address of the subnet. */
export const LANS: readonly { readonly subnet: Ipv4; readonly giaddr: Ipv4; readonly first: Ipv4 }[] = [
  { subnet: 0x0a4d0000, giaddr: 0x0a4d0001, first: 0x0a4d0101 },
  { subnet: 0x0a4e0000, giaddr: 0x0a4e0001, first: 0x0a4e0101 },
];

/** The content of a text. */
export interface Variant {
  /** Addresses in the pool of each LAN. */
  readonly addresses: readonly number[];
  readonly leaseSeconds: number;
  readonly maxLeaseSeconds: number;
  /** An address on the first LAN, for the client of this number only. */
  readonly reservation?: { readonly client: number; readonly address: Ipv4 };
  /** How many addresses at the beginning of the first LAN's pool are only for clients with an identifier. */
  readonly named?: number;
  /** The number of each LAN's subnet, which the keys of new leases begin with; none: its address. */
  readonly ids?: readonly (number | null)[];
}

export const FIRST_VARIANT: Variant = { addresses: [4, 3], leaseSeconds: 15, maxLeaseSeconds: 25 };
/** In runs with long leases: longer than the run. */
export const LONG_VARIANT: Variant = { ...FIRST_VARIANT, leaseSeconds: 600, maxLeaseSeconds: 600 };
/** What a push chooses from. */
export const LEASE_SECONDS: readonly number[] = [10, 15, 20];
export const MIN_LEASE_SECONDS = 5;
const DECLINE_SECONDS = 10;
/** In each LAN a stranger's first lease is short once half of the addresses are in use, and not all can be such. */
const STRANGERS = { ...service([]).strangers, nearlyFull: 50, share: 75, firstLeaseSeconds: 8 };

/** The hardware address of a client. */
export function chaddrOf(client: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, client);
}

/** The client identifier that every second client sends. */
export function clientIdOf(client: number): Uint8Array | undefined {
  return client % 2 === 1 ? Uint8Array.of(0, client) : undefined;
}

/**
 * The key that the lease agreement has for the client of a relayed message while subnets have no numbers, and the
 * client's name.
 */
export function identityOf({ giaddr, htype, chaddr, options }: Message): { client: ClientKey; name: string } {
  const subnet = LANS.find((lan) => lan.giaddr === giaddr)?.subnet ?? 0;
  const clientId = options.get(OPTIONS.clientIdentifier.code);
  return {
    client: clientId === undefined
      ? clientKey({ subnet, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(htype, ...chaddr) })
      : clientKey({ subnet, tag: CLIENT_TAG.clientIdentifier, bytes: clientId }),
    name: `client ${chaddr.at(-1)}`,
  };
}

/**
 * Whether two keys that lock one address are of one client: the number of its subnet may differ, and whether its
 * identifier or its hardware address stands in it. Both end with the client's number.
 */
export function isSameClient(a: ClientKey | undefined, b: ClientKey | undefined): boolean {
  return a?.at(-1) === b?.at(-1);
}

/** The longest lease time that any of these configurations allows. */
export function longestLeaseMs(variants: readonly Variant[]): number {
  return 1_000 * Math.max(...variants.map(({ maxLeaseSeconds }) => maxLeaseSeconds));
}

export function textOf(variant: Variant): string {
  return JSON.stringify(variant);
}

/** A text that no node can serve; a member detects that when it validates the text. */
export const MISTAKE = "a mistake";

export function isMistake(text: string): boolean {
  return text === MISTAKE;
}

export function variantOf(text: string): Variant {
  return JSON.parse(text);
}

/** Pool addresses of a LAN. */
export function poolOf(variant: Variant, lan: number): Ipv4[] {
  const first = LANS[lan]?.first ?? 0;
  return Array.from({ length: variant.addresses[lan] ?? 0 }, (_, index) => first + index);
}

/** Whether a configuration allows a client to keep an address; of the pools only one for others matters for that. */
export function mayKeep({ reservation, named = 0 }: Variant, client: number, address: Ipv4): boolean {
  const first = LANS[0]?.first ?? 0;
  const isForNamed = address >= first && address < first + named;
  if (isForNamed && clientIdOf(client) === undefined && reservation?.client !== client) return false;
  if (reservation?.address === address) return reservation.client === client;
  return reservation?.client !== client || LANS[0] === undefined || address >>> 16 !== LANS[0].subnet >>> 16;
}

/** By text; each is compiled once for all runs. */
const compiledServices = new Map<string, CompiledService>();

export function compiledOf(text: string): CompiledService {
  let compiled = compiledServices.get(text);
  if (compiled === undefined) compiledServices.set(text, compiled = compile(variantOf(text)));
  return compiled;
}

const HAS_IDENTIFIER = parseExpression("option[61].exists", "flag");

function compile({ addresses, leaseSeconds, maxLeaseSeconds, reservation, named = 0, ids }: Variant): CompiledService {
  if (!HAS_IDENTIFIER.ok) throw new Error(HAS_IDENTIFIER.problem);
  const subnets = LANS.map(({ subnet: network, first }, lan) => {
    const last = first + (addresses[lan] ?? 1) - 1;
    const split = lan === 0 ? first + named : first;
    const forNamed = { range: { first, last: split - 1 }, allow: ["named"], options: new Map() };
    const pools = [...(split === first ? [] : [forNamed]), { range: { first: split, last }, options: new Map() }];
    const reservations = lan !== 0 || reservation === undefined
      ? []
      : [{ hardware: [chaddrOf(reservation.client)], address: reservation.address, options: new Map() }];
    const id = ids?.[lan] ?? undefined;
    return subnet(`${formatIpv4(network)}/16`, [], { pools, reservations, ...(id === undefined ? {} : { id }) });
  });
  return new SmallService(service(subnets, {
    leaseSeconds,
    minLeaseSeconds: MIN_LEASE_SECONDS,
    maxLeaseSeconds,
    declineSeconds: DECLINE_SECONDS,
    conflictDetection: true,
    strangers: STRANGERS,
    classes: [{ name: "named", match: { expression: HAS_IDENTIFIER.expression }, options: new Map() }],
  }));
}

/** Subnets of a few addresses can be nearly full. */
class SmallService extends CompiledService {
  override readonly smallSubnet = 0;
}
