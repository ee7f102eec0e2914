/**
 * Addresses that the `service` section itself says are in use: routers, and servers that options name. They are never
 * leased, unless reserved for the host that has them.
 */

import type { Options } from "../dhcp/message.ts";
import { hostsOf, optionByCode } from "../dhcp/options/mod.ts";
import { addressIn } from "../dhcp/options/values/text.ts";
import { formatIpv4, formatRange, type Ipv4, rangeContains } from "../net/ipv4.ts";
import { leaseLevels } from "./levels.ts";
import type { ServiceConfig } from "./service_schema.ts";

const LINES_MAX = 20;

/** Every such address with the key that names it first, whether it lies in a pool or not. */
export function usedAddresses(config: ServiceConfig): Map<Ipv4, string> {
  const used = new Map<Ipv4, string>();
  const defined = new Set(config.optionDefinitions.flatMap(({ space, code }) => space === undefined ? [code] : []));
  const add = (key: string, addresses: readonly Ipv4[]) => {
    for (const address of addresses) if (address !== 0 && !used.has(address)) used.set(address, key);
  };
  for (const { options, nextServer, serverName = "" } of leaseLevels(config)) {
    if (nextServer !== undefined) add("nextServer", [nextServer]);
    add("serverName", addressIn(serverName));
    for (const [name, hosts] of hostsIn(options, defined)) add(name, hosts);
  }
  return used;
}

/** A definition does not say whether its addresses are those of hosts; `defined`: codes that have one. */
function* hostsIn(
  options: Options,
  defined: ReadonlySet<number>,
): Generator<[name: string, hosts: readonly Ipv4[]]> {
  for (const [code, bytes] of options) {
    const spec = defined.has(code) ? undefined : optionByCode(code);
    if (spec !== undefined) yield [spec.name, hostsOf(spec, bytes)];
  }
}

/** What an operator is told of such addresses in pools, and of `own` ones, with the key that leads to each. */
export function usedInPools(config: ServiceConfig, own: Iterable<readonly [Ipv4, string]> = []): string[] {
  const lines: string[] = [];
  const used = new Map([...usedAddresses(config), ...own]);
  const lists = [config, ...config.subnets].flatMap(({ reservations }) => reservations);
  const reserved = new Set(used.size === 0 ? [] : lists.map(({ address }) => address));
  for (const { pools } of used.size === 0 ? [] : config.subnets) {
    for (const { range } of pools) {
      for (const [address, key] of used) {
        if (!rangeContains(range, address) || reserved.has(address)) continue;
        lines.push(
          `the pool ${formatRange(range)} contains ${formatIpv4(address)}, which ${key} names: no client gets it; ` +
            "leave it out of the pool, or reserve it for the host that has it",
        );
      }
    }
  }
  return lines.length <= LINES_MAX ? lines : [...lines.slice(0, LINES_MAX), `and ${lines.length - LINES_MAX} more`];
}
