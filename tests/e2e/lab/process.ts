/**
 * Commands and long-running processes of the laboratory. A process is known by the pid it was started with and is
 * signalled by that pid only.
 */

import { Output } from "./output.ts";
import { until, within } from "./wait.ts";

/** A command ended with a non-zero exit code. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export interface RunOptions {
  readonly stdin?: string;
  readonly cwd?: string;
  /** Return the output even when the command fails. */
  readonly mayFail?: boolean;
  readonly deadlineMs?: number;
}

/** Runs a command to its end and returns its standard output. Throws with its error output when it fails. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program, ...args] = command as [string, ...string[]];
  const child = new Deno.Command(program, {
    args,
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }).spawn();
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    // A command that fails early closes its input; its exit code is the result.
    await writer.write(new TextEncoder().encode(options.stdin)).catch(() => {});
    await writer.close().catch(() => {});
  }
  const output = child.output();
  const deadlineMs = options.deadlineMs ?? 30_000;
  const result = await within(command.join(" "), deadlineMs, output).catch(async (error) => {
    child.kill("SIGKILL");
    await output;
    throw error;
  });
  const stdout = new TextDecoder().decode(result.stdout);
  if (!result.success && !options.mayFail) {
    const stderr = new TextDecoder().decode(result.stderr).trim();
    throw new CommandError(`"${command.join(" ")}" exited with ${result.code}: ${stderr || stdout.trim()}`);
  }
  return stdout;
}

/** Runs a command synchronously, as in a signal handler. Never throws. */
export function runSync(program: string, args: readonly string[]): string {
  try {
    const { stdout } = new Deno.Command(program, { args: [...args], stdin: "null", stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout);
  } catch {
    return "";
  }
}

/** Sends a signal, unless the process has ended. */
export function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
  }
}

/** How a process is started. */
export interface SpawnOptions {
  /** Names the process in reports. */
  readonly label: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Takes standard output as bytes instead of collecting it as text. */
  readonly onStdout?: (chunk: Uint8Array) => void;
  /** Keeps standard input open for {@link Process.write}; it is empty otherwise. */
  readonly input?: boolean;
}

/** A long-running process and its output so far. */
export class Process {
  readonly label: string;
  readonly pid: number;
  readonly output = new Output();
  /** Settles when the process has ended and its output is read. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #status: Deno.CommandStatus | undefined;

  constructor(command: readonly string[], options: SpawnOptions) {
    const [program, ...args] = command as [string, ...string[]];
    const child = new Deno.Command(program, {
      args,
      stdin: options.input ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }).spawn();
    this.label = options.label;
    this.pid = child.pid;
    this.#input = options.input ? child.stdin.getWriter() : undefined;
    const { onStdout } = options;
    const drained = Promise.all([
      onStdout === undefined ? this.output.drain(child.stdout) : forEachChunk(child.stdout, onStdout),
      this.output.drain(child.stderr),
    ]);
    this.ended = (async () => {
      this.#status = await child.status;
      // The pipe may be broken: the last write has reported it.
      await this.#input?.close().catch(() => {});
      await drained;
      return this.#status;
    })();
  }

  get running(): boolean {
    return this.#status === undefined;
  }

  /** For reports. */
  get state(): string {
    return this.#status === undefined ? "running" : `ended with ${this.#status.signal ?? this.#status.code}`;
  }

  signal(name: Deno.Signal): void {
    if (this.running) signal(this.pid, name);
  }

  /** Writes a line to a process that was started with `input`. */
  async write(line: string): Promise<void> {
    this.mustRun();
    await this.#input?.write(new TextEncoder().encode(line + "\n"));
  }

  /** Kills the process and waits for its end. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await within(`${this.label} to be killed`, 5_000, this.ended);
  }

  /** Asks the process to end; throws when it has not after `deadlineMs`. */
  async terminate(deadlineMs: number): Promise<Deno.CommandStatus> {
    this.signal("SIGTERM");
    return await within(`${this.label} to end after SIGTERM`, deadlineMs, this.ended);
  }

  /** Waits until the output matches; fails at once when the process ends before it does. */
  async printed(pattern: RegExp, deadlineMs: number): Promise<RegExpExecArray> {
    return await until(`${this.label} to print ${pattern}`, deadlineMs, () => {
      const match = pattern.exec(this.output.text);
      if (match === null) this.mustRun();
      return match ?? undefined;
    });
  }

  /** Throws with the last output when the process has ended. */
  mustRun(): void {
    if (this.running) return;
    throw new CommandError(`${this.label} has ${this.state}:\n${this.output.last(20)}`);
  }

  /** Resident memory in KiB, as the kernel counts it. */
  residentKiB(): number {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${this.pid}/status`));
    if (match === null) throw new Error(`${this.label} (pid ${this.pid}) has no VmRSS: it has ended`);
    return Number(match[1]);
  }

  /** Whether a UDP socket is bound to a port in the process's network namespace. */
  udpPortBound(port: number): boolean {
    return this.#socketAt("udp", port);
  }

  /** Whether a TCP socket is at a port in the process's network namespace. */
  tcpPortListens(port: number): boolean {
    return this.#socketAt("tcp", port) || this.#socketAt("tcp6", port);
  }

  /** Datagrams that the kernel dropped at a port of the process's network namespace, as they were not read in time. */
  udpDrops(port: number): number {
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    const rows = Deno.readTextFileSync(`/proc/${this.pid}/net/udp`).split("\n").map((row) => row.trim().split(/\s+/));
    return rows.filter(([, local]) => local?.endsWith(`:${hex}`))
      .reduce((sum, row) => sum + Number(row.at(-1)), 0);
  }

  #socketAt(protocol: "udp" | "tcp" | "tcp6", port: number): boolean {
    const local = new RegExp(`^ *\\d+: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, "0")} `, "m");
    return local.test(Deno.readTextFileSync(`/proc/${this.pid}/net/${protocol}`));
  }
}

async function forEachChunk(stream: ReadableStream<Uint8Array>, take: (chunk: Uint8Array) => void): Promise<void> {
  for await (const chunk of stream) take(chunk);
}
