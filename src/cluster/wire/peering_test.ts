import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import type { NodeId } from "./messages.ts";
import { Peering, PEERING_LIMITS, type Received } from "./peering.ts";
import { DOMAIN, HEADER_BYTES, type Run, SEAL_BYTES, Sealer } from "./seal.ts";
import { toyCipher } from "./testing/toy_cipher.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER_KEY = new Uint8Array(32).fill(2);

function text(plain: string): Uint8Array {
  return new TextEncoder().encode(plain);
}

/** A run of node 2 that is no process here: what it seals is sent by hand. */
function elsewhere(starts: number, incarnation: number, key = KEY): Sealer {
  return new Sealer({ self: { node: 2, starts, incarnation }, keys: [key], isMember: () => true, cipher: toyCipher });
}

/** Processes of two or more members; each datagram arrives at once, unless a member is deaf. */
class Net {
  ms = 0;
  readonly processes = new Map<NodeId, Peering>();
  readonly heard: string[] = [];
  readonly refused: string[] = [];
  readonly connected: string[] = [];
  /** What members say of earlier runs, as `node: starts`. */
  readonly outranked: string[] = [];
  /** All datagrams ever. */
  readonly recorded: { from: NodeId; to: NodeId; bytes: Uint8Array }[] = [];
  readonly deaf = new Set<NodeId>();
  /** For the others; each is one for itself. */
  readonly members = new Set<NodeId>([1, 2, 3]);
  /** On their way. */
  readonly #sent: { from: NodeId; to: NodeId; bytes: Uint8Array }[] = [];
  #starts = 0;
  #incarnation = 1_000;

  /** `starts`: of a run that is not the newest one of all. */
  start(id: NodeId, { keys = [KEY], starts = 0 }: { keys?: readonly Uint8Array[]; starts?: number } = {}): Run {
    const self = { node: id, starts: starts || ++this.#starts, incarnation: ++this.#incarnation };
    const peering = new Peering({
      self,
      keys,
      others: () => [1, 2, 3].filter((other) => other !== id),
      isMember: (node) => id === node || this.members.has(node),
      cipher: toyCipher,
      ports: {
        outranked: (starts) => {
          this.outranked.push(`${id}: ${starts}`);
          peering.renew(starts + 1, this.ms);
        },
        put: (to, bytes) => this.#sent.push({ from: id, to, bytes }),
        connect: (to) => this.connected.push(`${id}>${to}`),
      },
    });
    this.processes.set(id, peering);
    this.tick(id);
    return self;
  }

  tick(id: NodeId): void {
    this.processes.get(id)?.tick(this.ms);
    this.#deliver();
  }

  /** A datagram arrives, and all that follows from it. */
  arrive(from: NodeId, to: NodeId, bytes: Uint8Array, recorded = false): Received | undefined {
    const received = this.#arrive(from, to, bytes, recorded);
    this.#deliver();
    return received;
  }

  #deliver(): void {
    for (let next = this.#sent.shift(); next !== undefined; next = this.#sent.shift()) {
      this.#arrive(next.from, next.to, next.bytes, false);
    }
  }

  #arrive(from: NodeId, to: NodeId, bytes: Uint8Array, recorded: boolean): Received | undefined {
    if (!recorded) this.recorded.push({ from, to, bytes });
    const process = this.processes.get(to);
    if (process === undefined || this.deaf.has(to)) return undefined;
    const received = process.receive(bytes, this.members.has(from) ? from : undefined, this.ms);
    if (received.kind === "newcomer") this.#sent.push({ from: to, to: from, bytes: received.proof });
    if (received.kind === "message") this.heard.push(`${to} hears ${new TextDecoder().decode(received.plain)}`);
    if (received.kind === "refused") this.refused.push(received.error);
    return received;
  }

  say(from: NodeId, to: NodeId, plain: string): void {
    const process = this.processes.get(from);
    if (process !== undefined) this.arrive(from, to, process.sealTo(to, text(plain), 2, this.ms));
  }

  /** What was heard since the last call. */
  get news(): string[] {
    return this.heard.splice(0);
  }
}

