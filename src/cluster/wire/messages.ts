/**
 * The messages between the members of a cluster, as plain data. `codec.ts` encodes and `seal.ts` seals them; the module
 * that each message belongs to decides when to send it.
 */

import type { Answer, EndRecord, LockRecord } from "../../lease/agreement/rule.ts";
import type { ClientKey } from "../../lease/agreement/client_key.ts";
import type { LeaseDetail, LeaseRow, Slot } from "../../lease/agreement/slot.ts";
import type { Ipv4, Range } from "../../net/ipv4.ts";

/** Versions of the encoding, see `codec.ts`. */
export type WireVersion = 1 | 2 | 3 | 4;

/** A member's id, 1..255: identity and bully priority. */
export type NodeId = number;

/** Header of every message. A message of another epoch or membership is dropped, except `Hello`. */
export interface Envelope {
  readonly from: NodeId;
  /** Random per process start, below 2^32. */
  readonly incarnation: number;
  /** Membership epoch, from 1 up, and a hash over its members. */
  readonly epoch: number;
  readonly membershipHash: number;
  /** The version of the encoding: see `wire_version.ts`. */
  readonly wireVersion: WireVersion;
}

/** One record of a lease stream. */
export type StreamRecord = {
  readonly address: Ipv4;
  readonly detail: LeaseDetail;
} & ({ readonly kind: "lock"; readonly record: LockRecord } | { readonly kind: "end"; readonly record: EndRecord });

/** Up to where a stream was received without a gap. */
export interface StreamPosition {
  readonly origin: NodeId;
  readonly incarnation: number;
  /** 0: nothing yet. */
  readonly sequence: number;
}

/** Sequence numbers `first` to `last`. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/** Bully: a member with a lower id starts an election. To higher members. */
interface Election {
  readonly type: "election";
  readonly term: number;
}

/** Bully: a higher member takes over the election. */
interface Okay {
  readonly type: "okay";
  readonly term: number;
}

/** Bully: a candidate asks for votes in this term. To all. It leads once a quorum, itself included, has accepted. */
interface Coordinator {
  readonly type: "coordinator";
  readonly term: number;
}

/** Pre-vote: a candidate asks whether the receiver would vote for it in this term. To all. No term is raised by it. */
interface PreVote {
  readonly type: "preVote";
  readonly term: number;
  /** The candidate takes over from a lower leader that it hears. */
  readonly hearsLeader: boolean;
}

/** Answers a `PreVote`. `ok: true` repeats its term; `ok: false` refuses, and `term` is then the sender's own term. */
interface PreVoted {
  readonly type: "preVoted";
  readonly ok: boolean;
  readonly term: number;
}

/** A vote, durable before it is sent: one per term. `ok: false` refuses; `term` is then the sender's own term. */
interface Accepted {
  readonly type: "accepted";
  readonly ok: boolean;
  readonly term: number;
}

/** The leader's view of live members; broadcast every `statusIntervalMs`. */
export interface ClusterStatus {
  readonly type: "clusterStatus";
  readonly term: number;
  /** Members the leader hears, itself included. */
  readonly present: readonly NodeId[];
  readonly majority: boolean;
}

/** What a process says of its disk; see `disk_identity.ts`. */
export interface DiskClaim {
  /** Random, made with the database: 16 hex digits. */
  readonly diskId: string;
  /** Counts the starts of this disk's owner. */
  readonly bootCount: number;
  /** The place of this disk among those its owner had; 0 while it is a learner's. */
  readonly diskGeneration: number;
  /** Transactions on slots that this process found on the disk. In version 1 unknown. */
  readonly lsnFound: number;
  /** Transactions on slots that are durable now. */
  readonly lsn: number;
}

/** Of a process that says nothing of its lsn: its disk can't be found to have gone back. */
export const LSN_UNKNOWN = { lsnFound: Number.MAX_SAFE_INTEGER, lsn: 0 } as const;

/** Answers a `ClusterStatus`: a leader that fewer than a quorum hear steps down. */
interface StatusHeard {
  readonly type: "statusHeard";
  readonly term: number;
}

