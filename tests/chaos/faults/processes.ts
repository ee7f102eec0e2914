/** Processes that end, stop or stand still. */

import { PAUSE_MS_MAX } from "../limits.ts";
import { type Begin, hasStarted } from "../scene.ts";

/** The relay's place among the nodes in the limits. */
const RELAY = 0;
const DOWN_MS = { min: 100, max: 10_000 };
/** A node that takes five seconds ends with code 1 by itself; on a busy machine it may notice late. */
const STOP_MS = 15_000;
const RELAY_MS_MAX = 6_000;
const POWER_MS = { min: 200, max: 4_000 };

/** SIGKILL. */
export const kill: Begin = async (scene) => {
  const member = scene.pick();
  if (member === undefined || !scene.limits.mayCrash(scene.nowMs) || !scene.limits.take(member.id, "process")) return;
  await member.kill();
  return {
    what: `kill -9 of node ${member.id}`,
    lastsMs: scene.ms(DOWN_MS.min, DOWN_MS.max),
    heal: async () => {
      await scene.start(member);
      scene.limits.give(member.id, "process");
    },
  };
};

/** SIGTERM, and a start later. */
export const restart: Begin = async (scene) => {
  const member = scene.pick();
  if (member === undefined || !scene.limits.mayCrash(scene.nowMs) || !hasStarted(member.process)) return;
  if (!scene.limits.take(member.id, "process", "disk")) return;
  const { process } = member;
  await member.stop(STOP_MS).catch(async (error) => {
    scene.judge.found("ended", scene.nowMs, `node ${member.id} did not end in order: ${error.message}`);
    await process.kill();
  });
  return {
    what: `restart of node ${member.id}`,
    lastsMs: scene.ms(DOWN_MS.min, DOWN_MS.max),
    heal: async () => {
      await scene.start(member);
      scene.limits.give(member.id, "process", "disk");
    },
  };
};

/** SIGSTOP and SIGCONT. */
export const pause: Begin = (scene) => {
  const member = scene.prng.chance(0.5) ? scene.leaderOrAny() : scene.pick();
  if (member === undefined || !scene.limits.take(member.id, "process")) return;
  member.pause();
  return {
    what: `SIGSTOP of node ${member.id}`,
    lastsMs: scene.ms(500, PAUSE_MS_MAX),
    heal: () => {
      member.resume();
      scene.limits.give(member.id, "process");
      return Promise.resolve();
    },
  };
};

/** SIGSTOP and SIGCONT of the relay. */
export const relayPause: Begin = (scene) => {
  const { site, limits } = scene;
  if (!limits.take(RELAY, "process")) return;
  site.relay.pause();
  return {
    what: "SIGSTOP of the relay",
    lastsMs: scene.ms(500, RELAY_MS_MAX),
    heal: () => {
      site.relay.resume();
      limits.give(RELAY, "process");
      return Promise.resolve();
    },
  };
};

/** Power fails for all machines at once. */
export const powerFailure: Begin = async (scene) => {
  if (!scene.limits.mayCrash(scene.nowMs)) return;
  const members = scene.members.filter(({ id, started }) => started && scene.limits.take(id, "process"));
  await Promise.all(members.map((member) => member.kill()));
  return {
    what: `power failure of nodes ${members.map(({ id }) => id).join(", ")}`,
    lastsMs: scene.ms(POWER_MS.min, POWER_MS.max),
    heal: async () => {
      for (const member of members) await scene.start(member);
      for (const { id } of members) scene.limits.give(id, "process");
    },
  };
};
