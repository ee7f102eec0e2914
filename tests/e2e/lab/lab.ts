/**
 * A laboratory: network namespaces, the processes in them and a temporary folder. All are removed when it closes or its
 * process ends. The network between the namespaces is built in `topology.ts`.
 */

import { etcFolder, labName, Reaper, removeLeftovers, TEMPORARY } from "./janitor.ts";
import { Process, run, type RunOptions, type SpawnOptions } from "./process.ts";
import { within } from "./wait.ts";

let swept: Promise<void> | undefined;

/** One machine of the laboratory. */
export class Namespace {
  /** The name inside the laboratory, such as `client1`. */
  readonly name: string;
  /** The name the system knows, such as `dc-4711-0k3j2h1-client1`. */
  readonly systemName: string;
  readonly #lab: Lab;

  constructor(lab: Lab, name: string) {
    this.#lab = lab;
    this.name = name;
    this.systemName = `${lab.name}-${name}`;
  }

  /** A folder of its own, made at the first use. */
  folder(name: string): string {
    const path = `${this.#lab.folder}/${this.name}/${name}`;
    Deno.mkdirSync(path, { recursive: true });
    return path;
  }

  /** Runs a command inside to its end. */
  exec(command: readonly string[], options?: RunOptions): Promise<string> {
    return run(this.wrap(command), options);
  }

  /** Runs lines of `ip` inside, in one process. */
  async ip(...lines: string[]): Promise<void> {
    await run(["ip", "-n", this.systemName, "-batch", "-"], { stdin: lines.join("\n") + "\n" });
  }

  /** Starts a process inside; the laboratory ends it at the latest when it closes. */
  spawn(command: readonly string[], options: SpawnOptions): Process {
    return this.#lab.track(new Process(this.wrap(command), options));
  }

  /** Starts a process that has the network of this machine, and everything else of the real one. */
  spawnAttached(command: readonly string[], options: SpawnOptions): Process {
    const inside = ["nsenter", `--net=/run/netns/${this.systemName}`, ...command];
    return this.#lab.track(new Process(inside, options));
  }

  /** The command that runs `command` inside: `ip netns exec` becomes it, so the pid is the command's own. */
  wrap(command: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.systemName, ...command];
  }
}

/** Namespaces and processes that belong together. Close it with `await using` or {@link Lab.close}. */
export class Lab implements AsyncDisposable {
  readonly name = labName();
  readonly folder = `${TEMPORARY}/${this.name}`;
  readonly #processes: Process[] = [];
  readonly #reaper = new Reaper(this.name);

  private constructor() {}

  /** Opens a laboratory, after removing what ended processes left behind. */
  static async open(): Promise<Lab> {
    await (swept ??= removeLeftovers());
    const lab = new Lab();
    // dhcpcd reads its folder as an unprivileged user.
    Deno.mkdirSync(lab.folder, { mode: 0o755 });
    return lab;
  }

  /** Every process started here, ended ones too. */
  get processes(): readonly Process[] {
    return this.#processes;
  }

  track(process: Process): Process {
    this.#processes.push(process);
    return process;
  }

  /** Makes a machine: loopback up, IPv4 only, its own resolv.conf. */
  async namespace(name: string, options: { forward?: boolean } = {}): Promise<Namespace> {
    const namespace = new Namespace(this, name);
    const etc = etcFolder(namespace.systemName);
    Deno.mkdirSync(etc, { recursive: true });
    Deno.writeTextFileSync(`${etc}/resolv.conf`, "# No name server here.\n");
    await run(["ip", "netns", "add", namespace.systemName]);
    const settings = [
      // Router solicitations and duplicate address detection would only be noise on the wire.
      ["net/ipv6/conf/all/disable_ipv6", "1"],
      ["net/ipv6/conf/default/disable_ipv6", "1"],
      ["net/ipv4/conf/all/rp_filter", "0"],
      ["net/ipv4/conf/default/rp_filter", "0"],
      ["net/ipv4/ip_forward", options.forward ? "1" : "0"],
    ].map(([key, value]) => `[ ! -e /proc/sys/${key} ] || echo ${value} > /proc/sys/${key}`).join("\n");
    await namespace.exec(["sh", "-ec", `${settings}\nip link set lo up`]);
    return namespace;
  }

  /** Ends all processes and removes everything. */
  async close(): Promise<void> {
    for (const process of this.#processes) process.signal("SIGKILL");
    await within("the laboratory to be removed", 10_000, this.#reaper.reap());
    const ended = Promise.all(this.#processes.map((process) => process.ended));
    await within("the laboratory's processes to end", 5_000, ended);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
