/**
 * A section that differs from one that is compiled by reservations of one subnet, or of those valid in all, as after
 * `reserve`: only what differs is read and checked, and the rest is taken over. Ten thousand others then cost a tenth
 * of what reading them takes.
 */

import { type Difference, differenceOf } from "../../src/bytes/difference.ts";
import { isTooDeep } from "../../src/config/bounds.ts";
import { asList, isMapping, type Mapping } from "../../src/config/plain.ts";
import { allSubnets, withSubnets } from "../../src/config/subnets.ts";
import { type PackedService, packEntries, packService } from "../../src/dhcp/server/compiled_service.ts";
import { replaceReservations } from "../../src/dhcp/server/reservations.ts";
import { type OwnAddresses, readServiceValues, sizeProblem } from "../config.ts";
import type { BaseSection } from "./protocol.ts";

/** A reservation with a lease time of its own may have the longest one of all; options may name a server alone. */
const SETS_MORE = /"(leaseTime|maxLeaseTime|options|nextServer|serverName)":/;

/** The section compiled; undefined when it must be read as a whole, which also tells what is wrong with it. */
export function amendSection(base: BaseSection, text: string, own: OwnAddresses): PackedService | undefined {
  if (sizeProblem(text) !== undefined) return undefined;
  const [before, after] = [partsOf(base.text), partsOf(text)];
  if (before === undefined || after === undefined || before.settings !== after.settings) return undefined;
  if (isTooDeep(after.service)) return undefined;
  const differences = after.entries.map((entries, list) => differenceOf(before.entries[list] ?? [], entries));
  const [changed = 0, ...others] = differences.flatMap((difference, list) => isEmpty(difference) ? [] : [list]);
  // On a link with several subnets a client must differ from those of the other subnets, which are not looked at.
  const isShared = changed >= asList(after.service.subnets).length && changed < after.subnets.length;
  if (others.length > 0 || isShared) return undefined;
  const { at, endBefore, endAfter } = differences[changed] ?? differenceOf([], []);
  const removed = (before.entries[changed] ?? []).slice(at, endBefore);
  if (removed.some((entry) => SETS_MORE.test(entry))) return undefined;
  const added = (after.entries[changed] ?? []).slice(at, endAfter).map((entry): unknown => JSON.parse(entry));
  const only = after.entries.map((_, list) => list === changed ? added : []);
  const subnets = after.subnets.map((subnet, index) => ({ ...subnet, reservations: only[index] }));
  const alone = withSubnets({ ...after.service, reservations: only[subnets.length] }, subnets);
  const read = readServiceValues(alone, own);
  if (!read.ok) return undefined;
  const packed = packService(read.service, only);
  const columns = replaceReservations(base.columns, {
    at: after.entries.slice(0, changed).flat().length + at,
    removed: removed.length,
    added: packed.columns,
    count: added.length,
  });
  if (columns === undefined) return undefined;
  const maxLeaseSeconds = Math.max(base.maxLeaseSeconds, packed.maxLeaseSeconds);
  const used = [...new Set([...base.used, ...packed.used])];
  return { ...packed, ...packEntries(after.entries), columns, maxLeaseSeconds, used };
}

interface Parts {
  readonly service: Mapping;
  readonly subnets: readonly Mapping[];
  /** Of each subnet, and then those valid in all. */
  readonly entries: readonly (readonly string[])[];
  /** Everything but the revision and the reservations. */
  readonly settings: string;
}

/** Undefined: this is no section. */
function partsOf(text: string): Parts | undefined {
  const service = plainValue(text);
  if (!isMapping(service)) return undefined;
  const { subnets: own = [], sharedNetworks = [] } = service;
  if (!Array.isArray(own) || !Array.isArray(sharedNetworks)) return undefined;
  const subnets = allSubnets(service);
  const levels = [...subnets, service];
  if (levels.some(({ reservations = [] }) => !Array.isArray(reservations))) return undefined;
  const settings = subnets.map(({ reservations: _, ...subnet }) => subnet);
  return {
    service,
    subnets,
    entries: levels.map(({ reservations }) => asList(reservations).map((entry) => JSON.stringify(entry))),
    settings: JSON.stringify(withSubnets({ ...service, revision: 0, reservations: [] }, settings)),
  };
}

function plainValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isEmpty({ at, endBefore, endAfter }: Difference): boolean {
  return at === endBefore && at === endAfter;
}