/** Records of the sender's own stream, or none: a heartbeat. To all. */
export interface LeaseBatch extends DiskClaim {
  readonly type: "leaseBatch";
  /** Sequence number of `records[0]`, or of the next record when there are none. A stream starts at 1. */
  readonly first: number;
  readonly records: readonly StreamRecord[];
  /** Records of this stream that are known to be committed, sent explicitly (case 11). */
  readonly committed: readonly SequenceRange[];
  /** What the sender has of every stream. */
  readonly seen: readonly StreamPosition[];
  /** Free addresses per pool in the sender's ranges; sent in due heartbeats, empty in other batches. */
  readonly free: readonly number[];
  /** Whether the sender serves. */
  readonly ready: boolean;
  /** Whether the sender's slots are complete enough to vote. */
  readonly synced: boolean;
  /** Newest configuration the sender has on disk. */
  readonly revision: number;
  /** The sender has everything of this epoch (membership step 4). */
  readonly settled: boolean;
  /** The sender knows that every member is settled: another change may follow (membership step 5). */
  readonly complete: boolean;
  /** The sender's wall clock, ms since 1970; 0 in version 1. */
  readonly wallMs: number;
  /** The sender stores and votes, but serves no clients. Version 2 only. */
  readonly witness: boolean;
}

/** An acceptor's answers to the records of one batch, each by itself (case 8). Unicast to the origin. */
export interface LeaseAck {
  readonly type: "leaseAck";
  /** The stream that is answered: ignored unless it is the receiver's running one (case 9). */
  readonly incarnation: number;
  readonly first: number;
  readonly answers: readonly Answer[];
}

/** Asks the origin to send records of its stream again. */
interface Retransmit {
  readonly type: "retransmit";
  readonly incarnation: number;
  readonly missing: SequenceRange;
}

/**
 * Asks for the receiver's wall clock; the answer repeats `probe`. A disk that went back is answered by `StaleIdentity`
 * instead: without an anchor it has no vote.
 */
export interface TimeProbe {
  readonly type: "timeProbe";
  readonly probe: number;
  /** Not in version 1. */
  readonly disk?: DiskClaim;
}

export interface TimeAnswer {
  readonly type: "timeAnswer";
  readonly probe: number;
  /** The sender's wall clock, ms since 1970. */
  readonly wallMs: number;
  /** Its `stepped`, steps only seen included, and the longest lease that it knows of; 0 in version 1. */
  readonly steppedMs: number;
  readonly maxLeaseMs: number;
}

/** Ranges a member allocates from: from the leader to each member, and back as the member's report. */
export interface RangeAllocation {
  readonly type: "rangeAllocation";
  /** From a member to its leader. A former leader that reports must not be taken for the leader. */
  readonly report: boolean;
  readonly term: number;
  /** Rises with every change within a term. */
  readonly version: number;
  /** The receiver's ranges, or in a report the sender's, by pool. */
  readonly ranges: readonly (readonly Range[])[];
}

/** The distributed configuration. To all, or over TCP when it is large. */
export interface Config {
  readonly type: "config";
  readonly revision: number;
  readonly text: ConfigText;
}

/** A `service` section as JSON text, or how it is made of one that the receiver has; see `config_patches.ts`. */
export type ConfigText = string | ConfigPatch;

/** The base is given this revision, then a stretch of it is replaced. */
export interface ConfigPatch {
  readonly revision: number;
  readonly baseRevision: number;
  readonly baseDigest: number;
  /** In UTF-16 units, as `removed`. */
  readonly at: number;
  readonly removed: number;
  readonly inserted: string;
  /** Of the result. */
  readonly digest: number;
}

/** A patch fits nothing that the sender has: asks for the whole text. */
export interface ConfigWanted {
  readonly type: "configWanted";
}

