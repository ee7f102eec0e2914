/**
 * The relay's core between two client links and two nodes. Each input is a datagram or a deadline: which way it comes,
 * from whom, and after how much time. Judged from outside:
 *
 * - what goes to a node is whole, has a giaddr and one hop more, and of an interface that is not trusted only the
 *   relay's own option 82, wherever a server looks for it;
 * - what goes to a client answers a request of its link, and comes from a node;
 * - the number of transactions in memory stays bounded.
 */

import { equalBytes } from "../../../src/bytes/equal.ts";
import { decode } from "../../../src/dhcp/decode.ts";
import { AT } from "../../../src/dhcp/layout.ts";
import { PACKETS } from "../../../src/dhcp/packets_test_data.ts";
import { relayAgentInformationIn, scanOptions } from "../../../src/dhcp/relay_agent.ts";
import type { ForwardConfig } from "../../../relay/forward/config.ts";
import { OPTION_82_POLICIES } from "../../../relay/forward/config.ts";
import { type Effect, Forwarder } from "../../../relay/forward/forwarder.ts";
import { byteAt, headerFault, readUint32 } from "../../../relay/forward/header.ts";
import { FORWARD } from "../../../relay/forward/limits.ts";
import { OUTCOMES } from "../../../relay/forward/outcomes.ts";
import type { Delivery, Send } from "../../../relay/forward/transaction.ts";
import { NodeTracker } from "../../../relay/select/tracker.ts";
import { clientInterface, CONFIG, datagram, GATEWAY0, GATEWAY1 } from "../../../relay/testing/messages.ts";
import type { Dice } from "../dice.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";
import { composePacket } from "./packets.ts";

const octets = new Octets(4_200);
const OPTION_82 = 82;
const PAUSES_MS = [0, 1, 20, 100, 260, 1_000, 5_000, 61_000];

/** Requests and answers with few xids and clients, so that they meet. */
const CORPUS: readonly Uint8Array[] = [
  ...Object.values(PACKETS),
  ...[1, 3, 4, 7, 8, 0].flatMap((type) =>
    [1, 2].map((client) => datagram({ type, client, xid: client, options: [50, 4, 10, 77, 1, client] }))
  ),
  ...[2, 5, 6].flatMap((type) =>
    [1, 2].map((client) => {
      const options = [
        54,
        4,
        10,
        99,
        0,
        10 + client,
        OPTION_82,
        ...[GATEWAY0.information.broadcast.length],
        ...GATEWAY0.information.broadcast,
      ];
      return datagram({ op: 2, type, client, xid: client, yiaddr: `10.77.1.${client}`, giaddr: "10.77.0.1", options });
    })
  ),
  datagram({ options: [OPTION_82, 6, 1, 4, 101, 118, 105, 108] }),
  datagram({ giaddr: "10.9.9.9", options: [OPTION_82, 3, 1, 1, 7] }),
  // Option 82 where a scan of the options field alone does not see it.
  overloaded(),
];

function overloaded(): Uint8Array {
  const bytes = datagram({ options: [52, 1, 3] });
  bytes.set([OPTION_82, 6, 1, 4, 101, 118, 105, 108, 255], AT.file);
  bytes.set([OPTION_82, 4, 6, 2, 104, 105, 255], AT.sname);
  return bytes;
}

class Scene {
  readonly forwarder: Forwarder;
  readonly tracker: NodeTracker;
  readonly config: ForwardConfig;
  nowMs = 100_000;
  #last: Send | undefined;
  /** Of requests that had no room for option 82: a node that sends one nevertheless means another. */
  readonly #bare = new Set<number>();

  constructor(variant: number) {
    const policy = OPTION_82_POLICIES[variant & 3] ?? "forward";
    const second = ["10.78.0.1", ...((variant & 4) === 0 ? [] : ["10.79.0.1"])];
    const interfaces = [
      clientInterface("lan0", ["10.77.0.1"]),
      clientInterface("lan1", second, { trusted: true, option82: policy }),
    ];
    this.config = { ...CONFIG, interfaces };
    this.tracker = new NodeTracker(this.config.nodes.map(({ id }) => ({ id, weight: 1, local: false })));
    for (const index of this.config.nodes.keys()) {
      this.tracker.healthAsked(index, { kind: "answered", ready: true, rttMs: 3 }, this.nowMs);
      this.tracker.roundEnded(index, this.nowMs);
    }
    this.forwarder = new Forwarder(this.config, this.tracker, this.nowMs);
  }

