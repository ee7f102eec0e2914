/** Files with a secret: only their owner may read them, and the owner must be the user of this process. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** A secret file can't be used. `message` is one line that names the file and says what to do. */
export class PrivateFileError extends Error {
  override readonly name = "PrivateFileError";
}

/** Far more than a secret and a comment need. */
const SECRET_BYTES_MAX = 4_096;
const OTHERS = 0o077;

/** What the file is, and how one is made. */
interface PrivateFile {
  /** Such as "key file". */
  readonly what: string;
  /** What to do where there is none, as the end of a sentence. */
  readonly make: string;
  /** Of a file with more than one secret. */
  readonly bytesMax?: number;
}

/** The text of a file. Rejects with a {@link PrivateFileError}. */
export async function readPrivateFile(path: string, wanted: PrivateFile): Promise<string> {
  const { what, make } = wanted;
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return await readPrivate(file, path, wanted);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof PrivateFileError) throw error;
    throw new PrivateFileError(`Cannot read the ${what} ${path}: ${readAdvice(error, path, make)}`);
  }
}

/** Checks the open file, not its name, so that the file cannot be exchanged in between. */
async function readPrivate(file: FileHandle, path: string, wanted: PrivateFile): Promise<string> {
  const { what, bytesMax = SECRET_BYTES_MAX } = wanted;
  const info = await file.stat();
  if (!info.isFile()) {
    throw new PrivateFileError(`Cannot use ${path} as ${what}: it is not a regular file; name another one`);
  }
  const user = userId();
  if (user !== undefined && info.uid !== user) {
    throw new PrivateFileError(
      `Refused the ${what} ${path}: it belongs to user ${info.uid} and this is user ${user}; chown ${user} ${path}`,
    );
  }
  if ((info.mode & OTHERS) !== 0) {
    const mode = (info.mode & 0o777).toString(8).padStart(4, "0");
    throw new PrivateFileError(
      `Refused the ${what} ${path}: others can read or change it (mode ${mode}); chmod 600 ${path}`,
    );
  }
  if (info.size > bytesMax) {
    throw new PrivateFileError(`Cannot use ${path} as ${what}: it has ${info.size} octets; name the right file`);
  }
  return await file.readFile("utf8");
}

/**
 * Undefined without --allow-sys=uid. The check of the mode suffices then: only the owner, or root, can read a file with
 * mode 0600.
 */
function userId(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "uid" });
  return state === "granted" ? Deno.uid() ?? undefined : undefined;
}

function readAdvice(error: unknown, path: string, make: string): string {
  const code = errorCode(error);
  if (code === "ENOENT") return `it does not exist; ${make}`;
  if (code === "EACCES") return `permission denied; run as its owner, or chown ${path} to the user this runs as`;
  return firstLine(error);
}

/** Node's name of a system error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

export function firstLine(error: unknown): string {
  return error instanceof Error ? error.message.split("\n", 1)[0] as string : String(error);
}
