/**
 * What systemd is told by a service of `Type=notify` (sd_notify(3)): that it is ready, reloads, stops, and that its
 * main loop is alive. Does nothing where nobody asks for it.
 */

import type { Logger } from "@logtape/logtape";
import { sendUnixDatagram } from "../net/linux/unix_datagram.ts";

/** What the service manager gave a program, from its environment. */
export interface NotifyEnvironment {
  /** NOTIFY_SOCKET. */
  readonly socket: string | undefined;
  /** WATCHDOG_USEC: without a sign of life within this the program is restarted. */
  readonly watchdogMicroseconds: number | undefined;
}

/** Reads it, where that is allowed without asking. */
function notifyEnvironment(): NotifyEnvironment {
  const read = (variable: string) =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted" ? Deno.env.get(variable) : undefined;
  const watchdog = Number(read("WATCHDOG_USEC"));
  return {
    socket: read("NOTIFY_SOCKET"),
    watchdogMicroseconds: Number.isFinite(watchdog) && watchdog > 0 ? watchdog : undefined,
  };
}

/** The service manager, as a program speaks to it. */
export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #watchdogMs: number | undefined;
  readonly #failed: (reason: string) => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #said = false;

  /** `failed` hears, once, why it can't be told anything. */
  constructor(environment: NotifyEnvironment, failed: (reason: string) => void = () => {}) {
    this.#socket = environment.socket;
    const { watchdogMicroseconds } = environment;
    this.#watchdogMs = watchdogMicroseconds === undefined ? undefined : watchdogMicroseconds / 1_000;
    this.#failed = failed;
  }

  /** The one that this process was started by; the log hears, once, why it can't be told anything. */
  static ofThisProcess(log: Logger): ServiceManager {
    return new ServiceManager(
      notifyEnvironment(),
      (reason) => log.warn("systemd can't be told how this service is: {reason}", { reason }),
    );
  }

  /** The program serves. From now on a timer of the main loop tells that it is alive while `alive` says so. */
  ready(alive: () => boolean = () => true): void {
    this.#tell("READY=1");
    if (this.#watchdogMs === undefined || this.#socket === undefined) return;
    // sd_watchdog_enabled(3): half of the time, so that one late tick is no end. A third leaves room for a busy
    // machine.
    this.#timer = setInterval(() => alive() && this.#tell("WATCHDOG=1"), this.#watchdogMs / 3);
    Deno.unrefTimer(this.#timer);
  }

  /** One line for `systemctl status`. */
  status(line: string): void {
    this.#tell(`STATUS=${line.replaceAll("\n", " ")}`);
  }

  /** The configuration is being read again; `done` when it was, well or not. */
  async reloading(done: () => Promise<void>): Promise<void> {
    this.#tell("RELOADING=1");
    try {
      await done();
    } finally {
      this.#tell("READY=1");
    }
  }

  stopping(): void {
    clearInterval(this.#timer);
    this.#tell("STOPPING=1");
  }

  #tell(text: string): void {
    if (this.#socket === undefined) return;
    const problem = sendUnixDatagram(this.#socket, text);
    if (problem === undefined || this.#said) return;
    this.#said = true;
    this.#failed(problem);
  }
}
