/** State directories for tests, removed afterwards. */

import { fill, mount, mustMount, unmount } from "./mount.ts";

/** Runs with a new empty directory. */
export async function withDirectory(run: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "store-" });
  try {
    await run(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** What a test does to a small file system. */
interface TinyDisk {
  /** Takes all the space there is. */
  fillUp(): void;
  /** Gives it back. */
  makeSpace(): void;
  remount(mode: "ro" | "rw"): void;
  /** Makes one file read-only, for root too. */
  protect(file: string): void;
}

/**
 * A test with a state directory on a file system of its own of so many KiB. Skipped, with the reason in its name, where
 * nothing can be mounted.
 */
export function tinyDiskTest(
  name: string,
  kib: number,
  run: (stateDir: string, disk: TinyDisk) => void | Promise<void>,
): void {
  const ignore = MOUNT_OBSTACLE !== "";
  const fn = () => withDirectory((directory) => withTinyDisk(directory, kib, run));
  Deno.test({ name: ignore ? `${name} (skipped, can't mount: ${MOUNT_OBSTACLE})` : name, ignore, fn });
}

async function withTinyDisk(
  directory: string,
  kib: number,
  run: (stateDir: string, disk: TinyDisk) => void | Promise<void>,
): Promise<void> {
  mustMount(["-t", "tmpfs", "-o", `size=${kib}k`, "dhcpcluster-test", directory]);
  const filler = `${directory}/filler`;
  try {
    await run(`${directory}/state`, {
      fillUp: () => fill(filler),
      makeSpace: () => Deno.removeSync(filler),
      remount: (mode) => mustMount(["-o", `remount,${mode}`, directory]),
      protect: (file) => {
        mustMount(["--bind", file, file]);
        mustMount(["-o", "remount,bind,ro", file]);
      },
    });
  } finally {
    unmount(directory);
  }
}

/** Why no file system can be mounted here; empty when one can. */
const MOUNT_OBSTACLE = findObstacle();

function findObstacle(): string {
  if (Deno.build.os !== "linux") return "not Linux";
  if (Deno.uid() !== 0) return "not root";
  const directory = Deno.makeTempDirSync({ prefix: "store-mount-" });
  const failure = mount(["-t", "tmpfs", "-o", "size=64k", "dhcpcluster-test", directory]);
  if (failure === "") unmount(directory);
  Deno.removeSync(directory);
  return failure;
}
