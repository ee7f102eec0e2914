/** Transcripts: messages of clients and nodes in time, and the relay's effects. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { MESSAGE_TYPE } from "../../src/dhcp/message.ts";
import { scanOptions } from "../../src/dhcp/relay_agent.ts";
import { formatIpv4, parsePrefix, type Prefix } from "../../src/net/ipv4.ts";
import type { HealthResult } from "../select/evidence.ts";
import { SELECT } from "../select/limits.ts";
import { NodeTracker } from "../select/tracker.ts";
import { CLIENT_MAC, clientInterface, CONFIG, datagram, type DatagramFields, ip } from "../testing/messages.ts";
import type { ForwardConfig } from "./config.ts";
import { type Effect, Forwarder } from "./forwarder.ts";
import { FORWARD } from "./limits.ts";

const { DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE, INFORM } = MESSAGE_TYPE;
const WORDS: Record<string, number> = { DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE, INFORM };
const names = new Map(Object.entries(WORDS).map(([name, type]) => [type, name]));

const THREE_NODES = [1, 2, 3].map((id) => ({ id, address: ip(`10.99.0.1${id}`), port: 67 }));

/** A relay between one LAN and three nodes, of which 1 is the nearest and 3 the farthest. */
class Scene {
  readonly tracker: NodeTracker;
  readonly forwarder: Forwarder;
  readonly config: ForwardConfig;
  nowMs = 100_000;

  constructor(config: Partial<ForwardConfig> = {}) {
    this.config = { ...CONFIG, nodes: THREE_NODES, ...config };
    this.tracker = new NodeTracker(this.config.nodes.map(({ id }) => ({ id, weight: 1, local: false })));
    for (const index of this.config.nodes.keys()) {
      this.tracker.pinged(index, { kind: "answered", rttMs: 2 + 10 * index });
      this.tracker.healthAsked(index, { kind: "answered", ready: true, rttMs: 3 }, this.nowMs);
      this.tracker.roundEnded(index, this.nowMs);
    }
    this.forwarder = new Forwarder(this.config, this.tracker, this.nowMs);
  }

  /** A client sends "DISCOVER", "REQUEST" …; returns the relay's effects as text. */
  client(word: string, fields: DatagramFields = {}, { link = 0, unicast = false } = {}): string[] {
    const bytes = datagram({ type: WORDS[word] ?? 0, ...fields });
    return this.#describe(this.forwarder.request(bytes, { link, from: 0, unicast }, this.nowMs));
  }

  /** A node answers; `clientSide`: through the clients' interface `link`. */
  node(
    id: number,
    word: string,
    fields: DatagramFields = {},
    { link = 0, port = 67, clientSide = false } = {},
  ): string[] {
    const bytes = datagram({ op: 2, type: WORDS[word] ?? 0, yiaddr: "10.77.1.9", giaddr: "10.77.0.1", ...fields });
    return this.#describe(this.forwarder.reply(bytes, link, ip(`10.99.0.1${id}`), port, this.nowMs, clientSide));
  }

  /** Gives leases to clients 1 … `clients`. */
  makeKnown(clients: number, fields: DatagramFields = {}): void {
    for (let client = 1; client <= clients; client++) {
      this.client("REQUEST", { ...fields, client });
      this.node(1, "ACK", { ...fields, client });
    }
  }

  /** The result of a probe of a node; by default it is ready and says which subnets are full. */
  probe(id: number, { full = [], health }: { full?: readonly string[]; health?: HealthResult } = {}): void {
    const index = this.config.nodes.findIndex((node) => node.id === id);
    const subnets = full.map((subnet) => ({ subnet: parsePrefix(subnet) as Prefix, unanswered: 1 }));
    this.tracker.healthAsked(index, health ?? { kind: "answered", ready: true, rttMs: 3, full: subnets }, this.nowMs);
    this.tracker.roundEnded(index, this.nowMs);
  }

  /** Advances the clock and runs every deadline on the way. */
  wait(ms: number): string[] {
    const told: string[] = [];
    for (const endMs = this.nowMs + ms;;) {
      const { nextMs } = this.forwarder;
      if (nextMs === undefined || nextMs > endMs) {
        this.nowMs = endMs;
        return told;
      }
      this.nowMs = Math.max(this.nowMs, nextMs);
      told.push(...this.#describe(this.forwarder.tick(this.nowMs)));
    }
  }

  #describe(effects: readonly Effect[]): string[] {
    return effects.flatMap((effect) => {
      switch (effect.kind) {
        case "send": {
          const type = names.get(scanOptions(effect.send.bytes).messageType) ?? "BOOTP";
          return [`${type} → ${this.config.nodes[effect.send.node]?.id}`];
        }
        case "deliver":
          return [`${names.get(scanOptions(effect.delivery.bytes).messageType) ?? "BOOTP"} to client`];
        case "dropped":
          return [effect.outcome];
        case "rogue":
          return [`rogue ${formatIpv4(effect.rogue.server)}`];
        case "relayed":
          return effect.outcome === "relayed" ? [] : [effect.outcome];
      }
    });
  }

  /** Ids of the suspect nodes. */
  get suspects(): number[] {
    return this.tracker.states(this.nowMs).filter(({ suspect }) => suspect).map(({ id }) => id);
  }

  traffic(id: number) {
    return this.tracker.traffic(this.config.nodes.findIndex((node) => node.id === id));
  }
}

