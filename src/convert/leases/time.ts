/** Dates as seconds since 1970, without the ambient clock that comes with `Date`. */

/** Seconds since 1970 of a date and a time of day in UTC, by the Gregorian calendar. */
export function utcSeconds(
  [year, month, day]: readonly [number, number, number],
  [hour, minute, second]: readonly [number, number, number],
): number {
  return daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

/** Years are taken to start in March, so that the leap day comes last. */
function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return 365 * marchYear + leapDays + dayOfYear - 719_468;
}

/**
 * The whole seconds of a time as `toISOString` writes it; undefined for anything else.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(isoSeconds("2023-11-14T22:13:20.999Z"), 1_700_000_000);
 * strictEqual(isoSeconds("yesterday"), undefined);
 * ```
 */
export function isoSeconds(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    ...[number, number, number],
    ...[number, number, number],
  ];
  return utcSeconds([year, month, day], [hour, minute, second]);
}
