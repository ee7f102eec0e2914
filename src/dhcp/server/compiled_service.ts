/**
 * The `service` section as the server uses it: subnets by address, reservations by client, and the settings of a lease
 * after inheritance (service, shared network, subnet, pool, class, reservation; the most specific one that sets a key
 * wins). Compiled once per configuration; answering a client only looks up.
 */

import { type Ipv4, netmask, type Prefix, prefixRange, type Range, rangeContains } from "../../net/ipv4.ts";
import type { Options } from "../message.ts";
import type { RelayAgentInformation } from "../relay_agent_information.ts";
import { encodeSubOptions, OPTIONS, type SubOption, writeOption } from "../options/mod.ts";
import type {
  LeaseSettingsConfig,
  ReservationConfig,
  ServiceConfig,
  SharedNetworkConfig,
  SubnetConfig,
} from "../../config/service_schema.ts";
import { type Access, type ClientClass, ClientClasses, type Membership } from "./client_classes.ts";
import { type Assigned, RelaySelectors } from "./relay_selectors.ts";
import { assert } from "../../assert.ts";
import { leaseLevels } from "../../config/levels.ts";
import { usedAddresses } from "../../config/used_addresses.ts";
import { SERVER_LIMITS } from "./limits.ts";
import {
  ALL_SUBNETS,
  type Reservation,
  type ReservationColumns,
  reservationColumns,
  Reservations,
} from "./reservations.ts";

/** The settings of one lease after inheritance. Times in seconds. */
export interface LeaseSettings {
  readonly leaseSeconds: number;
  readonly minLeaseSeconds: number;
  readonly maxLeaseSeconds: number;
  readonly renewSeconds: number | undefined;
  readonly rebindSeconds: number | undefined;
  readonly nextServer: Ipv4;
  readonly serverName: Uint8Array;
  readonly bootFile: Uint8Array;
  readonly options: Options;
  /** Options for clients that do not ask for them, too. */
  readonly alwaysSend: readonly number[];
}

/** A pool within its subnet. */
export interface Pool {
  /** Its number in the lease table. */
  readonly number: number;
  readonly range: Range;
  readonly settings: LeaseSettings;
  /** Who may have its addresses; undefined: all clients of its subnet. */
  readonly access: Access | undefined;
}

/** A link as far as it is configured: a shared network, or a subnet that has its link to itself. */
export interface Network {
  /** Undefined: it is one subnet. */
  readonly name: string | undefined;
  /** What tells it from others: that of its first subnet. */
  readonly address: Ipv4;
  /** In the order of their use. */
  readonly subnets: readonly [Subnet, ...Subnet[]];
  /** Of all of them, in the order of their use. */
  readonly pools: readonly Pool[];
  /** Whether its pools are not for all clients. */
  readonly isRestricted: boolean;
  /** The subnets that have reservations of their own. */
  readonly reserving: readonly Prefix[];
  readonly maxLeasesPerCircuit: number | undefined;
}

/** The addresses of one IP network. */
export interface Subnet {
  /** What its clients' keys have of it: its number, or its address. */
  readonly id: number;
  readonly network: Network;
  /** What its clients are told apart by. */
  readonly clientIdentity: ServiceConfig["clientIdentity"];
  /** Whether free addresses are probed before they are offered. */
  readonly conflictDetection: boolean;
  readonly prefix: Prefix;
  readonly range: Range;
  /** For clients without a lease (DHCPINFORM) and for reserved addresses outside the pools. */
  readonly settings: LeaseSettings;
  readonly pools: readonly Pool[];
  /** Who may have addresses of its pools; undefined: all clients. */
  readonly access: Access | undefined;
  /** How many reservations of its own it has. */
  readonly reservations: number;
  readonly config: SubnetSettings;
}

/** A subnet without its reservations, which {@link Reservations} has. */
type SubnetSettings = Omit<SubnetConfig, "reservations">;