Deno.test("peering: processes that start hear each other after a round trip, and lose nothing of before", () => {
  const net = new Net();
  net.start(1);
  net.say(1, 2, "nothing listens");
  net.start(2);
  deepStrictEqual(net.news, ["2 hears nothing listens"]);
  net.say(1, 2, "a");
  net.say(2, 1, "b");
  deepStrictEqual(net.news, ["2 hears a", "1 hears b"]);
});

Deno.test("peering: what was on its way while a process proved itself is no replay", () => {
  const net = new Net();
  const early = elsewhere(5, 7);
  const first = early.seal(DOMAIN.datagram, text("sent before the proof"));
  const run = net.start(1);
  net.arrive(2, 1, early.proof(run));
  deepStrictEqual(net.arrive(2, 1, first), { kind: "unproven", node: 2, lasts: false });
  net.ms += PEERING_LIMITS.earlyMs;
  deepStrictEqual(net.arrive(2, 1, first, true), { kind: "refused", error: "early", node: 2 }, "recorded");
  deepStrictEqual(net.news, []);
});

Deno.test("peering: of a dead member's recorded datagrams nothing is believed after a restart", () => {
  const net = new Net();
  net.start(1);
  net.start(2);
  for (let count = 0; count < 100; count++) net.say(2, 1, "leads");
  strictEqual(net.news.length, 100);
  net.processes.delete(2);
  net.start(1);
  for (const { from, to, bytes } of net.recorded.slice()) if (to === 1) net.arrive(from, to, bytes, true);
  deepStrictEqual(net.news, []);
  net.ms += PEERING_LIMITS.problemMs;
  const last = net.recorded.findLast(({ from, to }) => from === 2 && to === 1);
  const received = last && net.arrive(2, 1, last.bytes, true);
  deepStrictEqual(received, { kind: "unproven", node: 2, lasts: true }, "an operator is told");
});

Deno.test("peering: nothing that a live member said before a restart is believed after it", () => {
  const net = new Net();
  net.start(1);
  net.start(2);
  net.deaf.add(1);
  for (let count = 0; count < 50; count++) net.say(2, 1, "old");
  net.deaf.delete(1);
  const recorded = net.recorded.filter(({ from, to }) => from === 2 && to === 1);
  net.start(1);
  net.say(2, 1, "new");
  for (const { from, to, bytes } of recorded) net.arrive(from, to, bytes, true);
  deepStrictEqual(net.news, ["1 hears new"]);
  // A proof for the process before is none.
  const proofs = recorded.filter(({ bytes }) => bytes[3] === DOMAIN.proof);
  notStrictEqual(proofs.length, 0);
});

Deno.test("peering: a member that restarts is believed after a round trip, and only then", () => {
  const net = new Net();
  net.start(1);
  net.start(2);
  net.deaf.add(2);
  net.start(2);
  net.say(2, 1, "deaf");
  net.say(1, 2, "not heard");
  deepStrictEqual(net.news, []);
  net.deaf.delete(2);
  net.ms += PEERING_LIMITS.silentMs;
  net.tick(2);
  net.say(2, 1, "again");
  deepStrictEqual(net.news, ["1 hears deaf", "1 hears again"]);
  strictEqual(net.processes.get(2)?.isProven(1), true);
});

Deno.test("peering: a run that is not above an earlier one is told so, and is heard once it is", () => {
  for (const starts of [3, 7, 8]) {
    const net = new Net();
    net.start(1);
    net.start(2, { starts: 8 });
    net.say(2, 1, "of the former disk");
    net.start(2, { starts });
    net.say(2, 1, "of the empty disk");
    deepStrictEqual(net.outranked, ["2: 8"], `${starts}`);
    net.say(1, 2, "hello");
    deepStrictEqual(net.news, ["1 hears of the former disk", "1 hears of the empty disk", "2 hears hello"]);
    const again = net.recorded.slice();
    for (const { from, to, bytes } of again) net.arrive(from, to, bytes, true);
    deepStrictEqual([net.news, net.outranked], [[], ["2: 8"]], "recorded answers and challenges do nothing");
  }
});

