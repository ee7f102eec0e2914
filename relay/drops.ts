/**
 * What the log says about dropped datagrams: a few lines per reason and interface, then how many more there were.
 * Others decide how often that happens, so nothing here may grow with it.
 */

import type { Logger } from "@logtape/logtape";
import { toHex } from "../src/bytes/hex.ts";
import { AT } from "../src/dhcp/layout.ts";
import { formatSummary, LOG_LIMITS_DEFAULT, LogLimiter } from "../src/log/limiter.ts";
import { formatIpv4, type Ipv4 } from "../src/net/ipv4.ts";
import { type DropReason, OUTCOMES } from "./forward/outcomes.ts";

/** Logs drops. */
export class DropLog {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #limiter = new LogLimiter();
  readonly #timer: ReturnType<typeof setInterval>;

  /** `now`: milliseconds of a clock that does not go back. */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
    this.#timer = setInterval(() => this.#summarise(), LOG_LIMITS_DEFAULT.intervalMs);
  }

  /** One datagram was dropped. */
  add(interfaceName: string, reason: DropReason, bytes: Uint8Array, from: Ipv4): void {
    if (!this.#limiter.admit(`${interfaceName}: ${reason}`, this.#now())) return;
    this.#log.warn("{interface}: {path} dropped, {reason}: {help}", {
      interface: interfaceName,
      path: OUTCOMES[reason].path,
      reason,
      help: OUTCOMES[reason].help,
      from: formatIpv4(from),
      octets: bytes.length,
      ...(bytes.length >= AT.sname ? { chaddr: toHex(bytes.subarray(AT.chaddr, AT.chaddr + 6), ":") } : {}),
    });
  }

  /** Says what has not been said, and stops. */
  close(): void {
    clearInterval(this.#timer);
    for (const summary of this.#limiter.takeAll(this.#now())) this.#log.warn(formatSummary(summary));
  }

  #summarise(): void {
    for (const summary of this.#limiter.takeSummaries(this.#now())) this.#log.warn(formatSummary(summary));
  }
}