/** Asks for slots after an address. `purpose` says what for: see `state_sync.ts`. */
export interface SyncRequest {
  readonly type: "syncRequest";
  /** Comes back, so that a late answer to another request, or to another process, is no answer; 0 in version 1. */
  readonly request: number;
  readonly purpose: "join" | "repair" | "settle";
  readonly after: Ipv4 | -1;
  /** The sender's disk: a member that serves a join has seen that disk join. */
  readonly diskId: string;
  readonly bootCount: number;
}

/** What a `SyncRequest` asks for. */
export type SyncPage = Pick<SyncRequest, "purpose" | "after">;

/** Slots by address; `more`: ask again after the last one. */
export interface SlotPage {
  readonly type: "syncChunk";
  readonly rows: readonly LeaseRow[];
  readonly more: boolean;
}

/** The answer to a `SyncRequest`. */
export interface SyncChunk extends SlotPage {
  /** That of the `SyncRequest`; 0 in version 1. */
  readonly request: number;
  /** Highest generation of the receiver's disks that the sender remembers. */
  readonly diskGeneration: number;
}

/** First formation: is your disk blank? Taken in any epoch. */
export interface Hello {
  readonly type: "hello";
  readonly diskId: string;
  readonly blank: boolean;
}

/** Answers a `Hello`, naming the disk that asked. */
export interface HelloAnswer {
  readonly type: "helloAnswer";
  readonly diskId: string;
  /** The process that asked; 0 in version 1. */
  readonly incarnation: number;
  /** The answerer is blank, or was when this disk first asked, and has heard of no voter with the receiver's id. */
  readonly blank: boolean;
  /** The answerer's own disk. */
  readonly ownDiskId: string;
}

/** Stale identity: the receiver's disk is an earlier one, or went back: it becomes a learner (cases 20 and 26). */
export interface StaleIdentity {
  readonly type: "staleIdentity";
  /** The disk that is not trusted, its boot count, and the process on it; 0 in version 1: any. */
  readonly diskId: string;
  readonly bootCount: number;
  readonly incarnation: number;
  /** Highest generation of the receiver's disks that the sender remembers. */
  readonly diskGeneration: number;
}

/** A member and its address. */
export interface MemberAddress {
  readonly id: NodeId;
  readonly address: Ipv4;
}

/** What is chosen for an epoch. */
export interface MembershipContent {
  /** Of the leader that proposed it. */
  readonly term: number;
  /** By id. */
  readonly members: readonly MemberAddress[];
  /** Forced recovery: before this time only renewals are granted, in ms since 1970; 0: no such time. Version 2 only. */
  readonly renewalsOnlyUntil: number;
  /** The member that this epoch added; 0: none. Version 2 only. */
  readonly added: NodeId | 0;
}

/** The membership of an epoch, which was chosen. Accepted in any epoch. */
export interface Membership extends MembershipContent {
  readonly type: "membership";
  readonly epoch: number;
}

/** A ballot of the choice of the next membership; `node` is the member that proposes in it. */
export interface Ballot {
  readonly round: number;
  readonly node: NodeId | 0;
}

/** A membership that was accepted in a ballot. */
export interface AcceptedMembership {
  readonly ballot: Ballot;
  readonly content: MembershipContent;
}

/** A member's disk, and the round in which it learned what the disk before had promised; 0: it did not have to. */
export interface JoinedDisk {
  readonly id: NodeId;
  readonly diskId: string;
  readonly since: number;
}

/** Choice of the next membership, phase 1: asks for a promise to accept in no lower ballot. See `paxos.ts`. */
export interface MembershipPrepare {
  readonly type: "membershipPrepare";
  readonly round: number;
  /** The disk of a learner, which proposes nothing: it asks for what its lost disk knew. Undefined: a proposer. */
  readonly joining: string | undefined;
}

/** Answers a `MembershipPrepare`. */
export interface MembershipPromise {
  readonly type: "membershipPromise";
  readonly round: number;
  readonly ok: boolean;
  /** The highest ballot that was promised. */
  readonly promised: Ballot;
  readonly accepted: AcceptedMembership | undefined;
  /** The sender's own disk: see `JoinedDisk`. */
  readonly diskId: string;
  readonly since: number;
  /** Disks that the sender has seen join in this epoch. */
  readonly joined: readonly JoinedDisk[];
}