Deno.test("peering: a member that was away knows of an earlier run what the others have forgotten", () => {
  const net = new Net();
  net.start(1);
  net.start(3);
  net.start(2, { starts: 50 });
  net.processes.delete(2);
  net.start(1);
  net.deaf.add(3);
  net.start(2, { starts: 4 });
  net.say(2, 1, "joined");
  deepStrictEqual([net.news, net.outranked], [["1 hears joined"], []]);
  net.deaf.delete(3);
  net.ms += PEERING_LIMITS.silentMs;
  net.tick(2);
  deepStrictEqual(net.outranked, ["2: 50"]);
  for (const to of [1, 3]) net.say(2, to, "all");
  deepStrictEqual(net.news, ["1 hears all", "3 hears all"]);
});

Deno.test("peering: recorded datagrams of an earlier run are not believed beside one with lower starts", () => {
  const net = new Net();
  net.start(1);
  net.start(2, { starts: 50 });
  for (let count = 0; count < 20; count++) net.say(2, 1, "before");
  const before = net.recorded.filter(({ from, to }) => from === 2 && to === 1);
  net.processes.delete(2);
  net.start(1);
  net.start(2, { starts: 4 });
  strictEqual(net.news.length, 20);
  for (const { from, to, bytes } of before) net.arrive(from, to, bytes, true);
  net.say(2, 1, "now");
  deepStrictEqual(net.news, ["1 hears now"]);
  // Nor do they keep a new process from hearing what runs.
  net.processes.delete(1);
  net.say(2, 1, "lost");
  net.start(1);
  for (const { from, to, bytes } of before) net.arrive(from, to, bytes, true);
  net.ms += PEERING_LIMITS.repeatMs;
  net.say(2, 1, "again");
  net.say(2, 1, "and again");
  deepStrictEqual(net.news.at(-1), "1 hears and again");
  deepStrictEqual(net.outranked, []);
});

Deno.test("peering: of two processes with one id the one that started last is heard, and not outbid", () => {
  const net = new Net();
  net.start(1);
  net.start(2, { starts: 50 });
  const former = net.processes.get(2) as Peering;
  net.start(2, { starts: 50 });
  deepStrictEqual(net.outranked, ["2: 50"]);
  for (let round = 0; round < 20; round++) {
    net.ms += PEERING_LIMITS.silentMs;
    net.arrive(2, 1, former.sealTo(1, text("former"), 2, net.ms));
    net.arrive(2, 1, former.sealer.challenge());
    // Both have the address.
    const answer = net.recorded.findLast(({ from, bytes }) => from === 1 && bytes[3] === DOMAIN.proof);
    strictEqual(answer?.bytes.length, SEAL_BYTES + 4, "outranked");
    former.receive(answer.bytes, 1, net.ms);
    net.say(2, 1, "later");
  }
  deepStrictEqual(net.outranked, ["2: 50"]);
  deepStrictEqual(net.news, new Array(20).fill("1 hears later"));
});

Deno.test("peering: few recorded challenges of earlier runs are opened", () => {
  const net = new Net();
  net.start(1);
  net.start(2);
  const old = elsewhere(1, 9);
  const answers = () => net.recorded.filter(({ from, bytes }) => from === 1 && bytes[3] === DOMAIN.proof).length;
  const before = answers();
  for (; net.ms < 1_000; net.ms += 1) net.arrive(2, 1, old.challenge());
  strictEqual(answers() - before, 1_000 / PEERING_LIMITS.repeatMs);
});

