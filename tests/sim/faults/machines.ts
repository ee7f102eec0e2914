/** Processes and machines that stop. */

import type { SimNode } from "../node.ts";
import type { Begin, FaultScene } from "./scene.ts";

const PAUSE_MS_MAX = 60_000;
const CRASH_MS_MAX = 20_000;
const POWER_FAILURE_MS_MAX = 5_000;

/** A process or machine crashes and starts again later. */
export const crash: Begin = (scene, node) => {
  if (scene.limits.mayCrash) down(scene, node, CRASH_MS_MAX);
};

/** Power fails for all machines at once, sometimes again soon after they have started. */
export const powerFailure: Begin = (scene) => {
  const fail = () => {
    if (scene.stopped || !scene.limits.mayCrash) return;
    for (const node of scene.nodes) if (!node.disk.isStaleCopy) down(scene, node, POWER_FAILURE_MS_MAX);
  };
  fail();
  if (scene.cluster.prng.chance(0.3)) scene.after(scene.ms(200, 6_000), fail);
};

/** A process stops for a while, and continues with the input of that time. */
export const pause: Begin = (scene, node) => node.pause(scene.ms(100, PAUSE_MS_MAX));

function down(scene: FaultScene, node: SimNode, msMax: number): void {
  node.crash();
  scene.after(scene.ms(100, msMax), () => scene.start(node));
}
