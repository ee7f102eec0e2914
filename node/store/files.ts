/** File helpers of the store. */

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
  try {
    Deno.chownSync(path, uid, gid);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
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
