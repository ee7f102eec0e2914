import { testContext } from "../testing/context.ts";
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { CONFIG_FACTS, type ConfigNotice, ConfigReplication, type Configuration } from "./config_replication.ts";
import type { Config, NodeId } from "../wire/messages.ts";
import type { Leadership } from "../context.ts";

function at(ms: number) {
  return { wallMs: 0, monotonicMs: ms };
}

interface Node {
  readonly id: NodeId;
  readonly leadership: { role: Leadership["role"]; term: number; leader: NodeId | undefined };
  readonly facts: Map<string, string>;
  readonly log: string[];
  configs: ConfigReplication;
  up: boolean;
}

/** Members with disks; messages and heartbeats arrive at the next step unless `loses` says otherwise. */
class Cluster {
  ms = 0;
  readonly nodes: Node[];
  readonly #queue: (() => void)[] = [];
  loses: () => boolean = () => false;
  /** Whether checking and compiling take a step. */
  compilesSlowly: () => boolean = () => false;

  constructor(readonly members: NodeId[]) {
    this.nodes = members.map((id) => {
      const node = {
        id,
        leadership: { role: "follower" as Leadership["role"], term: 0, leader: undefined as NodeId | undefined },
        facts: new Map<string, string>(),
        log: [] as string[],
        up: true,
      } as Node;
      return node;
    });
    for (const node of this.nodes) this.start(node.id);
  }

  node(id: NodeId): Node {
    return this.nodes.find((node) => node.id === id) as Node;
  }

  start(id: NodeId, file?: Configuration): void {
    const node = this.node(id);
    node.up = true;
    const deliver = (to: NodeId, { revision, text }: Config) => {
      if (typeof text !== "string") throw new Error("Only whole texts are sent here");
      if (this.loses()) return;
      this.#queue.push(() => this.node(to).up && this.node(to).configs.receive(id, { revision, text }, at(this.ms)));
    };
    const revision = node.facts.get(CONFIG_FACTS.revision);
    const stored = revision === undefined
      ? undefined
      : { revision: Number(revision), text: node.facts.get(CONFIG_FACTS.text) ?? "" };
    const configs: ConfigReplication = new ConfigReplication(
      testContext<ConfigNotice>({
        self: id,
        members: () => this.members,
        leadership: node.leadership,
        effects: {
          send: (to, message) => deliver(to, message as Config),
          broadcast: (message) =>
            this.members.filter((to) => to !== id).forEach((to) => deliver(to, message as Config)),
          notice: (notice) => node.log.push(JSON.stringify(notice)),
          persist: ({ facts = [] }, durable) =>
            this.#queue.push(() => {
              if (!node.up || node.configs !== configs) return;
              for (const [key, value] of facts) node.facts.set(key, value);
              durable(at(this.ms));
            }),
        },
      }),
      {
        stored,
        activate: (text, done) =>
          this.#soon(() => {
            if (node.configs !== configs) return;
            node.log.push(`activate ${text}`);
            done();
          }),
        validate: (text, done) =>
          this.#soon(() =>
            node.configs === configs && done(text.includes("bad") ? "it is bad" : undefined, at(this.ms))
          ),
        textFor: (_to, text) => text,
      },
    );
    node.configs = configs;
    if (file !== undefined) node.configs.offer(file);
  }

  #soon(run: () => void): void {
    if (this.compilesSlowly()) this.#queue.push(run);
    else run();
  }

  lead(id: NodeId): void {
    for (const node of this.nodes) {
      node.leadership.role = node.id === id ? "leader" : "follower";
      node.leadership.leader = id;
      node.leadership.term += 1;
    }
  }

  run(steps: number): this {
    for (; steps > 0; steps--) {
      this.ms += 250;
      for (const run of this.#queue.splice(0)) run();
      const up = this.nodes.filter((node) => node.up);
      for (const a of up) {
        for (const b of up) if (a !== b && !this.loses()) b.configs.heard(a.id, a.configs.revision);
      }
      for (const node of up) node.configs.tick(at(this.ms), up.map(({ id }) => id));
    }
    return this;
  }

  get active(): (string | undefined)[] {
    return this.nodes.map((node) => {
      const { active } = node.configs;
      return active === undefined ? undefined : `${active.revision} ${active.text}`;
    });
  }
}

Deno.test("configs: three nodes with one file activate it without a leader's help", () => {
  const cluster = new Cluster([1, 2, 3]);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 1, text: "a" });
  deepStrictEqual(cluster.run(3).active, ["1 a", "1 a", "1 a"]);
});