Deno.test("an exchange goes to the nearest node only", () => {
  const scene = new Scene();
  deepStrictEqual(scene.client("DISCOVER"), ["DISCOVER → 1"]);
  deepStrictEqual(scene.node(1, "OFFER"), ["OFFER to client"]);
  deepStrictEqual(scene.client("REQUEST"), ["REQUEST → 1"]);
  deepStrictEqual(scene.node(1, "ACK"), ["ACK to client"]);
  deepStrictEqual(scene.wait(2000), []);
  const { requests, hedges, answers, late, unanswered, delivered } = scene.traffic(1);
  deepStrictEqual([requests, hedges, answers, late, unanswered, delivered], [2, 0, 2, 0, 0, 2]);
});

Deno.test("hedging: after a silent node the next best is asked, then the third; the first answer counts", () => {
  const scene = new Scene();
  deepStrictEqual(scene.client("DISCOVER"), ["DISCOVER → 1"]);
  deepStrictEqual(scene.wait(SELECT.hedgeMsMax - 10), []);
  deepStrictEqual(scene.wait(20), ["DISCOVER → 2"]);
  deepStrictEqual(scene.wait(SELECT.hedgeMsMax), ["DISCOVER → 3"]);
  deepStrictEqual(scene.node(3, "OFFER"), ["OFFER to client"]);
  deepStrictEqual(scene.node(2, "OFFER"), ["replyLater"]);
  deepStrictEqual(scene.node(1, "OFFER"), ["replyLater"]);
  deepStrictEqual(scene.client("REQUEST"), ["REQUEST → 3"]);
});

Deno.test("hedging: the delay follows the node's own answer times: a fast one is backed up early", () => {
  const scene = new Scene();
  for (let xid = 1; xid < 30; xid++) {
    scene.client("DISCOVER", { xid });
    scene.wait(3);
    deepStrictEqual(scene.node(1, "OFFER", { xid }), ["OFFER to client"]);
    scene.wait(200);
  }
  scene.client("DISCOVER");
  deepStrictEqual(scene.wait(SELECT.hedgeMsMin - 10), []);
  deepStrictEqual(scene.wait(20), ["DISCOVER → 2"]);
});

Deno.test("hedging: the budget limits copies where all nodes are slow; answers in time refill it", () => {
  const scene = new Scene();
  scene.makeKnown(256);
  const copies = () => [1, 2, 3].reduce((sum, id) => sum + scene.traffic(id).hedges, 0);
  let client = 0;
  /** Many clients at once; the first node asked by each answers after `answerMs`. */
  const storm = (clients: number, answerMs: number) => {
    const asked = Array.from({ length: clients }, () => {
      client++;
      const [first = ""] = scene.client("DISCOVER", { xid: client, client });
      return { client, node: Number(first.at(-1)) };
    });
    scene.wait(answerMs);
    for (const { client, node } of asked) scene.node(node, "OFFER", { xid: client, client });
  };
  const { perSecond, burst } = FORWARD.hedges;
  const startMs = scene.nowMs;
  while (client < 3 * burst) storm(500, 2 * SELECT.hedgeMsMax);
  const spent = copies();
  const atMost = burst + perSecond * (scene.nowMs - startMs) / 1_000;
  ok(spent >= burst && spent <= atMost, `${spent} copies, of ${burst} to ${atMost}`);
  for (let i = 0; i < 10; i++) storm(100, 1);
  strictEqual(copies(), spent, "no client had to wait");
  storm(200, 2 * SELECT.hedgeMsMax);
  ok(copies() - spent >= 200, "silent nodes are backed up again");
});

Deno.test("a node that leaves a request unanswered which another answers is suspect from then on", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.wait(SELECT.hedgeMsMax + 5);
  scene.node(2, "OFFER");
  deepStrictEqual(scene.suspects, [1]);
  deepStrictEqual(scene.client("DISCOVER", { xid: 2, client: 2 }), ["DISCOVER → 2"]);
});

Deno.test("a suspect gets trials, copies of a DISCOVER; it serves again only after an answer and probation", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.wait(SELECT.hedgeMsMax + 5);
  scene.node(2, "OFFER");
  scene.wait(SELECT.trialBackoffMs);
  deepStrictEqual(scene.client("REQUEST", { xid: 2, client: 2 }), ["REQUEST → 2"]);
  scene.node(2, "ACK", { xid: 2, client: 2 });
  deepStrictEqual(scene.client("DISCOVER", { xid: 3, client: 3 }), ["DISCOVER → 2", "DISCOVER → 1"]);
  deepStrictEqual(scene.node(2, "OFFER", { xid: 3, client: 3 }), ["OFFER to client"]);
  deepStrictEqual(scene.node(1, "OFFER", { xid: 3, client: 3 }), ["replyLater"]);
  deepStrictEqual(scene.suspects, []);
  deepStrictEqual(scene.client("DISCOVER", { xid: 4, client: 4 }), ["DISCOVER → 2"]);
  strictEqual(scene.traffic(1).trials, 1);
});

Deno.test("a REQUEST that one node may leave to another does not make it suspect", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.node(1, "OFFER");
  scene.client("REQUEST");
  deepStrictEqual(scene.wait(SELECT.hedgeMsMax + 5), ["REQUEST → 2"]);
  deepStrictEqual(scene.node(1, "ACK"), ["ACK to client"]);
  scene.wait(2000);
  deepStrictEqual(scene.suspects, []);
});

Deno.test("requests that no node answers make no node suspect, however many there are", () => {
  const scene = new Scene();
  for (let client = 1; client <= 15; client++) {
    scene.client("DISCOVER", { client, xid: client });
    scene.client("REQUEST", { client: 100 + client, xid: 100 + client });
    scene.wait(2000);
    deepStrictEqual(scene.suspects, []);
  }
  strictEqual(scene.traffic(1).unanswered, 30);
  deepStrictEqual(scene.client("DISCOVER", { client: 99, xid: 99 }), ["DISCOVER → 1"], "and the nearest still serves");
});

