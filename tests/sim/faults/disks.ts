/** Disks that are slow, full, hanging, lost, or put back to an earlier state. */

import { BLANK, FACT, newDiskId } from "../../../src/cluster/sync/disk_identity.ts";
import { FAST_DISK, type Image } from "../disk.ts";
import type { SimNode } from "../node.ts";
import type { Begin, FaultScene } from "./scene.ts";

/** Higher than that of any disk which was not restored. */
const LATER_GENERATION = 4_000_000_000;

export const slowDisk: Begin = (scene, node) => {
  node.disk.latencyMs = scene.cluster.prng.pick([FAST_DISK, { min: 50, max: 500 }, { min: 500, max: 3_000 }]);
};

export const fullDisk: Begin = (scene, node) => {
  const ms = scene.ms(500, 15_000);
  node.disk.fullUntilMs = scene.cluster.events.nowMs + ms;
  scene.after(ms, () => {});
};

/** Its fsync hangs. */
export const hungDisk: Begin = (scene, node) => {
  const ms = scene.ms(1_000, 15_000);
  node.disk.hungUntilMs = scene.cluster.events.nowMs + ms;
  scene.after(ms, () => {});
};

/** The end of its log is lost; the node sees that, whatever the others have heard. */
export const cutDisk: Begin = (scene, node) => {
  const images = node.disk.images.filter((image) => scene.limits.looksForOthers(node, image));
  if (images.length === 0) return;
  const image = scene.cluster.prng.pick(images);
  replace(scene, node, "the beginning of its log only", () => node.disk.cut(image));
};

/** A disk is replaced by a blank one. */
export const newDisk: Begin = (scene, node) => {
  replace(scene, node, "a new disk", () => {
    node.disk.wipe();
    // A node with a blank disk reads the members from its file.
    node.fileMembers = scene.cluster.checkers.epochs.newest.members;
  });
};

/** A disk is put back to any earlier state, also of a disk that was replaced since. */
export const rollback: Begin = (scene, node) => {
  const known = node.disk.images.filter((image) => scene.limits.isKnownToOthers(node, image));
  if (known.length > 0) putBack(scene, node, "an earlier disk", scene.cluster.prng.pick(known));
};

/** A disk is put back to its first start, before the cluster was formed. */
export const firstImage: Begin = (scene, node) => {
  const [image] = node.disk.images;
  if (image !== undefined && scene.limits.isKnownToOthers(node, image)) putBack(scene, node, "its first disk", image);
};

/** An operator restores a backup by command: it is another disk, a learner's, whatever the others have heard. */
export const restoredBackup: Begin = (scene, node) => {
  const { prng, mutation } = scene.cluster;
  const images = node.disk.images.filter((image) => scene.limits.looksForOthers(node, image));
  if (images.length === 0) return;
  const image = prng.pick(images);
  const facts = new Map(image.facts).set(FACT.diskId, newDiskId(() => prng.next()));
  if (mutation.believesBackups === true) {
    facts.set(FACT.diskGeneration, String(LATER_GENERATION + scene.cluster.events.nowMs));
    return putBack(scene, node, "a backup", { ...image, facts });
  }
  facts.set(FACT.blank, BLANK.fenced).set(FACT.diskGeneration, "0");
  replace(scene, node, "a backup", () => node.disk.wipe(facts));
};

/**
 * The fsync of a disk lies for a time: what it reports as durable is lost in the next crash. The others must have heard
 * of what is lost, which they have not in the last seconds.
 */
export const lyingDisk: Begin = (scene, node) => {
  const { prng, log } = scene.cluster;
  if (!scene.limits.mayLoseDisk(node)) return;
  log?.(`node ${node.id}: its fsync lies`);
  const first = node.disk.images.length;
  node.disk.keepImage();
  node.disk.lies = () => {
    const lost = node.disk.images.slice(first).filter((image) => scene.limits.isKnownToOthers(node, image));
    return lost.length === 0 ? undefined : prng.pick(lost);
  };
  scene.after(scene.ms(1_000, 20_000), () => {
    node.disk.lies = undefined;
  });
};

function putBack(scene: FaultScene, node: SimNode, what: string, image: Image): void {
  replace(scene, node, what, () => node.disk.restore(image));
}

/** Replaces a disk, if the rule permits that now. */
function replace(scene: FaultScene, node: SimNode, what: string, how: () => void): void {
  const { cluster, limits, stopped } = scene;
  if (stopped || cluster.nodes.get(node.id) !== node || !limits.mayLoseDisk(node)) return;
  node.crash();
  cluster.log?.(`node ${node.id} gets ${what}`);
  how();
  scene.after(scene.ms(100, 5_000), () => scene.start(node));
}
