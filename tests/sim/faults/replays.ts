/** Recorded datagrams are sent again. */

import type { Begin } from "./scene.ts";

const DOWN_MS_MAX = 5_000;
const REPLAY_MS_MAX = 15_000;
const TURN_MS = 20;
const PER_TURN = 20;

/**
 * A node crashes and starts again, and what was sent to it before arrives once more, in the order in which it was sent,
 * for a while and over and over: of members that live and of others that are down.
 */
export const replay: Begin = (scene, node) => {
  const { cluster, limits } = scene;
  if (!limits.mayCrash) return;
  const beganMs = cluster.events.nowMs;
  node.crash();
  scene.after(scene.ms(100, DOWN_MS_MAX), () => {
    scene.start(node);
    const recorded = cluster.recorder.to(node.id, beganMs);
    const endMs = cluster.events.nowMs + scene.ms(1_000, REPLAY_MS_MAX);
    let at = 0;
    const turn = () => {
      if (scene.stopped || cluster.events.nowMs >= endMs || recorded.length === 0) return;
      for (let count = 0; count < PER_TURN; count++) {
        const datagram = recorded[at++ % recorded.length];
        if (datagram !== undefined) node.take(datagram);
      }
      cluster.events.after(TURN_MS, turn);
    };
    turn();
  });
};
