/** Hundreds of emulated clients: starts `swarm_main.ts` in a client's namespace and collects its answers. */

import type { Process } from "../../lab/process.ts";
import type { Host } from "../../lab/topology.ts";

/** Clients `first` … `first + clients - 1` each get a lease; `wishes` are the addresses they ask for, in turn. */
interface AcquireOrder {
  readonly first: number;
  readonly clients: number;
  readonly wishes?: readonly string[];
  readonly inFlight: number;
  readonly giveUpMs: number;
}

/** Clients confirm the leases that they remember (INIT-REBOOT). */
interface ConfirmOrder {
  readonly leases: readonly SwarmLease[];
  readonly inFlight: number;
  readonly giveUpMs: number;
}

export type SwarmOrder = AcquireOrder | ConfirmOrder;

export interface SwarmLease {
  readonly client: number;
  readonly address: string;
}

/** The result of one client. */
export type SwarmAnswer =
  | { readonly client: number; readonly answer: "ACK"; readonly address: string }
  | { readonly client: number; readonly answer: "NAK" | "none" };

/** A running order. */
export class Swarm {
  readonly process: Process;
  readonly answers: SwarmAnswer[] = [];
  #rest = "";

  private constructor(host: Host, order: SwarmOrder) {
    const main = new URL("swarm_main.ts", import.meta.url).pathname;
    const decoder = new TextDecoder();
    this.process = host.namespace.spawn(
      [Deno.execPath(), "run", "--no-check", "--allow-net", "--allow-env", main, JSON.stringify(order)],
      {
        label: `swarm in ${host.namespace.name}`,
        onStdout: (chunk) => {
          const lines = (this.#rest + decoder.decode(chunk, { stream: true })).split("\n");
          this.#rest = lines.pop() ?? "";
          for (const line of lines) this.answers.push(JSON.parse(line) as SwarmAnswer);
        },
      },
    );
  }

  /** Starts an order. The host needs no address: clients broadcast from 0.0.0.0. */
  static async start(host: Host, order: SwarmOrder): Promise<Swarm> {
    await host.namespace.ip("route replace 255.255.255.255/32 dev eth0");
    return new Swarm(host, order);
  }

  /** Runs an order to its end. */
  static async run(host: Host, order: SwarmOrder): Promise<SwarmAnswer[]> {
    const swarm = await Swarm.start(host, order);
    const { code } = await swarm.process.ended;
    if (code !== 0) throw new Error(`The swarm ended with ${code}:\n${swarm.process.output.last(20)}`);
    return swarm.answers;
  }

  /** The leases so far. */
  get leases(): SwarmLease[] {
    return this.answers.flatMap((answer) => answer.answer === "ACK" ? [answer] : []);
  }
}