/** Options 54 and 50 of a REQUEST that selects the offer of 10.77.1.9, and of that offer. */
const SERVER = [54, 4, 10, 77, 0, 1];
const SELECTS = [...SERVER, 50, 4, 10, 77, 1, 9];

Deno.test("a node that ignores REQUESTs for its own OFFERs is suspect, though no other node answers them", () => {
  const scene = new Scene();
  const clients = Array.from({ length: SELECT.ignoredMax }, (_, index) => index + 1);
  for (const client of clients) {
    scene.client("DISCOVER", { client, xid: client });
    deepStrictEqual(scene.node(1, "OFFER", { client, xid: client, options: SERVER }), ["OFFER to client"]);
  }
  for (const client of clients) {
    deepStrictEqual(scene.suspects, []);
    scene.client("REQUEST", { client, xid: client, options: SELECTS });
    scene.wait(1000);
  }
  deepStrictEqual(scene.suspects, [1]);
});

Deno.test("REQUESTs that a node may ignore, which any client can send, make it no suspect", () => {
  const requests: Record<string, DatagramFields> = {
    "for another address": { options: [...SERVER, 50, 4, 10, 77, 1, 10] },
    "without an address": { options: SERVER },
    "for another server": { options: [54, 4, 10, 99, 0, 12, 50, 4, 10, 77, 1, 9] },
    "with an address of eight octets": { options: [...SELECTS, 50, 4, 10, 77, 1, 9] },
    "with an option that overloads nothing": { options: [...SELECTS, 52, 1, 9] },
    "renewing": { ciaddr: "10.77.1.9", options: [] },
  };
  for (const [what, fields] of Object.entries(requests)) {
    const scene = new Scene();
    const clients = Array.from({ length: 2 * SELECT.ignoredMax }, (_, index) => index + 1);
    for (const client of clients) {
      scene.client("DISCOVER", { client, xid: client });
      scene.node(1, "OFFER", { client, xid: client, options: SERVER });
    }
    for (const client of clients) {
      scene.client("REQUEST", { client, xid: client, ...fields });
      scene.wait(1000);
    }
    deepStrictEqual(scene.suspects, [], what);
  }
});

Deno.test("two REQUESTs at once, of which only one node's can succeed, make the other no suspect", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.node(1, "OFFER", { options: SERVER });
  scene.client("REQUEST", { options: SELECTS });
  deepStrictEqual(scene.client("REQUEST", { options: SELECTS }), ["REQUEST → 1", "REQUEST → 2"]);
  deepStrictEqual(scene.node(2, "ACK"), ["ACK to client"]);
  scene.wait(2000);
  deepStrictEqual(scene.suspects, []);
});

Deno.test("a DISCOVER of a full subnet does not count against the node that says so", () => {
  const scene = new Scene();
  scene.probe(1, { full: ["10.77.0.0/16"] });
  scene.client("DISCOVER");
  scene.wait(SELECT.hedgeMsMax + 5);
  deepStrictEqual(scene.node(2, "OFFER"), ["OFFER to client"]);
  scene.wait(2000);
  deepStrictEqual(scene.suspects, []);
  // In another subnet it does.
  scene.probe(1, { full: ["10.78.0.0/16"] });
  scene.client("DISCOVER", { client: 2, xid: 2 });
  scene.wait(SELECT.hedgeMsMax + 5);
  scene.node(2, "OFFER", { client: 2, xid: 2 });
  scene.tracker.verified(0, { kind: "silent" }, scene.nowMs);
  deepStrictEqual(scene.suspects, [1]);
});

Deno.test("a full subnet for a minute: no suspicion, and other requests go as they would without it", () => {
  /** Where each request of lan0 went, and what its client got; 15 clients of lan1 may ask in vain meanwhile. */
  const minute = (intruders: number) => {
    const scene = new Scene({
      interfaces: [clientInterface("lan0", ["10.77.0.1"]), clientInterface("lan1", ["10.78.0.1"])],
    });
    const told: string[] = [];
    for (let tick = 0; tick < 600; tick++) {
      if (tick % 10 === 0) {
        for (const id of [1, 2, 3]) scene.probe(id, { full: intruders > 0 ? ["10.78.0.0/16"] : [] });
      }
      for (let client = 100; client < 100 + (tick % 5 === 0 ? intruders : 0); client++) {
        scene.client("DISCOVER", { xid: client, client }, { link: 1 });
      }
      const fields = { xid: 1_000 + tick, client: tick % 50 };
      const sent = scene.client("DISCOVER", fields);
      scene.wait(4);
      told.push(...sent, ...scene.node(Number(sent[0]?.at(-1)), "OFFER", fields));
      scene.wait(96);
      deepStrictEqual(scene.suspects, []);
    }
    return told;
  };
  deepStrictEqual(minute(15), minute(0));
});

Deno.test("hedging: DISCOVERs of a full subnet leave half of the budget to the others", () => {
  const scene = new Scene();
  scene.makeKnown(100);
  const hedges = () => [1, 2, 3].reduce((sum, id) => sum + scene.traffic(id).hedges, 0);
  for (const id of [1, 2, 3]) scene.probe(id, { full: ["10.77.0.0/16"] });
  for (let client = 1; client <= 2 * FORWARD.hedges.burst; client++) {
    const [high, low] = [client >> 8, client & 255];
    scene.client("DISCOVER", { xid: client, client: low, options: [61, 2, high, low] });
  }
  scene.wait(1000);
  // Retransmissions count as well.
  for (let client = 1; client <= 200; client++) {
    scene.client("DISCOVER", { xid: client, client, options: [61, 2, 0, client] });
  }
  const spent = hedges();
  ok(spent >= FORWARD.hedges.burst / 2 && spent <= FORWARD.hedges.burst / 2 + 2 * FORWARD.hedges.perSecond);
  scene.probe(1);
  for (let client = 1; client <= 100; client++) scene.client("INFORM", { xid: client, client });
  scene.wait(SELECT.hedgeMsMax + 10);
  ok(hedges() - spent >= 100, "other requests are hedged");
});

