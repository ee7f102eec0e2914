/**
 * One emulated client's exchanges (RFC 2131 §3.1, §4.4.5), with the retransmissions of RFC 2131 §4.1: after 4 s, then
 * after twice as long each time, each time a second more or less.
 */

import { type Dhcp, dotted } from "../lab/dhcp_frame.ts";
import { chaddrOf, type ClientMessage, encodeClientMessage, octets } from "../clients/raw/wire.ts";
import type { Exchange } from "./summary.ts";

/** Shared by all clients: the socket, and the transactions that wait for answers. */
export interface Air {
  /** To an address, or to all. */
  send(bytes: Uint8Array, to: string): void;
  /** Receivers of answers, by transaction id. */
  readonly waiting: Map<number, (reply: Dhcp) => void>;
}

/** A client's lease. */
export interface ClientLease {
  readonly address: string;
  /** RFC 2131 §4.4.5: the server at which to renew it; undefined: by broadcast. */
  readonly serverIdentifier?: string;
  /** By performance.now(), counted from when it was asked for. */
  readonly untilMs: number;
}

type Outgoing = Pick<ClientMessage, "type" | "ciaddr" | "requestedAddress" | "serverIdentifier">;

const FIRST_RETRANSMISSION_MS = 4_000;
const LAST_RETRANSMISSION_MS = 64_000;
const RANDOMIZED_MS = 1_000;
const ALL = "255.255.255.255";
const INFINITE = 0xffffffff;

export class EmulatedClient {
  readonly number: number;
  lease: ClientLease | undefined;
  readonly #air: Air;
  readonly #chaddr: Uint8Array;

  constructor(number: number, air: Air) {
    this.number = number;
    this.#air = air;
    this.#chaddr = chaddrOf(number);
  }

  /**
   * Gets a lease; after a DHCPNAK from the beginning (RFC 2131 §3.1 step 4). It may wish for an address, whether it had
   * that one or not.
   */
  async acquire(giveUpMs: number, wish?: string): Promise<Exchange> {
    const conversation = new Conversation("acquire", this.number, giveUpMs);
    const discover = { type: "DISCOVER", ...(wish === undefined ? {} : { requestedAddress: octets(wish) }) } as const;
    for (;;) {
      const xid = newXid();
      const offer = await this.#ask(conversation, xid, discover, ["OFFER"]);
      if (offer === undefined) return conversation.end();
      const serverIdentifier = offer.options.get(54) ?? new Uint8Array(4);
      const request = { type: "REQUEST", serverIdentifier, requestedAddress: octets(offer.yiaddr) } as const;
      const answer = await this.#ask(conversation, xid, request, ["ACK", "NAK"]);
      if (answer === undefined) return conversation.end();
      if (answer.type === "ACK") return this.#take(conversation, answer);
      conversation.naks++;
    }
  }

  /** Renews the lease by unicast, and without an answer by broadcast. A DHCPNAK ends the lease. */
  async renew(giveUpMs: number): Promise<Exchange> {
    return await this.#extend("renew", giveUpMs, this.lease?.serverIdentifier);
  }

  /** The same, by broadcast at once (REBINDING). */
  async rebind(giveUpMs: number): Promise<Exchange> {
    return await this.#extend("rebind", giveUpMs);
  }

  /** Asks for an address that it remembers (INIT-REBOOT). A DHCPNAK ends the lease. */
  async reboot(address: string, giveUpMs: number): Promise<Exchange> {
    return await this.#confirm("reboot", giveUpMs, { type: "REQUEST", requestedAddress: octets(address) });
  }

  /** Releases the lease; a DHCPRELEASE has no answer (RFC 2131 §4.4.6). */
  release(): void {
    if (this.lease === undefined) return;
    const { address, serverIdentifier } = this.lease;
    this.lease = undefined;
    const message = {
      type: "RELEASE",
      ciaddr: octets(address),
      serverIdentifier: octets(serverIdentifier ?? ALL),
    } as const;
    this.#air.send(this.#encode(newXid(), message, 0), serverIdentifier ?? ALL);
  }

  /** Says that another host uses the address (RFC 2131 §4.4.4); no answer either. */
  decline(): void {
    if (this.lease === undefined) return;
    const { address, serverIdentifier } = this.lease;
    this.lease = undefined;
    const message = {
      type: "DECLINE",
      requestedAddress: octets(address),
      serverIdentifier: octets(serverIdentifier ?? ALL),
    } as const;
    this.#air.send(this.#encode(newXid(), message, 0), ALL);
  }

