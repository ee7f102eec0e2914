/**
 * Two network namespaces that a cable joins: this process's own, which `main.ts` enters, with the relay's addresses,
 * and one more for the server. Both end with this process.
 */

/** The server's interface: what configuration files name. */
export const INTERFACE = "flsv0";
const RELAY_INTERFACE = "relay0";

/** Runs a command to its end; its output, or an error that quotes it. */
export async function run(...[command = "", ...args]: readonly string[]): Promise<string> {
  const output = await new Deno.Command(command, { args, stdout: "piped", stderr: "piped" }).output();
  const text = new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
  if (!output.success) throw new Error(`${[command, ...args].join(" ")}: ${text}`);
  return text;
}

/** The namespace of the server. */
export class Network {
  readonly #holder: Deno.ChildProcess;

  private constructor(holder: Deno.ChildProcess) {
    this.#holder = holder;
  }

  /** Joins the relay's addresses with a server at `server` in 10.0.0.0/8. */
  static async open(server: string, relays: readonly string[]): Promise<Network> {
    const args = ["--net", "sleep", "infinity"];
    const holder = new Deno.Command("unshare", { args, stdin: "null" }).spawn();
    const network = new Network(holder);
    try {
      await network.#join(server, relays);
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  /** The command, within the server's namespace. */
  within(command: readonly string[]): readonly string[] {
    return ["nsenter", `--net=/proc/${this.#holder.pid}/ns/net`, ...command];
  }

  async close(): Promise<void> {
    await run("ip", "link", "delete", RELAY_INTERFACE).catch(() => "");
    this.#holder.kill("SIGKILL");
    await this.#holder.status;
  }

  async #join(server: string, relays: readonly string[]): Promise<void> {
    const self = await Deno.readLink("/proc/self/ns/net");
    // The holder starts in this namespace and leaves it in its own time.
    while (await Deno.readLink(`/proc/${this.#holder.pid}/ns/net`) === self) await run("true");
    await run("ip", "link", "set", "lo", "up");
    const peer = ["peer", "name", INTERFACE, "netns", String(this.#holder.pid)];
    await run("ip", "link", "add", RELAY_INTERFACE, "type", "veth", ...peer);
    for (const address of relays) await run("ip", "address", "add", `${address}/8`, "dev", RELAY_INTERFACE);
    await run("ip", "link", "set", RELAY_INTERFACE, "up");
    await run(...this.within(["ip", "address", "add", `${server}/24`, "dev", INTERFACE]));
    await run(...this.within(["ip", "link", "set", "lo", "up"]));
    await run(...this.within(["ip", "link", "set", INTERFACE, "up"]));
    await run(...this.within(["ip", "route", "add", "10.0.0.0/8", "dev", INTERFACE]));
  }
}