/** Choice of the next membership, phase 2: asks to accept this one, as a quorum has promised. */
export interface MembershipAccept {
  readonly type: "membershipAccept";
  readonly round: number;
  readonly content: MembershipContent;
  /** The quorum. */
  readonly promises: readonly JoinedDisk[];
}

/** Answers a `MembershipAccept`. */
export interface MembershipAccepted {
  readonly type: "membershipAccepted";
  readonly round: number;
  readonly ok: boolean;
  readonly promised: Ballot;
}

/** NAK quorum: asks whether the receiver's slot denies this client's lease. The answer repeats `query`. */
export interface SlotQuery {
  readonly type: "slotQuery";
  readonly query: number;
  readonly address: Ipv4;
  readonly client: ClientKey;
}

/** What the answerer's slot says of it; see `nak_quorum.ts`. */
export interface SlotAnswer {
  readonly type: "slotAnswer";
  readonly query: number;
  readonly deniesLease: boolean;
}

/** Re-propose: asks a voter for its slot of an address. The answer repeats `query`. */
export interface SlotRead {
  readonly type: "slotRead";
  readonly query: number;
  readonly address: Ipv4;
}

export interface SlotReadAnswer {
  readonly type: "slotReadAnswer";
  readonly query: number;
  readonly address: Ipv4;
  readonly slot: Slot;
}

/** A new `service` section by command, from a member to its leader; sent again until it is answered. */
export interface ConfigPush {
  readonly type: "configPush";
  /** Random; comes back. */
  readonly push: number;
  /** 0: the next one. */
  readonly revision: number;
  readonly text: ConfigText;
  /** Only validate on all live members. */
  readonly checkOnly: boolean;
}

/** Result of a `ConfigPush`. */
export interface ConfigPushed {
  readonly type: "configPushed";
  readonly push: number;
  readonly ok: boolean;
  /** No decision was possible; the configuration was not rejected. */
  readonly unavailable: boolean;
  /** The adopted revision; 0 when none was adopted. */
  readonly revision: number;
  /** Members that were not live. */
  readonly absent: readonly NodeId[];
  readonly problems: readonly string[];
}

/** Asks whether the receiver can serve this text. From the leader; the answer repeats `check`. */
export interface ConfigCheck {
  readonly type: "configCheck";
  readonly check: number;
  readonly text: ConfigText;
}

export interface ConfigChecked {
  readonly type: "configChecked";
  readonly check: number;
  /** The answerer's validation error; empty: none. */
  readonly problem: string;
}

/** Whether the sender hears the receiver's multicast. By unicast; the transport sends and reads it. */
export interface MulticastHeard {
  readonly type: "multicastHeard";
  readonly heard: boolean;
}

/**
 * The highest wire version that the sender reads: to all, while it writes a lower one because a member of an earlier
 * release is live. That release drops it as an unknown type.
 */
export interface WireSupport {
  readonly type: "wireSupport";
  readonly version: number;
}

/** Subnets whose strangers are a flood where the sender sees them. To all, from version 4 on. */
export interface Floods {
  readonly type: "floods";
  /** Their addresses. */
  readonly subnets: readonly Ipv4[];
}

export type ClusterMessage =
  | Election
  | Okay
  | Coordinator
  | PreVote
  | PreVoted
  | Accepted
  | ClusterStatus
  | StatusHeard
  | LeaseBatch
  | LeaseAck
  | Retransmit
  | TimeProbe
  | TimeAnswer
  | RangeAllocation
  | Config
  | SyncRequest
  | SyncChunk
  | Hello
  | HelloAnswer
  | StaleIdentity
  | Membership
  | MembershipPrepare
  | MembershipPromise
  | MembershipAccept
  | MembershipAccepted
  | SlotQuery
  | SlotAnswer
  | ConfigPush
  | ConfigPushed
  | ConfigCheck
  | ConfigChecked
  | ConfigWanted
  | MulticastHeard
  | WireSupport
  | Floods
  | SlotRead
  | SlotReadAnswer;
