/**
 * A delay between a machine and the switch, in user space, as not every kernel has netem: both ends of the machine's
 * cable go to a program that delays every frame.
 *
 * ```text
 *  node1 eth0 ═══ near ─▶ delay ─▶ far ═══ p-node1 (switch)
 *               └── namespace "link-node1" ──┘
 * ```
 */

import type { DelaySettings } from "./delay_line.ts";
import type { Process } from "./process.ts";
import { type Host, portOf, type Topology } from "./topology.ts";
import { until } from "./wait.ts";

/** Time limit for the program's start, and for an order to take effect. */
const OBEY_MS = 20_000;

/** A cable with a delay. */
export class DelayLink {
  readonly #process: Process;
  #orders = 0;

  private constructor(process: Process) {
    this.#process = process;
  }

  /**
   * Inserts a delay link into a machine's cable, at first without delay. The cable's other properties do not change.
   */
  static async insert(topology: Topology, host: Host): Promise<DelayLink> {
    const port = portOf(host.namespace);
    const json = await topology.switch.exec(["ip", "-j", "link", "show", port]);
    const [{ master }] = JSON.parse(json) as [{ master: string }];
    const link = await topology.lab.namespace(`link-${host.namespace.name}`);
    await topology.switch.ip(
      `link set ${port} netns ${link.systemName} name near`,
      `link add ${port} type veth peer name far netns ${link.systemName}`,
      `link set ${port} master ${master} up`,
    );
    await link.ip("link set near up promisc on", "link set far up promisc on");
    const main = new URL("delay_link_main.ts", import.meta.url).pathname;
    // With priority: a delay must not depend on the machine's load.
    const command = ["nice", "-n", "-15", Deno.execPath(), "run", "--no-check", "--allow-ffi", main, "near", "far"];
    const process = link.spawn(command, {
      label: `delay of ${host.namespace.name}`,
      input: true,
    });
    await process.printed(/^open$/m, OBEY_MS);
    return new DelayLink(process);
  }

  /** Changes the delay of frames that are sent from now on; returns when it has taken effect. */
  async set(settings: DelaySettings): Promise<void> {
    const orders = ++this.#orders;
    await this.#process.write(JSON.stringify(settings));
    await until("the delay link to obey", OBEY_MS, () => {
      this.#process.mustRun();
      return this.#process.output.text.split("\n").filter((line) => line.startsWith("{")).length >= orders;
    });
  }
}
