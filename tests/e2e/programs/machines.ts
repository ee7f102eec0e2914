/**
 * The compiled programs on clean Debians, each on one of its own, installed by the commands in README.md and run by
 * systemd with the units that come with them.
 */

import { ok } from "node:assert/strict";
import { stringify } from "yaml";
import { Lab, type Namespace } from "../lab/lab.ts";
import { Machine, makeImage } from "../lab/machine.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/wait.ts";
import { httpGet } from "./ours.ts";
import { type NodeConfig, type Programs, READY_MS, type RelayConfig } from "./programs.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
/** Packages besides Debian's essential ones: the gateway's ping. */
const PACKAGES = ["iputils-ping"];
/** Options of `init` instead of its questions; the test's own configuration replaces the file that it writes. */
const ANSWERS = "--yes --address 10.99.0.11 --nodes 1=10.99.0.11,2=10.99.0.12,3=10.99.0.13 --subnet 10.77.0.0/16";

export class MachinePrograms implements Programs, AsyncDisposable {
  readonly name = "installed on machines";
  readonly #dist: string;
  readonly #lab: Lab;
  readonly #image: string;
  /** By program. */
  readonly machines = new Map<"node" | "relay", Machine>();

  private constructor(dist: string, lab: Lab, image: string) {
    this.#dist = dist;
    this.#lab = lab;
    this.#image = image;
  }

  /** With the executables in a folder such as `dist`. */
  static async prepare(dist: string): Promise<MachinePrograms> {
    const lab = await Lab.open();
    return new MachinePrograms(dist, lab, await makeImage(lab, PACKAGES));
  }

  async startNode(namespace: Namespace, config: NodeConfig): Promise<Process> {
    const node = { ...config.node, stateDir: "/var/lib/dhcpcluster" };
    return await this.#start("node", namespace, { ...config, node });
  }

  async startRelay(namespace: Namespace, config: RelayConfig): Promise<Process> {
    const process = await this.#start("relay", namespace, config);
    // Ping works with the capabilities of the unit.
    await until("the relay to measure by ping", READY_MS, async () => {
      const answer = await httpGet(namespace, `http://${config.http.address}:${config.http.port}/status`);
      return /"rttSource":"icmp"/.test(answer?.body ?? "");
    });
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab.close();
  }

  async #start(program: "node" | "relay", namespace: Namespace, config: NodeConfig | RelayConfig): Promise<Process> {
    const given = namespace.folder("given");
    await Deno.writeTextFile(`${given}/${program}.yaml`, stringify(config));
    const machine = await Machine.boot(namespace, {
      image: this.#image,
      mounts: {
        [`${ROOT}${this.#dist}`]: "/root/dhcpcluster/dist",
        [`${ROOT}scripts`]: "/root/dhcpcluster/scripts",
        [given]: "/root/given",
      },
    });
    this.machines.set(program, machine);
    await machine.run(await installation(program));
    const url = `http://${config.http.address}:${config.http.port}/readyz`;
    await until(`the ${program} to be ready`, READY_MS, async () => (await httpGet(namespace, url))?.status === 200);
    return machine.process;
  }
}

/** The commands of README.md that install a program, with the machine's configuration. */
async function installation(program: "node" | "relay"): Promise<string> {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```/gms)].map(([, text = ""]) => text);
  const steps = blocks.find((text) => text.includes(`systemctl enable --now dhcpcluster-${program}`));
  ok(steps !== undefined, `README.md says how a ${program} is installed`);
  const configure = `cp /root/given/${program}.yaml /etc/dhcpcluster/${program}.yaml`;
  const lines = steps.split("\n").flatMap((line) => {
    if (line === `dhcpcluster-${program} init`) return [`${line} ${ANSWERS}`, configure];
    return line.endsWith(` /etc/dhcpcluster/${program}.yaml`) ? [line, configure] : [line];
  });
  ok(lines.includes(configure), `README.md says where the ${program}'s configuration goes`);
  return ["cd /root/dhcpcluster", ...lines].join("\n");
}
