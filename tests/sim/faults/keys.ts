/**
 * The key of the cluster's traffic is replaced as documented: first every node opens the new key too, then every node
 * seals with it, then none has the old one. Or in haste: each node gets only the new key.
 */

import type { Begin } from "./scene.ts";

const STEP_MS_MAX = 5_000;

export const keyRotation: Begin = (scene) => {
  const { operator, cluster: { prng, log, mutation } } = scene;
  const [old, ...others] = operator.keys;
  if (old === undefined || others.length > 0 || scene.stopped) return;
  const fresh = old + 1;
  const steps = prng.chance(0.7) ? [[old, fresh], [fresh, old], [fresh]] : [[fresh]];
  log?.(`operator: key ${fresh} replaces key ${old} in ${steps.length} steps`);
  const take = () => {
    const keys = steps.shift();
    if (keys === undefined) return;
    operator.keys = keys;
    for (const node of scene.nodes) {
      if (mutation.keepsKeys?.(node) !== true) scene.after(scene.ms(0, STEP_MS_MAX), () => node.keys = operator.keys);
    }
    scene.after(STEP_MS_MAX + 1, take);
  };
  take();
};