const SLOW: HealthResult = { kind: "silent" };

Deno.test("overload: nodes whose health URLs are late get no request more than once, beside hedges", () => {
  const scene = new Scene();
  for (let round = 0; round < 10; round++) {
    for (const id of [1, 2, 3]) {
      scene.probe(id, { health: SLOW });
      scene.probe(id, { health: { kind: "late", ready: true, rttMs: 900 } });
    }
    scene.wait(1000);
    const sent = scene.client("DISCOVER", { xid: round, client: round });
    strictEqual(sent.length, 1, `round ${round}: ${sent}`);
    const node = Number(sent[0]?.at(-1));
    deepStrictEqual(scene.node(node, "OFFER", { xid: round, client: round }), ["OFFER to client"]);
  }
});

Deno.test("overload: nodes that are not ready or suspect get no request more than once, beside hedges", () => {
  const scene = new Scene();
  for (const id of [1, 2, 3]) scene.probe(id, { health: { kind: "answered", ready: false, rttMs: 3 } });
  strictEqual(scene.client("DISCOVER").length, 1);
  strictEqual(scene.wait(SELECT.hedgeMsMax + 5).length, 1);
  const suspects = new Scene();
  for (const index of [0, 1, 2]) suspects.tracker.beaten(index, suspects.nowMs, suspects.nowMs);
  strictEqual(suspects.client("DISCOVER").length, 1);
});

Deno.test("unreachable nodes all get a request, within the hedge budget", () => {
  const scene = new Scene();
  for (let round = 0; round < 2; round++) {
    for (const index of [0, 1, 2]) {
      scene.tracker.pinged(index, { kind: "silent" });
      scene.tracker.healthAsked(index, { kind: "silent" }, scene.nowMs);
      scene.tracker.roundEnded(index, scene.nowMs);
    }
  }
  deepStrictEqual(scene.client("DISCOVER").toSorted(), ["DISCOVER → 1", "DISCOVER → 2", "DISCOVER → 3"]);
  let sent = 0;
  for (let client = 1; client <= FORWARD.hedges.burst; client++) {
    sent = scene.client("DISCOVER", { xid: client, client: client & 255, options: [61, 2, client >> 8, 1] }).length;
  }
  strictEqual(sent, 1, "the budget is spent");
});

Deno.test("a node's answer counts though it comes in on its client's interface, if the relay asked for it", () => {
  const scene = new Scene();
  const through = { clientSide: true };
  deepStrictEqual(scene.node(1, "OFFER", {}, through), ["replyFromClientSide"], "nothing was asked");
  scene.client("DISCOVER");
  deepStrictEqual(scene.node(2, "OFFER", {}, through), ["replyFromClientSide"], "node 2 was not asked");
  deepStrictEqual(scene.node(1, "OFFER", { xid: 9 }, through), ["replyFromClientSide"], "another transaction");
  deepStrictEqual(scene.node(1, "OFFER", { client: 9 }, through), ["replyFromClientSide"], "another client");
  deepStrictEqual(scene.node(1, "OFFER", {}, { ...through, port: 68 }), ["replyFromClientSide"], "another port");
  deepStrictEqual(scene.node(1, "OFFER", {}, { ...through, link: 1 }), ["replyFromClientSide"], "another interface");
  deepStrictEqual(scene.node(9, "OFFER", {}, through), ["rogue 10.99.0.19", "replyFromClientSide"], "no node");
  deepStrictEqual(scene.node(1, "OFFER", { options: [54, 4, 172, 16, 0, 1] }, through), ["OFFER to client"]);
  deepStrictEqual(scene.client("REQUEST"), ["REQUEST → 1"]);
  deepStrictEqual(scene.node(1, "ACK", {}, through), ["ACK to client"]);
  deepStrictEqual([scene.wait(2000), scene.suspects], [[], []]);
  // Its server identifier may be forged: it does not make a server known.
  deepStrictEqual(scene.client("REQUEST", { client: 2, options: [54, 4, 172, 16, 0, 1] })[0], "rogue 172.16.0.1");
});

Deno.test("replies on the clients' side count as messages of that interface, so that xids cannot be guessed", () => {
  const limits = { ...CONFIG.limits, interface: { perSecond: 1, burst: 3 } };
  const scene = new Scene({ limits });
  scene.client("DISCOVER");
  const guesses = [1, 2, 3].map((xid) => scene.node(1, "OFFER", { xid }, { clientSide: true })[0]);
  deepStrictEqual(guesses, ["replyFromClientSide", "replyFromClientSide", "requestInterfaceRate"]);
});

Deno.test("a second relay on the link: a REQUEST that selects it informs the nodes, and is not waited for", () => {
  const scene = new Scene({
    interfaces: [{ ...clientInterface("lan0", ["10.77.0.1"]), knownServers: [ip("10.77.0.2")] }],
  });
  scene.client("DISCOVER");
  scene.node(1, "OFFER", { options: SERVER });
  deepStrictEqual(scene.client("REQUEST", { options: [54, 4, 10, 77, 0, 2, 50, 4, 10, 77, 1, 9] }), ["REQUEST → 1"]);
  deepStrictEqual([scene.wait(3000), scene.suspects], [[], []]);
});

