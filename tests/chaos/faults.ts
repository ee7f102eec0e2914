/** The faults: one table. What the rule permits at a time is in `limits.ts`. */

import type { Prng } from "../sim/prng.ts";
import * as clocks from "./faults/clocks.ts";
import * as disks from "./faults/disks.ts";
import * as links from "./faults/links.ts";
import * as operations from "./faults/operations.ts";
import * as processes from "./faults/processes.ts";
import type { Begin } from "./scene.ts";

/** How often it is chosen in relation to the others, and how it begins. */
type Fault = readonly [weight: number, begin: Begin];

const FAULTS = {
  kill: [4, processes.kill],
  restart: [2, processes.restart],
  pause: [3, processes.pause],
  relayPause: [1, processes.relayPause],
  powerFailure: [2, processes.powerFailure],
  oneWay: [2, links.oneWay],
  pairCut: [2, links.pairCut],
  minorityCut: [3, links.minorityCut],
  leaderCut: [2, links.leaderCut],
  lossyNode: [2, links.lossyNode],
  lossyNetwork: [2, links.lossyNetwork],
  delay: [2, links.delay],
  fullDisk: [2, disks.fullDisk],
  newDisk: [1, disks.newDisk],
  rollback: [2, disks.rollback],
  restoredBackup: [1, disks.restoredBackup],
  damagedDatabase: [1, disks.damagedDatabase],
  truncatedDatabase: [1, disks.truncatedDatabase],
  truncatedLog: [2, disks.truncatedLog],
  clockJumps: [2, clocks.jump],
  clockDrifts: [1, clocks.drift],
  stoppedClock: [2, clocks.stopped],
  slowMachine: [1, clocks.slowMachine],
  commonStep: [2, clocks.commonStep],
  keyRotation: [2, operations.keyRotation],
  push: [2, operations.push],
  drain: [1, operations.drain],
  memberChange: [2, operations.memberChange],
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** Reads `kill,pause`; throws on an unknown name. */
export function parseFaults(text: string): readonly FaultName[] {
  return text.split(",").map((name) => {
    const known = FAULT_NAMES.find((one) => one === name);
    if (known === undefined) throw new Error(`"${name}" is no fault: use ${FAULT_NAMES.join(", ")}`);
    return known;
  });
}

/** Chooses one of these by their weights. */
export function pickFault(
  names: readonly FaultName[],
  prng: Prng,
): { readonly name: FaultName; readonly begin: Begin } {
  const tickets = names.flatMap((name) => new Array<FaultName>(FAULTS[name][0]).fill(name));
  const name = prng.pick(tickets);
  return { name, begin: FAULTS[name][1] };
}
