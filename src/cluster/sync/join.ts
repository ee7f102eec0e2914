/**
 * A learner becomes a voter (lease agreement, "learner" and "first formation"): it takes the union of ⌈n/2⌉ other
 * voters' slots, or learns that every other member is as blank as itself. Until then it neither proposes nor votes.
 */

import { quorumOf, unionSources } from "../../lease/agreement/quorum.ts";
import type { Bounds, Instant } from "../../lease/agreement/clock.ts";
import type { LeaseRow } from "../../lease/agreement/slot.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId, SlotPage } from "../wire/messages.ts";
import { type PageRequest, SnapshotPull } from "./snapshot_pull.ts";

const HELLO_MS = 500;
/** Every live member has answered one of so many, also when a datagram was lost. */
const BOOTSTRAP_HELLOS = 3;

/** What is to be sent. */
type JoinOutput = { readonly kind: "hello" } | ({ readonly kind: "request" } & PageRequest);

/** One join. */
export class Join {
  readonly #startedMs: number;
  readonly #forms: "all" | "quorum" | "never";
  readonly #others: readonly NodeId[];
  readonly #pull: SnapshotPull;
  /** Whether each other member was blank by its last answer to this process. */
  readonly #blank = new Map<NodeId, boolean>();
  #hellos = 0;
  #helloMs = -Infinity;

  /**
   * `forms`: whether blank members may form the cluster: all of them; a quorum, as the operator says; or not, because
   * this disk knows that the cluster was formed.
   */
  constructor(options: { startedMs: number; others: readonly NodeId[]; forms?: "all" | "quorum" | "never" }) {
    this.#startedMs = options.startedMs;
    this.#others = options.others;
    this.#forms = options.forms ?? "all";
    this.#pull = new SnapshotPull("join", unionSources(options.others.length + 1));
  }

  /** How far the pull is, and the blank members: for the status. */
  get progress(): SnapshotPull["progress"] & { readonly blank: readonly NodeId[] } {
    return { ...this.#pull.progress, blank: this.#others.filter((id) => this.#blank.get(id) === true) };
  }

  /**
   * A member answered this process. That it was blank when this disk first asked counts, whatever the member became
   * since: nothing was promised before, and this disk has promised nothing.
   */
  helloAnswered(from: NodeId, blank: boolean): void {
    this.#blank.set(from, blank);
  }

  /** Every other member is blank, so there is nothing to learn; or the operator allows a quorum of blank members. */
  get isFormation(): boolean {
    if (this.#others.length === 0) return true;
    const { blank } = this.progress;
    if (this.#forms === "never") return false;
    if (blank.length === this.#others.length) return true;
    return this.#forms === "quorum" && blank.length === this.#blank.size &&
      blank.length + 1 >= quorumOf(this.#others.length + 1) && this.#hellos > BOOTSTRAP_HELLOS;
  }

  /** What to send now. `voters`: present members that may be pulled from. Needs an anchored clock. */
  tick(now: Instant, voters: readonly NodeId[]): JoinOutput[] {
    const output: JoinOutput[] = [];
    if (this.#forms !== "never" && now.monotonicMs - this.#helloMs >= HELLO_MS) {
      this.#helloMs = now.monotonicMs;
      this.#hellos += 1;
      output.push({ kind: "hello" });
    }
    // Case 18: what the old disk had accepted is decided by then, one way or the other.
    if (now.monotonicMs - this.#startedMs < CLUSTER_LIMITS.blankWaitMs) return output;
    for (const request of this.#pull.tick(now, voters)) output.push({ kind: "request", ...request });
    return output;
  }

  /** Takes a page; what to ask next, if anything. */
  receive(from: NodeId, chunk: SlotPage, now: Instant, time: Bounds): JoinOutput[] {
    const request = this.#pull.receive(from, chunk, now, time);
    return request === undefined ? [] : [{ kind: "request", ...request }];
  }

  /** The slots to begin with, once they are known. */
  result(): LeaseRow[] | undefined {
    return this.isFormation ? [] : this.#pull.result();
  }
}
