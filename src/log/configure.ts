/**
 * Sets LogTape up for a program: one sink, standard error, and categories below `dhcpcluster`. Modules get their
 * logger with `logger("node", "store")`; libraries that use LogTape log at warning and above.
 */

import { fstatSync } from "node:fs";
import { configureSync, getLogger, type Logger, type LogRecord, resetSync } from "@logtape/logtape";
import { jsonFormatter, textFormatter, type TextStyle } from "./format.ts";
import { recentLog } from "./recent.ts";

/** The `log` section of a configuration. */
export interface LogSettings {
  readonly level: "trace" | "debug" | "info" | "warning" | "error" | "fatal";
  readonly format: "text" | "json";
}

/** Where lines go and how they look there; standard error by default. */
interface LogOutput extends TextStyle {
  write(line: string): void;
}

const UTF8 = new TextEncoder();

/** Standard error: colours on a terminal, priorities for the journal. */
function standardError(): LogOutput {
  // Determined once: a running program drops the permissions for it.
  return standard ??= {
    colours: Deno.stderr.isTerminal() && !noColour(),
    journal: toJournal(),
    write: writeStandardError,
  };
}

let standard: LogOutput | undefined;

function writeStandardError(line: string): void {
  try {
    let rest = UTF8.encode(line);
    while (rest.length > 0) rest = rest.subarray(Deno.stderr.writeSync(rest));
  } catch {
    // A closed terminal or a full disk behind standard error must not stop a server.
  }
}

/** Reads a variable only where that is allowed without asking: compiled programs have no general --allow-env. */
function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

/** https://no-color.org */
function noColour(): boolean {
  return (environment("NO_COLOR") ?? "") !== "";
}

/** systemd.exec(5), JOURNAL_STREAM: device and inode of the stream tell whether standard error still is the journal. */
function toJournal(): boolean {
  const stream = environment("JOURNAL_STREAM");
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(2);
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** Sets up logging, or changes it after a reload. */
export function configureLog(settings: LogSettings, output: LogOutput = standardError()): void {
  const format = settings.format === "json" ? jsonFormatter() : textFormatter(output);
  resetSync();
  configureSync({
    sinks: {
      output: (record: LogRecord) => output.write(format(record)),
      recent: (record: LogRecord) => recentLog.add(record),
    },
    loggers: [
      { category: ["dhcpcluster"], lowestLevel: settings.level, sinks: ["output", "recent"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["output"] },
    ],
  });
}

/** The logger of a part of the program: `logger("node", "store")` is `dhcpcluster.node.store`. */
export function logger(...category: string[]): Logger {
  return getLogger(["dhcpcluster", ...category]);
}
