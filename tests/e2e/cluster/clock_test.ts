/** Clocks that are set while nodes run, or stand still: no lease ends early, and right nodes serve on. */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Swarm, type SwarmLease } from "../clients/raw/swarm.ts";
import type { Host } from "../lab/topology.ts";
import { until } from "../lab/wait.ts";
import { WrongClock } from "../lab/wrong_clock.ts";
import { e2e } from "../register.ts";
import { took } from "./bars.ts";
import type { Member } from "./member.ts";
import { type ClusterSite, onCluster } from "./site.ts";

const HOLDERS = 20;
const NEWCOMERS = 50;
/** libfaketime reads its file once a second. */
const SET_MS = 3_000;
/** A round of time probes after that, and a leader's status. */
const AGREED_MS = 6_000;
const YEAR_SECONDS = 365 * 86_400;
const STEP_MS = 10_000;
/** A time probe, twice the proposal time, and a pull of the leases. */
const JOINED_MS = 20_000;
/** The others are 5 s ahead of clocks at half speed after 10 s; the rest is the program's start. */
const SUSPENDED_MS = 30_000;
/** A busy machine included; clients that find no free address wait so long. */
const GIVE_UP_MS = 4_000;
/** The pool, which the newcomers exhaust: else nothing that is held would be chosen in any case. */
const ADDRESSES = 64;
const POOL = "10.77.1.0-10.77.1.63";

e2e(
  "a node alone serves on, and ends no lease, when its clock is set by 6 s, a day, and an hour back",
  () =>
    onCluster({ nodes: 1, pool: POOL }, async (site) => {
      const [one] = site.members as [Member];
      const clock = new WrongClock(one.host.namespace.folder("clock"));
      one.env = clock.env;
      await site.start();
      await site.relayTo([1]);
      const clients = await Clients.join(site);
      await clients.newcomers(HOLDERS);
      const said = [
        /clock was set ahead by \d+s: .*later until 20/,
        /ahead by (1d|23h59m59s): .*later/,
        /back by (1h|59m5|1h1s)/,
      ];
      for (const [index, offset] of [6, 86_406, 82_806].entries()) {
        clock.set(offset);
        await until("the step to be said", SET_MS, () => one.said(/clock was set (ahead|back)/) > index);
        await one.says(said[index] as RegExp);
        strictEqual((await one.readyz())?.status, 200);
        await clients.newcomers(HOLDERS);
      }
      await clients.confirm();
      const { steps, steppedSeconds, fault } = (await one.status()).clock;
      deepStrictEqual({ steps, fault }, { steps: 3, fault: null });
      ok(Math.abs(steppedSeconds - 86_406) <= 2, `${steppedSeconds} s`);
      strictEqual(one.said(/No majority|no majority/), 0);
      match(await one.command("status"), /addresses become free 1d\w* later until/);
    }),
);

e2e(
  "all clocks are set ahead together, and then one node's clocks run at half speed: no lease is given twice",
  () =>
    onCluster({ pool: POOL }, async (site) => {
      const [one, ...rest] = site.members as [Member, Member, Member];
      const clocks = site.members.map((member) => {
        const clock = new WrongClock(member.host.namespace.folder("clock"));
        member.env = clock.env;
        return clock;
      });
      await site.start();
      await site.relayTo([1, 2, 3]);
      const clients = await Clients.join(site);
      await clients.newcomers(HOLDERS);

      for (const clock of clocks) clock.set(7_200);
      const beganMs = performance.now();
      for (const member of site.members) {
        await until(
          `node ${member.id} to agree`,
          AGREED_MS,
          () => member.said(/clock was set ahead by (2h|1h59m59s)/) === 1,
        );
      }
      await site.serves(AGREED_MS);
      took("all nodes serve after a common step", performance.now() - beganMs, AGREED_MS);
      await clients.newcomers(NEWCOMERS);
      await clients.confirm();

      await one.stop();
      one.env = (clocks[0] as WrongClock).slow(7_200);
      await one.start();
      await until("node 1 to know that it is slow", SUSPENDED_MS, async () => {
        const { status, body } = (await one.readyz()) ?? {};
        return status === 503 && /clock: no majority agrees .* any more/.test(body ?? "");
      });
      await clients.newcomers(NEWCOMERS);
      await clients.confirm();
      for (const member of rest) strictEqual((await member.readyz())?.status, 200);
    }),
);

e2e(
  "a machine without a battery clock gets an empty disk: its node joins once NTP has set the clock, without a restart",
  () =>
    onCluster({ pool: POOL }, async (site) => {
      const [, two] = site.members as [Member, Member, Member];
      const clock = new WrongClock(two.host.namespace.folder("clock"));
      await site.start();
      await site.relayTo([1, 2, 3]);
      const clients = await Clients.join(site);
      await clients.newcomers(HOLDERS);

      await two.kill();
      two.replaceDisk();
      clock.set(-YEAR_SECONDS);
      two.env = clock.env;
      await two.start();
      await until("it to hear that it ran before", STEP_MS, () =>
        two.said(/know a later start of node 2 .* goes on as start/) === 1);
      await until("it to know that its clock is wrong", STEP_MS, async () => {
        const { status, body } = (await two.readyz()) ?? {};
        return status === 503 && /clock/.test(body ?? "");
      });
      clock.set(0);
      const beganMs = performance.now();
      await site.serves(JOINED_MS);
      took("a node with an empty disk serves once its clock is set", performance.now() - beganMs, JOINED_MS);
      strictEqual(two.said(/serves DHCP on/), 1, "it was not started again");
      strictEqual(two.said(/goes on as start/), 1);
      await site.agrees();
      await clients.newcomers(NEWCOMERS);
      await clients.confirm();
    }),
);

/** Clients that hold leases, and newcomers that ask for the same addresses. */
class Clients {
  readonly #host: Host;
  readonly #leases: SwarmLease[] = [];
  #next = 1;

  private constructor(host: Host) {
    this.#host = host;
  }

  static async join(site: ClusterSite): Promise<Clients> {
    return new Clients(await site.topology.client("swarm"));
  }

  /** New clients ask for the addresses that others hold, and get other ones as long as some are free. */
  async newcomers(count: number): Promise<void> {
    const held = new Set(this.#leases.map(({ address }) => address));
    const wishes = held.size === 0 ? {} : { wishes: [...held] };
    const order = { first: this.#next, clients: count, inFlight: count, giveUpMs: GIVE_UP_MS };
    this.#next += count;
    const answers = await Swarm.run(this.#host, { ...order, ...wishes });
    const granted = answers.flatMap((answer) => answer.answer === "ACK" ? [answer] : []);
    deepStrictEqual(granted.filter(({ address }) => held.has(address)), [], "addresses of running leases");
    strictEqual(granted.length, Math.min(count, ADDRESSES - held.size));
    this.#leases.push(...granted);
    strictEqual(new Set(this.#leases.map(({ address }) => address)).size, this.#leases.length);
  }

  /** Every client has its address still. */
  async confirm(): Promise<void> {
    const answers = await Swarm.run(this.#host, { leases: this.#leases, inFlight: 16, giveUpMs: GIVE_UP_MS });
    const byClient = new Map(answers.map((answer) => [answer.client, answer]));
    deepStrictEqual(this.#leases.map(({ client }) => byClient.get(client)), this.#leases);
  }
}
