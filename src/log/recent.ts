/** The last lines of the log at `info` and above, for `/events`. */

import type { LogRecord } from "@logtape/logtape";
import { jsonFormatter } from "./format.ts";

/** One line. */
interface RecentLine {
  /** ISO 8601. */
  readonly time: string;
  readonly level: string;
  readonly message: string;
}

const LINES_MAX = 100;
const LEVELS: ReadonlySet<string> = new Set(["info", "warning", "error", "fatal"]);

/** Keeps lines, and passes each on. */
class RecentLog {
  readonly #lines: RecentLine[] = [];
  readonly #followers = new Set<(line: RecentLine) => void>();
  readonly #format = jsonFormatter();

  /** Takes a record, as a sink of LogTape. */
  add(record: LogRecord): void {
    if (!LEVELS.has(record.level)) return;
    const { time, level, message } = JSON.parse(this.#format(record)) as RecentLine;
    const line = { time, level, message };
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
    for (const follow of this.#followers) follow(line);
  }

  /** The last hundred, oldest first. */
  get lines(): readonly RecentLine[] {
    return this.#lines;
  }

  /** Receives every further line until the returned function is called. */
  follow(follow: (line: RecentLine) => void): () => void {
    this.#followers.add(follow);
    return () => void this.#followers.delete(follow);
  }
}

/** That of this process. */
export const recentLog = new RecentLog();
