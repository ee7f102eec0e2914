/** What a fault may cost, and printing what it did cost. */

import { deepStrictEqual, ok } from "node:assert/strict";
import { describeLoad, type LoadReport } from "../load/client_load.ts";

/** From the loss of a leader to one that a majority follows. */
export const ELECTED_MS = 2_000;
/** From a node's death until every address it had can be granted. */
export const REASSIGNED_MS = 10_000;
/** From a node's start until it serves. */
export const RETURNED_MS = 5_000;
/**
 * The same with an empty disk, which must not ask for anything in its first four seconds (lease agreement, case 18).
 */
export const REPLACED_MS = 10_000;
/** From SIGTERM to the end under load; proposals that nobody answers would take two seconds and more. */
export const STOPPED_MS = 1_700;
/** RFC 2131 §4.1: the first retransmission comes 4 s after the message, a second more or less. */
const FIRST_RETRANSMISSION_MS = 5_000;
/** DISCOVER and REQUEST may each be lost; nothing else may take long. */
const SLOWEST_MS = 2 * FIRST_RETRANSMISSION_MS + 500;

/** What a client behind our relay may wait for an exchange, whatever happens to the node that it was sent to. */
const HEDGED_MS = 1_000;

/** Prints a measured time and checks it. */
export function took(what: string, ms: number, mostMs: number): void {
  say(`${what}: ${Math.round(ms)} ms (at most ${mostMs})`);
  ok(ms <= mostMs, `${what} took ${Math.round(ms)} ms, more than ${mostMs}`);
}

/** Clients were not refused, waited for one retransmission at most, kept what they had and shared nothing. */
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

/** Clients behind our relay were not refused, never had to repeat themselves, kept what they had and shared nothing. */
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
  // deno-lint-ignore no-console -- measured figures are part of what a test has to say
  console.log(text.replaceAll(/^/gm, "  "));
}
