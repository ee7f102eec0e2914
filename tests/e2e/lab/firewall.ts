/**
 * What a machine's cable lets through: nftables rules in its namespace, for partitions of every kind and for loss. They
 * stand at `eth0` only, so that a monitor (`monitor.ts`) still sees a machine that is cut off.
 */

import type { Namespace } from "./lab.ts";

/** Packets that are dropped; what is left out matches everything. */
interface Drop {
  /** As the machine sees it. */
  readonly direction?: "in" | "out";
  /** Addresses at the other end. What goes out to a multicast group has none: drop it where it comes in. */
  readonly peers?: readonly string[];
  /** UDP or TCP port of either end. */
  readonly port?: number;
  /** Share that is dropped, by chance; all of it when left out. */
  readonly ratio?: number;
}

const TABLE = "ip faults";
const RESOLUTION = 1_000;

/** The rules of one machine. */
export class Firewall {
  readonly #namespace: Namespace;

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  /** Drops this and nothing else from now on, whole: no packet passes between the old rules and the new ones. */
  async drop(...drops: readonly Drop[]): Promise<void> {
    const rules = (direction: "in" | "out") =>
      drops.filter((drop) => (drop.direction ?? direction) === direction)
        .flatMap((drop) => rulesOf(drop, direction)).join("\n");
    const script = `
      table ${TABLE}
      delete table ${TABLE}
      table ${TABLE} {
        chain input {
          type filter hook input priority 0
          ${rules("in")}
        }
        chain output {
          type filter hook output priority 0
          ${rules("out")}
        }
      }
    `;
    await this.#namespace.exec(["nft", "-f", "-"], { stdin: script });
  }

  /** Lets everything through again. */
  async open(): Promise<void> {
    await this.drop();
  }
}

function rulesOf({ peers, port, ratio }: Drop, direction: "in" | "out"): string[] {
  const device = direction === "in" ? 'iifname "eth0"' : 'oifname "eth0"';
  const peer = peers === undefined ? "" : `ip ${direction === "in" ? "saddr" : "daddr"} { ${peers.join(", ")} }`;
  // Every packet meets one rule only, or chance would be asked twice.
  const ports = port === undefined
    ? [""]
    : [`meta l4proto { tcp, udp } th dport ${port}`, `meta l4proto { tcp, udp } th sport ${port} th dport != ${port}`];
  const chance = ratio === undefined ? "" : `numgen random mod ${RESOLUTION} < ${Math.round(ratio * RESOLUTION)}`;
  return ports.map((match) => [device, peer, match, chance, "drop"].filter((part) => part !== "").join(" "));
}
