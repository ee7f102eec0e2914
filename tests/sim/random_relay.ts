/**
 * A relay that chooses nodes at random. It keeps a transaction with its node; a retransmission sometimes goes to
 * another node, or to two.
 */

import type { Outgoing } from "../../src/dhcp/client/client.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { OPTIONS } from "../../src/dhcp/options/mod.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { LANS } from "./configurations.ts";
import { RELAY } from "./network.ts";
import type { RelayAgent, RelayedClient } from "./relay_agent.ts";
import type { SimRun } from "./run.ts";

const OTHER_NODE_CHANCE = 0.3;
const SECOND_NODE_CHANCE = 0.1;
/** Transactions whose node a relay remembers. */
const TRANSACTIONS_MAX = 256;

export class RandomRelay implements RelayAgent {
  readonly #run: SimRun;
  readonly #servers: () => readonly number[];
  /** By xid. */
  readonly #nodeOf = new Map<number, number>();

  /** `servers`: the nodes that the relay knows. */
  constructor(run: SimRun, servers: () => readonly number[]) {
    this.#run = run;
    this.#servers = servers;
  }

  request(lan: number, { message }: Outgoing, client: RelayedClient): void {
    const { prng } = this.#run;
    const servers = this.#servers();
    const { giaddr } = LANS[lan] ?? { giaddr: 0 };
    const relayed: Message = { ...message, options: new Map(message.options), giaddr };
    // The relay overrides the server identifier (RFC 5107): any member may answer a REQUEST to any other.
    relayed.options.set(OPTIONS.relayAgentInformation.code, agentOptions(giaddr));
    const before = this.#nodeOf.get(message.xid);
    const to = before === undefined || prng.chance(OTHER_NODE_CHANCE) ? prng.pick(servers) : before;
    this.#remember(message.xid, to);
    this.#carry(relayed, to, client);
    if (before !== undefined && prng.chance(SECOND_NODE_CHANCE)) this.#carry(relayed, prng.pick(servers), client);
  }

  #remember(xid: number, node: number): void {
    if (this.#nodeOf.size >= TRANSACTIONS_MAX) this.#nodeOf.clear();
    this.#nodeOf.set(xid, node);
  }

  #carry(message: Message, to: number, client: RelayedClient): void {
    const { links, nodes } = this.#run;
    links.carry(
      { from: RELAY, to, path: "relay" },
      () =>
        nodes.get(to)?.serve(
          message,
          client.awaits,
          (reply, promised) =>
            links.carry({ from: to, to: RELAY, path: "relay" }, () => client.receive(reply, promised)),
        ),
    );
  }
}

function agentOptions(giaddr: Ipv4): Uint8Array {
  return Uint8Array.of(1, 1, 7, 11, 4, giaddr >>> 24, (giaddr >>> 16) & 255, (giaddr >>> 8) & 255, giaddr & 255);
}