  step(kind: number, who: number, pause: number, bytes: Uint8Array): string {
    this.nowMs += PAUSES_MS[pause & 7] as number;
    const { forwarder, nowMs } = this;
    const ticked = forwarder.tick(nowMs);
    this.#judge(ticked, undefined);
    const link = who & 1;
    const node = this.config.nodes[(who >> 1) & 1];
    const from = (who & 8) === 0 ? node?.address ?? 0 : readUint32(bytes.length < 4 ? new Uint8Array(4) : bytes, 0);
    let effects: Effect[];
    switch (kind % 8) {
      case 0:
      case 1:
      case 2:
        effects = forwarder.request(bytes, { link, from: 0, unicast: (who & 4) !== 0 }, nowMs);
        return this.#judge(effects, { link, bytes });
      case 3:
      case 4:
        effects = forwarder.reply(bytes, link, from, (who & 16) === 0 ? 67 : 1_067, nowMs, (who & 32) !== 0);
        break;
      case 5:
        effects = forwarder.overheard(bytes, { link, from, mac: Uint8Array.of(2, 0, 0, 0, 0, 9) }, nowMs);
        break;
      case 6:
        if (this.#last === undefined) return "nothing sent";
        effects = forwarder.sendFailed(this.#last, nowMs);
        break;
      default: {
        const health = (who & 2) === 0
          ? { kind: "answered", ready: (who & 4) !== 0, rttMs: who } as const
          : { kind: "silent" } as const;
        this.tracker.healthAsked(link, health, nowMs);
        this.tracker.roundEnded(link, nowMs);
        return "probe";
      }
    }
    return this.#judge(effects, undefined);
  }

  /** `request`: what the effects answer; undefined for replies and deadlines. */
  #judge(
    effects: readonly Effect[],
    request: { readonly link: number; readonly bytes: Uint8Array } | undefined,
  ): string {
    let label = "nothing";
    for (const effect of effects) {
      switch (effect.kind) {
        case "send":
          this.#judgeSend(effect.send, request?.bytes);
          this.#last = effect.send;
          break;
        case "deliver":
          this.#judgeDelivery(effect.delivery);
          label = effect.delivery.outcome;
          break;
        case "relayed":
        case "dropped":
          must(effect.outcome in OUTCOMES, "an outcome must be a known one");
          label = effect.outcome;
          if (label === "relayedWithoutInformation" && request !== undefined) {
            this.#bare.add(readUint32(request.bytes, AT.xid));
          }
          break;
        case "rogue":
          label = "rogue";
      }
    }
    must(this.forwarder.transactions <= FORWARD.transactionsMax, "transactions must stay bounded");
    return label;
  }

  #judgeSend({ link, node, bytes }: Send, request: Uint8Array | undefined): void {
    must(this.config.nodes[node] !== undefined, "a request goes to a node of the configuration");
    must(headerFault(bytes) === undefined && scanOptions(bytes).wellFormed, "what goes to a node must be whole");
    must(readUint32(bytes, AT.giaddr) !== 0, "a relayed request must have a giaddr");
    must(byteAt(bytes, AT.hops) <= this.config.hopsMax + 1, "a loop must end");
    if (request !== undefined) {
      must(byteAt(bytes, AT.hops) === byteAt(request, AT.hops) + 1, "RFC 1542 §4.1.1: one more hop");
      must(readUint32(bytes, AT.xid) === readUint32(request, AT.xid), "the xid must stay");
    }
    if (this.config.interfaces[link]?.trusted === true) return;
    const { broadcast, unicast } = GATEWAY0.information;
    const isOwn = (value: Uint8Array) => equalBytes(value, broadcast) || equalBytes(value, unicast);
    const field = relayAgentInformationIn(bytes);
    must(field.kind === "absent" || (field.kind === "present" && isOwn(field.value)), "option 82 must be the relay's");
    const decoded = decode(bytes);
    const seen = decoded.ok ? decoded.value.options.get(OPTION_82) : undefined;
    must(seen === undefined || isOwn(seen), "what a server reads as option 82 must be the relay's");
  }

  #judgeDelivery({ link, bytes, node, destination }: Delivery): void {
    must(this.config.nodes[node] !== undefined && this.config.interfaces[link] !== undefined, "from a node, to a link");
    must(headerFault(bytes) === undefined && scanOptions(bytes).wellFormed, "what a client gets must be whole");
    must(byteAt(bytes, AT.op) === 2, "a client gets replies only");
    must(["link", "broadcast", "ip"].includes(destination.kind), "a destination must be of a known kind");
    const { broadcast, unicast } = (link === 0 ? GATEWAY0 : GATEWAY1).information;
    const field = relayAgentInformationIn(bytes);
    const isOwn = field.kind === "present" && (equalBytes(field.value, broadcast) || equalBytes(field.value, unicast));
    must(
      link !== 0 || !isOwn || this.#bare.has(readUint32(bytes, AT.xid)),
      "RFC 3046 §2.1: the relay must remove the option 82 that it added",
    );
  }
}

let scene: Scene | undefined;

function composeDatagram(dice: Dice): void {
  composePacket(dice, octets, CORPUS);
  // An unmutated one, mostly of a transaction that exists.
  if (dice.once(2)) {
    octets.set(dice.pick(CORPUS));
    if (octets.length > AT.xid + 4 && dice.once(2)) octets.bytes.set([0, 0, 0, 1 + dice.roll(2)], AT.xid);
  }
}

export const relay: Surface = {
  name: "relay",
  weight: 8,
  caseInputs: 96,
  quick: 30_000,
  labels: [
    ...["relayed", "relayedChained", "relayedAppendingInformation", "relayedReplacingInformation", "rogue"],
    ...["relayedKeepingInformation", "informationUntrusted", "giaddrUntrusted", "giaddrSpoofed", "requestLength"],
    ...["requestOptions", "requestHops", "deliveredLink", "deliveredBroadcast", "replyForged", "replyUnasked"],
    ...["replyLater", "replyFromClientSide", "requestFromUpstream", "replyOptions"],
  ],
  begin() {
    scene = undefined;
  },
  compose(dice) {
    composeDatagram(dice);
    octets.splice(
      0,
      0,
      Uint8Array.of(dice.roll(256), dice.once(3) ? dice.roll(64) : dice.roll(8), dice.roll(dice.once(8) ? 8 : 4)),
    );
    return octets.view();
  },
  check(input) {
    const [kind = 0, who = 0, pause = 0] = input;
    scene ??= new Scene(kind);
    return scene.step(kind, who, pause, input.subarray(3));
  },
};
