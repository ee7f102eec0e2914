/** A run in figures, and what is printed of a violation. */

import { clockTime } from "./history.ts";
import type { Violation } from "./judge.ts";
import type { ChaosReport, Heal } from "./run.ts";

const LOG_LINES = 40;

/** The figures of a run. */
export function describeReport(report: ChaosReport): string {
  const { options, counts, heals, faults, violations } = report;
  const { acknowledged: sum, calm } = counts;
  return [
    `${options.nodes} nodes, seed ${options.seed}: ${Math.round(report.seconds)} s, ${report.rounds} rounds, ` +
    `${[...faults.values()].reduce((total, count) => total + count, 0)} faults`,
    `faults: ${[...faults].toSorted(([a], [b]) => a.localeCompare(b)).map((pair) => pair.join(" ")).join(", ")}`,
    `exchanges acknowledged: ${sum.acknowledged} (${sum.acquire} new, ${sum.renew} renewed, ${sum.rebind} rebound, ` +
    `${sum.reboot} after a reboot), at most ${report.heldMax} leases at a time; ${sum.ended} released or declined`,
    `not acknowledged: ${sum.givenUp} given up, ${sum.refused} refused; ` +
    `${counts.forgotten} clients without memory got another address`,
    `while no fault went on: ${calm.exchanges} exchanges, ${calm.retransmitted} with retransmissions`,
    `after a heal: ${gap(heals, ({ newMs }) => newMs)} until a new client was served, ` +
    `${gap(heals, ({ renewalMs }) => renewalMs)} until a renewal was, ` +
    `${gap(heals, ({ allReadyMs }) => allReadyMs)} until all nodes were ready`,
    `${report.nodesProbed} probes of nodes that said ready; the clients were late by ${Math.round(report.lagMs)} ms ` +
    `at most and lost ${report.dropped} datagrams`,
    `violations: ${violations.length}`,
  ].join("\n");
}

/** A violation with what led to it. */
export function describeViolation(violation: Violation, { options, faultLog }: ChaosReport): string {
  const { rule, message, atMs, history } = violation;
  const before = faultLog.filter((line) => line.slice(0, clockTime(atMs).length) <= clockTime(atMs));
  const replay = `deno task chaos --nodes ${options.nodes} --seed ${options.seed}`;
  return [
    `VIOLATION ${rule} at ${clockTime(atMs)}: ${message}`,
    `  the same faults again: ${replay}`,
    "  faults:",
    ...before.slice(-LOG_LINES).map((line) => `    ${line}`),
    "  history:",
    ...history.map((line) => `    ${line}`),
  ].join("\n");
}

/** Median and longest. */
function gap(heals: readonly Heal[], of: (heal: Heal) => number | undefined): string {
  const sorted = heals.map((heal) => of(heal) ?? Infinity).toSorted((a, b) => a - b);
  const at = (share: number) => {
    const ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return ms === undefined ? "-" : Math.round(ms);
  };
  return `median ${at(0.5)} ms and at most ${at(1)} ms`;
}
