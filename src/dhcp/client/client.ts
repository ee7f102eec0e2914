/**
 * A DHCP client (RFC 2131 §4.4), pure: messages and time in, messages out. The demonstration, the load generators and
 * the simulator use it; it configures no interface and probes no address.
 */

import { equalBytes } from "../../bytes/equal.ts";
import { type Ipv4, UNSPECIFIED } from "../../net/ipv4.ts";
import { BOOTREPLY, BOOTREQUEST, type Message, MESSAGE_TYPE, messageTypeOf, type Options } from "../message.ts";
import { OPTIONS, readOption, writeOption } from "../options/mod.ts";

/** RFC 2131 figure 5, less the states in which a client only waits for its own interface. */
type ClientState = "init" | "selecting" | "requesting" | "rebooting" | "bound" | "renewing" | "rebinding";

/** A lease as the client sees it. Times in the clock given to `step`, milliseconds. */
export interface ClientLease {
  readonly address: Ipv4;
  readonly server: Ipv4;
  readonly leaseSeconds: number;
  readonly renewAtMs: number;
  readonly rebindAtMs: number;
  readonly endsAtMs: number;
}

/** A message to send: by unicast to `to`, or by broadcast when that is undefined. */
export interface Outgoing {
  readonly message: Message;
  readonly to: Ipv4 | undefined;
}

/** A transition of the client, for observers. */
export type ClientEvent =
  | { readonly kind: "offered" | "bound" | "renewed"; readonly address: Ipv4; readonly afterMs: number }
  | { readonly kind: "refused" | "expired" | "released"; readonly address: Ipv4 };

/** Identity and behaviour of the client. */
interface ClientOptions {
  readonly chaddr: Uint8Array;
  readonly clientId?: Uint8Array;
  readonly hostname?: string;
  readonly rapidCommit?: boolean;
  /** The lease time to ask for in each request (option 51); undefined: none. */
  readonly wantedSeconds?: () => number | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly notify?: (event: ClientEvent) => void;
}

/** RFC 2131 §4.1: 4, 8, 16, 32, then 64 seconds, each plus or minus one. */
const RETRANSMIT_MS = { first: 4_000, last: 64_000, jitter: 1_000 };
/** RFC 2131 §4.4.5: half of the remaining time, but not under a minute. */
const RENEW_RETRY_MS_MIN = 60_000;

const WANTED = Uint8Array.of(1, 3, 6, 12, 15, 28, 42, 51, 58, 59, 119, 121);
const encoder = new TextEncoder();

/** One client on one interface. */
export class DhcpClient {
  readonly #options: ClientOptions;
  #state: ClientState = "init";
  #lease: ClientLease | undefined;
  #xid = 0;
  #startedMs = 0;
  #attempts = 0;
  /** When the request was first sent that is being answered: from then the lease runs (RFC 2131 §4.4.1). */
  #requestedMs = 0;
  #deadlineMs: number | undefined;
  #offer: { address: Ipv4; server: Ipv4 } | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The lease that runs. */
  get lease(): ClientLease | undefined {
    return this.#lease;
  }

  /** When `tick` has something to do; undefined: never. */
  get deadlineMs(): number | undefined {
    return this.#deadlineMs;
  }

  /** Sends DHCPDISCOVER. */
  start(nowMs: number): Outgoing[] {
    this.#begin("selecting", nowMs);
    return this.#send(nowMs);
  }

  /** Asks for a remembered address (INIT-REBOOT); `lease` keeps running meanwhile. */
  reboot(lease: ClientLease, nowMs: number): Outgoing[] {
    this.#lease = lease;
    this.#begin("rebooting", nowMs);
    return this.#send(nowMs);
  }

