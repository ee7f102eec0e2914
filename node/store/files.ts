/** File helpers of the store. */

import { giveTo } from "../../src/cli/files.ts";

/** Makes what was created or renamed in a directory durable. */
export function syncDirectory(directory: string): void {
  const handle = Deno.openSync(directory);
  try {
    handle.syncSync();
  } finally {
    handle.close();
  }
}

/** A file that root puts into the state directory must belong to the service's user; without root it does already. */
export function giveToOwner(path: string, directory: string): void {
  const { uid, gid } = Deno.statSync(directory);
  if (uid === null || gid === null || Deno.statSync(path).uid === uid) return;
  giveTo(path, { uid, gid });
}

/** What is at a path, if anything is. */
export function statOrNothing(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