Deno.test("configs: a node alone activates its file once it is on disk", () => {
  const cluster = new Cluster([1]);
  cluster.node(1).configs.offer({ revision: 4, text: "a" });
  strictEqual(cluster.node(1).configs.active, undefined);
  deepStrictEqual(cluster.run(1).active, ["4 a"]);
});

Deno.test("configs: a follower's newer file goes by the leader to all, and is served once a majority has it", () => {
  const cluster = new Cluster([1, 2, 3]);
  cluster.lead(3);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 1, text: "a" });
  cluster.run(4);
  cluster.node(1).configs.offer({ revision: 2, text: "b" });
  cluster.run(1);
  strictEqual(cluster.node(1).configs.revision, 2);
  strictEqual(cluster.active[0], "1 a", "one of three is no majority");
  deepStrictEqual(cluster.run(12).active, ["2 b", "2 b", "2 b"]);
});

Deno.test("configs: an outdated file is said once and not served", () => {
  const cluster = new Cluster([1, 2, 3]);
  cluster.lead(3);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 7, text: "g" });
  cluster.run(4);
  cluster.node(1).up = false;
  cluster.start(1, { revision: 6, text: "f" });
  cluster.node(1).configs.offer({ revision: 6, text: "f" });
  deepStrictEqual(cluster.run(4).active, ["7 g", "7 g", "7 g"]);
  const said = cluster.node(1).log.filter((line) => line.includes("configOutdated"));
  deepStrictEqual(said, ['{"kind":"configOutdated","file":6,"revision":7}']);
});

Deno.test("configs: a blank disk with an outdated file gets the newer one", () => {
  const cluster = new Cluster([1, 2, 3]);
  cluster.lead(3);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 7, text: "g" });
  cluster.run(4);
  cluster.node(1).facts.clear();
  cluster.start(1, { revision: 6, text: "f" });
  deepStrictEqual(cluster.run(8).active, ["7 g", "7 g", "7 g"]);
});

Deno.test("configs: of two texts with one revision the leader's wins, the other is reported until corrected", () => {
  const cluster = new Cluster([1, 2, 3]);
  const faults = () => cluster.node(1).log.filter((line) => /Conflict|Agrees/.test(line));
  const conflict = '{"kind":"configConflict","revision":2,"from":0}';
  cluster.node(1).configs.offer({ revision: 2, text: "mine" });
  cluster.node(2).configs.offer({ revision: 2, text: "yours" });
  cluster.node(3).configs.offer({ revision: 2, text: "yours" });
  cluster.lead(3);
  deepStrictEqual(cluster.run(6).active, ["2 yours", "2 yours", "2 yours"]);
  deepStrictEqual(faults(), [conflict]);
  strictEqual(cluster.node(1).log.at(-1), conflict, "after the activation, which ends earlier faults");
  // The file was not corrected: said again after a restart, still not served.
  cluster.start(1, { revision: 2, text: "mine" });
  deepStrictEqual(cluster.run(6).active, ["2 yours", "2 yours", "2 yours"]);
  deepStrictEqual(faults(), [conflict, conflict]);
  cluster.node(1).configs.offer({ revision: 2, text: "yours" });
  deepStrictEqual(faults(), [conflict, conflict, '{"kind":"configAgrees","revision":2}']);
});

Deno.test("configs: a returning member reports its outdated file and is not current before it has the newest", () => {
  const cluster = new Cluster([1, 2, 3]);
  cluster.lead(3);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 1, text: "a" });
  cluster.run(4);
  cluster.node(1).up = false;
  for (const id of [2, 3]) cluster.node(id).configs.offer({ revision: 2, text: "b" });
  cluster.run(8);
  cluster.start(1, { revision: 1, text: "a" });
  for (let step = 0; step < 8; step++) {
    const { configs } = cluster.run(1).node(1);
    ok(!configs.isCurrent || configs.active?.revision === 2, "revision 1 is not served again");
  }
  strictEqual(cluster.node(1).configs.isCurrent, true);
  strictEqual(cluster.node(1).log.at(-1), '{"kind":"configOutdated","file":1,"revision":2}');
});

Deno.test("configs: all stay current while a newer one is on its way to a majority", () => {
  const cluster = new Cluster([1, 2, 3]);
  cluster.lead(3);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 1, text: "a" });
  cluster.run(4);
  cluster.loses = () => true;
  cluster.node(3).configs.offer({ revision: 2, text: "b" });
  cluster.run(2);
  for (const { id, configs } of cluster.nodes) if (id !== 3) configs.heard(3, 2);
  deepStrictEqual(cluster.nodes.map(({ configs }) => configs.isCurrent), [true, true, true]);
  cluster.loses = () => false;
  deepStrictEqual(cluster.run(8).active, ["2 b", "2 b", "2 b"]);
});

