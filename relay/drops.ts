/**
 * The log of dropped datagrams: a few lines per reason and interface, then a count. Senders control how often this
 * happens, so neither memory nor output may grow with it.
 */

import type { Logger } from "@logtape/logtape";
import { toHex } from "../src/bytes/hex.ts";
import { AT } from "../src/dhcp/layout.ts";
import { LimitedLog } from "../src/log/limited.ts";
import { formatIpv4, type Ipv4 } from "../src/net/ipv4.ts";
import { type DropReason, OUTCOMES } from "./forward/outcomes.ts";

/** A flood on an interface is said this often. */
const STRANGERS_SAID_MS = 60_000;

/** Logs drops at a bounded rate. */
export class DropLog {
  readonly #limited: LimitedLog;
  readonly #now: () => number;
  /** By interface. */
  readonly #strangersSaidMs = new Map<string, number>();

  /** `now`: monotonic clock, in milliseconds. */
  constructor(log: Logger, now: () => number) {
    this.#now = now;
    this.#limited = new LimitedLog(log, "warn", now);
  }

  /** One datagram was dropped. */
  add(interfaceName: string, reason: DropReason, bytes: Uint8Array, from: Ipv4): void {
    if (!this.#limited.admit(`${interfaceName}: ${reason}`)) return;
    this.#limited.log.warn("{interface}: {path} dropped, {reason}: {help}", {
      interface: interfaceName,
      path: OUTCOMES[reason].path,
      reason,
      help: OUTCOMES[reason].help,
      from: formatIpv4(from),
      octets: bytes.length,
      ...(bytes.length >= AT.sname ? { chaddr: toHex(bytes.subarray(AT.chaddr, AT.chaddr + 6), ":") } : {}),
    });
  }

  /** A stranger's request was dropped; said once a minute per interface. */
  addStranger(interfaceName: string, perSecond: number): void {
    const nowMs = this.#now();
    const saidMs = this.#strangersSaidMs.get(interfaceName) ?? -Infinity;
    if (nowMs - saidMs < STRANGERS_SAID_MS) return;
    this.#strangersSaidMs.set(interfaceName, nowMs);
    this.#limited.log.warn(
      "{interface}: {perSecond} messages a second of clients without a lease through this relay; what nodes leave " +
        "unanswered beyond relay.limits.strangers is dropped. Known clients and renewals are served; find the port " +
        "that they come from, or raise the limit if they are real",
      { interface: interfaceName, perSecond: Math.round(perSecond) },
    );
  }

  /** Logs the outstanding counts and stops. */
  close(): void {
    this.#limited.close();
  }
}
