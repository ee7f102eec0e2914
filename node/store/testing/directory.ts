/** State directories for tests, removed afterwards. */

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

function unmount(directory: string): void {
  // Lazily: after a failed test a store may be open on it still.
  new Deno.Command("umount", { args: ["--recursive", "--lazy", directory] }).outputSync();
}

function mustMount(args: string[]): void {
  const failure = mount(args);
  if (failure !== "") throw new Error(failure);
}

/** Empty when it worked, else why not. */
function mount(args: string[]): string {
  const { success, stderr } = new Deno.Command("mount", { args, stdout: "null", stderr: "piped" }).outputSync();
  return success ? "" : new TextDecoder().decode(stderr).trim();
}

function fill(path: string): void {
  const file = Deno.openSync(path, { create: true, append: true });
  try {
    for (const size of [4096, 1]) {
      const block = new Uint8Array(size).fill(1);
      try {
        for (;;) file.writeSync(block);
      } catch (error) {
        if (!/os error 28/.test(String(error))) throw error;
      }
    }
  } finally {
    file.close();
  }
}