Deno.test("a retransmission before the answer reaches the client's node and the next best one", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  deepStrictEqual(scene.client("DISCOVER"), ["DISCOVER → 1", "DISCOVER → 2"]);
  deepStrictEqual(scene.node(2, "OFFER"), ["OFFER to client"]);
  deepStrictEqual(scene.node(1, "OFFER"), ["replyLater"]);
  deepStrictEqual(scene.client("DISCOVER"), ["DISCOVER → 2", "DISCOVER → 3"]);
  deepStrictEqual(scene.node(2, "OFFER"), ["OFFER to client"]);
  deepStrictEqual(scene.client("REQUEST"), ["REQUEST → 2"]);
});

Deno.test("a transaction answered by all its nodes is deleted, but the offer is kept", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.node(1, "OFFER");
  strictEqual(scene.forwarder.transactions, 0);
  scene.tracker.beaten(0, scene.nowMs, scene.nowMs);
  deepStrictEqual(scene.client("REQUEST"), ["REQUEST → 1", "REQUEST → 2"]);
});

Deno.test("a REQUEST follows its OFFER though the choice has changed", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.node(1, "OFFER");
  scene.tracker.healthAsked(0, { kind: "answered", ready: true, rttMs: 900 }, scene.nowMs);
  for (const xid of [7, 8, 9]) scene.client("DISCOVER", { xid, client: xid });
  deepStrictEqual(scene.client("REQUEST"), ["REQUEST → 1"]);
});

Deno.test("a REQUEST with another xid follows the client's last OFFER, or the node that it names", () => {
  const chosen = (server: string) => [54, 4, ...server.split(".").map(Number)];
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.wait(SELECT.hedgeMsMax + 5);
  scene.node(2, "OFFER", { options: chosen("10.77.0.1") });
  const fields = { xid: 77, options: chosen("10.77.0.1") };
  deepStrictEqual(scene.client("REQUEST", fields), ["REQUEST → 2"]);
  deepStrictEqual(scene.client("REQUEST", { client: 5, options: chosen("10.99.0.13") }), ["REQUEST → 3"]);
});

Deno.test("a REQUEST whose node has become suspect goes to the best one as well", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.node(1, "OFFER");
  scene.tracker.beaten(0, scene.nowMs, scene.nowMs);
  deepStrictEqual(scene.client("REQUEST"), ["REQUEST → 1", "REQUEST → 2"]);
});

Deno.test("a late OFFER is not taken for the answer to a REQUEST", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.wait(SELECT.hedgeMsMax + 5);
  scene.node(2, "OFFER");
  scene.client("REQUEST");
  deepStrictEqual(scene.node(1, "OFFER"), ["replyLater"]);
  deepStrictEqual(scene.node(2, "ACK"), ["ACK to client"]);
});

Deno.test("a reload: a reply to a transaction of the previous core is left to that core, any other is not", () => {
  const before = new Scene();
  const after = new Scene();
  before.client("DISCOVER", { xid: 1 });
  after.client("DISCOVER", { xid: 2 });
  const defers = (xid: number) =>
    after.forwarder.defers(datagram({ op: 2, type: 2, xid, giaddr: "10.77.0.1" }), before.forwarder, after.nowMs);
  deepStrictEqual([1, 2, 3].map(defers), [true, false, false]);
});

Deno.test("a NAK of the only node asked goes to the client at once", () => {
  const scene = new Scene();
  scene.client("REQUEST");
  deepStrictEqual(scene.node(1, "NAK"), ["NAK to client"]);
});

Deno.test("a NAK is held while another node's answer is outstanding, and its ACK overrules it", () => {
  const scene = new Scene();
  scene.client("REQUEST");
  deepStrictEqual(scene.wait(SELECT.hedgeMsMax + 5), ["REQUEST → 2"]);
  deepStrictEqual(scene.node(2, "NAK"), []);
  deepStrictEqual(scene.wait(50), []);
  deepStrictEqual(scene.node(1, "ACK"), ["nakOverruled", "ACK to client"]);
  deepStrictEqual(scene.wait(2000), []);
});

Deno.test("a held NAK reaches the client after the hold time, or when all nodes agree", () => {
  for (const agreed of [false, true]) {
    const scene = new Scene();
    scene.client("REQUEST");
    scene.wait(SELECT.hedgeMsMax + 5);
    deepStrictEqual(scene.node(2, "NAK"), []);
    if (agreed) deepStrictEqual(scene.node(1, "NAK"), ["replyLater", "NAK to client"]);
    else ok(scene.wait(FORWARD.nakHoldMs + 10).includes("NAK to client"));
  }
});

Deno.test("a NAK after the ACK is counted and dropped", () => {
  const scene = new Scene();
  scene.client("REQUEST");
  scene.wait(SELECT.hedgeMsMax + 5);
  scene.node(1, "ACK");
  deepStrictEqual(scene.node(2, "NAK"), ["replyLater"]);
});

Deno.test("messages that are not answered leave no transaction", () => {
  const scene = new Scene();
  deepStrictEqual(scene.client("RELEASE", { ciaddr: "10.77.1.9" }, { unicast: true }), ["RELEASE → 1"]);
  deepStrictEqual([scene.wait(2000), scene.forwarder.transactions], [[], 0]);
});

Deno.test("a reply without a request to that node is dropped, whatever its source", () => {
  const scene = new Scene();
  deepStrictEqual(scene.node(1, "OFFER"), ["replyUnasked"]);
  scene.client("DISCOVER");
  deepStrictEqual(scene.node(3, "OFFER"), ["replyUnasked"]);
  deepStrictEqual(scene.node(1, "OFFER", { xid: 1 }), ["replyUnasked"]);
  deepStrictEqual(scene.node(9, "OFFER"), ["replyForged"]);
});

