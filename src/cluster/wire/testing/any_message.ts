/** Arbitrary messages for property tests: every type, every field over its whole range. */

import fc from "fast-check";
import type { Answer } from "../../../lease/agreement/rule.ts";
import type { ClientKey } from "../../../lease/agreement/client_key.ts";
import { clientKeyOf } from "../../../lease/agreement/client_key.ts";
import { isEnded, type LeaseDetail, type LeaseRow, type Slot, SLOT_STATES } from "../../../lease/agreement/slot.ts";
import { NO_VERSION, type Version } from "../../../lease/agreement/version.ts";
import type { ClusterMessage, ConfigText, Envelope, StreamRecord } from "../messages.ts";
import { WIRE_LIMITS } from "../limits.ts";

/** As literals make them: with a prototype. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const uint8 = fc.integer({ min: 0, max: 0xff });
const nodeId = fc.integer({ min: 1, max: 0xff });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const uint53 = fc.oneof(fc.maxSafeNat(), uint32, fc.constantFrom(0, Number.MAX_SAFE_INTEGER));
const positive = uint53.map((value) => Math.max(value, 1));
/** Distances from the base of a message must work out between any two of these. */
const wall = fc.oneof(uint53, fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }));

const scratch = new Uint8Array(4_096);

function octets(min: number, max: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: min, maxLength: max });
}

/** Text of at most `max` octets. */
function text(max: number): fc.Arbitrary<string> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  return fc.string({ unit: "binary", maxLength: max }).map((value) => {
    const { written } = encoder.encodeInto(value, scratch.subarray(0, max));
    return decoder.decode(scratch.subarray(0, written));
  });
}

const characters = fc.integer({ min: 0, max: WIRE_LIMITS.configTextMax });

const configText: fc.Arbitrary<ConfigText> = fc.oneof(
  text(2_000),
  record({
    revision: uint53,
    baseRevision: uint53,
    baseDigest: uint53,
    at: characters,
    removed: characters,
    inserted: text(200),
    digest: uint53,
  }),
);

const anyEnvelope: fc.Arbitrary<Envelope> = record({
  from: nodeId,
  incarnation: uint32,
  epoch: positive,
  membershipHash: uint32,
  wireVersion: fc.constantFrom(2 as const, 3 as const, 4 as const),
});

const client: fc.Arbitrary<ClientKey> = octets(5, 300).map(clientKeyOf);

function version(sender: Envelope): fc.Arbitrary<Version> {
  const clock = fc.integer({ min: 1, max: WIRE_LIMITS.clockMax });
  return fc.oneof(
    fc.constant(NO_VERSION),
    clock.map((clock) => ({ clock, node: sender.from, incarnation: sender.incarnation })),
    record({ clock, node: nodeId, incarnation: uint32 }),
  );
}

const detail: fc.Arbitrary<LeaseDetail> = record({
  htype: uint8,
  chaddr: octets(0, 16),
  hostname: text(255),
  circuitId: octets(0, 255),
  remoteId: octets(0, 255),
  giaddr: uint32,
  lastSeen: wall,
  expires: wall,
});

function streamRecord(sender: Envelope): fc.Arbitrary<StreamRecord> {
  const lock = record({
    client,
    version: version(sender),
    lockedUntil: wall,
    committedVersion: version(sender),
    singleVersion: fc.boolean(),
    proposedAt: wall,
  });
  const end = record({
    kind: fc.constantFrom("released" as const, "declined" as const, "aborted" as const),
    client,
    version: version(sender),
    replaces: version(sender),
    committedVersion: version(sender),
    at: wall,
    until: wall,
  });
  return fc.oneof(
    record({ kind: fc.constant("lock" as const), address: uint32, record: lock, detail }),
    record({ kind: fc.constant("end" as const), address: uint32, record: end, detail }),
  );
}

