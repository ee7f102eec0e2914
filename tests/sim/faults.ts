/** The faults: one table. `fault_schedule.ts` chooses one after the other, within what `faults/limits.ts` permits. */

import * as clocks from "./faults/clocks.ts";
import * as disks from "./faults/disks.ts";
import { leaseImport } from "./faults/imports.ts";
import { keyRotation } from "./faults/keys.ts";
import * as links from "./faults/links.ts";
import * as machines from "./faults/machines.ts";
import * as operations from "./faults/operations.ts";
import { replay } from "./faults/replays.ts";
import type { Begin } from "./faults/scene.ts";
import type { Prng } from "./prng.ts";
import type { Check } from "./violation.ts";

/** How often it is chosen in relation to the others, and how it begins. */
type Fault = readonly [weight: number, begin: Begin];

const FAULTS = {
  crash: [4, machines.crash],
  powerFailure: [1, machines.powerFailure],
  pause: [1, machines.pause],
  clockJumps: [3, clocks.clockJumps],
  clockDrifts: [1, clocks.clockDrifts],
  suspension: [2, clocks.suspension],
  slowMachine: [1, clocks.slowMachine],
  commonStep: [1, clocks.commonStep],
  newMachine: [1, clocks.newMachine],
  newDisk: [2, disks.newDisk],
  rollback: [2, disks.rollback],
  firstImage: [1, disks.firstImage],
  restoredBackup: [1, disks.restoredBackup],
  lyingDisk: [1, disks.lyingDisk],
  slowDisk: [2, disks.slowDisk],
  fullDisk: [1, disks.fullDisk],
  hungDisk: [1, disks.hungDisk],
  cutDisk: [1, disks.cutDisk],
  partition: [3, links.partition],
  oneWay: [1, links.oneWay],
  pairCut: [1, links.pairCut],
  lossyNode: [1, links.lossyNode],
  multicastLost: [1, links.multicastLost],
  unicastLost: [1, links.unicastLost],
  streamsLost: [1, links.streamsLost],
  badLinks: [3, links.badLinks],
  goodLinks: [2, links.goodLinks],
  push: [1, operations.push],
  maxLease: [1, operations.maxLease],
  members: [1, operations.members],
  deadNewcomer: [1, operations.deadNewcomer],
  rivalChanges: [1, operations.rivalChanges],
  lostMajority: [1, operations.lostMajority],
  keyRotation: [1, keyRotation],
  leaseImport: [1, leaseImport],
  replay: [1, replay],
  endRests: [1, operations.endRests],
  conflicts: [1, operations.conflicts],
  earlierRelease: [1, operations.earlierRelease],
} as const satisfies Record<string, Fault>;

/** Properties of a whole run, and the share of the runs that have them. */
const TRAITS = {
  /** Leases of ten minutes. */
  longLeases: 0.1,
  /** The faults go on for longer. */
  longRun: 0.05,
  /** The clients are behind the product's relay core. */
  relayCore: 0.3,
  /** Datagrams between nodes pass the product's seal, which takes nearly half of such a run's time. */
  sealed: 0.2,
} as const;

export type FaultName = keyof typeof FAULTS | keyof typeof TRAITS;
type Trait = keyof typeof TRAITS;

const FAULT_NAMES = Object.keys(FAULTS) as readonly (keyof typeof FAULTS)[];

/** Faults that the product does not survive yet, and why. */
const PENDING: Partial<Record<FaultName, string>> = {};

/** Checks that the product does not pass yet, and why; (j) is pending while a fault goes on. */
export const PENDING_CHECKS: Partial<Record<Check, string>> = {
  "(j)": "the transport sends unicast where multicast is lost; the simulator's links do not",
};

/** The faults of a run by their weight, and its possible properties by their probability. */
export type FaultSet = ReadonlyMap<FaultName, number>;

const ALL: FaultSet = new Map<FaultName, number>([
  ...FAULT_NAMES.map((name) => [name, FAULTS[name][0]] as const),
  ...Object.entries(TRAITS) as [Trait, number][],
]);

export const DEFAULT_FAULTS: FaultSet = new Map([...ALL].filter(([name]) => PENDING[name] === undefined));

/**
 * Reads `suspension,longLeases`: these faults, and every run has that property. `default` and `all` stand for several.
 * Throws on an unknown name.
 */
export function parseFaults(text: string): FaultSet {
  const named = { default: DEFAULT_FAULTS, all: ALL };
  return new Map(
    text.split(",").flatMap((name): [FaultName, number][] => {
      if (name === "default" || name === "all") return [...named[name]];
      const known = [...ALL.keys()].find((one) => one === name);
      if (known === undefined) {
        throw new Error(`"${name}" is no fault: use ${["default", "all", ...ALL.keys()].join(", ")}`);
      }
      return [[known, isEvent(known) ? FAULTS[known][0] : 1]];
    }),
  );
}

/** Whether a run has a property. */
export function hasTrait(trait: Trait, faults: FaultSet, prng: Prng): boolean {
  return prng.chance(faults.get(trait) ?? 0);
}

/** The faults that begin during a run, each as often as its weight. */
export function weighted(faults: FaultSet): readonly { readonly name: FaultName; readonly begin: Begin }[] {
  return [...faults].flatMap(([name, weight]) =>
    isEvent(name) ? new Array(weight).fill({ name, begin: FAULTS[name][1] }) : []
  );
}

function isEvent(name: FaultName): name is keyof typeof FAULTS {
  return name in FAULTS;
}