  /** Renews now instead of at T1, by unicast; or rebinds, by broadcast. */
  renew(nowMs: number, how: "renewing" | "rebinding" = "renewing"): Outgoing[] {
    if (this.#lease === undefined) return [];
    this.#begin(how, nowMs);
    return this.#send(nowMs);
  }

  /** Sends DHCPRELEASE. */
  release(nowMs: number): Outgoing[] {
    const lease = this.#lease;
    if (lease === undefined) return [];
    const message = this.#message(MESSAGE_TYPE.RELEASE, nowMs);
    message.ciaddr = lease.address;
    writeOption(message.options, OPTIONS.serverIdentifier, lease.server);
    this.#forget();
    this.#options.notify?.({ kind: "released", address: lease.address });
    return [{ message, to: lease.server }];
  }

  /** Sends DHCPDECLINE: another host uses the address. */
  decline(nowMs: number): Outgoing[] {
    const lease = this.#lease;
    if (lease === undefined) return [];
    const message = this.#message(MESSAGE_TYPE.DECLINE, nowMs);
    writeOption(message.options, OPTIONS.requestedIpAddress, lease.address);
    writeOption(message.options, OPTIONS.serverIdentifier, lease.server);
    this.#forget();
    return [{ message, to: undefined }];
  }

  /** Takes a message; one that is not for this client or its transaction changes nothing. */
  receive(message: Message, nowMs: number): Outgoing[] {
    if (message.op !== BOOTREPLY || message.xid !== this.#xid || !equalBytes(message.chaddr, this.#options.chaddr)) {
      return [];
    }
    const type = messageTypeOf(message);
    const server = readOption(message.options, OPTIONS.serverIdentifier);
    if (server.kind !== "present") return [];
    if (type === MESSAGE_TYPE.OFFER && this.#state === "selecting") {
      this.#offer = { address: message.yiaddr, server: server.value };
      this.#options.notify?.({ kind: "offered", address: message.yiaddr, afterMs: nowMs - this.#startedMs });
      this.#state = "requesting";
      this.#attempts = 0;
      this.#requestedMs = nowMs;
      return this.#send(nowMs);
    }
    const asked = this.#state === "requesting" || this.#state === "rebooting" || this.#state === "renewing" ||
      this.#state === "rebinding";
    if (type === MESSAGE_TYPE.ACK && asked && message.yiaddr !== (this.#offer ?? this.#lease)?.address) return [];
    if (type === MESSAGE_TYPE.ACK && (asked || (this.#state === "selecting" && this.#options.rapidCommit === true))) {
      this.#bind(message, server.value, nowMs);
      return [];
    }
    if (type === MESSAGE_TYPE.NAK && asked) {
      const address = this.#lease?.address ?? this.#offer?.address ?? UNSPECIFIED;
      this.#forget();
      this.#options.notify?.({ kind: "refused", address });
      return this.start(nowMs);
    }
    return [];
  }

  /** Retransmits, renews and expires what is due. */
  tick(nowMs: number): Outgoing[] {
    if (this.#deadlineMs === undefined || nowMs < this.#deadlineMs) return [];
    const lease = this.#lease;
    if (lease !== undefined && nowMs >= lease.endsAtMs) {
      this.#forget();
      this.#options.notify?.({ kind: "expired", address: lease.address });
      return this.start(nowMs);
    }
    if (lease !== undefined && nowMs >= lease.rebindAtMs && this.#state !== "rebinding") {
      return this.renew(nowMs, "rebinding");
    }
    if (this.#state === "bound") return this.renew(nowMs);
    // RFC 2131 §3.1 step 5: an unanswered REQUEST leads back to DISCOVER.
    if (this.#state === "requesting" && this.#attempts >= 4) return this.start(nowMs);
    return this.#send(nowMs);
  }

  #begin(state: ClientState, nowMs: number): void {
    this.#state = state;
    this.#xid = Math.floor(this.#options.random() * 0x1_0000_0000);
    this.#startedMs = nowMs;
    this.#requestedMs = nowMs;
    this.#attempts = 0;
  }

  #forget(): void {
    this.#state = "init";
    this.#lease = undefined;
    this.#offer = undefined;
    this.#deadlineMs = undefined;
    this.#xid = Math.floor(this.#options.random() * 0x1_0000_0000);
  }

  #bind(message: Message, server: Ipv4, nowMs: number): void {
    const seconds = readOption(message.options, OPTIONS.addressLeaseTime);
    if (seconds.kind !== "present") return;
    const t1 = readOption(message.options, OPTIONS.renewalTime);
    const t2 = readOption(message.options, OPTIONS.rebindingTime);
    const leaseSeconds = seconds.value;
    const from = this.#requestedMs;
    this.#lease = {
      address: message.yiaddr,
      server,
      leaseSeconds,
      renewAtMs: from + 1_000 * (t1.kind === "present" ? t1.value : leaseSeconds / 2),
      rebindAtMs: from + 1_000 * (t2.kind === "present" ? t2.value : leaseSeconds * 0.875),
      endsAtMs: from + 1_000 * leaseSeconds,
    };
    this.#offer = undefined;
    const kind = this.#state === "renewing" || this.#state === "rebinding" ? "renewed" : "bound";
    this.#state = "bound";
    this.#deadlineMs = this.#lease.renewAtMs;
    this.#options.notify?.({ kind, address: message.yiaddr, afterMs: nowMs - this.#startedMs });
  }

  #send(nowMs: number): Outgoing[] {
    this.#deadlineMs = nowMs + this.#retryMs(nowMs);
    this.#attempts += 1;
    const lease = this.#lease;
    switch (this.#state) {
      case "selecting": {
        const message = this.#message(MESSAGE_TYPE.DISCOVER, nowMs);
        if (this.#options.rapidCommit === true) writeOption(message.options, OPTIONS.rapidCommit, true);
        return [{ message, to: undefined }];
      }
      case "requesting": {
        const message = this.#message(MESSAGE_TYPE.REQUEST, nowMs);
        writeOption(message.options, OPTIONS.requestedIpAddress, this.#offer?.address ?? UNSPECIFIED);
        writeOption(message.options, OPTIONS.serverIdentifier, this.#offer?.server ?? UNSPECIFIED);
        return [{ message, to: undefined }];
      }
      case "rebooting": {
        const message = this.#message(MESSAGE_TYPE.REQUEST, nowMs);
        writeOption(message.options, OPTIONS.requestedIpAddress, lease?.address ?? UNSPECIFIED);
        return [{ message, to: undefined }];
      }
      case "renewing":
      case "rebinding": {
        const message = this.#message(MESSAGE_TYPE.REQUEST, nowMs);
        message.ciaddr = lease?.address ?? UNSPECIFIED;
        return [{ message, to: this.#state === "renewing" ? lease?.server : undefined }];
      }
      case "init":
      case "bound":
        this.#deadlineMs = lease?.renewAtMs;
        return [];
    }
  }

  #retryMs(nowMs: number): number {
    const lease = this.#lease;
    if (lease !== undefined && (this.#state === "renewing" || this.#state === "rebinding")) {
      const until = this.#state === "renewing" ? lease.rebindAtMs : lease.endsAtMs;
      const left = Math.max(until - nowMs, 0);
      return Math.min(Math.max(left / 2, RENEW_RETRY_MS_MIN), Math.max(left, 1));
    }
    const { first, last, jitter } = RETRANSMIT_MS;
    return Math.min(first * 2 ** this.#attempts, last) + (2 * this.#options.random() - 1) * jitter;
  }

  #message(type: number, nowMs: number): Message {
    const { chaddr, clientId, hostname } = this.#options;
    const options: Options = new Map();
    writeOption(options, OPTIONS.messageType, type);
    if (clientId !== undefined) writeOption(options, OPTIONS.clientIdentifier, clientId);
    if (type === MESSAGE_TYPE.DISCOVER || type === MESSAGE_TYPE.REQUEST) {
      if (hostname !== undefined) options.set(OPTIONS.hostName.code, encoder.encode(hostname));
      writeOption(options, OPTIONS.parameterRequestList, WANTED);
      const seconds = this.#options.wantedSeconds?.();
      if (seconds !== undefined) writeOption(options, OPTIONS.addressLeaseTime, seconds);
    }
    return {
      op: BOOTREQUEST,
      htype: 1,
      hops: 0,
      xid: this.#xid,
      secs: Math.min(Math.floor((nowMs - this.#startedMs) / 1_000), 0xffff),
      flags: 0,
      ciaddr: UNSPECIFIED,
      yiaddr: UNSPECIFIED,
      siaddr: UNSPECIFIED,
      giaddr: UNSPECIFIED,
      chaddr,
      sname: new Uint8Array(),
      file: new Uint8Array(),
      options,
    };
  }
}