function row(sender: Envelope): fc.Arbitrary<LeaseRow> {
  const slot: fc.Arbitrary<Slot> = record({
    state: fc.constantFrom(...SLOT_STATES),
    client: fc.option(client, { nil: undefined }),
    version: version(sender),
    lockedUntil: wall,
    committedVersion: version(sender),
    singleVersion: fc.boolean(),
    replaces: version(sender),
    at: wall,
  }).filter(({ state, client }) => client !== undefined || state === "free" || state === "blocked")
    .map(({ replaces, committedVersion, at, ...rest }) =>
      isEnded(rest.state)
        ? { ...rest, committedVersion: NO_VERSION, ended: { replaces, committedVersion, at } }
        : { ...rest, committedVersion }
    );
  return record({ address: uint32, slot, detail });
}

function answer(sender: Envelope): fc.Arbitrary<Answer> {
  return fc.oneof(
    fc.constant<Answer>({ ok: true }),
    record({
      ok: fc.constant(false as const),
      reason: fc.constantFrom("late" as const, "conflict" as const, "stale" as const),
      version: version(sender),
    }),
  );
}

const sequences = fc.tuple(positive, positive).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const range = fc.tuple(uint32, uint32).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const diskId = fc.stringMatching(/^[0-9a-f]{16}$/);

const ballot = record({ round: uint53, node: uint8 });
const disk = record({ id: nodeId, diskId, since: uint53 });
const content = {
  term: uint53,
  members: fc.array(record({ id: nodeId, address: uint32 }), { maxLength: 12 }),
  renewalsOnlyUntil: uint53,
  added: uint8,
};

function some<T>(item: fc.Arbitrary<T>, maxLength = 12): fc.Arbitrary<T[]> {
  return fc.array(item, { maxLength });
}

type Arbitraries = { readonly [Type in ClusterMessage["type"]]: fc.Arbitrary<Extract<ClusterMessage, { type: Type }>> };

