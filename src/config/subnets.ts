/**
 * The subnets of a section's plain values, wherever they stand: in `subnets`, and in `sharedNetworks` behind them. The
 * order is that of `ServiceConfig.subnets`.
 */

import type { Path } from "./issue.ts";
import { asList, asMapping, type Mapping } from "./plain.ts";

/** A list of subnets and where it stands in the section. */
interface SubnetList {
  readonly path: Path;
  /** As written; not a mapping: it is wrong. */
  readonly entries: readonly unknown[];
}

/** The lists of subnets: first the one of the section, then one of each shared network. */
export function subnetLists(service: Mapping): SubnetList[] {
  const shared = asList(service.sharedNetworks).map((network, index): SubnetList => ({
    path: ["sharedNetworks", index, "subnets"],
    entries: asList(asMapping(network).subnets),
  }));
  return [{ path: ["subnets"], entries: asList(service.subnets) }, ...shared];
}

/** Every subnet. */
export function allSubnets(service: Mapping): Mapping[] {
  return subnetLists(service).flatMap(({ entries }) => entries.map(asMapping));
}

/** The section with other subnets in the same places. */
export function withSubnets(service: Mapping, subnets: readonly Mapping[]): Mapping {
  let next = 0;
  const take = (entries: unknown) => subnets.slice(next, next += asList(entries).length);
  const changed: Record<string, unknown> = { ...service };
  if (Object.hasOwn(service, "subnets")) changed.subnets = take(service.subnets);
  if (Object.hasOwn(service, "sharedNetworks")) {
    changed.sharedNetworks = asList(service.sharedNetworks).map(asMapping)
      .map((network) => ({ ...network, subnets: take(network.subnets) }));
  }
  return changed;
}
