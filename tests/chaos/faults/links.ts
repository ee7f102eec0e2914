/** Cables that are cut, one way or both, and networks that lose or delay packets. */

import type { Member } from "../../e2e/cluster/member.ts";
import { DELAY_MS_MAX } from "../limits.ts";
import type { Begin, Ongoing, Scene } from "../scene.ts";

const CLUSTER_PORT = 6767;
const LASTS_MS = { min: 1_000, max: 20_000 };

/** The node can't send, or can't receive. */
export const oneWay: Begin = async (scene) => {
  const member = scene.prng.chance(0.5) ? scene.leaderOrAny() : scene.pick();
  const direction = scene.prng.pick(["in", "out"] as const);
  if (member === undefined || !scene.limits.take(member.id, "link")) return;
  await member.firewall.drop({ direction });
  return opensAgain(scene, [member], `node ${member.id} can't ${direction === "in" ? "receive" : "send"}`);
};

/** Two nodes do not hear each other; all others do. */
export const pairCut: Begin = async (scene) => {
  const [one, other] = [scene.pick(), scene.pick()];
  if (one === undefined || other === undefined || one === other) return;
  if (!takeAll(scene, [one, other])) return;
  await one.firewall.drop({ peers: [other.host.address] });
  return opensAgain(scene, [one, other], `nodes ${one.id} and ${other.id} do not hear each other`);
};

/** Some nodes are cut off from the others, which are at least as many; clients and relay reach all. */
export const minorityCut: Begin = async (scene) => {
  const { members, prng } = scene;
  const size = prng.int(1, Math.floor(members.length / 2));
  const inside = shuffled(scene, members).slice(0, size);
  if (!takeAll(scene, inside)) return;
  const peers = members.filter((member) => !inside.includes(member)).map(({ host }) => host.address);
  await Promise.all(inside.map(({ firewall }) => firewall.drop({ peers, port: CLUSTER_PORT })));
  return opensAgain(scene, inside, `nodes ${inside.map(({ id }) => id).join(", ")} are cut off from the others`);
};

/** The leader's cable is unplugged. */
export const leaderCut: Begin = async (scene) => {
  const { topology } = scene.site;
  const member = scene.leaderOrAny();
  if (member === undefined || !scene.limits.take(member.id, "link")) return;
  await topology.unplug(member.host);
  return {
    what: `node ${member.id}, the leader, is unplugged`,
    lastsMs: scene.ms(LASTS_MS.min, LASTS_MS.max),
    heal: async () => {
      await topology.replug(member.host);
      scene.limits.give(member.id, "link");
    },
  };
};

/** One node loses most packets. */
export const lossyNode: Begin = async (scene) => {
  const member = scene.pick();
  if (member === undefined || !scene.limits.take(member.id, "link")) return;
  const ratio = scene.prng.pick([0.3, 0.6]);
  await member.firewall.drop({ ratio });
  return opensAgain(scene, [member], `node ${member.id} loses ${ratio * 100} % each way`);
};

/** All nodes lose some packets. */
export const lossyNetwork: Begin = async (scene) => {
  const members = scene.members;
  if (!takeAll(scene, members)) return;
  const ratio = scene.prng.pick([0.05, 0.15]);
  await Promise.all(members.map(({ firewall }) => firewall.drop({ direction: "in", ratio })));
  return opensAgain(scene, members, `all nodes lose ${ratio * 100} %`);
};

/** One node is far away. */
export const delay: Begin = async (scene) => {
  const member = scene.prng.pick(scene.members);
  if (!scene.limits.take(member.id, "link")) return;
  const link = await scene.delay(member);
  const delayMs = scene.ms(10, DELAY_MS_MAX / 2);
  await link.set({ delayMs, jitterMs: delayMs });
  return {
    what: `node ${member.id} is ${delayMs} ms away, give or take as much`,
    lastsMs: scene.ms(LASTS_MS.min, LASTS_MS.max),
    heal: async () => {
      await link.set({ delayMs: 0 });
      scene.limits.give(member.id, "link");
    },
  };
};

function opensAgain(scene: Scene, members: readonly Member[], what: string): Ongoing {
  return {
    what,
    lastsMs: scene.ms(LASTS_MS.min, LASTS_MS.max),
    heal: async () => {
      await Promise.all(members.map(({ firewall }) => firewall.open()));
      for (const { id } of members) scene.limits.give(id, "link");
    },
  };
}

/** All links, or none. */
function takeAll(scene: Scene, members: readonly Member[]): boolean {
  const taken = members.filter(({ id }) => scene.limits.take(id, "link"));
  if (taken.length === members.length) return true;
  for (const { id } of taken) scene.limits.give(id, "link");
  return false;
}

function shuffled<T>(scene: Scene, values: readonly T[]): T[] {
  const rest = [...values];
  return values.map(() => rest.splice(scene.prng.int(0, rest.length - 1), 1)[0] as T);
}