Deno.test("configs: what can't be used is refused with the reason", () => {
  const cluster = new Cluster([1, 2]);
  cluster.lead(2);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 1, text: "a" });
  cluster.run(4);
  cluster.node(2).configs.offer({ revision: 2, text: "bad" });
  deepStrictEqual(cluster.run(12).active, ["1 a", "1 a"]);
  ok(cluster.node(1).log.includes('{"kind":"configRefused","revision":2,"from":2,"problem":"it is bad"}'));
});

Deno.test("configs: one that is compiled while a newer one becomes durable is served before it", () => {
  const cluster = new Cluster([1]);
  const { configs, log } = cluster.node(1);
  cluster.compilesSlowly = () => true;
  configs.offer({ revision: 1, text: "a" });
  cluster.run(1);
  configs.offer({ revision: 2, text: "b" });
  strictEqual(configs.active, undefined, "not before it is compiled");
  deepStrictEqual(cluster.run(3).active, ["2 b"]);
  deepStrictEqual(log.filter((line) => line.startsWith("activate")), ["activate a", "activate b"]);
});

Deno.test("configs: a node stays current while it checks what a majority has, unless it refuses that", () => {
  const cluster = new Cluster([1, 2, 3]);
  cluster.lead(3);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 1, text: "a" });
  cluster.run(4);
  const { configs } = cluster.node(1);
  cluster.compilesSlowly = () => true;
  configs.receive(3, { revision: 2, text: "bad" }, at(cluster.ms));
  for (const id of [2, 3]) configs.heard(id, 2);
  strictEqual(configs.isCurrent, true);
  for (const id of [2, 3]) configs.heard(id, 3);
  strictEqual(configs.isCurrent, false, "there is another one, which it has not heard of");
  for (const id of [2, 3]) configs.heard(id, 2);
  cluster.loses = () => true;
  cluster.run(1);
  for (const id of [2, 3]) configs.heard(id, 2);
  strictEqual(configs.isCurrent, false, "it refused it");
});

Deno.test("configs: a check that ends after its leader was replaced takes nothing", () => {
  const cluster = new Cluster([1, 2, 3]);
  cluster.lead(3);
  for (const { configs } of cluster.nodes) configs.offer({ revision: 1, text: "a" });
  cluster.run(4);
  cluster.compilesSlowly = () => true;
  cluster.node(1).configs.receive(3, { revision: 2, text: "b" }, at(cluster.ms));
  cluster.lead(2);
  cluster.run(1);
  strictEqual(cluster.node(1).configs.newest, 1);
});

Deno.test("configs: after any losses and restarts all members have the newest, and no member goes back", () => {
  const step = fc.record({
    kind: fc.constantFrom("offer", "lead", "stop", "start", "run"),
    id: fc.integer({ min: 1, max: 5 }),
    revision: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), fc.nat(), (steps, salt) => {
    const cluster = new Cluster([1, 2, 3, 4, 5]);
    let chance = salt;
    cluster.loses = () => (chance = (chance * 1103515245 + 12345) % 2 ** 31) % 10 < 3;
    cluster.compilesSlowly = cluster.loses;
    cluster.lead(5);
    cluster.node(1).configs.offer({ revision: 1, text: "r1" });
    cluster.run(1);
    let newest = 1;
    for (const { kind, id, revision } of steps) {
      const node = cluster.node(id);
      if (kind === "offer" && node.up) {
        newest = Math.max(newest, revision);
        node.configs.offer({ revision, text: `r${revision}` });
        cluster.run(1);
      } else if (kind === "lead") cluster.lead(id);
      else if (kind === "stop") node.up = false;
      else if (kind === "start" && !node.up) cluster.start(id);
      cluster.run(1);
    }
    for (const node of cluster.nodes) if (!node.up) cluster.start(node.id);
    cluster.loses = () => false;
    cluster.run(40);
    const revisions = new Set(cluster.nodes.map((node) => node.configs.revision));
    strictEqual(revisions.size, 1);
    deepStrictEqual(cluster.active, cluster.members.map(() => `${newest} r${newest}`));
    for (const node of cluster.nodes) strictEqual(node.facts.get(CONFIG_FACTS.text), `r${newest}`);
  }));
});
