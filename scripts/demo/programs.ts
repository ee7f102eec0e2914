/** Runs node and relay as real processes, from the same entry points and with the same permissions as their tasks. */

import denoJson from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url).pathname;
const READY_MS = 60_000;
const POLL_MS = 50;
const STOP_MS = 15_000;

/** A running program. */
export interface RunningProgram {
  readonly pid: number;
  /** Resolves once `/readyz` says 200; rejects when the program ends or takes too long. */
  ready(url: string): Promise<void>;
  /** Has it read its configuration again, with SIGHUP. */
  reload(): void;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Ends it as an operator would, with SIGTERM; by force when it does not follow. */
  stop(): Promise<void>;
}

/** Starts `deno task node` or `deno task relay` with a configuration; its log lines go to `line`. */
export function startProgram(program: "node" | "relay", config: string, line: (text: string) => void): RunningProgram {
  const [, ...args] = denoJson.tasks[program].command.split(/\s+/);
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, "--config", config],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let ended: number | undefined;
  const status = child.status.then(({ code }) => ended = code);
  void readLines(child.stderr, line);
  return {
    pid: child.pid,
    async ready(url) {
      const deadline = performance.now() + READY_MS;
      while (performance.now() < deadline) {
        if (ended !== undefined) throw new Error(`The ${program} ended with code ${ended}; its last lines say why`);
        if (await answersOk(url)) return;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      throw new Error(`The ${program} is not ready after ${READY_MS / 1_000} s; ask ${url}`);
    },
    reload() {
      child.kill("SIGHUP");
    },
    async kill() {
      child.kill("SIGKILL");
      await status;
    },
    async stop() {
      if (ended !== undefined) return;
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await status;
      clearTimeout(force);
    },
  };
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function readLines(stream: ReadableStream<Uint8Array>, line: (text: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const each of lines) if (each !== "") line(each);
  }
}
