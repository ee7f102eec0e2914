/** Clocks that are wrong: those of some nodes, or those of all together. */

import { ASPECTS, STEP_NOTED_MS } from "../limits.ts";
import type { Begin, Ongoing, Scene } from "../scene.ts";

const LASTS_MS = { min: 2_000, max: 20_000 };
const SLOW_MS = { min: 5_000, max: 20_000 };
/** How long a clock that stood still remains wrong. */
const UNNOTICED_MS = 3_000;

/** The wall clock of one node jumps. */
export const jump: Begin = (scene) => {
  const member = scene.pick();
  if (member === undefined || !scene.limits.takeClock(member.id, scene.nowMs)) return;
  const seconds = scene.prng.pick([-1, 1]) * scene.prng.pick([3, 60, 7_200]);
  scene.clocks.set(member, seconds);
  return corrected(scene, member, `the clock of node ${member.id} jumps by ${seconds} s`);
};

/** The wall clock of one node drifts. */
export const drift: Begin = (scene) => {
  const member = scene.pick();
  if (member === undefined || !scene.limits.takeClock(member.id, scene.nowMs)) return;
  const rate = scene.prng.pick([0.5, 0.9, 1.1, 1.5]);
  scene.clocks.drift(member, rate);
  return corrected(scene, member, `the clock of node ${member.id} runs at ${rate} times its speed`);
};

/** A node stands still, and so does its wall clock: it is behind afterwards, until it is corrected. */
export const stopped: Begin = (scene) => {
  const { limits, clocks } = scene;
  const member = scene.pick();
  if (member === undefined || !limits.take(member.id, "process")) return;
  if (!limits.takeClock(member.id, scene.nowMs)) return void limits.give(member.id, "process");
  const sinceMs = scene.nowMs;
  member.pause();
  return {
    what: `node ${member.id} and its wall clock stand still`,
    lastsMs: scene.ms(LASTS_MS.min, LASTS_MS.max),
    heal: async () => {
      clocks.set(member, -Math.round((scene.nowMs - sinceMs) / 1_000));
      member.resume();
      await new Promise((resolve) => setTimeout(resolve, UNNOTICED_MS));
      clocks.correct(member);
      limits.correctClock(member.id, scene.nowMs);
      limits.give(member.id, "process");
    },
  };
};

/** Both clocks of a node run at half speed, as on an overloaded host. */
export const slowMachine: Begin = async (scene) => {
  const { limits, clocks } = scene;
  const member = scene.pick();
  if (member === undefined || !limits.mayCrash(scene.nowMs) || !limits.take(member.id, "process")) return;
  if (!limits.takeClock(member.id, scene.nowMs)) return void limits.give(member.id, "process");
  await member.kill();
  clocks.slow(member);
  await scene.start(member);
  return {
    what: `both clocks of node ${member.id} run at half speed`,
    lastsMs: scene.ms(SLOW_MS.min, SLOW_MS.max),
    heal: async () => {
      await member.kill();
      clocks.correct(member);
      await scene.start(member);
      limits.correctClock(member.id, scene.nowMs);
      limits.give(member.id, "process");
    },
  };
};

/** All clocks are stepped together; nothing else goes on until the nodes have written that down. */
export const commonStep: Begin = (scene) => {
  const { limits, members } = scene;
  const seconds = scene.prng.pick([-20, -6, 6, 30, 120, 3_600, 7_200]);
  if (members.some(({ id }) => scene.site.watch.snapshot.get(id)?.ready !== true)) return;
  if (!limits.stepClocks(seconds * 1_000, scene.nowMs)) return;
  for (const { id } of members) limits.take(id, ...ASPECTS);
  limits.beginOperation();
  scene.clocks.step(seconds);
  return {
    what: `all clocks step by ${seconds} s`,
    lastsMs: STEP_NOTED_MS,
    heal: () => {
      for (const { id } of members) limits.give(id, ...ASPECTS);
      limits.endOperation();
      return Promise.resolve();
    },
  };
};

function corrected(scene: Scene, member: Parameters<Scene["start"]>[0], what: string): Ongoing {
  return {
    what,
    lastsMs: scene.ms(LASTS_MS.min, LASTS_MS.max),
    heal: () => {
      scene.clocks.correct(member);
      scene.limits.correctClock(member.id, scene.nowMs);
      return Promise.resolve();
    },
  };
}
