/**
 * A whole node that is alone, with an instant disk: datagrams go through the decoder, the core and the encoder. Each
 * input is a datagram, how it came, and how much time passed before it. Judged from outside:
 *
 * - only a request of a client is answered, with its xid, hardware address and giaddr;
 * - a DHCPACK answers only what may get one, from a pool or a reservation;
 * - no two clients are told that they have the same address at the same time.
 */

import { equalBytes } from "../../../src/bytes/equal.ts";
import { toHex } from "../../../src/bytes/hex.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { NodeCore } from "../../../src/core/node_core.ts";
import { decode } from "../../../src/dhcp/decode.ts";
import { encode } from "../../../src/dhcp/encode.ts";
import { BOOTREPLY, BOOTREQUEST, type Message, MESSAGE_TYPE, messageTypeOf } from "../../../src/dhcp/message.ts";
import { OPTIONS, readOption } from "../../../src/dhcp/options/mod.ts";
import { scanOptions } from "../../../src/dhcp/relay_agent.ts";
import { CompiledService } from "../../../src/dhcp/server/compiled_service.ts";
import { type Ipv4, prefixContains, rangeContains } from "../../../src/net/ipv4.ts";
import { checkNode, nodeSchema } from "../../../node/config.ts";
import type { Dice } from "../dice.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";
import { composePacket } from "./packets.ts";

const CONFIG = `
node: { id: 1, stateDir: /tmp/unused }
dhcp: { address: 10.77.0.1 }
cluster: { nodes: [{ id: 1, address: 10.77.0.1 }] }
service:
  revision: 1
  leaseTime: 10m
  declineTime: 1h
  options: { domain-name: example.net, domain-name-servers: [10.77.0.53] }
  classes:
    - { name: pxe, match: { vendorClass: PXEClient }, bootFile: boot.efi, nextServer: 10.77.0.9 }
    - { name: odd, match: 'option[60].text.matches("^(a+)+$") || agent[1].hex.contains("00") || htype < 1' }
    - { name: bad, match: 'member("odd") && hardware.endsWith("ff") && !known' }
  subnets:
    - subnet: 10.77.0.0/16
      pools: [10.77.1.0-10.77.1.9]
      options: { routers: [10.77.0.1] }
      reservations:
        - { address: 10.77.0.50, hardware: "02:00:00:00:00:01", hostname: reserved }
        - { address: 10.77.1.5, clientId: "0x00616263" }
    - subnet: 10.78.0.0/16
      pools: [{ range: 10.78.1.0-10.78.1.3, deny: bad }, { range: 10.78.2.0-10.78.2.1, allow: odd }]
`;

const SERVER: Ipv4 = 0x0a4d0001;
const NOTHING = new Uint8Array();
const octets = new Octets(2_048);

function service(): CompiledService {
  const loaded = loadConfig(CONFIG, nodeSchema, checkNode);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues));
  return new CompiledService(loaded.value.service);
}

type Mutations = NonNullable<ConstructorParameters<typeof NodeCore>[0]["mutations"]>;

const compiled = service();
/** Until when each address is a client's, as the client was told. */
type Held = Map<Ipv4, { readonly client: string; readonly untilMs: number }>;

class LoneNode {
  readonly held: Held = new Map();
  readonly core: NodeCore<Message>;
  #ms = 0;
  #random = 1;
  #label = "";

