/** The clocks of all nodes: what they agree on, and how far each is from that. */

import type { Member } from "../e2e/cluster/member.ts";
import { WrongClock } from "../e2e/lab/wrong_clock.ts";

export class Clocks {
  readonly #clocks = new Map<number, WrongClock>();
  /** Seconds that all right clocks are ahead of the machine's. */
  #common = 0;

  /** What right clocks show now: milliseconds since the epoch. */
  get commonMs(): number {
    return Date.now() + this.#common * 1_000;
  }

  /** Gives a node a clock before its first start. */
  attach(member: Member): void {
    const clock = new WrongClock(member.host.namespace.folder("clock"));
    this.#clocks.set(member.id, clock);
    member.env = clock.env;
  }

  /** Sets one clock to this many seconds from the others. */
  set(member: Member, seconds: number): void {
    this.#of(member).set(this.#common + seconds);
  }

  /** From now on one clock runs at this rate. */
  drift(member: Member, rate: number): void {
    this.#of(member).drift(this.#common, rate, (Date.now() - member.startedMs) / 1_000);
  }

  /** The clock, and the time of a process that runs at its ordinary speed from its next start. */
  correct(member: Member): void {
    member.env = this.#of(member).env;
    this.set(member, 0);
  }

  /** From its next start both clocks of a node run at half speed. */
  slow(member: Member): void {
    member.env = this.#of(member).slow(this.#common);
  }

  /** Steps all clocks together. */
  step(seconds: number): void {
    this.#common += seconds;
    for (const clock of this.#clocks.values()) clock.set(this.#common);
  }

  #of({ id }: Member): WrongClock {
    const clock = this.#clocks.get(id);
    if (clock === undefined) throw new Error(`Node ${id} has no clock`);
    return clock;
  }
}
