/**
 * Client classes: names that differ, something to match on, and times that fit wherever the class applies. What refers
 * to classes by name refers to ones that there are: lists, reservations, and conditions, these only to earlier ones.
 */

import { allOf } from "../dhcp/expression/expression.ts";
import { readOnly } from "./field.ts";
import { quote } from "./issue.ts";
import type { Path, Report } from "./issue.ts";
import { Unique } from "./places.ts";
import { asList, asMapping } from "./plain.ts";
import { CLASS_CONDITION } from "./service_schema.ts";
import { suggestion } from "./suggest.ts";
import { checkTimes, readTimes, type Times } from "./times_check.ts";

/** A level (service, subnet, pool) whose times a class or reservation overrides, and how messages call it. */
export interface OverriddenLevel {
  readonly times: Times;
  readonly where: string;
}

/** What lists may have beside classes. */
const ANY_CLIENT = ["known", "unknown"];

/** Checks `classes` against every level that their clients may be in. */
export function checkClasses(
  classes: unknown,
  levels: readonly OverriddenLevel[],
  servicePath: Path,
  report: Report,
): void {
  const names = new Unique<string>(report, "give each class its own name");
  for (const [index, entry] of asList(classes).entries()) {
    const definition = asMapping(entry);
    const path = [...servicePath, "classes", index];
    const name = typeof definition.name === "string" ? definition.name : undefined;
    checkCondition(definition.match, { path: [...path, "match"], isEarlier: (other) => names.has(other) }, report);
    names.add(name, [...path, "name"]);
    if (name !== undefined && ANY_CLIENT.includes(name)) {
      report([...path, "name"], "means clients with or without a reservation; take another name");
    }
    checkOverriding(readTimes(definition), levels, path, report);
  }
}

function checkCondition(
  input: unknown,
  { path, isEarlier }: { readonly path: Path; readonly isEarlier: (name: string) => boolean },
  report: Report,
): void {
  const match = asMapping(input);
  if (match === input && Object.keys(match).length === 0) {
    report(path, "matches nothing; give vendorClass, userClass, architecture or expression", "place");
  }
  const condition = readOnly(CLASS_CONDITION, typeof input === "string" ? input : match.expression);
  for (const part of condition === undefined ? [] : allOf(condition)) {
    if (part.kind !== "member" || isEarlier(part.name)) continue;
    const message = `asks for member(${quote(part.name)}), but no class above it has this name; define that one first`;
    report(typeof input === "string" ? path : [...path, "expression"], message);
  }
}

/** The names of the classes in a section. */
export function classNames(classes: unknown): ReadonlySet<string> {
  return new Set(
    asList(classes).flatMap((entry) => {
      const { name } = asMapping(entry);
      return typeof name === "string" ? [name] : [];
    }),
  );
}

/** The names that lists may have, of these classes. */
export function listNames(classNames: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...classNames, ...ANY_CLIENT]);
}

/** Checks the lists of a level that has them. */
export function checkLists(level: unknown, known: ReadonlySet<string>, path: Path, report: Report): void {
  const { allow, deny } = asMapping(level);
  checkNames(allow, known, [...path, "allow"], report);
  checkNames(deny, known, [...path, "deny"], report);
}

/** Checks a list of names, or one. */
export function checkNames(input: unknown, known: ReadonlySet<string>, path: Path, report: Report): void {
  if (input === undefined) return;
  const isBare = typeof input === "string";
  for (const [index, name] of (isBare ? [input] : asList(input)).entries()) {
    if (typeof name !== "string" || known.has(name)) continue;
    report(isBare ? path : [...path, index], `is no class of this service; ${suggestion(name, [...known])}`);
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
