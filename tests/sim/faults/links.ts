/** Links that lose, delay, repeat and reorder packets. */

import { DELAY_MS_MAX, GOOD_LINKS, type PacketFilter, type Path, RELAY } from "../network.ts";
import type { Begin, FaultScene } from "./scene.ts";

/** Some nodes are cut off from the others, in both directions or one. */
export const partition: Begin = (scene) => {
  const { prng } = scene.cluster;
  const inside = new Set(scene.nodes.filter(() => prng.chance(0.4)).map(({ id }) => id));
  // Pairs that are cut in one direction only, and nodes that the relay does not reach.
  const heard = new Set<string>();
  const unrelayed = new Set<number>();
  for (const from of inside) {
    for (const { id } of scene.nodes) if (!inside.has(id) && !prng.chance(0.8)) heard.add(`${id} ${from}`);
    if (prng.chance(0.3)) unrelayed.add(from);
  }
  cutFor(scene, scene.ms(1_000, 30_000), ({ from, to }) => {
    if (from === RELAY) return unrelayed.has(to);
    return to !== RELAY && inside.has(from) !== inside.has(to) && !heard.has(`${from} ${to}`);
  });
};

/** One direction is cut. */
export const oneWay: Begin = (scene, node) => {
  const other = scene.cluster.prng.pick(scene.nodes).id;
  cutFor(scene, scene.ms(1_000, 20_000), ({ from, to }) => from === node.id && to === other);
};

/** Two nodes do not hear each other for a long time; all others do. */
export const pairCut: Begin = (scene, node) => {
  const pair = [node.id, scene.cluster.prng.pick(scene.nodes).id];
  scene.cluster.log?.(`nodes ${pair} do not hear each other`);
  cutFor(scene, scene.ms(60_000, 120_000), ({ from, to }) => pair.includes(from) && pair.includes(to));
};

/** One node loses most of what it sends and receives. */
export const lossyNode: Begin = (scene, node) => {
  scene.cluster.log?.(`node ${node.id} loses most packets`);
  cutFor(scene, scene.ms(5_000, 40_000), ({ from, to }) => from === node.id || to === node.id, 0.6);
};

export const multicastLost: Begin = (scene, node) => losePath(scene, node.id, "multicast");
export const unicastLost: Begin = (scene, node) => losePath(scene, node.id, "unicast");
export const streamsLost: Begin = (scene, node) => losePath(scene, node.id, "stream");

/** All links lose, repeat and delay packets from now on. */
export const badLinks: Begin = ({ network, cluster: { prng } }) => {
  network.quality = {
    loss: prng.next() * 0.3,
    duplicates: prng.next() * 0.2,
    delayMs: { min: 0, max: prng.pick([5, 50, 500, DELAY_MS_MAX]) },
  };
};

export const goodLinks: Begin = ({ network }) => {
  network.quality = GOOD_LINKS;
};

/** One way of travelling does not work: everywhere, to one node or from it. */
function losePath(scene: FaultScene, node: number, lost: Path): void {
  const where = scene.cluster.prng.pick(["everywhere", "to", "from"] as const);
  scene.cluster.log?.(`${lost} is lost ${where}${where === "everywhere" ? "" : ` node ${node}`}`);
  cutFor(
    scene,
    scene.ms(3_000, 40_000),
    (packet) => packet.path === lost && (where === "everywhere" || packet[where] === node),
  );
}

function cutFor(scene: FaultScene, ms: number, matches: PacketFilter, loss = 1): void {
  scene.after(ms, scene.network.impair(matches, loss));
}
