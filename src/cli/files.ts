/** What commands ask of the file system. */

/** Gives a file to another user, as root can; for whoever can't it stays what it is: he made it for himself. */
export async function giveTo(path: string, owner: { readonly uid: number; readonly gid: number }): Promise<void> {
  try {
    await Deno.chown(path, owner.uid, owner.gid);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

/** Whether there is something at a path. Throws when that can't be told. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