  #extend(kind: "renew" | "rebind", giveUpMs: number, firstTo?: string): Promise<Exchange> {
    const { address = "0.0.0.0" } = this.lease ?? {};
    return this.#confirm(kind, giveUpMs, { type: "REQUEST", ciaddr: octets(address) }, firstTo);
  }

  async #confirm(kind: Exchange["kind"], giveUpMs: number, request: Outgoing, firstTo?: string): Promise<Exchange> {
    const conversation = new Conversation(kind, this.number, giveUpMs);
    const answer = await this.#ask(conversation, newXid(), request, ["ACK", "NAK"], firstTo);
    if (answer?.type === "ACK") return this.#take(conversation, answer);
    if (answer !== undefined) {
      conversation.naks++;
      this.lease = undefined;
    }
    return conversation.end();
  }

  #take(conversation: Conversation, ack: Dhcp): Exchange {
    const serverIdentifier = ack.options.get(54);
    const seconds = uint32(ack.options.get(51));
    this.lease = {
      address: ack.yiaddr,
      ...(serverIdentifier === undefined ? {} : { serverIdentifier: dotted(serverIdentifier) }),
      untilMs: seconds === INFINITE ? Infinity : conversation.askedMs + seconds * 1_000,
    };
    return conversation.end(ack.yiaddr);
  }

  /** Sends and retransmits until one of the wanted types arrives; undefined when the conversation's time is over. */
  async #ask(
    conversation: Conversation,
    xid: number,
    message: Outgoing,
    wanted: readonly Dhcp["type"][],
    firstTo = ALL,
  ): Promise<Dhcp | undefined> {
    const { waiting } = this.#air;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise((resolve) => {
        waiting.set(xid, (reply) => wanted.includes(reply.type) && resolve(reply));
        conversation.askedMs = performance.now();
        const transmit = (transmissions: number, waitMs: number) => {
          const leftMs = conversation.leftMs;
          if (leftMs <= 0) return resolve(undefined);
          conversation.retransmissions = Math.max(conversation.retransmissions, transmissions);
          const bytes = this.#encode(xid, message, conversation.elapsedSeconds);
          this.#air.send(bytes, transmissions === 0 ? firstTo : ALL);
          const chanceMs = RANDOMIZED_MS * (2 * Math.random() - 1);
          const next = () => transmit(transmissions + 1, Math.min(2 * waitMs, LAST_RETRANSMISSION_MS));
          timer = setTimeout(next, Math.min(waitMs + chanceMs, leftMs));
        };
        transmit(0, FIRST_RETRANSMISSION_MS);
      });
    } finally {
      clearTimeout(timer);
      waiting.delete(xid);
    }
  }

  #encode(xid: number, message: Outgoing, secs: number): Uint8Array {
    // A client with its address can receive unicast (RFC 2131 §4.1); one without could, but this socket cannot.
    return encodeClientMessage({
      ...message,
      xid,
      secs,
      chaddr: this.#chaddr,
      broadcast: message.ciaddr === undefined,
    });
  }
}

/** An exchange in progress. */
class Conversation {
  retransmissions = 0;
  naks = 0;
  /** When the current message was sent first. */
  askedMs = 0;
  readonly #kind: Exchange["kind"];
  readonly #client: number;
  readonly #giveUpMs: number;
  readonly #epochMs = Date.now();
  readonly #startedMs = performance.now();

  constructor(kind: Exchange["kind"], client: number, giveUpMs: number) {
    this.#kind = kind;
    this.#client = client;
    this.#giveUpMs = giveUpMs;
  }

  get leftMs(): number {
    return this.#startedMs + this.#giveUpMs - performance.now();
  }

  get elapsedSeconds(): number {
    return Math.floor((performance.now() - this.#startedMs) / 1_000);
  }

  end(address?: string): Exchange {
    return {
      kind: this.#kind,
      client: this.#client,
      startedMs: this.#epochMs,
      latencyMs: performance.now() - this.#startedMs,
      retransmissions: this.retransmissions,
      naks: this.naks,
      ...(address === undefined ? {} : { address }),
    };
  }
}

let lastXid = crypto.getRandomValues(new Uint32Array(1))[0] as number;

function newXid(): number {
  return lastXid = (lastXid + 1) >>> 0;
}

function uint32(bytes: Uint8Array = new Uint8Array(4)): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
}
