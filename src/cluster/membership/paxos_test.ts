import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { MembershipContent, NodeId } from "../wire/messages.ts";
import { type AcceptorState, NOTHING_PROMISED, Paxos, type PaxosMessage } from "./paxos.ts";

/** A membership that is told apart by its term. */
function content(name: number): MembershipContent {
  return { term: name, members: [{ id: 1, address: name }], renewalsOnlyUntil: 0, added: 0 };
}

interface Machine {
  readonly id: NodeId;
  /** What is on its disk. */
  disk: AcceptorState;
  blank: boolean;
  diskNumber: number;
  paxos: Paxos;
  /** Writes that are not on the disk yet. */
  writes: { state: AcceptorState; durable: () => void }[];
}

/** What a test takes away from the protocol, to see that it is missed. */
interface Sabotage {
  readonly forgetsPromises?: boolean;
  readonly joinsUnlearned?: boolean;
  readonly keepsLostPromises?: boolean;
}

/** Members with virtual disks; the test decides which message arrives when. */
class Room {
  readonly chosen: { by: NodeId; name: number }[] = [];
  readonly blocked: number[] = [];
  readonly machines = new Map<NodeId, Machine>();
  wire: { from: NodeId; to: NodeId; message: PaxosMessage }[] = [];
  ms = 0;
  #random = 1;
  readonly #sabotage: Sabotage;

  constructor(size: number, sabotage: Sabotage = {}) {
    this.#sabotage = sabotage;
    for (let id = 1; id <= size; id++) {
      const machine = { id, disk: NOTHING_PROMISED, blank: false, diskNumber: 1, writes: [] } as unknown as Machine;
      this.machines.set(id, machine);
      this.#start(machine);
    }
  }

  machine(id: NodeId): Machine {
    return this.machines.get(id) as Machine;
  }

