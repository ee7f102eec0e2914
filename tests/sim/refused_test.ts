import { ok, strictEqual } from "node:assert/strict";
import { clientMessage } from "../../src/dhcp/server/testing.ts";
import { type Message, MESSAGE_TYPE, messageTypeOf } from "../../src/dhcp/message.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { LANS } from "./configurations.ts";
import { addressOf } from "./node.ts";
import { packets, ScriptedCluster, X } from "./scripted.ts";

const TRY_MS = 250;
const DISCOVERS_MAX = 40;
const giaddr = formatIpv4(LANS[0]?.giaddr ?? 0);

Deno.test("a lease that a node missed and hid by an abort does not make another client loop", () => {
  const cluster = new ScriptedCluster({ nodes: 3 });
  // Node 1 misses the lease of A; its own proposal for B is refused by the others, and it aborts it.
  const end = cluster.lose(packets([2, 3], [1], "leaseBatch", "syncChunk"));
  const holder = cluster.client(1).request(2, X, 600);
  cluster.run(100);
  ok(holder.seconds !== undefined);
  const b = new Looper(cluster, 2);
  b.requestOf(X);
  cluster.run(3_000);
  end();

  b.naks = 0;
  b.wish = X;
  b.run();
  ok(b.address !== undefined && b.address !== X, `B has ${b.address} after ${b.naks} DHCPNAKs`);
  strictEqual(b.naks, 0, `${b.naks} DHCPNAKs before a lease, while addresses were free`);
  strictEqual(cluster.node(2).table?.get(X).state, "bound");
});

/** A client that starts again after each DHCPNAK. A relay takes its DISCOVER to node 1 and its REQUEST to all. */
class Looper {
  naks = 0;
  address: number | undefined;
  wish: number | undefined;
  readonly #cluster: ScriptedCluster;
  readonly #number: number;
  #xid = 9_000;

  constructor(cluster: ScriptedCluster, number: number) {
    this.#cluster = cluster;
    this.#number = number;
  }

  /** DISCOVERs until it has a lease. */
  run(): void {
    for (let count = 0; count < DISCOVERS_MAX && this.address === undefined; count++) {
      const xid = ++this.#xid;
      const wish = this.wish === undefined ? {} : { requested: formatIpv4(this.wish) };
      const discover = clientMessage("DISCOVER", this.#number, { giaddr, xid, ...wish });
      this.#send(1, discover, (offer) => this.requestOf(offer.yiaddr, xid));
      this.#cluster.run(TRY_MS);
    }
  }

  requestOf(address: number, xid = this.#xid): void {
    for (const node of this.#cluster.ids) {
      const server = formatIpv4(addressOf(node).address);
      const request = clientMessage("REQUEST", this.#number, { giaddr, xid, server, requested: formatIpv4(address) });
      this.#send(node, request, (reply) => {
        if (messageTypeOf(reply) === MESSAGE_TYPE.NAK) this.naks++;
        else this.address ??= reply.yiaddr;
      });
    }
  }

  #send(node: number, message: Message, answer: (reply: Message) => void): void {
    this.#cluster.node(node).serve(message, () => false, answer);
  }
}
