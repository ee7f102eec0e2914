/** What operators do while other faults go on. Commands may fail: a majority may be missing. */

import { stringify } from "yaml";
import type { Member } from "../../e2e/cluster/member.ts";
import { until } from "../../e2e/lab/wait.ts";
import { LEASE_SECONDS, LEASE_SECONDS_MAX } from "../limits.ts";
import { type Begin, hasStarted, type Scene } from "../scene.ts";
import { serviceOf } from "../service.ts";

const KEY_OCTETS = 32;
const OBEY_MS = 15_000;
const STEP_MS = 1_500;
const DRAIN_MS = { min: 2_000, max: 10_000 };
const CHANGE_MS = { min: 5_000, max: 20_000 };
const CHANGE_EVERY_MS = 1_000;

/**
 * The key of the cluster's traffic is replaced as documented: first every node opens the new key too, then every node
 * seals with it, then none has the old one. Or in haste: each node gets only the new key.
 */
export const keyRotation: Begin = (scene) => {
  const [old, ...others] = scene.keys;
  if (old === undefined || others.length > 0 || !scene.limits.beginOperation()) return;
  const fresh = btoa(String.fromCharCode(...Array.from({ length: KEY_OCTETS }, () => scene.prng.int(0, 255))));
  const steps = scene.prng.chance(0.7) ? [[old, fresh], [fresh, old], [fresh]] : [[fresh]];
  const rotation = (async () => {
    for (const keys of steps) {
      scene.keys = keys;
      await Promise.all(scene.site.members.map((member) => giveKeys(scene, member)));
      await rest(STEP_MS);
    }
  })();
  rotation.catch(() => {});
  return {
    what: `another key in ${steps.length === 1 ? "one step" : `${steps.length} steps`}`,
    lastsMs: steps.length * STEP_MS,
    heal: async () => {
      await rotation;
      scene.limits.endOperation();
    },
  };
};

/** A process that is starting reads the file, maybe before it was written; so it is told once it takes signals. */
async function giveKeys(scene: Scene, member: Member): Promise<void> {
  await member.writeKeys(...scene.keys);
  if (!member.started) return;
  const { process } = member;
  await until(`node ${member.id} to take signals`, OBEY_MS, () => !process.running || hasStarted(process));
  if (member.started && member.process === process && process.running) await member.reload();
}

/** A configuration with other lease times and options, by command. */
export const push: Begin = (scene) => {
  const member = scene.pick();
  if (member === undefined || !scene.limits.beginOperation()) return;
  const leaseSeconds = scene.prng.pick([LEASE_SECONDS, LEASE_SECONDS - 15, LEASE_SECONDS_MAX]);
  const nameServer = `10.77.0.${scene.prng.int(50, 99)}`;
  const { revision: _, ...service } = serviceOf({ addresses: scene.addresses, leaseSeconds, nameServer });
  const path = `${member.host.namespace.folder("pushed")}/service.yaml`;
  Deno.writeTextFileSync(path, stringify(service));
  const result = outcome(member.command("config", "push", path));
  return {
    what: `a configuration with leaseTime ${leaseSeconds} is pushed at node ${member.id}`,
    lastsMs: STEP_MS,
    heal: async () => {
      const text = await result;
      const served = /^Revision (\d+) is served/m.exec(text);
      if (served !== null) scene.revision = Math.max(scene.revision, Number(served[1]));
      scene.limits.endOperation();
      return `push: ${text}`;
    },
  };
};

/** A node is drained, and serves again. */
export const drain: Begin = (scene) => {
  const member = scene.leaderOrAny();
  if (member === undefined || !scene.limits.beginOperation()) return;
  const drained = outcome(member.command("drain"));
  return {
    what: `node ${member.id} is drained`,
    lastsMs: scene.ms(DRAIN_MS.min, DRAIN_MS.max),
    heal: async () => {
      const text = await drained;
      // A process that was restarted is not drained any more.
      const undone = member.started ? await outcome(member.command("drain", "--undo")) : "it is down";
      scene.limits.endOperation();
      return `drain: ${text}; undo: ${undone}`;
    },
  };
};

/** The spare node becomes a member, or the node that did is removed. */
export const memberChange: Begin = async (scene) => {
  const { limits, spare } = scene;
  if (limits.lost.size > 0 || !limits.isCalm || !limits.beginOperation()) return;
  scene.changesMembers = true;
  const adds = !limits.members.includes(spare.id);
  if (adds) await scene.start(spare);
  const endMs = scene.nowMs + scene.ms(CHANGE_MS.min, CHANGE_MS.max);
  const change = (async () => {
    let text = "no node leads";
    while (scene.nowMs < endMs) {
      const leader = scene.leaderOrAny();
      if (leader !== undefined) {
        // A node that leads is not removed: it is drained first, and another one leads.
        if (!adds && leader === spare) await outcome(spare.command("drain"));
        const words = adds ? ["add", String(spare.id), spare.host.address] : ["remove", String(spare.id)];
        text = await outcome(leader.members(...words));
        if (/^Done/m.test(text)) break;
      }
      await rest(CHANGE_EVERY_MS);
    }
    return text;
  })();
  return {
    what: `node ${spare.id} is to be ${adds ? "added" : "removed"}`,
    lastsMs: CHANGE_MS.min,
    // The members are read from the leader, once a majority is back.
    heal: async () => `members: ${await change}`,
  };
};

/** The output of a command, or why it failed, in one line. */
async function outcome(command: Promise<string>): Promise<string> {
  const text = await command.then(
    (output) => output,
    (error) => `failed: ${error.message.split("exited with").at(-1)}`,
  );
  return text.trim().replaceAll(/\s*\n\s*/g, " | ").slice(0, 300);
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