  #start(machine: Machine): void {
    const { id } = machine;
    machine.writes = [];
    machine.paxos = new Paxos({
      self: id,
      members: () => [...this.machines.keys()],
      diskId: () => `${id}.${machine.diskNumber}`,
      isVoter: () => !machine.blank,
      stored: this.#sabotage.forgetsPromises ? NOTHING_PROMISED : machine.disk,
      send: (to, message) => this.wire.push({ from: id, to, message }),
      persist: (state, durable) => machine.writes.push({ state, durable: () => durable(this.#now) }),
      random: () => (this.#random = (this.#random * 16_807) % 2_147_483_647) / 2_147_483_647,
      chosen: (content) => this.chosen.push({ by: id, name: content.term }),
      blocked: (content) => this.blocked.push(content.term),
    });
  }

  get #now() {
    return { wallMs: this.ms, monotonicMs: this.ms };
  }

  propose(id: NodeId, name: number, term: number, permits = true): void {
    this.machine(id).paxos.propose({ term, content: content(name), permits: () => permits }, this.#now);
  }

  /** All writes of a machine reach its disk. */
  sync(id: NodeId): void {
    const machine = this.machine(id);
    for (const { state, durable } of machine.writes.splice(0)) {
      machine.disk = state;
      durable();
    }
  }

  deliver(index: number, keep = false): void {
    const [datagram] = keep ? [this.wire[index]] : this.wire.splice(index, 1);
    if (datagram === undefined) return;
    const { from, to, message } = datagram;
    const forged = this.#sabotage.keepsLostPromises && message.type === "membershipAccept"
      ? { ...message, promises: [] }
      : message;
    this.machine(to).paxos.receive(from, forged, this.#now, true);
  }

  /** What is on its way between two machines arrives, the answers too. */
  pass(a: NodeId, b: NodeId): void {
    for (;;) {
      const index = this.wire.findIndex(({ from, to }) => (from === a && to === b) || (from === b && to === a));
      if (index < 0) return;
      const to = this.wire[index]?.to as NodeId;
      this.deliver(index);
      this.sync(to);
    }
  }

  /** The process ends; what was not written is lost. */
  crash(id: NodeId): void {
    this.#start(this.machine(id));
  }

  /** One disk at a time may be lost. */
  loseDisk(id: NodeId): void {
    if ([...this.machines.values()].some(({ blank }) => blank)) return;
    const machine = this.machine(id);
    machine.disk = NOTHING_PROMISED;
    machine.diskNumber += 1;
    // A process that was heard makes the datagrams of those before it invalid (`FailureDetector.heard`).
    this.wire = this.wire.filter(({ from, message }) =>
      from !== id || message.type !== "membershipPrepare" || message.joining === undefined
    );
    machine.blank = !this.#sabotage.joinsUnlearned;
    this.#start(machine);
  }

  tick(ms: number): void {
    this.ms += ms;
    for (const machine of this.machines.values()) {
      machine.paxos.tick(this.#now, true);
      this.#join(machine);
    }
  }

  #join(machine: Machine): void {
    if (!machine.blank || !machine.paxos.recovered) return;
    machine.disk = machine.paxos.state;
    machine.blank = false;
  }

  /** Everything arrives, until nothing is left. */
  settle(): void {
    for (let round = 0; round < 40; round++) {
      this.tick(100);
      while (this.wire.length > 0 || [...this.machines.values()].some(({ writes }) => writes.length > 0)) {
        for (const id of this.machines.keys()) this.sync(id);
        for (let count = this.wire.length; count > 0; count--) this.deliver(0);
        for (const machine of this.machines.values()) this.#join(machine);
      }
    }
  }
}

Deno.test("paxos: one proposal is chosen by a quorum, though one member is silent", () => {
  const room = new Room(3);
  room.propose(2, 7, 5);
  room.wire = room.wire.filter(({ to }) => to !== 3);
  for (let step = 0; step < 6; step++) {
    for (const id of [1, 2]) room.sync(id);
    room.wire = room.wire.filter(({ to }) => to !== 3);
    while (room.wire.length > 0) room.deliver(0);
  }
  deepStrictEqual(room.chosen, [{ by: 2, name: 7 }]);
  strictEqual(room.machine(1).disk.accepted?.content.term, 7);
  strictEqual(room.machine(2).paxos.isProposing, false);
});

Deno.test("paxos: alone it chooses once its disk has it", () => {
  const room = new Room(1);
  room.propose(1, 7, 0);
  room.sync(1);
  deepStrictEqual(room.chosen, []);
  room.sync(1);
  deepStrictEqual(room.chosen, [{ by: 1, name: 7 }]);
});

Deno.test("paxos: a leader that proposes twice in a term, or after a restart, uses no ballot twice", () => {
  const room = new Room(3);
  const rounds = new Set<number>();
  for (let attempt = 0; attempt < 3; attempt++) {
    room.propose(1, attempt + 1, 4);
    room.sync(1);
    const asked = room.wire.filter(({ message }) => message.type === "membershipPrepare").map(({ message }) =>
      message.round
    );
    strictEqual(new Set(asked).size, 1);
    rounds.add(asked[0] ?? 0);
    room.wire = [];
    if (attempt === 0) room.machine(1).paxos.withdraw();
    else room.crash(1);
  }
  strictEqual(rounds.size, 3);
  ok(Math.min(...rounds) >= 4, "not below the term");
});

Deno.test("case 34: of two changes that two leaders were given, the later one completes the earlier one first", () => {
  const room = new Room(4);
  room.propose(3, 30, 5);
  // Its proposal is accepted by node 3 alone; then node 4 leads.
  for (let step = 0; step < 2; step++) {
    room.sync(3);
    for (const id of [1, 2]) {
      while (room.wire.some(({ to }) => to === id || to === 3)) {
        room.deliver(room.wire.findIndex(({ to }) => to === id || to === 3));
        room.sync(id);
        if (room.wire.some(({ message }) => message.type === "membershipAccept")) break;
      }
    }
  }
  ok(room.wire.some(({ message }) => message.type === "membershipAccept"));
  room.wire = [];
  room.sync(3);
  strictEqual(room.machine(3).disk.accepted?.content.term, 30);
  room.machine(3).paxos.withdraw();
  room.propose(4, 40, 6, false);
  room.settle();
  deepStrictEqual([room.chosen, room.blocked], [[], [30]], "it may not be completed while a member is away");
  room.propose(4, 40, 7);
  room.settle();
  deepStrictEqual(room.chosen, [{ by: 4, name: 30 }]);
});

/**
 * Node 3 promises node 1 and loses its disk. Its successor learns from nodes 2, 4 and 5, and helps node 4 to choose.
 * Node 1 counts the old promise together with a late one of node 2, which knows of no choice.
 */
function countsLostPromise(sabotage: Sabotage): number[] {
  const room = new Room(5, sabotage);
  room.propose(1, 10, 5);
  room.sync(1);
  room.pass(1, 3);
  const late = room.wire.filter(({ from, to }) => from === 1 && to === 2);
  room.wire = [];
  room.loseDisk(3);
  room.tick(600);
  for (const id of [2, 4, 5]) room.pass(3, id);
  room.tick(10);
  strictEqual(room.machine(3).blank, false, "it has learned from three others");
  room.propose(4, 40, 2);
  room.sync(4);
  room.wire = room.wire.filter(({ to }) => to === 3 || to === 5);
  for (let phase = 0; phase < 2; phase++) {
    for (const id of [3, 5]) room.pass(4, id);
    room.sync(4);
    room.wire = room.wire.filter(({ to }) => to === 3 || to === 5);
  }
  strictEqual(room.chosen.length, 1);
  room.wire = late;
  room.pass(1, 2);
  room.sync(1);
  for (const id of [2, 3, 4, 5]) room.pass(1, id);
  return room.chosen.map(({ name }) => name);
}

Deno.test("paxos: a promise of a disk that was lost since does not count", () => {
  deepStrictEqual(countsLostPromise({ keepsLostPromises: true }), [40, 10], "what would happen");
  deepStrictEqual(countsLostPromise({}), [40]);
});

Deno.test("paxos: a promise that was made to a lost disk teaches its successor nothing", () => {
  const room = new Room(5);
  room.loseDisk(3);
  room.tick(600);
  room.wire = room.wire.filter(({ to }) => to !== 5);
  while (room.wire.some(({ message }) => message.type === "membershipPrepare")) {
    room.deliver(0);
    for (const id of [1, 2, 4]) room.sync(id);
  }
  const late = room.wire.filter(({ from }) => from !== 4);
  while (room.wire.length > 0) room.deliver(0);
  room.tick(10);
  strictEqual(room.machine(3).blank, false);
  room.propose(1, 10, 5);
  for (let phase = 0; phase < 3; phase++) {
    room.sync(1);
    for (const id of [2, 3]) room.pass(1, id);
  }
  deepStrictEqual(room.chosen, [{ by: 1, name: 10 }]);
  // Its next disk asks in the same round. The promises to the one before are from before the choice.
  room.loseDisk(3);
  room.wire = [];
  room.tick(600);
  room.wire = room.wire.filter(({ to }) => to === 5);
  room.pass(3, 5);
  room.wire = late;
  while (room.wire.length > 0) room.deliver(0);
  room.tick(10);
  strictEqual(room.machine(3).blank, true);
  room.settle();
  strictEqual(room.machine(3).disk.accepted?.content.term, 10);
});

type Step =
  | { kind: "propose"; id: number; term: number }
  | { kind: "deliver"; index: number; keep: boolean }
  | { kind: "lose"; index: number }
  | { kind: "sync" | "crash" | "loseDisk" | "withdraw"; id: number }
  | { kind: "tick"; ms: number };

function steps(size: number, length: number): fc.Arbitrary<Step[]> {
  const id = fc.integer({ min: 1, max: size });
  const index = fc.nat(60);
  const of = <Kind extends Step["kind"]>(kind: Kind) => fc.constant(kind);
  return fc.array(
    fc.oneof(
      { weight: 2, arbitrary: fc.record({ kind: of("propose"), id, term: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 20, arbitrary: fc.record({ kind: of("deliver"), index, keep: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ kind: of("lose"), index }) },
      { weight: 16, arbitrary: fc.record({ kind: of("sync"), id }) },
      { weight: 1, arbitrary: fc.record({ kind: of("crash"), id }) },
      { weight: 1, arbitrary: fc.record({ kind: of("loseDisk"), id }) },
      { weight: 1, arbitrary: fc.record({ kind: of("withdraw"), id }) },
      { weight: 3, arbitrary: fc.record({ kind: of("tick"), ms: fc.constantFrom(50, 300, 600) }) },
    ) as fc.Arbitrary<Step>,
    { minLength: length / 2, maxLength: length },
  );
}

/** The memberships that were chosen in a run that ends with everything arriving. */
function run(size: number, script: readonly Step[], sabotage?: Sabotage): Set<number> {
  const room = new Room(size, sabotage);
  script.forEach((step, name) => {
    switch (step.kind) {
      case "propose":
        return room.propose(step.id, name + 1, step.term);
      case "deliver":
        return room.wire.length > 0 ? room.deliver(step.index % room.wire.length, step.keep) : undefined;
      case "lose":
        return room.wire.length > 0 ? void room.wire.splice(step.index % room.wire.length, 1) : undefined;
      case "sync":
        return room.sync(step.id);
      case "crash":
        return room.crash(step.id);
      case "loseDisk":
        return room.loseDisk(step.id);
      case "withdraw":
        return room.machine(step.id).paxos.withdraw();
      case "tick":
        return room.tick(step.ms);
    }
  });
  room.settle();
  room.propose(1, script.length + 1, 9);
  room.settle();
  ok(room.chosen.length > 0, "it ends");
  return new Set(room.chosen.map(({ name }) => name));
}

Deno.test("paxos: whatever is lost, repeated, reordered, proposed at once or crashes: one membership is chosen", () => {
  for (const [size, numRuns] of [[2, 300], [3, 1_500], [4, 1_000], [5, 1_500]] as const) {
    fc.assert(fc.property(steps(size, 160), (script) => strictEqual(run(size, script).size, 1)), { numRuns });
  }
});

/** Whether some random run chooses two. */
function breaks(size: number, sabotage: Sabotage, runs: number): boolean {
  for (const script of fc.sample(steps(size, 160), { numRuns: runs, seed: 7 })) {
    if (run(size, script, sabotage).size > 1) return true;
  }
  return false;
}

Deno.test("paxos: without durable promises, or without learning what a lost disk knew, two are chosen", () => {
  ok(breaks(3, { forgetsPromises: true }, 4_000), "promises must outlive a crash");
  ok(breaks(3, { joinsUnlearned: true }, 4_000), "a new disk must not vote before it has learned");
});
