/**
 * Packet filters on a machine's cable: nftables rules in its namespace, for all kinds of partitions and for loss. They
 * apply to `eth0` only, so that a monitor (`monitor.ts`) still reaches a machine that is cut off.
 */

import type { Namespace } from "./lab.ts";

/** Packets to drop; a field that is left out matches every packet. */
interface Drop {
  /** As the machine sees it. */
  readonly direction?: "in" | "out";
  /** Addresses of peers. A packet to a multicast group has none when it leaves: drop it where it arrives. */
  readonly peers?: readonly string[];
  /** Destination: a multicast group. */
  readonly group?: string;
  /** UDP or TCP port of either end. */
  readonly port?: number;
  /** Share to drop, at random; everything when left out. */
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

  /** Replaces the rules atomically: no packet passes between the old and the new ones. */
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

  /** Removes all rules. */
  async open(): Promise<void> {
    await this.drop();
  }
}

function rulesOf({ peers, group, port, ratio }: Drop, direction: "in" | "out"): string[] {
  const device = direction === "in" ? 'iifname "eth0"' : 'oifname "eth0"';
  const peer = peers === undefined ? "" : `ip ${direction === "in" ? "saddr" : "daddr"} { ${peers.join(", ")} }`;
  const groups = group === undefined ? "" : `ip daddr ${group}`;
  // Every packet matches one rule only, or the random share would be applied twice.
  const ports = port === undefined
    ? [""]
    : [`meta l4proto { tcp, udp } th dport ${port}`, `meta l4proto { tcp, udp } th sport ${port} th dport != ${port}`];
  const chance = ratio === undefined ? "" : `numgen random mod ${RESOLUTION} < ${Math.round(ratio * RESOLUTION)}`;
  return ports.map((match) => [device, peer, groups, match, chance, "drop"].filter((part) => part !== "").join(" "));
}
