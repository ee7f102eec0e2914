/**
 * What a member of the cluster notices, in an operator's words: one line that says what it is and, where something is
 * wrong, what to do. What goes on being wrong is kept for the status until it is over.
 */

import { unreachable } from "../../src/assert.ts";
import { formatSeconds } from "../../src/config/duration.ts";
import { logger } from "../../src/log/configure.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import type { MemberNotice } from "../../src/cluster/member.ts";
import type { SteppedClock } from "../../src/cluster/replication/clock_sync.ts";
import { nodes } from "../../src/core/readiness.ts";
import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { TransportProblem } from "../cluster/transport_problems.ts";

type Level = "debug" | "info" | "warn" | "error";

/** Something wrong, for the status. */
interface OperatorProblem {
  readonly kind: string;
  /** The member it is about; null when that can't be told. */
  readonly node: NodeId | null;
  readonly address: string | null;
  readonly count: number;
  readonly message: string;
}

/** A notice as a line of the log. */
function explainNotice(notice: MemberNotice): { readonly level: Level; readonly text: string } {
  switch (notice.kind) {
    case "memberFound":
      return info(`Node ${notice.id} is live`);
    case "memberLost":
      return warn(`Node ${notice.id} is silent: check it, and the network to it`);
    case "memberRestarted":
      return info(`Node ${notice.id} has restarted`);
    case "duplicateId":
      return error(
        `Two processes run as node ${notice.id}: stop one of them, and give each node its own node.id and ` +
          "state directory",
      );
    case "leaderElected":
      return info(`Node ${notice.leader} leads (term ${notice.term})`);
    case "leaderLost":
      return warn(`The leader of term ${notice.term}, node ${notice.leader}, is gone`);
    case "electionFailed":
      return info(
        `The election of term ${notice.term} failed with ${notice.accepted} of ${notice.needed} votes: ` +
          "it is held again",
      );
    case "steppedDown":
      return info(`This node no longer leads (term ${notice.term}): ${STEPPED_DOWN[notice.reason]}`);
    case "quorumFound":
      return info("A majority of the nodes is live");
    case "quorumLost":
      return error("No majority of the nodes is live: no lease is granted or extended until one is");
    case "rangesDivided":
      return { level: "debug", text: `Divided the pools anew: ${notice.moved} addresses have another node` };
    case "configOutdated":
      return warn(
        `The service section of the file is outdated (revision ${notice.file}); the cluster serves revision ` +
          `${notice.revision}: update the file, it is not used`,
      );
    case "configConflict":
      return error(
        `${
          notice.from === 0 ? "The file's" : `Node ${notice.from}'s`
        } service section differs from the cluster's and ` +
          `has the same revision ${notice.revision} (other pools, options or times): ` +
          "raise the revision in the file that is meant",
      );
    case "configRefused":
      return error(
        `Refused revision ${notice.revision} of the service section from node ${notice.from}: ${notice.problem}`,
      );
    case "configUnfit":
      return warn(
        `The change that node ${notice.from} sent does not make revision ${notice.revision} of the configuration of ` +
          "what this node has: it is refused, and the whole is asked for; if this is said again, report it",
      );
    case "configUnusable":
      return error(`Kept the running configuration, as that of the cluster cannot be used: ${notice.problem}`);
    case "configActivated":
      return info(`Serving revision ${notice.revision} of the configuration`);
    case "configAgrees":
      return info(`The file's service section is the one that is served (revision ${notice.revision})`);
    case "membershipChanged":
      return info(`The cluster has other members (epoch ${notice.epoch}): ${nodes(notice.members)}`);
    case "membershipComplete":
      return info(`Every member has everything of epoch ${notice.epoch}`);
    case "membershipFileDiffers":
      return warn(
        `cluster.nodes names other members than the cluster has (epoch ${notice.epoch}): correct the file; ` +
          "dhcpcluster-node members add and remove change the members",
      );
    case "membershipConflict":
      return error(
        `Node ${notice.from} was started with another list of cluster.nodes: if this node is new, give ` +
          "dhcpcluster-node members add on the leader; else make the lists equal: a node that holds no leases yet " +
          "takes its list from its file at its next start",
      );
    case "joined":
      return info(notice.formed ? "The cluster is formed" : "This node has all leases and takes part from now on");
    case "fenced":
      return warn(
        "The others remember a later state of this node's disk (a restored snapshot, or a copy): " +
          "it takes everything from them anew",
      );
    case "clockApart":
      return error(
        `The clock of node ${notice.id} is ${Math.abs(Math.round(notice.offsetMs / 1_000))} s ` +
          `${notice.offsetMs > 0 ? "ahead of" : "behind"} this one's: set both by NTP`,
      );
    case "clockAgrees":
      return info(`The clock of node ${notice.id} agrees again`);
    case "clockJumped":
      return error(
        `This machine's clock jumped ${moved(notice.offsetMs)}, and no majority agrees with it: this node grants ` +
          "nothing until the clock is set back, or the others follow; set it by NTP",
      );
    case "clockReturned":
      return info("This machine's clock is back, and this node uses it again");
    case "clockSet":
      return warn(
        `This machine's clock was set ${moved(notice.movedMs)}: ` +
          (notice.movedMs > 0
            ? explainStepped(notice)
            : "leases that run now keep their addresses for that much longer, unless they are renewed or released"),
      );
    case "clockWasSet":
      return warn(`The clock was set while this node did not run: ${explainStepped(notice)}`);
    case "clockSettled":
      return info("All leases from before the clock was set have ended: addresses become free in time again");
    case "renewalsOnly":
      return warn(
        `Only renewals are served until ${new Date(notice.until).toISOString()} (members reset): addresses of leases ` +
          "that only the lost disks knew may still be in use",
      );
    case "renewalsOnlyOver":
      return info("All leases that the lost disks knew are over: new clients are served again");
    default:
      return unreachable(notice);
  }
}

