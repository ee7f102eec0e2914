/**
 * The log sequence number of this disk (lease agreement, "disks"): counts its transactions on slots, in the same
 * transaction. A disk that was put back to an earlier state has a lower one than the other members have heard.
 *
 * It also counts what waits for this disk. A disk that is full, or slower than the cluster's records, must not fill the
 * memory with what waits: when it is full, this node takes no more records, as if they had been lost on their way, and
 * asks for them again once the disk works (retransmit, anti-entropy).
 *
 * What is written before the first anchor does not count: a process on such a disk must not catch up with what the
 * others remember before they have told it (case 20).
 */

import type { Instant } from "../../lease/agreement/clock.ts";
import type { Writes } from "../../lease/agreement/slot.ts";
import { type Effects, persistingBy } from "../context.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import { FACT } from "./disk_identity.ts";

/** The lsn of one process. */
export class DiskLog {
  #issued: number;
  #durable: number;
  #waiting = 0;
  readonly #waitingMax: number;
  /** The clock had an anchor once. */
  anchored = false;

  /** `found`: the lsn on the disk at the start. `waitingMax`: rows that may wait for the disk. */
  constructor(found: number, waitingMax: number = CLUSTER_LIMITS.waitingRowsMax) {
    this.#waitingMax = waitingMax;
    this.#issued = found;
    this.#durable = found;
  }

  /** The highest lsn that is durable. One that was only issued may be lost with the power, on an honest disk. */
  get lsn(): number {
    return this.#durable;
  }

  /** Whether so much waits for the disk that nothing may be added. */
  get isFull(): boolean {
    return this.#waiting >= this.#waitingMax;
  }

  /** The same effects, with transactions on slots counted. */
  counting<Notice>(effects: Effects<Notice>): Effects<Notice> {
    return persistingBy(effects, (writes, durable) => {
      const size = 1 + (writes.rows?.length ?? 0);
      this.#waiting += size;
      this.#write(effects, writes, (now) => {
        this.#waiting -= size;
        durable(now);
      });
    });
  }

  #write(effects: Pick<Effects, "persist">, writes: Writes, durable: (now: Instant) => void): void {
    if (!this.anchored || writes.rows === undefined || writes.rows.length === 0) {
      return effects.persist(writes, durable);
    }
    const lsn = ++this.#issued;
    effects.persist({ rows: writes.rows, facts: [...writes.facts ?? [], [FACT.lsn, String(lsn)]] }, (now) => {
      this.#durable = lsn;
      durable(now);
    });
  }
}
