/**
 * A node with a blank disk becomes a voter (lease agreement, "blank disk" and "first formation"): it takes the union
 * of ⌈n/2⌉ other voters' slots, or learns that every other member is as blank as itself. Until then it neither
 * proposes nor votes.
 */

import { quorumOf, unionSources } from "../../lease/agreement/quorum.ts";
import type { Bounds, Instant } from "../../lease/agreement/clock.ts";
import type { LeaseRow } from "../../lease/agreement/slot.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { HelloAnswer, NodeId, SlotPage } from "../wire/messages.ts";
import { type PageRequest, SnapshotPull } from "./snapshot_pull.ts";

const HELLO_MS = 500;

/** What is to be sent. */
type JoinOutput = { readonly kind: "hello" } | ({ readonly kind: "request" } & PageRequest);

/** One join. */
export class Join {
  readonly #startedMs: number;
  readonly #bootstrap: boolean;
  readonly #others: readonly NodeId[];
  readonly #pull: SnapshotPull;
  /** Disks of the other members that were blank. */
  readonly #blankOthers: Map<NodeId, string>;
  /** Members that answered that they have slots. */
  readonly #complete = new Set<NodeId>();
  #helloMs = -Infinity;

  /**
   * `blankOthers`: members that answered this disk in an earlier process, with their disks. `bootstrap`: the operator
   * allows a quorum of blank members to form the cluster.
   */
  constructor(options: {
    startedMs: number;
    others: readonly NodeId[];
    blankOthers?: Iterable<readonly [NodeId, string]>;
    bootstrap?: boolean;
  }) {
    this.#startedMs = options.startedMs;
    this.#others = options.others;
    this.#bootstrap = options.bootstrap ?? false;
    this.#blankOthers = new Map(options.blankOthers ?? []);
    this.#pull = new SnapshotPull("join", unionSources(options.others.length + 1));
  }

  /** How far the pull is, and the blank members: for the status. */
  get progress(): SnapshotPull["progress"] & { readonly blank: readonly NodeId[] } {
    return { ...this.#pull.progress, blank: [...this.#blankOthers.keys()] };
  }

  /**
   * A member answered this very disk. That its own was blank counts for good, whatever the member became since:
   * nothing was promised before, and this disk has promised nothing. Returns whether it is news.
   */
  helloAnswered(from: NodeId, { blank, ownDiskId }: Pick<HelloAnswer, "blank" | "ownDiskId">): boolean {
    if (!blank) {
      this.#complete.add(from);
      return false;
    }
    if (this.#blankOthers.get(from) === ownDiskId) return false;
    this.#blankOthers.set(from, ownDiskId);
    return true;
  }

  /** Every other member is blank, so there is nothing to join; or the operator allows a quorum of blank members. */
  get isFormation(): boolean {
    const blank = this.#others.filter((id) => this.#blankOthers.has(id)).length;
    if (blank === this.#others.length) return true;
    return this.#bootstrap && this.#complete.size === 0 && blank + 1 >= quorumOf(this.#others.length + 1);
  }

  /** What to send now. `voters`: present members that may be pulled from. Needs an anchored clock. */
  tick(now: Instant, voters: readonly NodeId[]): JoinOutput[] {
    const output: JoinOutput[] = [];
    if (now.monotonicMs - this.#helloMs >= HELLO_MS) {
      this.#helloMs = now.monotonicMs;
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
