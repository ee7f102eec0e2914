/** A node's status of itself and its cluster: the fields that tests use. */

/** The main fields of `/status`, which change seldom. */
export interface Facts {
  readonly role: "leader" | "follower" | "candidate" | "standalone";
  readonly term: number;
  readonly leader: number | null;
  readonly quorum: boolean;
  readonly ready: boolean;
  readonly reason: string | null;
  readonly revision: number | null;
}

/** A problem in the cluster. */
interface ClusterProblem {
  readonly kind: string;
  readonly node?: number | null;
  readonly address?: string | null;
  readonly count: number;
  readonly message: string;
}

/** `/status`. */
export interface NodeStatus extends Facts {
  readonly id: number;
  readonly leases: { readonly stored: number };
  readonly subnets: readonly { readonly subnet: string; readonly pools: readonly { readonly range: string }[] }[];
  readonly counters: { readonly received: Readonly<Record<string, number>> };
  readonly clock: {
    readonly fault: string | null;
    readonly steps: number;
    readonly steppedSeconds: number;
    readonly steppedUntil: string | null;
  };
  /** ISO 8601. */
  readonly renewalsOnlyUntil: string | null;
  readonly sockets: { readonly implementation: string | null };
  readonly cluster?: {
    readonly epoch: number;
    readonly unsettled: readonly number[];
    /** Every member is settled in this epoch. */
    readonly complete: boolean;
    readonly members: readonly {
      readonly id: number;
      readonly present: boolean;
      readonly ready: boolean;
      readonly synced: boolean;
      readonly clockOffsetMs: number | null;
    }[];
    readonly problems: readonly ClusterProblem[];
    readonly counters: { readonly refused: Readonly<Record<string, number>> | null };
    /** How many it opens messages with. */
    readonly keys: number;
  };
}

/** One line for transcripts. */
export function describeFacts(facts: Facts | undefined): string {
  if (facts === undefined) return "no answer";
  const { role, term, leader, quorum, ready, reason } = facts;
  return `${role}, term ${term}, leader ${leader ?? "none"}, ${quorum ? "" : "no "}quorum, ` +
    `${ready ? "ready" : `not ready: ${reason}`}`;
}
