/** Reads a configuration file of bounded size; every failure is one line that says what to do. */

import { CONFIG_LIMITS } from "./limits.ts";

/** The file's text, or why there is none (a whole sentence without the file's name). */
type FileText = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

/** Reads a text file of at most `bytesMax` bytes. Never throws, whatever the file. */
export async function readConfigFile(path: string, bytesMax: number = CONFIG_LIMITS.fileBytesMax): Promise<FileText> {
  try {
    using file = await Deno.open(path, { read: true });
    if ((await file.stat()).isDirectory) return refuse("is a directory; name the file in it");
    const bytes = await readAtMost(file, bytesMax);
    if (bytes === undefined) {
      return refuse(`is larger than ${bytesMax} bytes; is it the right file?`);
    }
    return { ok: true, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    return refuse(explain(error));
  }
}

function refuse(message: string): FileText {
  return { ok: false, message };
}

/** Everything up to the end, or undefined when that is more than `bytesMax`. Works for pipes, which have no size. */
async function readAtMost(file: Deno.FsFile, bytesMax: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(64 * 1024);
    const count = await file.read(chunk);
    if (count === null) break;
    size += count;
    if (size > bytesMax) return undefined;
    chunks.push(chunk.subarray(0, count));
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function explain(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "does not exist; check the path";
  if (error instanceof Deno.errors.IsADirectory) return "is a directory; name the file in it";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "is not readable by this user; change its owner or mode, or run as another user";
  }
  if (error instanceof Deno.errors.NotCapable) {
    return "is not readable: it is no regular file, or Deno was started without --allow-read for it";
  }
  if (error instanceof TypeError) return "is not UTF-8 text; save it as UTF-8, or check that it is the right file";
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
