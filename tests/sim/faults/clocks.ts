/** Clocks that are wrong: those of some machines, or those of all together. */

import type { SimNode } from "../node.ts";
import { newDisk } from "./disks.ts";
import type { Begin, FaultScene } from "./scene.ts";

const DECADE_MS = 3_650 * 86_400_000;

/** The wall clock of a machine jumps. */
export const clockJumps: Begin = (scene, node) => {
  const { prng } = scene.cluster;
  wrong(scene, node, () => node.clock.set(prng.pick([-1, 1]) * prng.pick([3_000, 60_000, 7_200_000])));
};

/** The wall clock of a machine drifts. */
export const clockDrifts: Begin = (scene, node) => {
  const { prng } = scene.cluster;
  wrong(scene, node, () => node.clock.drift(prng.pick([-1, 1]) * prng.pick([0.01, 0.1, 0.5])));
};

/**
 * A machine is suspended: a snapshot with memory, or a migration that stalls. Both clocks stand still; when it goes on,
 * they are behind until NTP corrects the wall clock. Not while a proposal is undecided: no clock sees that its answers
 * are from before, which the rule does not promise.
 */
export const suspension: Begin = (scene, node) => {
  const ms = scene.ms(2_000, 60_000);
  if (node.member?.pending === 0) wrong(scene, node, () => node.suspend(ms), ms);
};

/** Both clocks of a machine run at half speed for a time, as on an overloaded host. */
export const slowMachine: Begin = (scene, node) => {
  const ms = scene.ms(5_000, 60_000);
  wrong(scene, node, () => {
    node.clock.run(0.5);
    scene.after(ms, () => node.clock.run(1));
  }, ms);
};

/** A machine without a battery clock gets a blank disk: until NTP sets it, its clock is behind its earlier starts. */
export const newMachine: Begin = (scene, node) => {
  wrong(scene, node, () => {
    node.clock.set(-scene.cluster.prng.pick([3_600_000, DECADE_MS]));
    newDisk(scene, node);
  });
};

/** The clocks of all machines are stepped together by the same amount, whether their processes run or not. */
export const commonStep: Begin = (scene) => {
  const { prng, time, log } = scene.cluster;
  const ms = prng.pick([-50_000, -20_000, -6_000, 6_000, 30_000, 120_000, 3_600_000, 7_200_000]);
  if (!scene.limits.takeStep(ms)) return;
  time.step(ms);
  log?.(`all clocks step by ${ms} ms`);
};

/** Makes a clock wrong. NTP corrects it some time after `lastsMs`. */
function wrong(scene: FaultScene, node: SimNode, how: () => void, lastsMs = 0): void {
  if (!scene.limits.takeClock(node)) return;
  how();
  scene.cluster.log?.(`node ${node.id}: clock off by ${node.clock.offsetMs} ms`);
  scene.after(lastsMs + scene.ms(5_000, 40_000), () => {
    node.clock.correct();
    scene.limits.corrected(node);
  });
}
