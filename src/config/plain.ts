/** Reading plain values of a file whose shape is not checked yet. Never throws. */

import type { Path } from "./issue.ts";

/** A mapping as YAML gave it. */
export type Mapping = Readonly<Record<string, unknown>>;

/** Whether YAML made a mapping of it. */
export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value if it is a mapping, else an empty one. */
export function asMapping(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}

/** The value if it is a list, else an empty one. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value at a path; a path that goes on inside a scalar ends at it. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return value;
    value = Object.hasOwn(value, step) ? (value as Record<string | number, unknown>)[step] : undefined;
  }
  return value;
}
