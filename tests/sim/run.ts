/** What the parts of one run share, and what a run may change in its nodes. */

import type { Member } from "../../src/cluster/member.ts";
import type { Safeguards } from "../../src/cluster/replication/replica.ts";
import type { ClusterMessage, Envelope, NodeId } from "../../src/cluster/wire/messages.ts";
import type { Message } from "../../src/dhcp/message.ts";
import type { LeaseAgreement } from "../../src/dhcp/server/dhcp_server.ts";
import type { AnchoredClock, Instant } from "../../src/lease/agreement/clock.ts";
import type { LeaseTable } from "../../src/lease/table/lease_table.ts";
import type { Checkers } from "./checkers.ts";
import type { CommonTime } from "./common_time.ts";
import type { SimDisk } from "./disk.ts";
import type { EventQueue } from "./event_queue.ts";
import type { Links } from "./network.ts";
import type { Prng } from "./prng.ts";
import type { Promised } from "./promises.ts";
import type { Content, Datagram, Recorder } from "./recorder.ts";
import type { Check } from "./violation.ts";

export interface SimRun {
  readonly events: EventQueue;
  readonly prng: Prng;
  /** What all right clocks follow. */
  readonly time: CommonTime;
  readonly links: Links;
  readonly recorder: Recorder;
  /** Whether datagrams between nodes pass the seal; else they arrive as they were said. */
  readonly isSealed: boolean;
  /** All machines, members or not. */
  readonly nodes: ReadonlyMap<NodeId, RunNode>;
  readonly checkers: Checkers;
  readonly mutation: Mutation;
  /** Whether a check is made, and not pending. */
  readonly isChecked: (check: Check) => boolean;
  /** Set once all faults are over: clients keep their leases, and those without one ask for one. */
  readonly faultsOver: boolean;
  /** Undefined: no log, and no line is formatted. */
  readonly log: ((line: string) => void) | undefined;
}

/** A node as the other nodes, the clients and a mutation use it. */
export interface RunNode {
  readonly id: NodeId;
  /** Of the running process; 0 while none runs. */
  readonly incarnation: number;
  readonly running: boolean;
  /** Whether the process, or the whole machine, stands still. */
  readonly paused: boolean;
  readonly disk: SimDisk;
  /** Undefined while no process runs, or its start is not durable yet. */
  readonly member: Member | undefined;
  readonly table: LeaseTable | undefined;
  now(): Instant;
  receive(envelope: Envelope, message: ClusterMessage, key?: number): void;
  /** A datagram arrives. `content`: what its receivers share; undefined: it is decoded. */
  take(datagram: Datagram, content?: Content): void;
  /** A member connects, with this first frame; `answer` gets the one in reply. */
  greet(hello: Uint8Array, answer: (frame: Uint8Array) => void): void;
  /** `awaits`: whether the client still waits. `answer` gets the reply when it may leave. */
  serve(message: Message, awaits: () => boolean, answer: AnswerClient): void;
  /** Asks whether it is ready; nothing answers while no process runs. */
  askHealth(answer: (ready: boolean) => void): void;
}

/** Takes a reply; `promised`: what an acknowledgement promises. */
export type AnswerClient = (reply: Message, promised: Promised | undefined) => void;

/**
 * What is changed in the nodes of a run to show that the checkers notice a missing safeguard. All of it is around the
 * product's own parts, or in their options. Empty in a run without sabotage.
 */
export interface Mutation {
  /** Of the replica. */
  readonly safeguards?: Partial<Safeguards>;
  /** Replaces the anchored clock. */
  readonly clock?: (node: RunNode) => AnchoredClock | undefined;
  /** The incarnation in the versions of a new process; `random`: the correct one. */
  readonly incarnation?: (random: number) => number;
  /** A process believes datagrams of others without a proof that they run. */
  readonly believesAll?: boolean;
  /** A node keeps the number of its run, whatever the others know of earlier ones. */
  readonly keepsRun?: boolean;
  /** How long a process pretends to have run when it starts. */
  readonly agedMs?: number;
  /** A node serves while it is not ready. */
  readonly servesUnready?: boolean;
  /** A node that is left out when the key of the cluster's traffic is replaced. */
  readonly keepsKeys?: (node: RunNode) => boolean;
  /** A backup is restored as if a majority of the disks were lost. */
  readonly believesBackups?: boolean;
  /** A node does not see that the end of its log is lost. */
  readonly believesCutDisks?: boolean;
  /** New clients are served right after the membership was reset. */
  readonly resetServesAll?: boolean;
  /** Observes what a node sends to each peer. */
  readonly sending?: (node: RunNode, message: ClusterMessage) => void;
  /** Replaces a message on its arrival. */
  readonly arriving?: (arrival: Arriving) => readonly ClusterMessage[];
  /** Wraps what a node's DHCP server calls of the cluster. */
  readonly agreement?: (node: RunNode, agreement: LeaseAgreement) => LeaseAgreement;
}

/** A message that arrives. */
export interface Arriving {
  readonly run: SimRun;
  readonly to: RunNode;
  readonly envelope: Envelope;
  readonly message: ClusterMessage;
}
