/** What commands print: tables with aligned columns, time spans, JSON. */

import { escapeUnseen } from "../unseen.ts";

/**
 * Lines of a table. Columns whose cells are all empty are left out.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual(table(["id", "free"], [["1", "20"], ["12", "9"]], { right: ["free"] }), [
 *   "id  free",
 *   "1     20",
 *   "12     9",
 * ]);
 * ```
 */
export function table(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [] }: { readonly right?: readonly string[] } = {},
): string[] {
  const shown = headers.map((_, column) => column).filter((column) => rows.some((row) => (row[column] ?? "") !== ""));
  const width = (column: number) => Math.max(...[headers, ...rows].map((row) => [...(row[column] ?? "")].length));
  const widths = new Map(shown.map((column) => [column, width(column)]));
  return [headers, ...rows].map((row) =>
    shown.map((column) => {
      const cell = row[column] ?? "";
      const padding = " ".repeat((widths.get(column) ?? 0) - [...cell].length);
      return right.includes(headers[column] ?? "") ? padding + cell : cell + padding;
    }).join("  ").trimEnd()
  );
}

/**
 * A time span in the two largest units that matter.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual([5, 65, 3_600, 90_061].map(span), ["5s", "1m 5s", "1h", "1d 1h"]);
 * ```
 */
export function span(seconds: number): string {
  const units: [string, number][] = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]];
  let rest = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  const first = units.findIndex(([, size]) => rest >= size);
  for (const [unit, size] of units.slice(first === -1 ? units.length - 1 : first).slice(0, 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || parts.length === 0) parts.push(`${count}${unit}`);
  }
  return parts.join(" ");
}

/** JSON for people and programs, on lines of its own; what a terminal would act on is escaped. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, undefined, 2).split("\n").map(escapeUnseen).join("\n");
}