Deno.test("behind another relay answers are not seen: hedging only on retransmission, and no node is blamed", () => {
  const scene = new Scene();
  const chained = { giaddr: "10.80.0.1", hops: 1 };
  deepStrictEqual(scene.client("DISCOVER", chained, { link: 1 }), ["DISCOVER → 1", "relayedChained"]);
  deepStrictEqual([scene.wait(3000), scene.suspects], [[], []]);
  deepStrictEqual(scene.client("DISCOVER", chained, { link: 1 }), [
    "DISCOVER → 1",
    "DISCOVER → 2",
    "relayedChained",
  ]);
});

Deno.test("a datagram that the kernel refuses goes to the next node at once", () => {
  const scene = new Scene();
  const effects = scene.forwarder.request(datagram(), { link: 0, from: 0, unicast: false }, scene.nowMs);
  const [first] = effects;
  if (first?.kind !== "send") throw new Error("It sends first");
  const [second] = scene.forwarder.sendFailed(first.send, scene.nowMs);
  strictEqual(second?.kind === "send" && second.send.node, 1);
});

Deno.test("a relay that was stalled reads waiting answers before it hedges", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.nowMs += 5_000;
  deepStrictEqual(scene.forwarder.tick(scene.nowMs), []);
  deepStrictEqual(scene.node(1, "OFFER"), ["OFFER to client"]);
  deepStrictEqual([scene.wait(2000), scene.suspects], [[], []]);
  scene.client("DISCOVER", { xid: 2 });
  scene.nowMs += 5_000;
  ok(scene.wait(100).includes("DISCOVER → 2"));
});

Deno.test("an interface with two subnets: after three unanswered messages the second gateway is tried", () => {
  const scene = new Scene({ interfaces: [clientInterface("lan0", ["10.77.0.1", "10.78.0.1"])] });
  const giaddrs = [1, 2, 3, 4].map(() => {
    const [effect] = scene.forwarder.request(datagram(), { link: 0, from: 0, unicast: false }, scene.nowMs);
    return effect?.kind === "send" ? formatIpv4(effect.send.gateway.giaddr) : effect?.kind;
  });
  deepStrictEqual(giaddrs, ["10.77.0.1", "10.77.0.1", "10.77.0.1", "10.78.0.1"]);
  const offer = scene.node(1, "OFFER", { giaddr: "10.78.0.1", yiaddr: "10.78.1.9" });
  deepStrictEqual(offer, ["OFFER to client"]);
});

Deno.test("an interface with two subnets: unanswered messages are counted per client, whatever their xids", () => {
  const scene = new Scene({ interfaces: [clientInterface("lan0", ["10.77.0.1", "10.78.0.1"])] });
  let xid = 100;
  const giaddr = (fields: DatagramFields = {}) => {
    const bytes = datagram({ xid: ++xid, ...fields });
    const [effect] = scene.forwarder.request(bytes, { link: 0, from: 0, unicast: false }, scene.nowMs);
    scene.wait(3_000);
    return effect?.kind === "send" ? formatIpv4(effect.send.gateway.giaddr) : effect?.kind;
  };
  const [first, second] = ["10.77.0.1", "10.78.0.1"];
  // udhcpc: three DISCOVERs, a pause, then a new xid.
  deepStrictEqual([1, 2, 3].map(() => giaddr({ xid: 7 })), [first, first, first]);
  scene.wait(20_000);
  deepStrictEqual([giaddr(), giaddr()], [second, second]);
  deepStrictEqual(giaddr({ client: 2 }), first, "another client");
  deepStrictEqual(giaddr({ options: [61, 2, 0, 5] }), first, "another client of the same hardware address");
  deepStrictEqual(giaddr({ options: [50, 4, 10, 77, 1, 9] }), first, "the subnet of the requested address");
  // An answer ends the count.
  deepStrictEqual(giaddr(), first, "the next one again, after three");
  scene.forwarder.request(datagram({ xid: 7 }), { link: 0, from: 0, unicast: false }, scene.nowMs);
  deepStrictEqual(scene.node(1, "OFFER", { xid: 7 }), ["OFFER to client"]);
  deepStrictEqual([1, 2, 3, 4].map(() => giaddr()), [first, first, first, second]);
  // So does silence for long enough.
  scene.wait(2 * FORWARD.unansweredTtlMs);
  strictEqual(giaddr(), first);
});

Deno.test("limits: a client, an interface, and the open transactions of a circuit", () => {
  const limits = {
    client: { perSecond: 1, burst: 3 },
    interface: { perSecond: 10, burst: 10 },
    strangers: { perSecond: 100, burst: 100 },
    openPerCircuit: 4,
  };
  const scene = new Scene({ limits });
  const outcomes = [1, 1, 1, 1, 2, 3, 4, 5, 6].map((client) =>
    scene.client("DISCOVER", { client, xid: client }).at(-1)
  );
  deepStrictEqual(outcomes, [
    "DISCOVER → 1",
    "DISCOVER → 2",
    "DISCOVER → 3",
    "requestClientRate",
    "DISCOVER → 1",
    "DISCOVER → 1",
    "DISCOVER → 1",
    "requestCircuitFull",
    "requestInterfaceRate",
  ]);
  scene.nowMs += 150;
  deepStrictEqual(scene.client("DISCOVER", { client: 7, xid: 7 }), ["requestCircuitFull"]);
  scene.node(1, "OFFER", { client: 2, xid: 2 });
  scene.nowMs += 100;
  deepStrictEqual(scene.client("DISCOVER", { client: 7, xid: 7 }), ["DISCOVER → 1"]);
});