function arbitraries(sender: Envelope): Arbitraries {
  const bully = <Type extends "election" | "okay" | "coordinator">(type: Type) =>
    record({ type: fc.constant(type), term: uint53 });
  return {
    election: bully("election"),
    okay: bully("okay"),
    coordinator: bully("coordinator"),
    accepted: record({ type: fc.constant("accepted"), ok: fc.boolean(), term: uint53 }),
    clusterStatus: record({
      type: fc.constant("clusterStatus"),
      term: uint53,
      present: some(nodeId),
      majority: fc.boolean(),
    }),
    leaseBatch: record({
      type: fc.constant("leaseBatch"),
      first: positive.map((first) => Math.min(first, Number.MAX_SAFE_INTEGER - WIRE_LIMITS.recordsMax)),
      records: some(streamRecord(sender), 15),
      committed: some(sequences),
      seen: some(record({ origin: nodeId, incarnation: uint32, sequence: uint53 })),
      free: some(uint32),
      ready: fc.boolean(),
      synced: fc.boolean(),
      diskId,
      bootCount: uint53,
      diskGeneration: uint32,
      lsnFound: uint53,
      lsn: uint53,
      revision: uint53,
      settled: fc.boolean(),
      complete: fc.boolean(),
      wallMs: uint53,
      witness: fc.boolean(),
    }),
    leaseAck: record({
      type: fc.constant("leaseAck"),
      incarnation: uint32,
      first: positive,
      answers: fc.oneof(some(answer(sender)), some(fc.constant<Answer>({ ok: true }))),
    }),
    retransmit: record({ type: fc.constant("retransmit"), incarnation: uint32, missing: sequences }),
    timeProbe: record({
      type: fc.constant("timeProbe"),
      probe: uint53,
      disk: record({ diskId, bootCount: uint53, diskGeneration: uint32, lsnFound: uint53, lsn: uint53 }),
    }),
    timeAnswer: record({
      type: fc.constant("timeAnswer"),
      probe: uint53,
      wallMs: uint53,
      steppedMs: uint53,
      maxLeaseMs: uint53,
    }),
    rangeAllocation: record({
      type: fc.constant("rangeAllocation"),
      report: fc.boolean(),
      term: uint53,
      version: uint53,
      ranges: some(some(range)),
    }),
    config: record({ type: fc.constant("config"), revision: uint53, text: configText }),
    syncRequest: record({
      type: fc.constant("syncRequest"),
      purpose: fc.constantFrom("join" as const, "repair" as const, "settle" as const),
      after: fc.oneof(uint32, fc.constant(-1 as const)),
      diskId,
      bootCount: uint53,
      request: uint53,
    }),
    syncChunk: record({
      type: fc.constant("syncChunk"),
      request: uint53,
      rows: some(row(sender)),
      more: fc.boolean(),
      diskGeneration: uint32,
    }),
    hello: record({ type: fc.constant("hello"), diskId, blank: fc.boolean() }),
    helloAnswer: record({
      type: fc.constant("helloAnswer"),
      diskId,
      incarnation: uint32,
      ownDiskId: diskId,
      blank: fc.boolean(),
    }),
    staleIdentity: record({
      type: fc.constant("staleIdentity"),
      diskId,
      bootCount: uint53,
      incarnation: uint32,
      diskGeneration: uint32,
    }),
    membership: record({ type: fc.constant("membership"), epoch: positive, ...content }),
    membershipPrepare: record({
      type: fc.constant("membershipPrepare"),
      round: positive,
      joining: fc.option(diskId, { nil: undefined }),
    }),
    membershipPromise: record({
      type: fc.constant("membershipPromise"),
      round: positive,
      ok: fc.boolean(),
      promised: ballot,
      accepted: fc.option(record({ ballot, content: record(content) }), { nil: undefined }),
      diskId,
      since: uint53,
      joined: some(disk),
    }),
    membershipAccept: record({
      type: fc.constant("membershipAccept"),
      round: positive,
      content: record(content),
      promises: some(disk),
    }),
    membershipAccepted: record({
      type: fc.constant("membershipAccepted"),
      round: positive,
      ok: fc.boolean(),
      promised: ballot,
    }),
    slotQuery: record({ type: fc.constant("slotQuery"), query: uint53, address: uint32, client }),
    slotAnswer: record({ type: fc.constant("slotAnswer"), query: uint53, deniesLease: fc.boolean() }),
    configPush: record({
      type: fc.constant("configPush"),
      push: uint53,
      revision: uint53,
      text: configText,
      checkOnly: fc.boolean(),
    }),
    configPushed: record({
      type: fc.constant("configPushed"),
      push: uint53,
      ok: fc.boolean(),
      unavailable: fc.boolean(),
      revision: uint53,
      absent: some(nodeId),
      problems: some(text(200)),
    }),
    configCheck: record({ type: fc.constant("configCheck"), check: uint53, text: configText }),
    configWanted: record({ type: fc.constant("configWanted") }),
    configChecked: record({ type: fc.constant("configChecked"), check: uint53, problem: text(200) }),
    preVote: record({ type: fc.constant("preVote"), term: uint53, hearsLeader: fc.boolean() }),
    preVoted: record({ type: fc.constant("preVoted"), ok: fc.boolean(), term: uint53 }),
    statusHeard: record({ type: fc.constant("statusHeard"), term: uint53 }),
    multicastHeard: record({ type: fc.constant("multicastHeard"), heard: fc.boolean() }),
    floods: record({ type: fc.constant("floods"), subnets: some(uint32) }),
    wireSupport: record({ type: fc.constant("wireSupport"), version: nodeId }),
    slotRead: record({ type: fc.constant("slotRead"), query: uint53, address: uint32 }),
    slotReadAnswer: fc.tuple(uint53, row(sender)).map(([query, { address, slot }]) => ({
      type: "slotReadAnswer",
      query,
      address,
      slot,
    })),
  };
}

/** A message of any type and an envelope. */
export const anyMessage: fc.Arbitrary<{ envelope: Envelope; message: ClusterMessage }> = anyEnvelope.chain((envelope) =>
  record({
    envelope: fc.constant(envelope),
    message: fc.oneof(...(Object.values(arbitraries(envelope)) as fc.Arbitrary<ClusterMessage>[])),
  })
);
