/**
 * Signals of a long-running program. SIGTERM and SIGINT: stop once, exit 0; when that takes too long, exit 1; a
 * second SIGINT exits at once. SIGHUP: reload, one at a time; during the start it is kept until the program runs.
 */

import { EXIT } from "./arguments.ts";

/** Design: everything in flight is finished and flushed within this. */
export const STOP_MS_MAX = 5000;

/** Actions of a program on signals. */
export interface SignalActions {
  /** Finishes what is in flight and flushes. Called once. */
  stop(signal: "SIGTERM" | "SIGINT"): Promise<void>;
  /** Reads the configuration again; keeps the old one when the new one is bad. */
  reload?(): Promise<void>;
  /** Receives what went wrong, in one line. */
  failed(message: string): void;
  /** What arrived during the start. */
  readonly early?: EarlyReloads;
}

/** The process; tests supply their own. */
export interface SignalHost {
  listen(signal: "SIGTERM" | "SIGINT" | "SIGHUP", handler: () => void): void;
  /** Calls back once after `delayMs` and does not keep the process alive for it. */
  after(delayMs: number, callback: () => void): void;
  exit(code: number): void;
}

/** The real process. */
const PROCESS: SignalHost = {
  listen: (signal, handler) => Deno.addSignalListener(signal, handler),
  after: (delayMs, callback) => Deno.unrefTimer(setTimeout(callback, delayMs)),
  exit: (code) => Deno.exit(code),
};

/** SIGHUPs before {@link onSignals}: without a listener they would end the process. */
export class EarlyReloads {
  #wanted = false;

  /** Listens from now on. */
  constructor(host: SignalHost = PROCESS) {
    host.listen("SIGHUP", () => this.#wanted = true);
  }

  /** Whether one arrived: what was read at the start may have changed since. */
  get wanted(): boolean {
    return this.#wanted;
  }
}

/** Listens from now on, for as long as the process runs. */
export function onSignals(actions: SignalActions, host: SignalHost = PROCESS): void {
  let stopping = false;
  const stop = async (signal: "SIGTERM" | "SIGINT") => {
    if (stopping) {
      if (signal === "SIGINT") host.exit(EXIT.interrupted);
      return;
    }
    stopping = true;
    host.after(STOP_MS_MAX, () => {
      actions.failed(`${signal}: not stopped after ${STOP_MS_MAX / 1000} s; exiting now`);
      host.exit(EXIT.failure);
    });
    try {
      await actions.stop(signal);
    } catch (error) {
      actions.failed(`${signal}: stopping failed: ${error instanceof Error ? error.message : String(error)}`);
      return host.exit(EXIT.failure);
    }
    host.exit(EXIT.ok);
  };
  host.listen("SIGTERM", () => void stop("SIGTERM"));
  host.listen("SIGINT", () => void stop("SIGINT"));
  if (actions.reload === undefined) return;
  const reload = reloader(actions, () => stopping);
  host.listen("SIGHUP", reload);
  if (actions.early?.wanted === true) reload();
}

/** Reloads that arrive during a reload become one more after it: the file may have changed again meanwhile. */
function reloader(actions: SignalActions, stopping: () => boolean): () => void {
  let wanted = false;
  let running = false;
  const run = async () => {
    running = true;
    while (wanted && !stopping()) {
      wanted = false;
      try {
        await actions.reload?.();
      } catch (error) {
        actions.failed(`SIGHUP: reloading failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    running = false;
  };
  return () => {
    wanted = true;
    if (!running) void run();
  };
}
