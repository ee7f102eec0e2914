/**
 * The `service` section as the server uses it: subnets by address, reservations by client, and the settings of a lease
 * after inheritance (service, subnet, pool, class, reservation; the most specific one that sets a key wins). Compiled
 * once per configuration; answering a client only looks up.
 */

import { toHex } from "../../bytes/hex.ts";
import { type Ipv4, netmask, type Prefix, prefixRange, type Range, rangeContains } from "../../net/ipv4.ts";
import type { Options } from "../message.ts";
import { OPTIONS, writeOption } from "../options/mod.ts";
import type {
  ClassConfig,
  LeaseSettingsConfig,
  ReservationConfig,
  ServiceConfig,
  SubnetConfig,
} from "../../config/service_schema.ts";

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
}

/** A pool within its subnet. */
export interface Pool {
  /** Its number in the lease table. */
  readonly number: number;
  readonly range: Range;
  readonly settings: LeaseSettings;
}

/** One client's own address. */
export interface Reservation {
  readonly address: Ipv4;
  readonly hostname: string;
  readonly config: ReservationConfig;
}

/** A network. */
export interface Subnet {
  readonly prefix: Prefix;
  readonly range: Range;
  /** For clients without a lease (DHCPINFORM) and for reserved addresses outside the pools. */
  readonly settings: LeaseSettings;
  readonly pools: readonly Pool[];
  readonly config: SubnetConfig;
}

/** How a client may be reserved for: its identifier, and its hardware type and address. */
export interface Identity {
  readonly clientId: Uint8Array | undefined;
  readonly hardware: Uint8Array;
}

const encoder = new TextEncoder();

/** A compiled `service` section. */
export class CompiledService {
  readonly config: ServiceConfig;
  /** By address. */
  readonly #subnets: readonly Subnet[];
  readonly #reservations = new Map<string, Reservation>();
  readonly #reserved = new Map<Ipv4, Reservation>();
  /** All pools in the order of their numbers. */
  readonly pools: readonly Pool[];

  constructor(config: ServiceConfig) {
    this.config = config;
    const pools: Pool[] = [];
    this.#subnets = config.subnets.map((subnet) => {
      const compiled = compileSubnet(config, subnet, pools.length);
      pools.push(...compiled.pools);
      for (const reservation of subnet.reservations) this.#reserve(subnet.prefix, reservation);
      return compiled;
    }).sort((a, b) => a.range.first - b.range.first);
    this.pools = pools;
  }

  /** Every subnet, by address. */
  get subnets(): readonly Subnet[] {
    return this.#subnets;
  }

  /** Addresses kept for one client each. */
  get reserved(): Ipv4[] {
    return [...this.#reserved.keys()];
  }

  /** The longest lease that any level allows, in seconds. */
  get maxLeaseSeconds(): number {
    let max = 0;
    const see = (level: LeaseSettingsConfig) =>
      max = Math.max(max, level.leaseSeconds ?? 0, level.maxLeaseSeconds ?? 0);
    see(this.config);
    this.config.classes.forEach(see);
    for (const subnet of this.config.subnets) {
      see(subnet);
      subnet.pools.forEach(see);
      subnet.reservations.forEach(see);
    }
    return max;
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

  /** What is reserved for a client in a subnet: by client identifier first, then by hardware address. */
  reservationFor(subnet: Subnet, identity: Identity): Reservation | undefined {
    if (subnet.config.reservations.length === 0) return undefined;
    const byId = identity.clientId && this.#reservations.get(reservationKey(subnet.prefix, "id", identity.clientId));
    return byId ?? this.#reservations.get(reservationKey(subnet.prefix, "hw", identity.hardware));
  }

  /** The reservation an address is kept for. */
  reservationAt(address: Ipv4): Reservation | undefined {
    return this.#reserved.get(address);
  }

  /** What applies to a client at an address (undefined: no address, as for DHCPINFORM). */
  settingsFor(
    subnet: Subnet,
    options: { pool: Pool | undefined; classes: readonly ClassConfig[]; reservation: Reservation | undefined },
  ): LeaseSettings {
    const { pool, classes, reservation } = options;
    if (classes.length === 0 && reservation === undefined) return pool?.settings ?? subnet.settings;
    const levels: Levels = [this.config, subnet.config];
    if (pool !== undefined) levels.push(poolConfig(subnet, pool));
    levels.push(...classes);
    if (reservation !== undefined) levels.push(reservation.config);
    return resolve(levels, subnet.prefix);
  }

  #reserve(prefix: Prefix, config: ReservationConfig): void {
    const reservation = { address: config.address, hostname: config.hostname ?? "", config };
    this.#reserved.set(config.address, reservation);
    if (config.clientId !== undefined) {
      this.#reservations.set(reservationKey(prefix, "id", config.clientId), reservation);
    }
    if (config.hardware !== undefined) {
      const hardware = Uint8Array.of(ETHERNET, ...config.hardware);
      this.#reservations.set(reservationKey(prefix, "hw", hardware), reservation);
    }
  }
}

/** RFC 1700, hardware type 1. */
const ETHERNET = 1;

function reservationKey(prefix: Prefix, kind: "id" | "hw", bytes: Uint8Array): string {
  return `${prefix.address}/${kind}/${toHex(bytes)}`;
}

function poolConfig(subnet: Subnet, pool: Pool): LeaseSettingsConfig {
  return subnet.config.pools[subnet.pools.indexOf(pool)] ?? subnet.config;
}

function compileSubnet(service: ServiceConfig, config: SubnetConfig, firstNumber: number): Subnet {
  return {
    prefix: config.prefix,
    range: prefixRange(config.prefix),
    settings: resolve([service, config], config.prefix),
    pools: config.pools.map((pool, index) => ({
      number: firstNumber + index,
      range: pool.range,
      settings: resolve([service, config, pool], config.prefix),
    })),
    config,
  };
}

/** From the service, which has a lease time, to the most specific. */
type Levels = [ServiceConfig, ...LeaseSettingsConfig[]];

function resolve(levels: Levels, prefix: Prefix): LeaseSettings {
  const options: Options = new Map();
  writeOption(options, OPTIONS.subnetMask, netmask(prefix.prefixLength));
  if (prefix.prefixLength < 31) writeOption(options, OPTIONS.broadcastAddress, prefixRange(prefix).last);
  for (const level of levels) {
    for (const [code, value] of level.options) options.set(code, value);
  }
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

/** Whether an address lies in one of a subnet's pools. */
export function poolAt(subnet: Subnet, address: Ipv4): Pool | undefined {
  return subnet.pools.find((pool) => rangeContains(pool.range, address));
}
