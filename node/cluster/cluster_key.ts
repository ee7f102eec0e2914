/**
 * Key files, which the members of a cluster share. One or two lines of 32 random octets in base64: the first key seals
 * what this node sends, both open what it receives, so that a key can be replaced without a pause. Empty lines and
 * lines that begin with `#` do not count.
 *
 * To replace a key: add the new one as the second line on every node, then swap the lines on every node, then remove
 * the old one, with a reload after each change.
 */

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { KEY_BYTES } from "../../src/cluster/wire/seal.ts";
import { errorCode, firstLine, PrivateFileError, readPrivateFile } from "../../src/cli/private_file.ts";

/** A key file cannot be used or made. `message` is one line that names the file and says what to do. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

const KEYS_MAX = 2;
/** 32 octets in base64, padded. */
const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/;
const OWNER_ONLY = 0o600;

/** The keys of a file, first the one that seals. Rejects with a {@link KeyFileError}. */
export async function readKeyFile(path: string): Promise<[Uint8Array, ...Uint8Array[]]> {
  const make = `make it with dhcpcluster-node key ${path} and copy it to every node`;
  try {
    return parseKeys(await readPrivateFile(path, { what: "key file", make }), path);
  } catch (error) {
    throw error instanceof PrivateFileError ? new KeyFileError(error.message) : error;
  }
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

/**
 * Makes a file with one new key that only its owner can read. Never overwrites a file. Rejects with a {@link
 * KeyFileError}.
 */
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
  const code = errorCode(error);
  if (code === "EEXIST") return "it exists and is not overwritten; name another file";
  if (code === "ENOENT") return "its directory does not exist; make that first";
  if (code === "EACCES") return "permission denied; run as a user that may write there";
  return firstLine(error);
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
