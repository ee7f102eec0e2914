/** How prefixes and ranges of addresses must relate to each other, whatever they are for. */

import { formatIpv4, formatPrefix, formatRange, type Ipv4, type Prefix } from "../net/ipv4.ts";
import { prefixContains, prefixRange, type Range, rangeContains } from "../net/ipv4.ts";
import { formatPath, type Path, type Report } from "./issue.ts";

/** A range and where it stands in the file. */
export interface PlacedRange {
  readonly range: Range;
  /** The range in messages about other ranges. */
  readonly text: string;
  readonly path: Path;
}

/** An address that no client may have, and what it is. */
export interface TakenAddress {
  readonly address: Ipv4;
  readonly name: string;
}

/** RFC 1122 §3.2.1.3: network and directed broadcast address; RFC 3021: /31 and /32 have none. */
function takenBySubnet(prefix: Prefix): readonly TakenAddress[] {
  if (prefix.prefixLength >= 31) return [];
  const { first, last } = prefixRange(prefix);
  return [{ address: first, name: "network address" }, { address: last, name: "broadcast address" }];
}

/** A subnet must consist of addresses that hosts can have. */
export function checkSubnetPrefix(prefix: Prefix, path: Path, report: Report): void {
  const { first, last } = prefixRange(prefix);
  if (last >= 0xe0000000) report(path, "holds multicast or reserved addresses; narrow it");
  else if (first < 0x01000000) report(path, "holds addresses of 0.0.0.0/8, which no host can have; narrow it");
}

/** A pool must lie in its subnet and leave out its network and broadcast addresses. */
export function checkPoolRange(range: Range, prefix: Prefix, path: Path, report: Report): void {
  if (!prefixContains(prefix, range.first) || !prefixContains(prefix, range.last)) {
    const subnet = formatPrefix(prefix);
    return report(path, `lies outside the subnet ${subnet}; keep it within ${formatRange(prefixRange(prefix))}`);
  }
  for (const { address, name } of takenBySubnet(prefix)) {
    if (!rangeContains(range, address)) continue;
    report(path, `contains the ${name} ${formatIpv4(address)} of the subnet; leave it out`);
  }
}

/** So must a reserved address. */
export function checkReservedAddress(address: Ipv4, prefix: Prefix, path: Path, report: Report): void {
  if (!prefixContains(prefix, address)) {
    return report(path, `lies outside the subnet ${formatPrefix(prefix)}; reserve an address within it`);
  }
  const taken = takenBySubnet(prefix).find((one) => one.address === address);
  if (taken !== undefined) report(path, `is the ${taken.name} of the subnet; reserve another`);
}

/**
 * Reports every range that overlaps another, at the one that stands later in the file. Ranges are given in file order
 * and compared in address order, so that a hundred thousand take no noticeable time.
 */
export function checkOverlaps(ranges: readonly PlacedRange[], report: Report): void {
  const order = new Map(ranges.map((entry, index) => [entry, index]));
  let reaching: PlacedRange | undefined;
  for (const entry of [...ranges].sort((a, b) => a.range.first - b.range.first)) {
    if (reaching !== undefined && entry.range.first <= reaching.range.last) {
      const inOrder = (order.get(reaching) ?? 0) < (order.get(entry) ?? 0);
      const [earlier, later] = inOrder ? [reaching, entry] : [entry, reaching];
      report(later.path, `overlaps ${formatPath(earlier.path)} (${earlier.text}); separate the two`);
    }
    if (reaching === undefined || entry.range.last > reaching.range.last) reaching = entry;
  }
}
