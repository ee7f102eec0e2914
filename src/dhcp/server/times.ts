/** How long a lease lasts and when it is renewed (RFC 2131 §4.3.1, §4.4.5). All in seconds. */

import type { Options } from "../message.ts";
import { OPTIONS, writeOption } from "../options/mod.ts";
import { INFINITE_SECONDS } from "../../config/duration.ts";
import type { LeaseSettings } from "./compiled_service.ts";

/** The lease time for a client that asked for `requestedSeconds`; undefined: for none. */
export function leaseSecondsFor(settings: LeaseSettings, requestedSeconds: number | undefined): number {
  if (requestedSeconds === undefined) return settings.leaseSeconds;
  return Math.min(Math.max(requestedSeconds, settings.minLeaseSeconds), settings.maxLeaseSeconds);
}

/**
 * Writes options 51, 58 and 59. T1 and T2 are the configured ones when they fit into the lease, else a half and seven
 * eighths of it (RFC 2131 §4.4.5); a lease without end has none.
 */
export function writeTimes(options: Options, settings: LeaseSettings, leaseSeconds: number): void {
  let times = lastTimes.get(settings);
  if (times?.leaseSeconds !== leaseSeconds) {
    times = { leaseSeconds, options: encodeTimes(settings, leaseSeconds) };
    lastTimes.set(settings, times);
  }
  for (const [code, value] of times.options) options.set(code, value);
}

/** Most clients with the same settings get the same times: encoded once, not per reply. */
const lastTimes = new WeakMap<LeaseSettings, { readonly leaseSeconds: number; readonly options: Options }>();

function encodeTimes(settings: LeaseSettings, leaseSeconds: number): Options {
  const options: Options = new Map();
  writeOption(options, OPTIONS.addressLeaseTime, leaseSeconds);
  if (leaseSeconds === INFINITE_SECONDS) return options;
  const { renewSeconds, rebindSeconds } = settings;
  const t2 = rebindSeconds !== undefined && rebindSeconds < leaseSeconds
    ? rebindSeconds
    : Math.floor(leaseSeconds * 0.875);
  const t1 = renewSeconds !== undefined && renewSeconds < t2
    ? renewSeconds
    : Math.floor(Math.min(leaseSeconds / 2, t2));
  writeOption(options, OPTIONS.renewalTime, t1);
  writeOption(options, OPTIONS.rebindingTime, t2);
  return options;
}
