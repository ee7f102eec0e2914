/** File helpers of the commands. */

/** Gives a file to another user, as root can; without the permission the file keeps its owner. */
export function giveTo(path: string, owner: { readonly uid: number; readonly gid: number }): void {
  try {
    Deno.chownSync(path, owner.uid, owner.gid);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

/** Whether a path exists. Throws when that cannot be determined. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
