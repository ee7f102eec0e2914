/**
 * How the values of the `service` section must relate: subnets, pools, reservations and classes to each other. Each
 * value by itself is checked in `service_schema.ts`; a value that is wrong by itself is skipped here, so that one
 * mistake does not hide another.
 */

import { formatIpv4, formatPrefix, formatRange, type Prefix, prefixRange, type Range } from "../net/ipv4.ts";
import { rangeContains, rangeSize } from "../net/ipv4.ts";
import { checkClasses, checkLists, classNames, listNames, type OverriddenLevel } from "./classes_check.ts";
import { checkDefinitions } from "./definitions_check.ts";
import { readOnly } from "./field.ts";
import { formatPath, type Path, type Report } from "./issue.ts";
import { asList, asMapping, isMapping, type Mapping } from "./plain.ts";
import {
  checkOverlaps,
  checkPoolRange,
  checkSubnetPrefix,
  type PlacedRange,
  type TakenAddress,
} from "./ranges_check.ts";
import { WIRE_LIMITS } from "../cluster/wire/limits.ts";
import { checkGlobalReservations, checkReservations, clientsOf, ReservedAddresses } from "./reservations_check.ts";
import {
  LEASE_SECONDS_DEFAULT,
  POOL_RANGE,
  relaySelector,
  SHARED_NETWORK_NAME,
  SUBNET_ID,
  SUBNET_PREFIX,
} from "./service_schema.ts";
import { toHex } from "../bytes/hex.ts";
import { Unique } from "./places.ts";
import { subnetLists } from "./subnets.ts";
import { checkTimes, readTimes, type Times } from "./times_check.ts";

/** All pools together. The lease table keeps every pool address in memory and on every node's disk. */
const POOL_ADDRESSES_MAX = 4_000_000;

/** A node tells the others of each of its pools in every heartbeat, which is one datagram. */
const POOLS_MAX = WIRE_LIMITS.poolsMax;

/** Where the section is in its file, and the addresses in use that no pool may contain. */
interface ServiceContext {
  readonly path: Path;
  readonly taken: readonly TakenAddress[];
}

/** Checks the section's plain values. */
export function checkService(
  root: unknown,
  report: Report,
  context: ServiceContext = { path: ["service"], taken: [] },
): void {
  if (isMapping(root)) new ServiceCheck(report, context).run(root);
}

/** One run over the section. */
class ServiceCheck {
  readonly #report: Report;
  readonly #context: ServiceContext;
  /** Every level that a class may override. */
  readonly #levels: OverriddenLevel[] = [];
  #classNames: ReadonlySet<string> = new Set();
  #listNames: ReadonlySet<string> = new Set();
  readonly #subnets: PlacedRange[] = [];
  readonly #prefixes: Prefix[] = [];
  readonly #reserved: ReservedAddresses;
  /** Where each number of a subnet stands. */
  readonly #ids = new Map<number, Path>();
  readonly #relays: Unique<string>;
  #pools = 0;
  #poolAddresses = 0;

  constructor(report: Report, context: ServiceContext) {
    this.#report = report;
    this.#context = context;
    this.#reserved = new ReservedAddresses(report);
    this.#relays = new Unique(report, "assign it to one link");
  }