Deno.test("limits: the defaults let a boot storm of a thousand unanswered clients pass", () => {
  const scene = new Scene();
  for (let xid = 0; xid < 1000; xid++) {
    const bytes = datagram({ xid });
    bytes[32] = xid >> 8;
    bytes[33] = xid & 255;
    const effects = scene.forwarder.request(bytes, { link: 0, from: 0, unicast: false }, scene.nowMs);
    strictEqual(effects[0]?.kind, "send");
  }
});

const FEW_STRANGERS = { ...CONFIG.limits, strangers: { perSecond: 10, burst: 20 } };

/** A flood of invented clients on an interface: what became of each message. */
function flood(scene: Scene, messages: number, { link = 0, word = "DISCOVER", ciaddr = "0.0.0.0" } = {}): string[] {
  return Array.from({ length: messages }, (_, index) => {
    const fields = { client: 5 + index % 190, xid: 0x5000_0000 + index, ciaddr };
    return scene.client(word, fields, { link }).at(-1) ?? "";
  });
}

function count(said: readonly string[], word: string): number {
  return said.filter((line) => line === word).length;
}

Deno.test("strangers: what nodes leave unanswered is bounded per interface; known clients and others pass", () => {
  const scene = new Scene({ limits: FEW_STRANGERS });
  const known = { client: 200, xid: 1 };
  scene.client("REQUEST", known);
  scene.node(1, "ACK", known);
  const first = flood(scene, 100);
  strictEqual(count(first, "requestStrangerRate"), 80);
  strictEqual(scene.client("DISCOVER", { client: 200, xid: 2 })[0], "DISCOVER → 1", "it had a lease");
  const renewing = { client: 250, ciaddr: "10.77.1.7" };
  strictEqual(scene.client("REQUEST", { ...renewing, xid: 3 })[0], "REQUEST → 1", "it says that it has one");
  strictEqual(scene.client("DISCOVER", { client: 250 }, { link: 1 })[0], "DISCOVER → 1", "another interface");
  strictEqual(scene.client("DISCOVER", { client: 251, xid: 4 })[0], "requestStrangerRate");
  scene.nowMs += 1_000;
  strictEqual(count(flood(scene, 100), "requestStrangerRate"), 90);
  strictEqual(Math.round(scene.forwarder.strangersPerSecond(0, scene.nowMs)), 202);
  strictEqual(scene.forwarder.strangersPerSecond(1, scene.nowMs) < 2, true);
});

Deno.test("strangers: invented renewals leave new clients alone, and known ones", () => {
  const scene = new Scene({ limits: FEW_STRANGERS });
  scene.makeKnown(1);
  strictEqual(count(flood(scene, 100, { word: "REQUEST", ciaddr: "10.77.1.7" }), "requestStrangerRate") >= 79, true);
  strictEqual(scene.client("DISCOVER", { client: 250 })[0], "DISCOVER → 1");
  strictEqual(scene.client("REQUEST", { client: 1, xid: 9, ciaddr: "10.77.1.9" })[0], "REQUEST → 1");
});

Deno.test("strangers: what nodes answer is not bounded", () => {
  const scene = new Scene({ limits: FEW_STRANGERS });
  for (let client = 0; client < 250; client++) {
    strictEqual(scene.client("DISCOVER", { client, xid: client })[0], "DISCOVER → 1");
    scene.node(1, "OFFER", { client, xid: client });
  }
});

Deno.test("strangers: an interface's rate, and a circuit's open transactions, leave room for known clients", () => {
  const limits = { ...CONFIG.limits, interface: { perSecond: 1, burst: 100 }, openPerCircuit: 50 };
  const scene = new Scene({ limits });
  scene.makeKnown(2);
  const said = flood(scene, 200);
  deepStrictEqual([count(said, "requestCircuitFull") > 0, count(said, "requestInterfaceRate") > 0], [true, true]);
  for (const client of [1, 2]) strictEqual(scene.client("DISCOVER", { client, xid: 9 })[0], "DISCOVER → 1");
});

Deno.test("strangers: a flood on one interface leaves hedges for known clients, and for the others' strangers", () => {
  const scene = new Scene();
  scene.makeKnown(1);
  const hedges = () => [1, 2, 3].reduce((sum, id) => sum + scene.traffic(id).hedges, 0);
  for (let second = 0; second < 20; second++) {
    flood(scene, 256);
    scene.wait(1_000);
  }
  const spent = hedges();
  ok(spent <= FORWARD.strangerHedges.burst + 20 * FORWARD.strangerHedges.perSecond, `${spent} hedges`);
  scene.client("REQUEST", { client: 1, xid: 9, ciaddr: "10.77.1.9" });
  deepStrictEqual(scene.wait(SELECT.hedgeMsMax + 5), ["REQUEST → 2"]);
});

Deno.test("strangers: a node that says it drops what they send is not suspect for it", () => {
  const scene = new Scene();
  const says = () => {
    const subnet = parsePrefix("10.77.0.0/16") as Prefix;
    scene.probe(1, {
      health: { kind: "answered", ready: true, rttMs: 3, full: [], shed: [{ subnet, unanswered: 1 }] },
    });
  };
  says();
  scene.client("DISCOVER");
  scene.wait(SELECT.hedgeMsMax + 5);
  scene.node(2, "OFFER");
  scene.wait(2_000);
  for (let client = 10; client < 20; client++) {
    says();
    scene.client("DISCOVER", { client, xid: client });
    const offer = { client, xid: client, options: [54, 4, 10, 99, 0, 11] };
    scene.node(1, "OFFER", offer);
    scene.client("REQUEST", { client, xid: client, options: [54, 4, 10, 99, 0, 11, 50, 4, 10, 77, 1, 9] });
    scene.wait(2_000);
  }
  deepStrictEqual(scene.suspects, []);
  const network = scene.config.interfaces[0]?.gateways[0];
  const ignore = (times: number) => {
    for (let count = 0; count < times; count++) scene.tracker.ignored(0, scene.nowMs, scene.nowMs + 250, network);
  };
  ignore(10);
  deepStrictEqual(scene.suspects, []);
  scene.probe(1);
  ignore(10);
  deepStrictEqual(scene.suspects, [1], "without that word it is");
});

