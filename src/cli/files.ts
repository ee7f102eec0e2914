/** What commands ask of the file system. */

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
