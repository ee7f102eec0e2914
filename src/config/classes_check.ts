/** Client classes: names that differ, something to match on, and times that fit wherever the class applies. */

import { asList, asMapping } from "./plain.ts";
import type { Path, Report } from "./issue.ts";
import { Unique } from "./places.ts";
import { checkTimes, readTimes, type Times } from "./times_check.ts";

/** A scope whose times a class overrides, and how messages call it. */
export interface OverriddenScope {
  readonly times: Times;
  readonly where: string;
}

/** Checks `classes` against all the scopes that their clients may be in. */
export function checkClasses(
  classes: unknown,
  scopes: readonly OverriddenScope[],
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
    checkClassTimes(readTimes(definition), scopes, path, report);
  }
}

/** The first scope that a class does not fit is enough to act on. */
function checkClassTimes(times: Times, scopes: readonly OverriddenScope[], path: Path, report: Report): void {
  if (Object.keys(times).length === 0) return;
  for (const { times: inherited, where } of scopes) {
    let conflicts = 0;
    const count: Report = (...finding) => {
      conflicts += 1;
      report(...finding);
    };
    checkTimes(times, inherited, path, count, where);
    if (conflicts > 0) return;
  }
}
