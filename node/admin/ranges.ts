/** `GET /ranges`: the pools, how full they are, and which node gives addresses from where. */

import { z } from "zod";
import { CachedAnswer, respondInParts } from "../../src/http/cached_answer.ts";
import { jsonInSlices, lazyList } from "../../src/http/json.ts";
import { type Route, route } from "../../src/http/routes.ts";
import { rangesOf } from "../../src/cluster/leadership/pool_split.ts";
import { formatPrefix, formatRange, type Range, rangeSize } from "../../src/net/ipv4.ts";
import type { Node } from "../node.ts";

const USE = z.object({
  addresses: z.number(),
  bound: z.number().describe("Leased, or within the margin after a lease."),
  resting: z.number().describe("Declined, or blocked."),
  offered: z.number(),
  reserved: z.number().describe("Kept for a client, or known to be in use, and not leased."),
  free: z.number(),
});

export const RANGES = z.object({
  term: z.number(),
  version: z.number(),
  pools: z.array(z.object({
    range: z.string(),
    subnet: z.string(),
    use: USE,
    nodes: z.array(z.object({ id: z.number(), ranges: z.array(z.string()), addresses: z.number(), free: z.number() }))
      .describe("All of them on the leader; elsewhere what is known of this node."),
  })),
});

type Ranges = z.infer<typeof RANGES>;

/** The answer; its list is made when it is written. */
export function describeRanges(
  node: Node,
): Omit<Ranges, "pools"> & { readonly pools: readonly Ranges["pools"][number][] } {
  const { member, service, table } = node.parts;
  const { ranges, divisions, membership } = member;
  const self = node.config.node.id;
  const share = (id: number, own: readonly Range[]) => ({
    id,
    ranges: own.map(formatRange),
    addresses: own.reduce((sum, range) => sum + rangeSize(range), 0),
    free: own.reduce((sum, range) => sum + table.freeIn(range), 0),
  });
  const alone = membership.members.length === 1;
  const { subnets } = service.compiled;
  const subnetOf = new Map(subnets.flatMap((subnet) => subnet.pools.map((pool) => [pool, subnet])));
  const divisionOf = new Map(divisions?.map((division) => [formatRange(division.pool), division]));
  const describe = ({ pool, use }: ReturnType<typeof service.poolUse>[number]) => {
    const subnet = subnetOf.get(pool);
    const division = divisionOf.get(formatRange(pool.range));
    const nodes = alone ? [share(self, [pool.range])] : division === undefined
      ? [share(
        self,
        (ranges.ranges[pool.number] ?? []).filter(({ first }) => first >= pool.range.first && first <= pool.range.last),
      )]
      : membership.members.map(({ id }) => share(id, rangesOf(division, id)));
    return {
      range: formatRange(pool.range),
      subnet: subnet === undefined ? "" : formatPrefix(subnet.prefix),
      use: { ...use },
      nodes,
    };
  };
  const uses = service.poolUse();
  return { term: ranges.term, version: ranges.version, pools: lazyList(() => uses.values().map(describe)) };
}

export function rangeRoutes(node: Node): Route[] {
  const answer = new CachedAnswer(async () => {
    await node.parts.service.countPools();
    return await jsonInSlices(describeRanges(node));
  });
  return [route({
    method: "get",
    path: "/ranges",
    access: "read",
    summary: "Pools, how full they are, and which node gives addresses from where.",
    response: RANGES,
    handle: async ({ peer }) => respondInParts(await answer.get(), "application/json", peer),
  })];
}