Deno.test("strangers: known clients stay known after a reload, also where interfaces change places", () => {
  const scene = new Scene({ limits: FEW_STRANGERS });
  scene.makeKnown(1);
  const interfaces = [...scene.config.interfaces].reverse();
  const config = { ...scene.config, interfaces };
  const next = new Forwarder(config, scene.tracker, scene.nowMs, scene.forwarder);
  const ask = (client: number, xid: number) =>
    next.request(datagram({ client, xid }), { link: 1, from: 0, unicast: false }, scene.nowMs).at(-1);
  for (let xid = 0; xid < 100; xid++) ask(100 + xid, xid);
  strictEqual(ask(99, 1_000)?.kind, "dropped");
  strictEqual(ask(1, 1_000)?.kind, "relayed");
});

Deno.test("memory: a flood of new clients does not grow it without bounds", () => {
  const scene = new Scene({
    limits: {
      ...CONFIG.limits,
      interface: { perSecond: 1e6, burst: 1e6 },
      strangers: { perSecond: 1e6, burst: 1e6 },
      openPerCircuit: 1e6,
    },
  });
  for (let xid = 0; xid < 2 * FORWARD.transactionsMax; xid++) scene.client("DISCOVER", { xid });
  ok(scene.forwarder.transactions <= FORWARD.transactionsMax);
});

Deno.test("rogues: a server selected by a client, and one overheard, are reported once; nodes never", () => {
  const scene = new Scene({
    interfaces: [{ ...clientInterface("lan0", ["10.77.0.1"]), knownServers: [ip("10.77.0.5")] }],
  });
  const takes = (server: number[], client: number) => scene.client("REQUEST", { client, options: [54, 4, ...server] });
  deepStrictEqual(takes([10, 77, 0, 66], 2), ["rogue 10.77.0.66", "REQUEST → 1"]);
  deepStrictEqual(takes([10, 77, 0, 66], 3), ["REQUEST → 1"]);
  deepStrictEqual(takes([10, 77, 0, 5], 4), ["REQUEST → 1"]);
  deepStrictEqual(takes([10, 77, 0, 1], 5), ["REQUEST → 1"]);
  deepStrictEqual(takes([10, 99, 0, 12], 6), ["REQUEST → 2"]);
  const overheard = (op: number, from: string) =>
    scene.forwarder.overheard(datagram({ op }), { link: 0, from: ip(from), mac: CLIENT_MAC }, scene.nowMs);
  deepStrictEqual(overheard(2, "10.77.0.66"), []);
  deepStrictEqual(overheard(2, "10.77.0.67").length, 1);
  deepStrictEqual(overheard(1, "10.77.0.68"), []);
  const short = datagram({ op: 2 }).subarray(0, 239);
  const arrival = { link: 0, from: ip("10.77.0.68"), mac: CLIENT_MAC };
  deepStrictEqual(scene.forwarder.overheard(short, arrival, scene.nowMs), []);
  const told = scene.forwarder.rogues.list().map((
    { server, replies, requests },
  ) => [formatIpv4(server), replies, requests]);
  deepStrictEqual(told, [["10.77.0.67", 1, 0], ["10.77.0.66", 1, 2]]);
});

Deno.test("rogues: a node's server identifiers are learned from its replies", () => {
  const scene = new Scene();
  scene.client("DISCOVER");
  scene.node(1, "OFFER", { options: [54, 4, 172, 16, 0, 1] });
  deepStrictEqual(scene.client("REQUEST", { options: [54, 4, 172, 16, 0, 1] }), ["REQUEST → 1"]);
  strictEqual(scene.forwarder.rogues.list().length, 0);
});

Deno.test("whatever nodes do, a client gets at most one answer to each message, and never a NAK after an ACK", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("client"), word: fc.constantFrom("DISCOVER", "REQUEST") }),
    fc.record({
      kind: fc.constant("node"),
      id: fc.constantFrom(1, 2, 3),
      word: fc.constantFrom("OFFER", "ACK", "NAK"),
    }),
    fc.record({ kind: fc.constant("wait"), ms: fc.integer({ min: 1, max: 600 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const scene = new Scene();
      let owed = 0;
      for (const one of steps) {
        const told = one.kind === "client"
          ? scene.client((one as { word: string }).word)
          : one.kind === "node"
          ? scene.node((one as { id: number }).id, (one as { word: string }).word)
          : scene.wait((one as { ms: number }).ms);
        if (one.kind === "client" && told.some((line) => line.includes("→"))) owed = 1;
        const answers = told.filter((line) => line.endsWith("to client")).length;
        ok(answers <= owed, `${answers} answers, ${owed} owed`);
        owed -= answers;
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("every node gets a message of a client at most once", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("DISCOVER", "REQUEST"), { minLength: 1, maxLength: 5 }), (words) => {
      const scene = new Scene();
      for (const word of words) {
        const sent = [...scene.client(word), ...scene.wait(3000)].filter((line) => line.includes("→"));
        strictEqual(new Set(sent).size, sent.length);
      }
    }),
  );
});