  run(service: Mapping): void {
    const { path } = this.#context;
    this.#classNames = classNames(service.classes);
    this.#listNames = listNames(this.#classNames);
    checkLists({ deny: service.deny }, this.#listNames, path, this.#report);
    checkDefinitions(service.optionDefinitions, path, this.#report);
    const times = checkTimes(readTimes(service), { leaseTime: LEASE_SECONDS_DEFAULT }, path, this.#report);
    this.#levels.push({ times, where: "" });
    const [own = { entries: [] }, ...shared] = subnetLists(service);
    if (service.subnets === undefined && service.sharedNetworks === undefined) {
      this.#report([...path, "subnets"], "is missing; give a list", "place");
    } else if (own.entries.length + shared.length === 0 && Array.isArray(service.subnets)) {
      this.#report([...path, "subnets"], "has 0 entries; give at least 1", "place");
    }
    for (const [index, entry] of own.entries.entries()) {
      const subnetPath = [...path, "subnets", index];
      this.#checkSubnet(asMapping(entry), times, subnetPath);
      this.#checkRelays(asMapping(entry).relays, subnetPath);
    }
    this.#checkSharedNetworks(asList(service.sharedNetworks).map(asMapping), times, [...path, "sharedNetworks"]);
    checkOverlaps(this.#subnets, this.#report);
    checkClasses(service.classes, this.#levels, path, this.#report);
    const all = { prefixes: this.#prefixes, levels: this.#levels, classNames: this.#classNames, path };
    checkGlobalReservations(service.reservations, all, this.#reserved, this.#report);
  }

  #checkSharedNetworks(networks: readonly Mapping[], inherited: Times, path: Path): void {
    const names = new Unique<string>(this.#report, "give each link its own name");
    for (const [index, network] of networks.entries()) {
      const place = [...path, index];
      names.add(readOnly(SHARED_NETWORK_NAME, network.name), [...place, "name"]);
      const times = checkTimes(readTimes(network), inherited, place, this.#report);
      this.#levels.push({ times, where: ` in ${formatPath(place)}` });
      const clients = clientsOf(this.#report, " on the link");
      for (const [number, entry] of asList(network.subnets).entries()) {
        this.#checkSubnet(asMapping(entry), times, [...place, "subnets", number], clients);
      }
      this.#checkRelays(network.relays, place);
    }
  }

  /** What is assigned to a link is assigned to no other one. */
  #checkRelays(relays: unknown, path: Path): void {
    for (const [index, entry] of asList(relays).entries()) {
      const place = [...path, "relays", index];
      const selector = readOnly(relaySelector, entry);
      if (selector === undefined) continue;
      const values = Object.entries(selector).map(([key, value]) =>
        `${key} ${typeof value === "number" ? formatIpv4(value) : toHex(value)}`
      );
      if (values.length > 0) this.#relays.add(values.sort().join(), place);
      else this.#report(place, "names nothing; give giaddr, circuitId, remoteId or relayId", "place");
    }
  }

  #checkSubnet(subnet: Mapping, inherited: Times, path: Path, clients?: Unique<string>): void {
    const prefix = readOnly(SUBNET_PREFIX, subnet.subnet);
    if (prefix !== undefined) {
      const prefixPath = [...path, "subnet"];
      checkSubnetPrefix(prefix, prefixPath, this.#report);
      this.#prefixes.push(prefix);
      this.#subnets.push({ range: prefixRange(prefix), text: formatPrefix(prefix), path: prefixPath });
    }
    this.#checkId(readOnly(SUBNET_ID, subnet.id), [...path, "id"]);
    checkLists(subnet, this.#listNames, path, this.#report);
    const times = checkTimes(readTimes(subnet), inherited, path, this.#report);
    this.#levels.push({ times, where: ` in ${formatPath(path)}` });
    const pools = readPools(subnet.pools, path);
    const placed: PlacedRange[] = [];
    const checkedPools = pools.map((pool) => {
      const { range, rangePath } = pool;
      checkLists(pool.settings, this.#listNames, pool.path, this.#report);
      if (range !== undefined) {
        if (prefix !== undefined) checkPoolRange(range, prefix, rangePath, this.#report);
        this.#checkContents(range, rangePath);
        placed.push({ range, text: formatRange(range), path: rangePath });
      }
      const poolTimes = checkTimes(readTimes(pool.settings), times, pool.path, this.#report);
      this.#levels.push({ times: poolTimes, where: ` in ${formatPath(pool.path)}` });
      return { range, times: poolTimes };
    });
    checkOverlaps(placed, this.#report);
    const checked = { prefix, times, pools: checkedPools, path, classNames: this.#classNames, clients };
    checkReservations(subnet.reservations, checked, this.#reserved, this.#report);
  }

  #checkId(id: number | undefined, path: Path): void {
    if (id === undefined) return;
    const other = this.#ids.get(id);
    if (other === undefined) this.#ids.set(id, path);
    else this.#report(path, `is also ${formatPath(other)}; give each subnet a number of its own`);
  }

  #checkContents(range: Range, path: Path): void {
    for (const { address, name } of this.#context.taken) {
      if (!rangeContains(range, address)) continue;
      this.#report(path, `contains ${formatIpv4(address)}, the address of ${name}; leave it out`);
    }
    if (++this.#pools === POOLS_MAX + 1) this.#report(path, `is one pool too many; make do with ${POOLS_MAX} in all`);
    const before = this.#poolAddresses;
    this.#poolAddresses += rangeSize(range);
    if (before <= POOL_ADDRESSES_MAX && this.#poolAddresses > POOL_ADDRESSES_MAX) {
      const message = `brings the pools to ${this.#poolAddresses} addresses; make do with ${POOL_ADDRESSES_MAX} in all`;
      this.#report(path, message);
    }
  }
}

interface PoolEntry {
  /** Undefined when it is wrong by itself. */
  readonly range: Range | undefined;
  readonly rangePath: Path;
  readonly settings: Mapping;
  readonly path: Path;
}

function readPools(pools: unknown, subnetPath: Path): PoolEntry[] {
  return asList(pools).map((entry, index) => {
    const path = [...subnetPath, "pools", index];
    const settings = asMapping(entry);
    const isBare = typeof entry === "string";
    const range = readOnly(POOL_RANGE, isBare ? entry : settings.range);
    return { range, rangePath: isBare ? path : [...path, "range"], settings, path };
  });
}
