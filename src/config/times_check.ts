/**
 * How the times of a level (service, subnet, pool, class, reservation) relate, inherited ones included: min ≤ lease ≤
 * max and T1 < T2 < lease time (RFC 2131 §4.4.5). A relation is reported at the level that breaks it, not again below.
 */

import { formatSeconds } from "./duration.ts";
import { readOnly } from "./field.ts";
import type { Path, Report } from "./issue.ts";
import { LEASE_SETTINGS } from "./service_schema.ts";

type TimeName = Extract<keyof typeof LEASE_SETTINGS, `${string}Time`>;

/** Times in seconds; a wrong one counts as not given, as the schema already says what is wrong with it. */
export type Times = { readonly [Name in TimeName]?: number };

const NAMES = Object.keys(LEASE_SETTINGS).filter((name): name is TimeName => name.endsWith("Time"));

/** RFC 2131 §4.4.5: T1 defaults to 0.5 and T2 to 0.875 of the lease time. */
const SHARE_OF_LEASE: { readonly [Name in TimeName]?: { readonly share: number; readonly text: string } } = {
  renewTime: { share: 0.5, text: "half of leaseTime" },
  rebindTime: { share: 0.875, text: "7/8 of leaseTime" },
};

const RULES: readonly { readonly low: TimeName; readonly high: TimeName; readonly mayEqual: boolean }[] = [
  { low: "minLeaseTime", high: "leaseTime", mayEqual: true },
  { low: "leaseTime", high: "maxLeaseTime", mayEqual: true },
  { low: "renewTime", high: "rebindTime", mayEqual: false },
  { low: "rebindTime", high: "leaseTime", mayEqual: false },
];

/** Reads the times that a level sets itself. */
export function readTimes(settings: Readonly<Record<string, unknown>>): Times {
  const times: { [Name in TimeName]?: number } = {};
  for (const name of NAMES) {
    const value = readOnly(LEASE_SETTINGS[name], settings[name]);
    if (value !== undefined) times[name] = value;
  }
  return times;
}

interface Effective {
  readonly seconds: number;
  /** How the value is told in a message. */
  readonly text: string;
  readonly derived: boolean;
}

function effective(name: TimeName, own: Times, inherited: Times): Effective | undefined {
  const given = own[name] ?? inherited[name];
  if (given !== undefined) {
    const origin = own[name] === undefined ? ", inherited" : "";
    return { seconds: given, text: `${name} (${formatSeconds(given)}${origin})`, derived: false };
  }
  const lease = own.leaseTime ?? inherited.leaseTime;
  const default_ = SHARE_OF_LEASE[name];
  if (lease === undefined || default_ === undefined) return undefined;
  const seconds = lease * default_.share;
  return { seconds, text: `${name} (${formatSeconds(Math.floor(seconds))}, ${default_.text})`, derived: true };
}

/** Checks one level and returns what the levels inside it inherit. `where` names the level that a class applies to. */
export function checkTimes(own: Times, inherited: Times, path: Path, report: Report, where = ""): Times {
  // What a level inherits is reported where it is set.
  if (Object.keys(own).length === 0) return inherited;
  for (const { low, high, mayEqual } of RULES) {
    const lower = effective(low, own, inherited);
    const upper = effective(high, own, inherited);
    if (lower === undefined || upper === undefined) continue;
    if (lower.seconds < upper.seconds || (mayEqual && lower.seconds === upper.seconds)) continue;
    if (own[low] !== undefined) {
      const problem = mayEqual ? "is longer than" : "is not shorter than";
      report([...path, low], `${problem} ${upper.text}${where}; shorten it, or set ${high} with it`);
    } else if (own[high] !== undefined) {
      const problem = mayEqual ? "is shorter than" : "is not longer than";
      report([...path, high], `${problem} ${lower.text}${where}; lengthen it, or set ${low} with it`);
    } else if (own.leaseTime !== undefined && (lower.derived || upper.derived)) {
      const problem = `does not fit: ${lower.text} would not be shorter than ${upper.text}${where}`;
      report([...path, "leaseTime"], `${problem}; set ${lower.derived ? high : low} with it`);
    }
  }
  return { ...inherited, ...own };
}