/** What steps ahead mean, in an operator's words. */
export function explainStepped({ steppedMs, untilMs }: SteppedClock): string {
  return `addresses become free ${formatSeconds(Math.round(steppedMs / 1_000))} later until ` +
    `${new Date(untilMs).toISOString()}, so that no running lease is cut short`;
}

function moved(ms: number): string {
  return `${ms > 0 ? "ahead" : "back"} by ${formatSeconds(Math.round(Math.abs(ms) / 1_000))}`;
}

const STEPPED_DOWN = {
  noQuorum: "it hears no majority",
  unheard: "most members do not hear it; check what it sends to them",
  notSynced: "its leases are not complete",
  notMember: "it is no member any more",
  superseded: "another node does",
  command: "as commanded",
} as const;

function info(text: string): { level: Level; text: string } {
  return { level: "info", text };
}

function warn(text: string): { level: Level; text: string } {
  return { level: "warn", text };
}

function error(text: string): { level: Level; text: string } {
  return { level: "error", text };
}

/** Kinds that go on being wrong until another notice says otherwise. */
const LASTING: ReadonlySet<MemberNotice["kind"]> = new Set([
  "duplicateId",
  "configOutdated",
  "configConflict",
  "configRefused",
  "membershipFileDiffers",
  "membershipConflict",
  "clockApart",
  "clockJumped",
  "renewalsOnly",
]);

/** Logs notices and remembers what is wrong. */
export class OperatorLog {
  readonly #log = logger("cluster");
  readonly #current = new Map<string, OperatorProblem>();
  /** Notices so far, by kind. */
  readonly counters: Record<string, number> = {};

  /** Takes a notice of the member. */
  take(notice: MemberNotice): void {
    this.counters[notice.kind] = (this.counters[notice.kind] ?? 0) + 1;
    const { level, text } = explainNotice(notice);
    this.#log[level](text);
    if (notice.kind === "clockAgrees") this.#current.delete(`clockApart ${notice.id}`);
    else if (notice.kind === "clockReturned" || notice.kind === "clockSet") this.#end((kind) => kind === "clockJumped");
    else if (notice.kind === "renewalsOnlyOver") this.#end((kind) => kind === "renewalsOnly");
    else if (notice.kind === "configActivated" || notice.kind === "configAgrees") {
      this.#end((kind) => kind.startsWith("config"));
    } else if (notice.kind === "membershipChanged") this.#end((kind) => kind.startsWith("membership"));
    if (!LASTING.has(notice.kind)) return;
    const node = "id" in notice ? notice.id : "from" in notice && notice.from !== 0 ? notice.from : null;
    const key = `${notice.kind} ${node}`;
    const count = (this.#current.get(key)?.count ?? 0) + 1;
    this.#current.set(key, { kind: notice.kind, node, address: null, count, message: text });
  }

  /** Says a problem of the transport, once when it begins. */
  problem(problem: TransportProblem): void {
    this.#log.error(problem.message);
  }

  /** Says that a problem of the transport is over. */
  recovered(line: string): void {
    this.#log.info(line);
  }

  /** What is wrong now, the transport's problems included. */
  problems(transport: readonly TransportProblem[]): OperatorProblem[] {
    return [
      ...this.#current.values(),
      ...transport.map(({ kind, node, address, count, message }) => ({
        kind,
        node: node ?? null,
        address: formatIpv4(address),
        count,
        message,
      })),
    ];
  }

  #end(isOver: (kind: string) => boolean): void {
    for (const [key, { kind }] of this.#current) if (isOver(kind)) this.#current.delete(key);
  }
}
