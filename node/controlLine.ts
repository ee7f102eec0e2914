/** Lines over a connection, bounded. */

/** A status of 255 members fits. */
export const LIMIT_LINE_BYTES = 4 * 1024 * 1024;

/** Reads up to the first line break; undefined when the other side ends before it. Throws on a longer line. */
export async function readLine(conn: Deno.Conn, bytesMax: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) return undefined;
    const end = buffer.subarray(0, count).indexOf(10);
    const part = buffer.slice(0, end === -1 ? count : end);
    chunks.push(part);
    size += part.length;
    if (size > bytesMax) throw new RangeError(`A line has more than ${bytesMax} octets`);
    if (end !== -1) return new TextDecoder().decode(join(chunks, size));
  }
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Writes a line. */
export async function writeLine(conn: Deno.Conn, line: string): Promise<void> {
  let rest: Uint8Array = new TextEncoder().encode(`${line}\n`);
  while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
}