/** The section without its reservations. */
export type ServiceSettings = Omit<ServiceConfig, "subnets" | "reservations"> & {
  readonly subnets: readonly SubnetSettings[];
};

/** A compiled section as it crosses threads. The reservations are their entries of the section as JSON. */
export interface PackedService {
  readonly settings: ServiceSettings;
  /** How many reservations each subnet has, in the order of `settings.subnets`; then how many are valid in all. */
  readonly counts: readonly number[];
  readonly maxLeaseSeconds: number;
  /** See `usedAddresses`. */
  readonly used: readonly Ipv4[];
  readonly columns: ReservationColumns;
  /** One after the other; the end of each. */
  readonly entries: string;
  readonly entryEnds: Uint32Array<ArrayBuffer>;
}

/** What a client says of itself: its identifier, and its hardware type and address. */
export interface Identity {
  readonly clientId: Uint8Array | undefined;
  readonly hardware: Uint8Array;
}

const encoder = new TextEncoder();
const NONE: readonly never[] = [];
const NO_AGENT: RelayAgentInformation = {};

/** A compiled `service` section. */
export class CompiledService {
  readonly config: ServiceSettings;
  /** By address. */
  readonly #subnets: readonly Subnet[];
  readonly #byId: ReadonlyMap<number, Subnet>;
  readonly #relays: RelaySelectors<Network>;
  readonly #reservations: Reservations;
  readonly classes: ClientClasses;
  /** What classes make of the settings of a pool, or of a subnet. */
  readonly #byClasses = new Map<string, LeaseSettings>();
  /** Whose messages get no answer. */
  readonly denied: Access | undefined;
  /** Whether any reservation is valid in all subnets. */
  readonly #isAnyGlobal: boolean;
  /** All pools in the order of their numbers. */
  readonly pools: readonly Pool[];
  /** The longest lease that any level allows, in seconds. */
  readonly maxLeaseSeconds: number;
  /** Addresses in pools that are known to be in use: routers, and servers that options name. */
  readonly used: ReadonlySet<Ipv4>;

  /** See `SERVER_LIMITS`. */
  readonly smallSubnet: number = SERVER_LIMITS.smallSubnet;

  constructor(config: ServiceConfig);
  constructor(config: ServiceSettings, parts: CompiledParts);
  constructor(config: ServiceConfig | ServiceSettings, parts: CompiledParts = compileParts(config as ServiceConfig)) {
    this.config = config;
    this.maxLeaseSeconds = parts.maxLeaseSeconds;
    this.#reservations = parts.reservations;
    this.classes = new ClientClasses(config.classes);
    this.denied = config.deny && this.classes.accessOf({ allow: config.deny });
    this.#isAnyGlobal = (parts.counts[config.subnets.length] ?? 0) > 0;
    const pools: Pool[] = [];
    const unlinked = config.subnets.map((subnet, index) => {
      const compiled = compileSubnet(config, subnet, {
        firstNumber: pools.length,
        count: parts.counts[index] ?? 0,
        classes: this.classes,
      });
      pools.push(...compiled.pools);
      return compiled;
    });
    const linked = linkSubnets(unlinked, config);
    this.#relays = new RelaySelectors(linked.networks);
    this.#subnets = linked.subnets.sort((a, b) => a.range.first - b.range.first);
    this.#byId = new Map(this.#subnets.map((subnet) => [subnet.id, subnet]));
    this.pools = pools;
    this.used = new Set(parts.used.filter((address) => {
      const subnet = this.subnetOf(address);
      return subnet !== undefined && poolAt(subnet, address) !== undefined;
    }));
  }

  /** What {@link packService} made; `readEntry` reads a reservation's entry. */
  static unpack(packed: PackedService, readEntry: (entry: string) => ReservationConfig): CompiledService {
    const { settings, columns, entries, entryEnds, counts, maxLeaseSeconds, used } = packed;
    const reservations = new Reservations(columns, (number) => {
      const start = number === 0 ? 0 : entryEnds[number - 1];
      return readEntry(entries.slice(start, entryEnds[number]));
    });
    return new CompiledService(settings, { reservations, counts, maxLeaseSeconds, used });
  }

