/** Small file systems for tests that fill them; Linux, as root. */

/** With all that is mounted in it, and lazily: after a failed test a store may be open on it still. */
export function unmount(directory: string): void {
  new Deno.Command("umount", { args: ["--recursive", "--lazy", directory] }).outputSync();
}

/** Throws what `mount` says when it fails. */
export function mustMount(args: string[]): void {
  const failure = mount(args);
  if (failure !== "") throw new Error(failure);
}

/** Empty when it worked, else why not. */
export function mount(args: string[]): string {
  const { success, stderr } = new Deno.Command("mount", { args, stdout: "null", stderr: "piped" }).outputSync();
  return success ? "" : new TextDecoder().decode(stderr).trim();
}

/** Fills the file system of a file with that file, to the last octet. */
export function fill(path: string): void {
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