  constructor() {
    this.core = new NodeCore<Message>({
      self: 1,
      incarnation: 7,
      hashSeed: 4711,
      facts: new Map(),
      nodes: [{ id: 1, address: SERVER }],
      bootstrap: false,
      file: { revision: 1, text: "{}" },
      served: { text: "{}", service: compiled },
      revise: (text) => text,
      mutations,
      random: () => (this.#random = (this.#random * 16_807) % 2_147_483_647) / 2_147_483_647,
      now: this.#now,
    });
    this.core.beginLoad();
    this.core.loaded();
    this.#perform();
    this.core.receive({ kind: "listening" }, this.#now);
    for (let count = 0; this.core.notReady(this.#now) !== undefined; count++) {
      must(count < 1_000, "a node alone must get ready");
      this.pass(20);
    }
  }

  get #now() {
    return { wallMs: 1_790_000_000_000 + this.#ms, monotonicMs: 1_000 + this.#ms };
  }

  /** Advances both clocks; what is due happens at the end, as on a machine that was busy. */
  pass(ms: number): void {
    this.#ms += ms;
    this.core.flush(this.#now);
    for (let count = 0; count < 3 && this.core.nextDeadline(this.#now) <= this.#now.monotonicMs; count++) {
      this.core.tick(this.#now);
    }
    this.#perform();
  }

  receive(datagram: Uint8Array, how: number): string {
    const decoded = decode(datagram);
    if (!decoded.ok) return "not DHCP";
    const message = decoded.value;
    const onLink = (how & 1) !== 0;
    const arrival = {
      from: (how & 2) === 0 ? message.giaddr || message.ciaddr : 0x0a4d0063,
      serverIdentifier: SERVER,
      receivedOn: SERVER,
      onLink,
    };
    this.#label = "quiet";
    this.core.receive({ kind: "request", message, arrival, source: message }, this.#now);
    this.#perform();
    this.core.flush(this.#now);
    this.#perform();
    return this.#label;
  }

  #perform(): void {
    for (let effects = this.core.takeEffects(); effects.length > 0; effects = this.core.takeEffects()) {
      for (const effect of effects) {
        if (effect.kind === "persist") this.core.receive({ kind: "persisted", token: effect.token }, this.#now);
        else if (effect.kind === "reply") this.#judge(effect.source, effect.reply, effect.bytesMax);
        else if (effect.kind === "unanswered") this.#label = effect.reason;
        else if (effect.kind === "ended") {
          this.held.delete(effect.lease.address);
          this.#label = effect.lease.how;
        }
      }
    }
  }

  #judge(request: Message, reply: Message, bytesMax: number): void {
    const { bytes } = encode(reply, { bytesMax });
    const sent = decode(bytes);
    must(sent.ok && scanOptions(bytes).wellFormed, "what is sent must decode, and pass a relay");
    const { value } = sent;
    must(request.op === BOOTREQUEST && value.op === BOOTREPLY, "only a request is answered, by a reply");
    must(value.xid === request.xid && value.giaddr === request.giaddr, "xid and giaddr must be the client's");
    must(value.htype === request.htype && equalBytes(value.chaddr, request.chaddr), "chaddr must be the client's");
    const asked = messageTypeOf(request);
    const type = messageTypeOf(value);
    const rapid = asked === MESSAGE_TYPE.DISCOVER && request.options.has(OPTIONS.rapidCommit.code);
    switch (type) {
      case MESSAGE_TYPE.OFFER:
        must(asked === MESSAGE_TYPE.DISCOVER, "an offer answers a DISCOVER");
        this.#label = "OFFER";
        break;
      case MESSAGE_TYPE.NAK:
        must(asked === MESSAGE_TYPE.REQUEST && value.yiaddr === 0, "a NAK answers a REQUEST, without address");
        this.#label = "NAK";
        return;
      case MESSAGE_TYPE.ACK:
        must(
          asked === MESSAGE_TYPE.REQUEST || asked === MESSAGE_TYPE.INFORM || rapid,
          "an ACK answers what may get one",
        );
        if (asked === MESSAGE_TYPE.INFORM) {
          must(value.yiaddr === 0 && !value.options.has(OPTIONS.addressLeaseTime.code), "RFC 2131 §4.3.5");
          this.#label = "ACK to INFORM";
          return;
        }
        this.#label = "ACK";
        this.#judgeLease(request, value);
        break;
      default:
        must(false, `a reply must not be of type ${type}`);
    }
    const subnet = compiled.subnetOf(value.yiaddr);
    const isKnown = subnet?.pools.some(({ range }) => rangeContains(range, value.yiaddr)) ||
      compiled.reservationAt(value.yiaddr) !== undefined;
    must(isKnown, "an address must be one of a pool or reserved");
  }

  #judgeLease(request: Message, { yiaddr, options }: Message): void {
    const lease = readOption(options, OPTIONS.addressLeaseTime);
    must(lease.kind === "present" && lease.value > 0, "an ACK must say how long");
    const client = clientOf(request, yiaddr);
    const other = this.held.get(yiaddr);
    must(
      other === undefined || other.client === client || other.untilMs <= this.#ms,
      `${other?.client} and ${client} have the same address`,
    );
    // Its former address of the subnet is not its own any more.
    const prefix = compiled.subnetOf(yiaddr)?.prefix;
    for (const [address, holder] of this.held) {
      if (holder.client === client && prefix && prefixContains(prefix, address)) this.held.delete(address);
    }
    this.held.set(yiaddr, { client, untilMs: this.#ms + 1_000 * lease.value });
  }
}

/** A client as the server tells them apart: by reservation, client identifier, or hardware. */
function clientOf({ htype, chaddr, options }: Message, address: Ipv4): string {
  const reserved = compiled.reservationAt(address);
  if (reserved !== undefined) return `reserved ${address}`;
  const id = options.get(OPTIONS.clientIdentifier.code) ?? NOTHING;
  return id.length >= 2 && id.length <= 255 ? `id ${toHex(id)}` : `hardware ${htype} ${toHex(chaddr)}`;
}

let node: LoneNode;
let mutations: Mutations = {};

/** The surface with a broken core until it is closed. */
export function nodeWith(broken: Mutations): Surface {
  return {
    ...lone,
    open() {
      mutations = broken;
      return Promise.resolve();
    },
    close() {
      mutations = {};
      return Promise.resolve();
    },
  };
}

/** Before a datagram. */
const PAUSES_MS = [0, 1, 20, 1_000, 15_000, 61_000, 600_000, 3_700_000];

function put32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** What a client or its relay sends, of few clients and addresses, so that they meet. */
function composeMessage(dice: Dice): void {
  const second = dice.once(4);
  const giaddr = dice.once(8) ? dice.word() : second ? 0x0a4e0001 : SERVER;
  const pool = second ? 0x0a4e0100 : 0x0a4d0100;
  const address = pool + dice.roll(second ? 4 : 10);
  const type = dice.once(3) ? 1 : dice.once(2) ? 3 : dice.pick([1, 3, 4, 7, 8, 13, 2, 5]);
  const bound = type === 7 || type === 8 || (type === 3 && dice.once(3));
  octets.length = 0;
  octets.put(1).put(1).put(6).put(1).put32(dice.roll(8)).put32(dice.once(2) ? 0 : 0x8000);
  octets.put32(bound ? address : 0).put32(0).put32(0).put32(dice.once(8) ? 0 : giaddr);
  octets.append(Uint8Array.of(2, 0, 0, 0, 0, dice.roll(14))).append(new Uint8Array(10 + 64 + 128));
  octets.put32(0x63825363).put(53).put(1).put(type);
  const option = (code: number, value: Uint8Array) => octets.put(code).put(value.length).append(value);
  if (!bound && !dice.once(6)) option(50, put32(address));
  if (type === 3 ? !dice.once(3) : dice.once(3)) option(54, put32(dice.once(8) ? dice.word() : SERVER));
  if (dice.once(4)) option(61, Uint8Array.of(0, 97, 98, 99 + dice.roll(3)));
  if (dice.once(8)) option(80, NOTHING);
  if (dice.once(4)) option(12, new TextEncoder().encode(dice.pick(["host", "=1+1", "\u202eevil", "\u001b[31m"])));
  if (dice.once(4)) option(55, Uint8Array.of(1, 3, 6, 12, 15, 43, 66, 67, 121, dice.roll(256)));
  if (dice.once(6)) option(60, new TextEncoder().encode("PXEClient:Arch:00007"));
  if (dice.once(6)) option(51, put32(dice.once(2) ? 60 : dice.word()));
  if (dice.once(4)) {
    option(
      82,
      Uint8Array.of(1, 2, 48, dice.roll(3), 5, 4, ...put32(dice.once(2) ? pool : dice.word()), 11, 4, ...put32(SERVER)),
    );
  }
  octets.put(255);
}

export const lone: Surface = {
  name: "node",
  weight: 6,
  caseInputs: 96,
  quick: 15_000,
  labels: [
    ...["OFFER", "ACK", "NAK", "ACK to INFORM", "released", "declined", "not DHCP", "noSubnet"],
    ...["notRequest", "unexpectedType", "malformedOption"],
  ],
  begin() {
    node = new LoneNode();
  },
  compose(dice) {
    if (dice.once(5)) composePacket(dice, octets);
    else {
      composeMessage(dice);
      if (dice.once(3)) octets.mutate(dice, octets.view().slice(), 240);
    }
    octets.splice(0, 0, Uint8Array.of(dice.once(4) ? dice.roll(8) : dice.roll(3), dice.once(3) ? dice.roll(4) : 0));
    return octets.view();
  },
  check(input) {
    const [pause = 0, how = 0] = input;
    node.pass(PAUSES_MS[pause & 7] as number);
    return node.receive(input.subarray(2), how);
  },
};
