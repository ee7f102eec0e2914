/** Client classes: names that differ, something to match on, and times that fit wherever the class applies. */

import { asList, asMapping } from "./plain.ts";
import type { Path, Report } from "./issue.ts";
import { Unique } from "./places.ts";
import { checkTimes, readTimes, type Times } from "./times_check.ts";

/** A level (service, subnet, pool) whose times a class or reservation overrides, and how messages call it. */
export interface OverriddenLevel {
  readonly times: Times;
  readonly where: string;
}

/** Checks `classes` against every level that their clients may be in. */
export function checkClasses(
  classes: unknown,
  levels: readonly OverriddenLevel[],
  servicePath: Path,
  report: Report,
): void {
  const names = new Unique(report, "give each class its own name");
  for (const [index, entry] of asList(classes).entries()) {
    const definition = asMapping(entry);
    const path = [...servicePath, "classes", index];
    names.add(typeof definition.name === "string" ? definition.name : undefined, [...path, "name"]);
    const match = asMapping(definition.match);
    if (match === definition.match && Object.keys(match).length === 0) {
      report([...path, "match"], "matches nothing; give vendorClass, userClass or architecture", "place");
    }
    checkOverriding(readTimes(definition), levels, path, report);
  }
}

/** Reports the first level that the times of a class or reservation do not fit. */
export function checkOverriding(times: Times, levels: readonly OverriddenLevel[], path: Path, report: Report): void {
  if (Object.keys(times).length === 0) return;
  for (const { times: inherited, where } of levels) {
    let conflicts = 0;
    const count: Report = (...finding) => {
      conflicts += 1;
      report(...finding);
    };
    checkTimes(times, inherited, path, count, where);
    if (conflicts > 0) return;
  }
}