Deno.test("peering: a newcomer that was a member before is told of its earlier run, while a key is replaced", () => {
  const net = new Net();
  net.start(1);
  net.start(2, { starts: 50 });
  net.processes.get(1)?.sealer.setKeys([OTHER_KEY, KEY]);
  net.members.delete(2);
  net.start(2, { starts: 4, keys: [KEY, OTHER_KEY] });
  deepStrictEqual(net.outranked, ["2: 50"]);
  net.say(1, 2, "welcome");
  deepStrictEqual(net.news, ["2 hears welcome"]);
});

Deno.test("peering: a lost challenge is repeated, and a member that answers none is connected to", () => {
  const net = new Net();
  net.start(1);
  const silent = elsewhere(9, 9);
  const says = () => net.arrive(2, 1, silent.seal(DOMAIN.datagram, text("x"), undefined, 1));
  const challenges = () =>
    net.recorded.filter(({ from, to, bytes }) => from === 1 && to === 2 && bytes[3] === DOMAIN.challenge);
  const first = challenges().length;
  for (; net.ms < PEERING_LIMITS.connectMs + 10; net.ms += 10) says();
  strictEqual(challenges().length - first >= 2, true, "repeated");
  deepStrictEqual(net.connected, ["1>2"]);
  deepStrictEqual(net.news, []);
  net.processes.get(1)?.connected({ node: 2, starts: 9, incarnation: 9 }, 1_000, net.ms);
  says();
  deepStrictEqual(net.news, [], "from before the connection");
  for (let count = 0; count < 1_000; count++) silent.seal(DOMAIN.datagram, text(""), undefined, 1);
  says();
  deepStrictEqual(net.news, ["1 hears x"]);
});

Deno.test("peering: what is sealed without the key is dropped by its mark, and costs no key derivation", () => {
  let derived = 0;
  let opened = 0;
  const cipher = {
    ...toyCipher,
    mac: (key: Uint8Array, data: Uint8Array) => (derived++, toyCipher.mac(key, data)),
    decrypt: (...args: Parameters<typeof toyCipher.decrypt>) => (opened++, toyCipher.decrypt(...args)),
  };
  const options = {
    keys: [KEY],
    others: () => [2],
    isMember: () => true,
    ports: { outranked: () => {}, put: () => {}, connect: () => {} },
  };
  const one = new Peering({ ...options, self: { node: 1, starts: 1, incarnation: 1 }, cipher });
  const two = elsewhere(1, 1);
  one.receive(two.challenge(), 2, 0);
  one.connected({ node: 2, starts: 1, incarnation: 1 }, 0, 0);
  const good = two.seal(DOMAIN.datagram, text("good"));
  strictEqual(one.receive(good, 2, 0).kind, "message");
  const before = [derived, opened];
  for (let counter = 0; counter < 1_000; counter++) {
    const forged = good.slice();
    new DataView(forged.buffer).setUint32(HEADER_BYTES - 4, 1_000 + counter);
    deepStrictEqual(one.receive(forged, 2, 0), { kind: "refused", error: "wrongKey", node: 2 });
  }
  const stranger = elsewhere(5, 5, OTHER_KEY);
  for (let count = 0; count < 100; count++) one.receive(stranger.seal(DOMAIN.datagram, text("")), 2, 0);
  deepStrictEqual([derived, opened], before);
  // Of version 1, which has a key id instead, few are tried in a second.
  const old = elsewhere(1, 1);
  for (let count = 0; count < 1_000; count++) {
    const forged = old.seal(DOMAIN.datagram, text("x"), undefined, 1);
    forged[forged.length - TAG_AT] = (forged[forged.length - TAG_AT] as number) ^ 1;
    one.receive(forged, 2, 0);
  }
  strictEqual(opened - (before[1] ?? 0), PEERING_LIMITS.forgedPerSecond);
  strictEqual(derived, before[0]);
  const next = two.seal(DOMAIN.datagram, text("next"));
  strictEqual(one.receive(next, 2, 0).kind, "message", "version 2 does not wait for it");
});

/** From the end: the first octet of the tag. */
const TAG_AT = 16;
