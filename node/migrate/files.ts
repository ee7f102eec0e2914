/** Files of other servers as text with one character per octet; `-` is the standard input. */

import { Buffer } from "node:buffer";
import { keaLeaseFiles } from "../../src/convert/leases/kea.ts";
import { LEASE_FORMATS, type LeaseFormat, type LeaseReading } from "../../src/convert/leases/lease.ts";
import { readLeases, recogniseLeases } from "../../src/convert/leases/recognise.ts";

/** About a million leases of dhcpd; what a text of JavaScript can hold is not much more. */
const FILE_BYTES_MAX = 500 * 1024 * 1024;

export type OctetText = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

/** Reads a file, or the standard input. Never throws for what it is like. */
export async function readOctetText(path: string, bytesMax = FILE_BYTES_MAX): Promise<OctetText> {
  try {
    const stream = path === "-" ? Deno.stdin.readable : (await Deno.open(path, { read: true })).readable;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of stream) {
      size += chunk.length;
      if (size > bytesMax) return { ok: false, message: `${path}: is larger than ${bytesMax} bytes; split it` };
      chunks.push(chunk);
    }
    return { ok: true, text: Buffer.concat(chunks).toString("latin1") };
  } catch (error) {
    return { ok: false, message: `${path}: ${explain(path, error)}` };
  }
}

function explain(path: string, error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "does not exist";
  if (error instanceof Deno.errors.IsADirectory) return "is a directory; name the file in it";
  if (error instanceof Deno.errors.PermissionDenied) return "is not readable by this user";
  if (error instanceof Deno.errors.NotCapable) {
    return `this program may not read there; let the shell read it, with "-" in its place: … - < ${path}`;
  }
  // A directory opens, and fails to be read.
  if (error instanceof Error && /EISDIR|is a directory/i.test(error.message)) {
    return "is a directory; name the file in it";
  }
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}

/** A lease file, read. */
export interface LeaseFile {
  readonly path: string;
  readonly format: LeaseFormat;
  /** All that were read for it, Kea's companions too. */
  readonly files: readonly string[];
  readonly reading: LeaseReading;
}

/**
 * Reads a lease file; of Kea's with the companions that its clean-up left. `format` is recognised unless it is given.
 */
export async function readLeaseFile(
  path: string,
  format?: LeaseFormat,
): Promise<LeaseFile | { readonly message: string }> {
  const read = await readOctetText(path);
  if (!read.ok) return { message: read.message };
  const known = format ?? recogniseLeases(read.text);
  if (known === undefined) {
    const advice = `say which with --from ${LEASE_FORMATS.join("|")}, if it is one`;
    return { message: `${path}: is no lease file of dhcpd, Kea or dnsmasq that can be recognised; ${advice}` };
  }
  const name = path === "-" ? "standard input" : path;
  const texts = [];
  for (const file of known === "kea" && path !== "-" ? keaLeaseFiles(path, isFile) : [path]) {
    const text = file === path ? read : await readOctetText(file);
    if (!text.ok) return { message: text.message };
    texts.push({ file: file === path ? name : file, text: text.text });
  }
  return { path, format: known, files: texts.map(({ file }) => file), reading: readLeases(known, texts) };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // What may not be looked at may be there: reading it will say so.
    return !(error instanceof Deno.errors.NotFound);
  }
}
