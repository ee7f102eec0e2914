/** Disks that are full, lost, damaged, or put back to an earlier state. */

import { exists } from "../../../src/cli/files.ts";
import type { Member } from "../../e2e/cluster/member.ts";
import type { Begin, Scene } from "../scene.ts";

const FULL_MS = { min: 1_000, max: 15_000 };
const DOWN_MS = { min: 100, max: 5_000 };
const DAMAGED_PAGES_MAX = 8;
const PAGE_OCTETS = 2_048;
const WAL_HEADER_OCTETS = 32;
const WAL_PAGE_SIZE_AT = 8;
const WAL_SALT_AT = 16;
const WAL_FRAME_HEADER_OCTETS = 24;
const WAL_FRAME_SALT_AT = 8;

/** A disk is full. */
export const fullDisk: Begin = (scene) => {
  const member = scene.pick();
  if (member === undefined || !scene.limits.take(member.id, "disk")) return;
  scene.excused.add(member.id);
  scene.disks.fill(member);
  return {
    what: `the disk of node ${member.id} is full`,
    lastsMs: scene.ms(FULL_MS.min, FULL_MS.max),
    heal: async () => {
      scene.disks.empty(member);
      await scene.supervise();
      scene.excused.delete(member.id);
      scene.limits.give(member.id, "disk");
    },
  };
};

/** A disk is replaced by an empty one. */
export const newDisk: Begin = (scene) =>
  loses(scene, scene.pick(), "gets an empty disk", (member) => scene.disks.blank(member));

/** A disk is put back to an earlier state, of which the others remember a later one. */
export const rollback: Begin = (scene) => {
  const member = scene.pick();
  if (member === undefined) return;
  const { stateDir } = member.config.node;
  const images = scene.disks.images(member).filter((image) =>
    image.stateDir === stateDir && scene.disks.isKnownToOthers(member, image.lsn)
  );
  if (images.length === 0) return;
  const image = scene.prng.pick(images);
  return loses(scene, member, "gets an earlier state of its disk", () => scene.disks.putBack(member, image));
};

/** An operator restores a backup by command. */
export const restoredBackup: Begin = (scene) => {
  const member = scene.pick();
  const images = member === undefined ? [] : scene.disks.images(member);
  if (member === undefined || images.length === 0) return;
  const image = scene.prng.pick(images);
  return loses(scene, member, "is restored from a backup", async () => {
    scene.disks.blank(member);
    await member.command("restore", image.path);
  });
};

/** Some pages of the database are overwritten. */
export const damagedDatabase: Begin = (scene) =>
  loses(scene, scene.pick(), "has a damaged database", (member) => {
    const { prng, disks } = scene;
    disks.closeInOrder(member);
    scene.damaged.add(member.id);
    const file = Deno.openSync(disks.database(member), { write: true });
    const pages = Math.floor(Deno.statSync(disks.database(member)).size / PAGE_OCTETS);
    for (let count = prng.int(1, DAMAGED_PAGES_MAX); count > 0; count--) {
      file.seekSync(prng.int(0, Math.max(0, pages - 1)) * PAGE_OCTETS, Deno.SeekMode.Start);
      file.writeSync(Uint8Array.from({ length: PAGE_OCTETS }, () => prng.int(0, 255)));
    }
    file.close();
  });

/** The end of the database is missing. */
export const truncatedDatabase: Begin = (scene) =>
  loses(scene, scene.pick(), "has a truncated database", (member) => {
    scene.disks.closeInOrder(member);
    scene.damaged.add(member.id);
    const path = scene.disks.database(member);
    Deno.truncateSync(path, Math.floor(Deno.statSync(path).size * scene.prng.next()));
  });

/**
 * The write-ahead log is missing, or the end of it: the disk goes back by seconds or minutes. Only if the others know
 * of a later state.
 */
export const truncatedLog: Begin = (scene) =>
  loses(scene, scene.pick(), "has a truncated write-ahead log", (member) => {
    const path = scene.disks.database(member);
    const log = `${path}-wal`;
    if (!exists(log)) return "there was none";
    const whole = Deno.readFileSync(log);
    Deno.truncateSync(log, scene.prng.chance(0.5) ? 0 : Math.floor(validOctets(whole) * scene.prng.next()));
    // What was copied from it into the database may be newer than the rest of it.
    scene.damaged.add(member.id);
    const forgetIndex = () => exists(`${path}-shm`) && Deno.removeSync(`${path}-shm`);
    forgetIndex();
    if (isKnown(scene, member)) return;
    Deno.writeFileSync(log, whole);
    forgetIndex();
    return "the others do not know of a later state: it was put back";
  });

/**
 * The part of a write-ahead log that counts: the frames with the salt of its header. What follows is of an earlier
 * round (https://sqlite.org/walformat.html).
 */
function validOctets(log: Uint8Array): number {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  let end = WAL_HEADER_OCTETS;
  if (log.length < end) return log.length;
  const salt = view.getBigUint64(WAL_SALT_AT);
  const frameOctets = WAL_FRAME_HEADER_OCTETS + view.getUint32(WAL_PAGE_SIZE_AT);
  while (end + frameOctets <= log.length && view.getBigUint64(end + WAL_FRAME_SALT_AT) === salt) end += frameOctets;
  return end;
}

/** Whether the others know of a later state of a disk; a database that can't be read is no earlier state. */
function isKnown({ disks }: Scene, member: Member): boolean {
  try {
    return disks.isKnownToOthers(member, disks.lsn(member));
  } catch {
    return true;
  }
}

/** Kills a node and does something to its disk, if the rule permits that. */
async function loses(
  scene: Scene,
  member: Member | undefined,
  what: string,
  how: (member: Member) => Promise<string | void> | string | void,
) {
  if (member === undefined || !member.started) return;
  if (!scene.limits.loseDisk(member.id, scene.nowMs)) return;
  await member.kill();
  const note = await how(member);
  return {
    what: `node ${member.id} ${what}${note === undefined ? "" : ` (${note})`}`,
    lastsMs: scene.ms(DOWN_MS.min, DOWN_MS.max),
    heal: async () => {
      await scene.start(member);
      scene.limits.give(member.id, "disk", "process");
    },
  };
}
