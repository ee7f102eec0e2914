/**
 * The audit log: who changed what, when, from where, and how it ended. One JSON object per line in the state directory,
 * `audit.jsonl`, which only the node's user can read; the newest entries are also in memory, for `/audit`. When the
 * file is full its content moves to `audit.1.jsonl`. Both files stay open, as a confined node can open none.
 *
 * An entry that can't be written is still in memory and in the log. The audit log is no reason to stop serving.
 */

import type { Role } from "../../src/http/access/roles.ts";
import { logger } from "../../src/log/configure.ts";

/** A change, or an attempt. */
export interface AuditEntry {
  /** Name of the token; `local` for the machine's own commands, `signal` for SIGHUP. */
  readonly who: string;
  readonly role: Role;
  /** An address, or `the local socket`. */
  readonly from: string;
  /** Such as `DELETE /leases/10.77.0.5`. */
  readonly action: string;
  /** What was sent with it; of something long, how many characters. */
  readonly request?: unknown;
  /** HTTP status: 200 means done. */
  readonly status: number;
  /** What was answered. */
  readonly result?: unknown;
}

/** An entry with its number, from 1 in this state directory, and its time (ISO 8601). */
export interface NumberedEntry extends AuditEntry {
  readonly number: number;
  readonly time: string;
}

/** Octets of one file. */
export const AUDIT_BYTES_MAX = 4 * 2 ** 20;
/** Entries in memory. */
export const AUDIT_ENTRIES_MAX = 1_000;
/** Characters of a request or a result; what is longer is only counted. */
const VALUE_CHARACTERS_MAX = 4_096;
const NAMES = ["audit.jsonl", "audit.1.jsonl"] as const;

/** An open audit log. */
export class AuditLog {
  readonly #file: Deno.FsFile;
  readonly #former: Deno.FsFile;
  readonly #now: () => number;
  readonly #entries: NumberedEntry[];
  #bytes: number;
  #number: number;
  /** The last write; each one waits for the one before. */
  #written: Promise<void> = Promise.resolve();

  private constructor(files: readonly [Deno.FsFile, Deno.FsFile], entries: NumberedEntry[], now: () => number) {
    [this.#file, this.#former] = files;
    this.#now = now;
    this.#entries = entries.slice(-AUDIT_ENTRIES_MAX);
    this.#number = entries.at(-1)?.number ?? 0;
    this.#bytes = this.#file.statSync().size;
  }

  /** Opens the log of a state directory, and makes it when there is none. `now`: ms since 1970. */
  static async open(stateDir: string, now: () => number): Promise<AuditLog> {
    const [file, former] = await Promise.all(
      NAMES.map((name) => Deno.open(`${stateDir}/${name}`, { read: true, write: true, create: true, mode: 0o600 })),
    ) as [Deno.FsFile, Deno.FsFile];
    const entries = [...await readEntries(former), ...await readEntries(file)];
    return new AuditLog([file, former], entries, now);
  }

  /** Adds an entry. */
  add(entry: AuditEntry): void {
    const { request, result, ...rest } = entry;
    const numbered: NumberedEntry = {
      number: ++this.#number,
      time: new Date(this.#now()).toISOString(),
      ...rest,
      ...(request === undefined ? {} : { request: bounded(request) }),
      ...(result === undefined ? {} : { result: bounded(result) }),
    };
    this.#entries.push(numbered);
    if (this.#entries.length > AUDIT_ENTRIES_MAX) this.#entries.shift();
    const { who, from, action, status } = numbered;
    logger("node", "audit").info("{who} from {from}: {action}: {outcome}", {
      who,
      from,
      action,
      outcome: status === 200 ? "done" : `refused (${status})`,
    });
    const line = new TextEncoder().encode(`${JSON.stringify(numbered)}\n`);
    this.#written = this.#written.then(() => this.#write(line)).catch((error: unknown) => {
      logger("node", "audit").error("The audit log can't be written: {error}; the entry is only in this log", {
        error,
      });
    });
  }

  /** The newest `limit` entries after a number, oldest first. */
  newest({ after = 0, limit }: { readonly after?: number | undefined; readonly limit: number }): NumberedEntry[] {
    return this.#entries.filter(({ number }) => number > after).slice(-limit);
  }

  /** Resolves when all entries are written, and closes the files. */
  async close(): Promise<void> {
    await this.#written;
    this.#file.close();
    this.#former.close();
  }

  async #write(line: Uint8Array): Promise<void> {
    if (this.#bytes + line.length > AUDIT_BYTES_MAX) await this.#moveToFormer();
    await this.#file.seek(0, Deno.SeekMode.End);
    await writeAll(this.#file, line);
    this.#bytes += line.length;
  }

  /** Between the two steps a crash leaves entries twice, and loses none. */
  async #moveToFormer(): Promise<void> {
    await this.#file.seek(0, Deno.SeekMode.Start);
    const content = await readAll(this.#file);
    await this.#former.truncate(0);
    await this.#former.seek(0, Deno.SeekMode.Start);
    await writeAll(this.#former, content);
    await this.#former.sync();
    await this.#file.truncate(0);
    this.#bytes = 0;
  }
}

/** Adds an entry from a command that works on the state directory of a node that does not run. */
export async function auditOffline(stateDir: string, action: string, request: unknown): Promise<void> {
  const log = await AuditLog.open(stateDir, Date.now);
  log.add({ who: "local", role: "admin", from: "this machine", action, request, status: 200 });
  await log.close();
}

function bounded(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined || text.length <= VALUE_CHARACTERS_MAX ? value : { characters: text.length };
}

/** The entries of a file; a line that is damaged, as after a power failure, is left out. */
async function readEntries(file: Deno.FsFile): Promise<NumberedEntry[]> {
  const lines = new TextDecoder().decode(await readAll(file)).split("\n");
  return lines.flatMap((line) => {
    try {
      const entry = JSON.parse(line);
      return Number.isSafeInteger(entry?.number) ? [entry] : [];
    } catch {
      return [];
    }
  });
}

async function readAll(file: Deno.FsFile): Promise<Uint8Array> {
  const { size } = await file.stat();
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) break;
    at += count;
  }
  return bytes.subarray(0, at);
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await file.write(rest));
}