  /** Every subnet, by address. */
  get subnets(): readonly Subnet[] {
    return this.#subnets;
  }

  /** Reserved addresses, ascending. */
  get reserved(): Uint32Array {
    return this.#reservations.addresses;
  }

  /** All reservations, sorted. */
  get columns(): ReservationColumns {
    return this.#reservations.columns;
  }

  /** The subnet an address lies in. */
  subnetOf(address: Ipv4): Subnet | undefined {
    let low = 0;
    let high = this.#subnets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const subnet = this.#subnets[middle] as Subnet;
      if (address < subnet.range.first) high = middle;
      else if (address > subnet.range.last) low = middle + 1;
      else return subnet;
    }
    return undefined;
  }

  /** The subnet with this number, or, without one, this address. */
  subnetWithId(id: number): Subnet | undefined {
    return this.#byId.get(id);
  }

  /** The link to which relays and circuits are assigned, whatever network giaddr lies in. */
  networkOfRelay(giaddr: Ipv4, agent: RelayAgentInformation): Network | undefined {
    return this.#relays.networkOf(giaddr, agent);
  }

  /**
   * What is reserved for a client on the link of a subnet, in any of its subnets: by client identifier first, then by
   * hardware address, then by what its relay says of its place; one of a subnet before one that is valid in all.
   */
  reservationFor(
    { network }: Pick<Subnet, "network">,
    { clientId, hardware }: Identity,
    { circuitId, remoteId }: Pick<RelayAgentInformation, "circuitId" | "remoteId"> = NO_AGENT,
  ): Reservation | undefined {
    if (network.reserving.length === 0 && !this.#isAnyGlobal) return undefined;
    const identities = { clientId, hardware, circuitId, remoteId };
    const own = this.#reservations.of(network.reserving, identities);
    if (own !== undefined || !this.#isAnyGlobal) return own;
    const general = this.#reservations.of(ALL_SUBNETS, identities);
    const isHere = general?.address === undefined || subnetAt(network, general.address) !== undefined;
    return general === undefined || isHere ? general : { ...general, address: undefined };
  }

  /** The reservation an address is kept for. */
  reservationAt(address: Ipv4): Reservation | undefined {
    return this.#reservations.at(address);
  }

  /** What applies to a client at an address (undefined: no address, as for DHCPINFORM). */
  settingsFor(
    subnet: Subnet,
    options: { pool: Pool | undefined; classes: readonly ClientClass[]; reservation: Reservation | undefined },
  ): LeaseSettings {
    const { pool, reservation } = options;
    const classes = options.classes.filter(({ isMark }) => !isMark);
    if (classes.length === 0 && reservation === undefined) return pool?.settings ?? subnet.settings;
    const levels = levelsOf(this.config, subnet.config);
    if (pool !== undefined) levels.push(poolConfig(subnet, pool));
    for (const { config } of classes) levels.push(config);
    if (reservation !== undefined) return resolve([...levels, reservation.config], subnet.prefix);
    const key = `${subnet.prefix.address} ${pool?.number} ${classes.map(({ number }) => number)}`;
    let settings = this.#byClasses.get(key);
    if (settings === undefined) {
      // What clients send decides which classes meet.
      if (this.#byClasses.size >= SERVER_LIMITS.settingsByClasses) this.#byClasses.clear();
      this.#byClasses.set(key, settings = resolve(levels, subnet.prefix));
    }
    return settings;
  }
}

/** What is not compiled subnet by subnet. */
interface CompiledParts {
  readonly reservations: Reservations;
  readonly counts: readonly number[];
  readonly maxLeaseSeconds: number;
  readonly used: readonly Ipv4[];
}

function compileParts(config: ServiceConfig): CompiledParts {
  const lists = [...config.subnets, config].map(({ reservations }) => reservations);
  const all = lists.flat();
  return {
    reservations: new Reservations(reservationColumns(config), (number) => all[number] as ReservationConfig),
    counts: lists.map(({ length }) => length),
    maxLeaseSeconds: maxLeaseSeconds(config),
    used: [...usedAddresses(config).keys()],
  };
}

/**
 * A checked section for another thread, which makes a {@link CompiledService} of it in the time that its subnets take.
 * `entries` are the reservations of each subnet, and then those valid in all, as they stand in the section.
 */
export function packService(config: ServiceConfig, entries: readonly (readonly unknown[])[]): PackedService {
  const { reservations: _, ...settings } = config;
  return {
    settings: {
      ...settings,
      subnets: config.subnets.map(({ reservations: _, ...subnet }) => subnet),
    },
    maxLeaseSeconds: maxLeaseSeconds(config),
    used: [...usedAddresses(config).keys()],
    columns: reservationColumns(config),
    ...packEntries(entries.map((each) => each.map((entry) => JSON.stringify(entry)))),
  };
}

/** Lists of reservations as JSON, together. */
export function packEntries(
  texts: readonly (readonly string[])[],
): Pick<PackedService, "counts" | "entries" | "entryEnds"> {
  const all = texts.flat();
  let end = 0;
  return {
    counts: texts.map(({ length }) => length),
    entries: all.join(""),
    entryEnds: Uint32Array.from(all, (text) => end += text.length),
  };
}

function maxLeaseSeconds(config: ServiceConfig): number {
  let max = 0;
  for (const { leaseSeconds = 0, maxLeaseSeconds = 0 } of leaseLevels(config)) {
    max = Math.max(max, leaseSeconds, maxLeaseSeconds);
  }
  return max;
}

function poolConfig(subnet: Subnet, pool: Pool): LeaseSettingsConfig {
  return subnet.config.pools[subnet.pools.indexOf(pool)] ?? subnet.config;
}

function networkConfig(service: ServiceSettings, { sharedNetwork }: SubnetSettings): SharedNetworkConfig | undefined {
  return sharedNetwork === undefined ? undefined : service.sharedNetworks[sharedNetwork];
}

function compileSubnet(
  service: ServiceSettings,
  config: SubnetSettings,
  { firstNumber, count, classes }: {
    readonly firstNumber: number;
    readonly count: number;
    readonly classes: ClientClasses;
  },
): Unlinked {
  const levels = levelsOf(service, config);
  const { clientIdentity } = networkConfig(service, config) ?? config;
  return {
    id: config.id ?? config.prefix.address,
    clientIdentity: clientIdentity ?? service.clientIdentity,
    conflictDetection: config.conflictDetection ?? service.conflictDetection,
    prefix: config.prefix,
    range: prefixRange(config.prefix),
    settings: resolve(levels, config.prefix),
    pools: config.pools.map((pool, index) => ({
      number: firstNumber + index,
      range: pool.range,
      settings: resolve([...levels, pool], config.prefix),
      access: classes.accessOf(pool),
    })),
    access: classes.accessOf(config),
    reservations: count,
    config,
  };
}

/** A subnet before it is known what shares its link. */
type Unlinked = Omit<Subnet, "network"> & { network?: Network };

/** Gives each subnet its link; returns the links. */
function linkSubnets(
  subnets: readonly Unlinked[],
  config: ServiceSettings,
): { readonly subnets: Subnet[]; readonly networks: Assigned<Network>[] } {
  const bySharing = Map.groupBy(subnets, (subnet) => subnet.config.sharedNetwork ?? subnet);
  const linked: Subnet[] = [];
  const networks = Array.from(bySharing, ([key, members]): Assigned<Network> => {
    const shared = typeof key === "number" ? config.sharedNetworks[key] : undefined;
    const { maxLeasesPerCircuit = config.maxLeasesPerCircuit, relays = [] } = shared ?? members[0]?.config ?? {};
    // The subnets of a network name it, so it is made first.
    const own = members as Subnet[];
    const [first, ...others] = own;
    assert(first !== undefined, "A link has a subnet");
    const network: Network = {
      name: shared?.name,
      address: first.prefix.address,
      subnets: [first, ...others],
      pools: own.flatMap(({ pools }) => pools),
      isRestricted: own.some(({ access, pools }) => [{ access }, ...pools].some((each) => each.access !== undefined)),
      reserving: own.filter(({ reservations }) => reservations > 0).map(({ prefix }) => prefix),
      maxLeasesPerCircuit,
    };
    for (const member of members) member.network = network;
    linked.push(...own);
    return { network, relays };
  });
  return { subnets: linked, networks };
}

/** From the service, which has a lease time, to the most specific. */
type Levels = [ServiceSettings, ...LeaseSettingsConfig[]];

function levelsOf(service: ServiceSettings, subnet: SubnetSettings): Levels {
  const network = networkConfig(service, subnet);
  return network === undefined ? [service, subnet] : [service, network, subnet];
}

function resolve(levels: Levels, prefix: Prefix): LeaseSettings {
  const options: Options = new Map();
  writeOption(options, OPTIONS.subnetMask, netmask(prefix.prefixLength));
  if (prefix.prefixLength < 31) writeOption(options, OPTIONS.broadcastAddress, prefixRange(prefix).last);
  const subOptions = new Map<number, SubOption[]>();
  for (const { options: own, subOptions: parts } of levels) {
    for (const [code, value] of own) {
      options.set(code, value);
      subOptions.delete(code);
    }
    for (const part of parts ?? NONE) {
      const known = subOptions.get(part.option);
      if (known === undefined) subOptions.set(part.option, [part]);
      else known.push(part);
    }
  }
  for (const [code, parts] of subOptions) options.set(code, encodeSubOptions(code, parts));
  const leaseSeconds = last(levels, "leaseSeconds") ?? levels[0].leaseSeconds;
  return {
    leaseSeconds,
    minLeaseSeconds: last(levels, "minLeaseSeconds") ?? leaseSeconds,
    maxLeaseSeconds: last(levels, "maxLeaseSeconds") ?? leaseSeconds,
    renewSeconds: last(levels, "renewSeconds"),
    rebindSeconds: last(levels, "rebindSeconds"),
    nextServer: last(levels, "nextServer") ?? 0,
    serverName: encoder.encode(last(levels, "serverName") ?? ""),
    bootFile: encoder.encode(last(levels, "bootFile") ?? ""),
    options,
    alwaysSend: levels.flatMap(({ alwaysSend }) => alwaysSend ?? NONE),
  };
}

function last<Key extends keyof LeaseSettingsConfig>(
  levels: readonly LeaseSettingsConfig[],
  key: Key,
): LeaseSettingsConfig[Key] | undefined {
  for (let index = levels.length - 1; index >= 0; index--) {
    const value = levels[index]?.[key];
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The pools of a link whose addresses a client may have, in the order of their use. */
export function poolsFor({ isRestricted, pools, subnets }: Network, membership: Membership): readonly Pool[] {
  if (!isRestricted) return pools;
  return subnets.flatMap((subnet) =>
    subnet.access?.(membership) === false ? [] : subnet.pools.filter(({ access }) => access?.(membership) !== false)
  );
}

/** The pool among these that an address lies in. */
export function poolAt({ pools }: Pick<Network, "pools">, address: Ipv4): Pool | undefined {
  return pools.find((pool) => rangeContains(pool.range, address));
}

/** The subnet of a link that an address lies in. */
export function subnetAt({ subnets }: Network, address: Ipv4): Subnet | undefined {
  return subnets.find(({ range }) => rangeContains(range, address));
}
