/** Limits of what a fault may cost, and printing what it cost. */

import { deepStrictEqual, ok } from "node:assert/strict";
import { describeLoad, type LoadReport } from "../load/client_load.ts";

/** From the loss of a leader to the next one that a majority follows. */
export const ELECTED_MS = 2_000;
/** From a node's death until every address it had can be granted. */
export const REASSIGNED_MS = 10_000;
/** From a node's start until it serves. */
export const RETURNED_MS = 5_000;
/**
 * The same with an empty disk, which must not ask for anything in its first four seconds (lease agreement, case 18).
 */
export const REPLACED_MS = 10_000;
/** From SIGTERM to the end under load; proposals without answers would take two seconds or more. */
export const STOPPED_MS = 1_700;
/** RFC 2131 §4.1: the first retransmission comes 4 s after the message, a second more or less. */
const FIRST_RETRANSMISSION_MS = 5_000;
/** DISCOVER and REQUEST may each be lost once. */
const SLOWEST_MS = 2 * FIRST_RETRANSMISSION_MS + 500;

/** The longest exchange of a client behind our relay under any fault of the node that it was sent to. */
const HEDGED_MS = 1_000;

/** Prints a measured time and checks it. */
export function took(what: string, ms: number, mostMs: number): void {
  say(`${what}: ${Math.round(ms)} ms (at most ${mostMs})`);
  ok(ms <= mostMs, `${what} took ${Math.round(ms)} ms, more than ${mostMs}`);
}

/** No client was refused, waited for more than one retransmission, lost its address or shared one. */
export function unnoticed(what: string, report: LoadReport): void {
  const text = describeLoad(report);
  say(`${what}\n${text}`);
  const { acquired, renewed, conflicts, moved } = report;
  deepStrictEqual(conflicts, [], text);
  for (const { failed, naks, retransmissionsMax, latencyMs } of [acquired, renewed]) {
    deepStrictEqual({ failed, naks }, { failed: 0, naks: 0 }, text);
    ok(retransmissionsMax <= 1 && latencyMs.max < SLOWEST_MS, text);
  }
  deepStrictEqual(moved, 0, text);
}

/** No client behind our relay was refused, retransmitted, lost its address or shared one. */
export function undisturbed(what: string, report: LoadReport): void {
  const text = describeLoad(report);
  say(`${what}\n${text}`);
  const { acquired, renewed, conflicts, moved } = report;
  deepStrictEqual(conflicts, [], text);
  for (const { failed, naks, retransmitted, latencyMs } of [acquired, renewed]) {
    deepStrictEqual({ failed, naks, retransmitted }, { failed: 0, naks: 0, retransmitted: 0 }, text);
    ok(latencyMs.max <= HEDGED_MS, text);
  }
  deepStrictEqual(moved, 0, text);
}

/** A line of the test's output. */
export function say(text: string): void {
  // deno-lint-ignore no-console -- measured figures are part of a test's output
  console.log(text.replaceAll(/^/gm, "  "));
}
