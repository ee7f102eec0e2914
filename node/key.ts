/**
 * Key files: what the members of a cluster share. One or two lines of 32 random octets in base64: the first key seals what
 * this node sends, both open what it receives, so that a key can be replaced without a pause. Empty lines and lines that
 * begin with `#` do not count.
 *
 * To replace a key: add the new one as the second line on every node, then swap the lines on every node, then remove the
 * old one, with a reload after each change.
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { KEY_BYTES } from "../src/cluster/wire/seal.ts";

/** A key file can't be used or made. `message` is one line that names the file and says what to do. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

const KEYS_MAX = 2;
/** Far more than two keys and a comment take. */
const FILE_BYTES_MAX = 4_096;
/** 32 octets in base64, padded. */
const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/;
const OTHERS = 0o077;
const OWNER_ONLY = 0o600;

/** The keys of a file, first the one that seals. Rejects with a {@link KeyFileError}. */
export async function readKeyFile(path: string): Promise<[Uint8Array, ...Uint8Array[]]> {
  let text: string;
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      text = await readPrivate(file, path);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError(`Cannot read the key file ${path}: ${readAdvice(error, path)}`);
  }
  return parseKeys(text, path);
}

/** Judges the open file, not its name: nobody can change one for the other in between. */
async function readPrivate(file: FileHandle, path: string): Promise<string> {
  const info = await file.stat();
  if (!info.isFile()) throw new KeyFileError(`Cannot use ${path} as key file: it is no regular file; name another one`);
  const user = userId();
  if (user !== undefined && info.uid !== user) {
    throw new KeyFileError(
      `Refused the key file ${path}: it belongs to user ${info.uid} and this is user ${user}; chown ${user} ${path}`,
    );
  }
  if ((info.mode & OTHERS) !== 0) {
    const mode = (info.mode & 0o777).toString(8).padStart(4, "0");
    throw new KeyFileError(
      `Refused the key file ${path}: others can read or change it (mode ${mode}); chmod 600 ${path}`,
    );
  }
  if (info.size > FILE_BYTES_MAX) {
    throw new KeyFileError(`Cannot use ${path} as key file: it has ${info.size} octets; name the right file`);
  }
  return await file.readFile("utf8");
}

/**
 * Undefined without --allow-sys=uid. Then only root can come by a file that is private to somebody else: whoever else reads
 * a file that nobody but its owner may read is its owner.
 */
function userId(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "uid" });
  return state === "granted" ? Deno.uid() ?? undefined : undefined;
}

function parseKeys(text: string, path: string): [Uint8Array, ...Uint8Array[]] {
  const make = `make one with dhcpcluster-node key ${path}.new`;
  const keys: Uint8Array[] = [];
  const lines = text.split("\n").map((line) => line.trim());
  for (const [index, line] of lines.entries()) {
    if (line === "" || line.startsWith("#")) continue;
    if (!BASE64_KEY.test(line)) {
      throw new KeyFileError(`Line ${index + 1} of the key file ${path} is not ${KEY_BYTES} octets in base64; ${make}`);
    }
    keys.push(Uint8Array.from(atob(line), (character) => character.charCodeAt(0)));
  }
  const [first, ...rest] = keys;
  if (first === undefined) throw new KeyFileError(`The key file ${path} has no key; ${make}`);
  if (keys.length > KEYS_MAX) {
    throw new KeyFileError(`The key file ${path} has ${keys.length} keys; leave the one to send with and one more`);
  }
  return [first, ...rest];
}

function readAdvice(error: unknown, path: string): string {
  const code = codeOf(error);
  if (code === "ENOENT") {
    return `it does not exist; make it with dhcpcluster-node key ${path} and copy it to every node`;
  }
  if (code === "EACCES") return `permission denied; run as its owner, or chown ${path} to the user this runs as`;
  return describe(error);
}

/** Makes a file with one new key that only its owner can read. Never writes over a file. Rejects with a {@link KeyFileError}. */
export async function makeKeyFile(path: string): Promise<void> {
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, OWNER_ONLY);
    try {
      await file.writeFile(`${btoa(String.fromCharCode(...key))}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new KeyFileError(`Cannot make the key file ${path}: ${makeAdvice(error)}`);
  }
}

function makeAdvice(error: unknown): string {
  const code = codeOf(error);
  if (code === "EEXIST") return "it exists and is not written over; name another file";
  if (code === "ENOENT") return "its directory does not exist; make that first";
  if (code === "EACCES") return "permission denied; run as a user that may write there";
  return describe(error);
}

/** What `dhcpcluster-node key ARGUMENTS` does: the exit code and what to print. */
export async function keyCommand(args: readonly string[]): Promise<{ code: number; message: string }> {
  const [path, ...rest] = args;
  if (path === undefined || rest.length > 0 || path.startsWith("-")) {
    return {
      code: 2,
      message: "Usage: dhcpcluster-node key FILE\nMakes FILE with a new cluster key: the same file on every node.",
    };
  }
  try {
    await makeKeyFile(path);
    return {
      code: 0,
      message: `Made ${path}: copy it to every node, readable by its owner only, and name it in cluster.keyFile`,
    };
  } catch (error) {
    if (error instanceof KeyFileError) return { code: 1, message: error.message };
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message.split("\n", 1)[0] as string : String(error);
}
