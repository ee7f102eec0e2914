/**
 * The log sequence number of this disk (lease agreement, "disks"): counts its transactions on slots, in the same
 * transaction. A disk that was put back to an earlier state has a lower one than the other members have heard.
 *
 * What is written before the first anchor does not count: a process on such a disk must not catch up with what the
 * others remember before they have told it (case 20).
 */

import { type Effects, persistingBy } from "../context.ts";
import { FACT } from "./disk_identity.ts";

/** The lsn of one process. */
export class DiskLog {
  #issued: number;
  #durable: number;
  /** The clock had an anchor once. */
  anchored = false;

  /** `found`: the lsn on the disk at the start. */
  constructor(found: number) {
    this.#issued = found;
    this.#durable = found;
  }

  /** The highest lsn that is durable. One that was only issued may be lost with the power, on an honest disk. */
  get lsn(): number {
    return this.#durable;
  }

  /** The same effects, with transactions on slots counted. */
  counting<Notice>(effects: Effects<Notice>): Effects<Notice> {
    return persistingBy(effects, (writes, durable) => {
      if (!this.anchored || writes.rows === undefined || writes.rows.length === 0) {
        return effects.persist(writes, durable);
      }
      const lsn = ++this.#issued;
      effects.persist({ rows: writes.rows, facts: [...writes.facts ?? [], [FACT.lsn, String(lsn)]] }, (now) => {
        this.#durable = lsn;
        durable(now);
      });
    });
  }
}
