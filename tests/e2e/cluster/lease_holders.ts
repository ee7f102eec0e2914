/** Clients that get leases and keep them through whatever happens to the nodes, and clients that must get none. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Swarm, type SwarmAnswer } from "../clients/raw/swarm.ts";
import type { ClusterSite } from "./site.ts";

/** New clients of each {@link LeaseHolders.serve}. */
export const HOLDERS = 20;
const GIVE_UP_MS = 20_000;
/** How long a client waits for an answer that must not come. */
const NOTHING_MS = 2_000;

/** The clients of one site. */
export class LeaseHolders {
  readonly #site: ClusterSite;
  #next: number;
  #hosts = 0;
  readonly #held: { client: number; address: string }[] = [];

  constructor(site: ClusterSite, first = 1) {
    this.#site = site;
    this.#next = first;
  }

  /** New clients get leases, and each earlier one still has its own. */
  async serve(): Promise<void> {
    for (const answer of await this.#ask(HOLDERS, GIVE_UP_MS)) {
      ok(answer.answer === "ACK", JSON.stringify(answer));
      this.#held.push({ client: answer.client, address: answer.address });
    }
    strictEqual(new Set(this.#held.map(({ address }) => address)).size, this.#held.length, "addresses are unique");
    await this.confirm();
  }

  /** Each client's lease is confirmed. */
  async confirm(): Promise<void> {
    const host = await this.#site.topology.client(`again${++this.#hosts}`);
    const answers = await Swarm.run(host, { leases: this.#held, inFlight: HOLDERS, giveUpMs: GIVE_UP_MS });
    const told = new Map(answers.map((answer) => [answer.client, answer]));
    for (const lease of this.#held) deepStrictEqual(told.get(lease.client), { ...lease, answer: "ACK" });
  }

  async getNothing(): Promise<void> {
    deepStrictEqual((await this.#ask(2, NOTHING_MS)).map(({ answer }) => answer), ["none", "none"]);
  }

  async #ask(clients: number, giveUpMs: number): Promise<SwarmAnswer[]> {
    const host = await this.#site.topology.client(`new${++this.#hosts}`);
    const first = this.#next;
    this.#next += clients;
    return await Swarm.run(host, { first, clients, inFlight: clients, giveUpMs });
  }
}
