/**
 * Cluster messages as octets: a version number, then one CBOR array with the message's code, its envelope and its
 * fields by position. Encoding trusts this node's own messages. Decoding trusts nothing: it never throws, its time and
 * memory are proportional to the octets, and it returns exactly the types of `messages.ts` or names the bad field.
 *
 * The octets are sealed on the wire (`seal.ts`). The module that a message belongs to checks whether it fits its state.
 */

import { Decoder, Encoder, type Options } from "cbor-x/index-no-eval";
import type { Answer } from "../../lease/agreement/rule.ts";
import { clientKeyBytes, clientKeyOf } from "../../lease/agreement/client_key.ts";
import { FREE_SLOT, NO_DETAIL } from "../../lease/agreement/slot.ts";
import { NO_VERSION, type Version } from "../../lease/agreement/version.ts";
import type { Range } from "../../net/ipv4.ts";
import {
  type Ballot,
  type ClusterMessage,
  type ConfigPatch,
  type ConfigText,
  type DiskClaim,
  type Envelope,
  type JoinedDisk,
  type LeaseBatch,
  LSN_UNKNOWN,
  type MemberAddress,
  type MembershipContent,
  type SequenceRange,
  type StreamPosition,
  type SyncRequest,
  type WireVersion,
} from "./messages.ts";
import { Fields } from "./fields.ts";
import { WIRE_LIMITS } from "./limits.ts";
import { isPlainCbor } from "./plain.ts";
import {
  type Base,
  baseAt,
  readRow,
  readStreamRecord,
  readVersion,
  UINT32,
  UINT53,
  UINT8,
  writeRow,
  writeStreamRecord,
  writeVersion,
} from "./records.ts";
import { StringReader, StringWriter } from "./strings.ts";

/**
 * The newest version, in front of every message. Version 1 is that of release 1.0: a cluster is upgraded node by node,
 * and a member that is not upgraded yet refuses version 2. A reader refuses versions that it does not know.
 *
 * What version 2 adds is written and read only if `wireVersion` of the envelope says so; see `wire_version.ts` for when
 * a node writes which. Messages of version 3 are those of version 2; its writer reads and writes datagrams that are
 * sealed in version 2 (`seal.ts`). Version 4 adds patches of configurations (`config_patches.ts`); the keys of its
 * writer's clients do not depend on reservations (`src/dhcp/server/identity.ts`).
 */
export const WIRE_VERSION = 4 as const satisfies WireVersion;

/** Why octets are no message. */
export type WireError =
  /** Longer than any message. */
  | { readonly kind: "tooLong"; readonly octets: number }
  /** Written by a release that speaks another version. */
  | { readonly kind: "wireVersion"; readonly version: number }
  /** Not the CBOR that messages are made of, or cut off. */
  | { readonly kind: "malformed" }
  /** A message this release does not know. */
  | { readonly kind: "unknownType"; readonly code: number }
  /** A field of the wrong type, range or length, or too many of them. */
  | { readonly kind: "badValue"; readonly field: string };

export const WIRE_ERRORS = [
  "tooLong",
  "wireVersion",
  "malformed",
  "unknownType",
  "badValue",
] as const satisfies readonly WireError["kind"][];

/** A message, or why not. */
export type DecodedMessage =
  | { readonly ok: true; readonly envelope: Envelope; readonly message: ClusterMessage }
  | { readonly ok: false; readonly error: WireError };

/** How one type of message is written and read. */
interface Layout<Message> {
  /** Append only; never reused. */
  readonly code: number;
  write(message: Message, envelope: Envelope): unknown[];
  read(fields: Fields, envelope: Envelope): Message;
}

const DISK_ID = /^[0-9a-f]{16}$/;

const PURPOSES = ["join", "repair", "settle"] as const satisfies readonly SyncRequest["purpose"][];

/** Codes of an answer in this order, from 1; append only. In version 1, code 1 is another judgement of its times. */
const REASONS = ["late", "conflict", "stale"] as const;

const LAYOUTS: { readonly [Type in ClusterMessage["type"]]: Layout<Extract<ClusterMessage, { type: Type }>> } = {
  election: {
    code: 1,
    write: ({ term }) => [term],
    read: (fields) => ({ type: "election", term: readTerm(fields) }),
  },
  okay: {
    code: 2,
    write: ({ term }) => [term],
    read: (fields) => ({ type: "okay", term: readTerm(fields) }),
  },
  coordinator: {
    code: 3,
    write: ({ term }) => [term],
    read: (fields) => ({ type: "coordinator", term: readTerm(fields) }),
  },
  accepted: {
    code: 4,
    write: ({ ok, term }) => [ok, term],
    read: (fields) => ({ type: "accepted", ok: fields.boolean("ok"), term: readTerm(fields) }),
  },
  clusterStatus: {
    code: 5,
    write: ({ term, present, majority }) => [term, present, majority],
    read: (fields) => ({
      type: "clusterStatus",
      term: readTerm(fields),
      present: fields.flat("present", WIRE_LIMITS.membersMax, 1, readNode),
      majority: fields.boolean("majority"),
    }),
  },
  leaseBatch: { code: 6, write: writeBatch, read: readBatch },
  leaseAck: {
    code: 7,
    write: ({ incarnation, first, answers }, envelope) => [incarnation, first, writeAnswers(answers, envelope)],
    read: (fields, envelope) => ({
      type: "leaseAck",
      incarnation: fields.uint("incarnation", UINT32),
      first: fields.positive("first", UINT53),
      answers: readAnswers(fields, envelope),
    }),
  },
  retransmit: {
    code: 8,
    write: ({ incarnation, missing }) => [incarnation, missing.first, missing.last],
    read: (fields) => ({
      type: "retransmit",
      incarnation: fields.uint("incarnation", UINT32),
      missing: readSequences(fields),
    }),
  },
  timeProbe: {
    code: 9,
    write: ({ probe, disk }, envelope) => envelope.wireVersion === 1 || !disk ? [probe] : [probe, ...writeDisk(disk)],
    read: (fields, envelope) => {
      const probe = fields.uint("probe", UINT53);
      return { type: "timeProbe", probe, ...(envelope.wireVersion === 1 ? {} : { disk: readDisk(fields) }) };
    },
  },
  timeAnswer: {
    code: 10,
    write: ({ probe, wallMs, steppedMs, maxLeaseMs }, { wireVersion }) =>
      wireVersion === 1 ? [probe, wallMs] : [probe, wallMs, steppedMs, maxLeaseMs],
    read: (fields, { wireVersion }) => ({
      type: "timeAnswer",
      probe: fields.uint("probe", UINT53),
      wallMs: fields.uint("wallMs", UINT53),
      steppedMs: wireVersion === 1 ? 0 : fields.uint("steppedMs", UINT53),
      maxLeaseMs: wireVersion === 1 ? 0 : fields.uint("maxLeaseMs", UINT53),
    }),
  },
  rangeAllocation: {
    code: 11,
    write: ({ report, term, version, ranges }) => [
      report,
      term,
      version,
      ranges.map((pool) => pool.flatMap(({ first, last }) => [first, last])),
    ],
    read: (fields) => ({
      type: "rangeAllocation",
      report: fields.boolean("report"),
      term: readTerm(fields),
      version: fields.uint("version", UINT53),
      ranges: fields.lists(
        "ranges",
        { lists: WIRE_LIMITS.poolsMax, items: WIRE_LIMITS.rangesMax, width: 2 },
        readRange,
      ),
    }),
  },
  config: {
    code: 12,
    write: ({ revision, text }) => [revision, writeText(text)],
    read: (fields) => ({
      type: "config",
      revision: fields.uint("revision", UINT53),
      text: readText(fields),
    }),
  },
  syncRequest: {
    code: 13,
    write: ({ purpose, after, diskId, bootCount, request }, envelope) => [
      PURPOSES.indexOf(purpose),
      after + 1,
      diskId,
      bootCount,
      ...(envelope.wireVersion === 1 ? [] : [request]),
    ],
    read: (fields, envelope) => ({
      type: "syncRequest",
      purpose: fields.choice("purpose", PURPOSES),
      after: fields.uint("after", UINT32 + 1) - 1,
      diskId: readDiskId(fields),
      bootCount: fields.uint("bootCount", UINT53),
      request: readRequest(fields, envelope),
    }),
  },
  syncChunk: {
    code: 14,
    write: ({ rows, more, diskGeneration, request }, envelope) => {
      const base = baseAt(envelope, rows[0]?.slot.version);
      const strings = stringWriter.clear();
      const written = rows.map((row) => writeRow(row, base, strings));
      const answered = envelope.wireVersion === 1 ? [] : [request];
      return [base.ms, strings.bytes, written, more, diskGeneration, ...answered];
    },
    read: (fields, envelope) => {
      const base = { sender: envelope, ms: fields.uint("base", UINT53) };
      const strings = new StringReader(fields.bytes("strings", WIRE_LIMITS.messageBytesMax), fields);
      const rows = fields.each("rows", WIRE_LIMITS.rowsMax, (fields) => readRow(fields, base, strings));
      strings.end("strings");
      return {
        type: "syncChunk",
        rows,
        more: fields.boolean("more"),
        diskGeneration: fields.uint("diskGeneration", UINT32),
        request: readRequest(fields, envelope),
      };
    },
  },
  hello: {
    code: 15,
    write: ({ diskId, blank }) => [diskId, blank],
    read: (fields) => ({ type: "hello", diskId: readDiskId(fields), blank: fields.boolean("blank") }),
  },
  helloAnswer: {
    code: 16,
    write: ({ diskId, ownDiskId, blank, incarnation }, envelope) => [
      diskId,
      ownDiskId,
      blank,
      ...(envelope.wireVersion === 1 ? [] : [incarnation]),
    ],
    read: (fields, envelope) => ({
      type: "helloAnswer",
      diskId: readDiskId(fields),
      ownDiskId: readDiskId(fields),
      blank: fields.boolean("blank"),
      incarnation: readIncarnation(fields, envelope),
    }),
  },
  staleIdentity: {
    code: 17,
    write: ({ diskId, bootCount, diskGeneration, incarnation }, envelope) => [
      diskId,
      bootCount,
      diskGeneration,
      ...(envelope.wireVersion === 1 ? [] : [incarnation]),
    ],
    read: (fields, envelope) => ({
      type: "staleIdentity",
      diskId: readDiskId(fields),
      bootCount: fields.uint("bootCount", UINT53),
      diskGeneration: fields.uint("diskGeneration", UINT32),
      incarnation: readIncarnation(fields, envelope),
    }),
  },
  membership: {
    code: 18,
    write: ({ epoch, ...content }, { wireVersion }) => {
      const written = writeContent(content);
      return [epoch, ...(wireVersion === 1 ? written.slice(0, 2) : written)];
    },
    read: (fields, { wireVersion }) => ({
      type: "membership",
      epoch: fields.positive("epoch", UINT53),
      ...(wireVersion === 1 ? readMembers(fields) : readContent(fields)),
    }),
  },
  slotQuery: {
    code: 19,
    write: ({ query, address, client }) => [query, address, clientKeyBytes(client)],
    read: (fields) => ({
      type: "slotQuery",
      query: fields.uint("query", UINT53),
      address: fields.uint("address", UINT32),
      client: clientKeyOf(fields.bytes("client", WIRE_LIMITS.clientOctetsMax)),
    }),
  },
  slotAnswer: {
    code: 20,
    write: ({ query, deniesLease }) => [query, deniesLease],
    read: (fields) => ({
      type: "slotAnswer",
      query: fields.uint("query", UINT53),
      deniesLease: fields.boolean("deniesLease"),
    }),
  },
  configPush: {
    code: 21,
    write: ({ push, revision, text, checkOnly }) => [push, revision, writeText(text), checkOnly],
    read: (fields) => ({
      type: "configPush",
      push: fields.uint("push", UINT53),
      revision: fields.uint("revision", UINT53),
      text: readText(fields),
      checkOnly: fields.boolean("checkOnly"),
    }),
  },
  configPushed: {
    code: 22,
    write: ({ push, ok, unavailable, revision, absent, problems }) => [
      push,
      ok,
      unavailable,
      revision,
      absent,
      problems.map((problem) => problem.slice(0, WIRE_LIMITS.problemTextMax)),
    ],
    read: (fields) => ({
      type: "configPushed",
      push: fields.uint("push", UINT53),
      ok: fields.boolean("ok"),
      unavailable: fields.boolean("unavailable"),
      revision: fields.uint("revision", UINT53),
      absent: fields.flat("absent", WIRE_LIMITS.membersMax, 1, readNode),
      problems: fields.flat("problems", WIRE_LIMITS.problemsMax, 1, readProblem),
    }),
  },
  configCheck: {
    code: 23,
    write: ({ check, text }) => [check, writeText(text)],
    read: (fields) => ({
      type: "configCheck",
      check: fields.uint("check", UINT53),
      text: readText(fields),
    }),
  },
  configChecked: {
    code: 24,
    write: ({ check, problem }) => [check, problem.slice(0, WIRE_LIMITS.problemTextMax)],
    read: (fields) => ({
      type: "configChecked",
      check: fields.uint("check", UINT53),
      problem: readProblem(fields),
    }),
  },
  wireSupport: {
    code: 25,
    write: ({ version }) => [version],
    read: (fields) => ({ type: "wireSupport", version: fields.positive("version", UINT8) }),
  },
  membershipPrepare: {
    code: 26,
    write: ({ round, joining = null }) => [round, joining],
    read: (fields) => ({
      type: "membershipPrepare",
      round: fields.positive("round", UINT53),
      joining: fields.isNull() ? undefined : readDiskId(fields),
    }),
  },
  membershipPromise: {
    code: 27,
    write: ({ round, ok, promised, accepted, diskId, since, joined }) => [
      round,
      ok,
      promised.round,
      promised.node,
      diskId,
      since,
      writeDisks(joined),
      accepted === undefined ? [] : [[accepted.ballot.round, accepted.ballot.node, ...writeContent(accepted.content)]],
    ],
    read: (fields) => ({
      type: "membershipPromise",
      round: fields.positive("round", UINT53),
      ok: fields.boolean("ok"),
      promised: readBallot(fields),
      diskId: readDiskId(fields),
      since: fields.uint("since", UINT53),
      joined: readDisks(fields),
      accepted: fields.each("accepted", 1, (fields) => ({
        ballot: readBallot(fields),
        content: readContent(fields),
      }))[0],
    }),
  },
  membershipAccept: {
    code: 28,
    write: ({ round, content, promises }) => [round, ...writeContent(content), writeDisks(promises)],
    read: (fields) => ({
      type: "membershipAccept",
      round: fields.positive("round", UINT53),
      content: readContent(fields),
      promises: readDisks(fields),
    }),
  },
  membershipAccepted: {
    code: 29,
    write: ({ round, ok, promised }) => [round, ok, promised.round, promised.node],
    read: (fields) => ({
      type: "membershipAccepted",
      round: fields.positive("round", UINT53),
      ok: fields.boolean("ok"),
      promised: readBallot(fields),
    }),
  },
  slotRead: {
    code: 30,
    write: ({ query, address }) => [query, address],
    read: (fields) => ({
      type: "slotRead",
      query: fields.uint("query", UINT53),
      address: fields.uint("address", UINT32),
    }),
  },
  slotReadAnswer: {
    code: 31,
    write: ({ query, address, slot }, envelope) => {
      const base = baseAt(envelope, slot.version);
      const strings = stringWriter.clear();
      const row = writeRow({ address, slot, detail: NO_DETAIL }, base, strings);
      return [query, base.ms, strings.bytes, [row]];
    },
    read: (fields, envelope) => {
      const query = fields.uint("query", UINT53);
      const base = { sender: envelope, ms: fields.uint("base", UINT53) };
      const strings = new StringReader(fields.bytes("strings", WIRE_LIMITS.messageBytesMax), fields);
      const [row] = fields.each("row", 1, (fields) => readRow(fields, base, strings));
      strings.end("strings");
      if (row === undefined) fields.fail("row");
      return { type: "slotReadAnswer", query, address: row?.address ?? 0, slot: row?.slot ?? FREE_SLOT };
    },
  },
  preVote: {
    code: 35,
    write: ({ term, hearsLeader }) => [term, hearsLeader],
    read: (fields) => ({ type: "preVote", term: readTerm(fields), hearsLeader: fields.boolean("hearsLeader") }),
  },
  preVoted: {
    code: 36,
    write: ({ ok, term }) => [ok, term],
    read: (fields) => ({ type: "preVoted", ok: fields.boolean("ok"), term: readTerm(fields) }),
  },
  multicastHeard: {
    code: 38,
    write: ({ heard }) => [heard],
    read: (fields) => ({ type: "multicastHeard", heard: fields.boolean("heard") }),
  },
  statusHeard: {
    code: 37,
    write: ({ term }) => [term],
    read: (fields) => ({ type: "statusHeard", term: readTerm(fields) }),
  },
  configWanted: {
    code: 39,
    write: () => [],
    read: () => ({ type: "configWanted" }),
  },
  floods: {
    code: 40,
    write: ({ subnets }) => [subnets],
    read: (fields) => ({
      type: "floods",
      subnets: fields.flat("subnets", WIRE_LIMITS.floodsMax, 1, (fields) => fields.uint("subnet", UINT32)),
    }),
  },
};

const BY_CODE: readonly (Layout<ClusterMessage> | undefined)[] = (() => {
  const layouts = Object.values(LAYOUTS) as Layout<ClusterMessage>[];
  const byCode = new Array<Layout<ClusterMessage> | undefined>(layouts.length + 1);
  for (const layout of layouts) byCode[layout.code] = layout;
  return byCode;
})();

/** `tagUint8Array`: byte strings go untagged. Nothing that keeps state between messages is on. */
const ENCODING: Options = { useRecords: false, tagUint8Array: false };
/** The mode is missing in cbor-x's types. */
const encoder = new Encoder(ENCODING) as { encode(value: unknown, mode: number): Uint8Array };
/** cbor-x's name for it: the next message is encoded over this one, which must be copied before. */
const RESET_BUFFER_MODE = 1024;
/** `int64AsNumber` is missing in cbor-x's types: 64-bit integers as numbers, which the range checks then judge. */
const DECODING: Options & { int64AsNumber: boolean } = { useRecords: false, mapsAsObjects: true, int64AsNumber: true };
const decoder = new Decoder(DECODING);
/** Of the message that is being encoded. */
const stringWriter = new StringWriter();

/**
 * Encodes a message of our own. The octets are in memory of their own.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * const envelope = { from: 3, incarnation: 7, epoch: 1, membershipHash: 9, wireVersion: 2 } as const;
 * const decoded = decodeMessage(encodeMessage(envelope, { type: "election", term: 4 }));
 * deepStrictEqual(decoded, { ok: true, envelope, message: { type: "election", term: 4 } });
 * ```
 */
export function encodeMessage(envelope: Envelope, message: ClusterMessage): Uint8Array<ArrayBuffer> {
  const layout = LAYOUTS[message.type] as Layout<ClusterMessage>;
  const fields = layout.write(message, envelope);
  fields.unshift(layout.code, envelope.from, envelope.incarnation, envelope.epoch, envelope.membershipHash);
  const cbor = encoder.encode(fields, RESET_BUFFER_MODE);
  const bytes = new Uint8Array(1 + cbor.length);
  bytes[0] = envelope.wireVersion;
  bytes.set(cbor, 1);
  return bytes;
}

/** Decodes a message. Its byte strings are views of `bytes`: copy what is kept for long. */
export function decodeMessage(bytes: Uint8Array): DecodedMessage {
  if (bytes.length > WIRE_LIMITS.messageBytesMax) return failure({ kind: "tooLong", octets: bytes.length });
  const version = bytes[0];
  if (version === undefined) return failure({ kind: "malformed" });
  if (version === 0 || version > WIRE_VERSION) return failure({ kind: "wireVersion", version });
  const values = parse(bytes);
  if (values === undefined) return failure({ kind: "malformed" });
  const fields = new Fields(values);
  const code = fields.uint("type", UINT53);
  if (fields.failed !== undefined) return failure({ kind: "badValue", field: fields.failed });
  const layout = BY_CODE[code];
  if (layout === undefined) return failure({ kind: "unknownType", code });
  const envelope: Envelope = {
    from: readNode(fields),
    incarnation: fields.uint("incarnation", UINT32),
    epoch: fields.positive("epoch", UINT53),
    membershipHash: fields.uint("membershipHash", UINT53),
    wireVersion: version as WireVersion,
  };
  const message = layout.read(fields, envelope);
  fields.end("end");
  if (fields.failed !== undefined) return failure({ kind: "badValue", field: fields.failed });
  return { ok: true, envelope, message };
}

function failure(error: WireError): DecodedMessage {
  return { ok: false, error };
}

function parse(bytes: Uint8Array): readonly unknown[] | undefined {
  if (!isPlainCbor(bytes, 1)) return undefined;
  try {
    const value: unknown = decoder.decode(bytes.subarray(1));
    return Array.isArray(value) ? value : undefined;
  } catch {
    // The subset leaves nothing to throw about; a library may think otherwise.
    return undefined;
  }
}

function readProblem(fields: Fields): string {
  return fields.text("problem", WIRE_LIMITS.problemTextMax);
}

const FLAG = { ready: 1, synced: 2, settled: 4, complete: 8, witness: 16 } as const;
const FLAGS_MAX_1 = FLAG.ready | FLAG.synced | FLAG.settled | FLAG.complete;
const FLAGS_MAX = FLAGS_MAX_1 | FLAG.witness;

function writeBatch(batch: LeaseBatch, envelope: Envelope): unknown[] {
  const base = baseAt(envelope, batch.records[0]?.record.version);
  const strings = stringWriter.clear();
  const records = batch.records.map((record) => writeStreamRecord(record, base, strings));
  const committed: number[] = [];
  for (const { first, last } of batch.committed) committed.push(first, last);
  const seen: number[] = [];
  for (const { origin, incarnation, sequence } of batch.seen) seen.push(origin, incarnation, sequence);
  const fields = [
    batch.first,
    base.ms,
    strings.bytes,
    records,
    committed,
    seen,
    batch.free,
    (batch.ready ? FLAG.ready : 0) | (batch.synced ? FLAG.synced : 0) | (batch.settled ? FLAG.settled : 0) |
    (batch.complete ? FLAG.complete : 0) | (batch.witness && envelope.wireVersion !== 1 ? FLAG.witness : 0),
    batch.diskId,
    batch.bootCount,
    batch.diskGeneration,
    batch.revision,
  ];
  if (envelope.wireVersion !== 1) fields.push(batch.wallMs, batch.lsnFound, batch.lsn);
  return fields;
}

function readBatch(fields: Fields, envelope: Envelope): LeaseBatch {
  const first = fields.positive("first", UINT53);
  const base: Base = { sender: envelope, ms: fields.uint("base", UINT53) };
  const strings = new StringReader(fields.bytes("strings", WIRE_LIMITS.messageBytesMax), fields);
  const records = fields.each("records", WIRE_LIMITS.recordsMax, (fields) => readStreamRecord(fields, base, strings));
  strings.end("strings");
  if (first + records.length > UINT53) fields.fail("first");
  const committed = fields.flat("committed", WIRE_LIMITS.committedMax, 2, readSequences);
  const seen = fields.flat("seen", WIRE_LIMITS.membersMax, 3, readPosition);
  const free = fields.flat("free", WIRE_LIMITS.poolsMax, 1, readFree);
  const flags = fields.uint("flags", envelope.wireVersion === 1 ? FLAGS_MAX_1 : FLAGS_MAX);
  return {
    type: "leaseBatch",
    first,
    records,
    committed,
    seen,
    free,
    ready: (flags & FLAG.ready) !== 0,
    synced: (flags & FLAG.synced) !== 0,
    settled: (flags & FLAG.settled) !== 0,
    complete: (flags & FLAG.complete) !== 0,
    witness: (flags & FLAG.witness) !== 0,
    diskId: readDiskId(fields),
    bootCount: fields.uint("bootCount", UINT53),
    diskGeneration: fields.uint("diskGeneration", UINT32),
    revision: fields.uint("revision", UINT53),
    wallMs: envelope.wireVersion === 1 ? 0 : fields.uint("wallMs", UINT53),
    lsnFound: envelope.wireVersion === 1 ? LSN_UNKNOWN.lsnFound : fields.uint("lsnFound", UINT53),
    lsn: envelope.wireVersion === 1 ? LSN_UNKNOWN.lsn : fields.uint("lsn", UINT53),
  };
}

function writeDisk({ diskId, bootCount, diskGeneration, lsnFound, lsn }: DiskClaim): unknown[] {
  return [diskId, bootCount, diskGeneration, lsnFound, lsn];
}

function readDisk(fields: Fields): DiskClaim {
  return {
    diskId: readDiskId(fields),
    bootCount: fields.uint("bootCount", UINT53),
    diskGeneration: fields.uint("diskGeneration", UINT32),
    lsnFound: fields.uint("lsnFound", UINT53),
    lsn: fields.uint("lsn", UINT53),
  };
}

function readIncarnation(fields: Fields, envelope: Envelope): number {
  return envelope.wireVersion === 1 ? 0 : fields.uint("incarnation", UINT32);
}

function readRequest(fields: Fields, envelope: Envelope): number {
  return envelope.wireVersion === 1 ? 0 : fields.uint("request", UINT53);
}

/** All accepted, as nearly always: how many. Else each: 0, or reason, base and version in the way. */
function writeAnswers(answers: readonly Answer[], envelope: Envelope): unknown {
  if (answers.every(({ ok }) => ok)) return answers.length;
  return answers.map((answer) =>
    answer.ok ? [0] : [1 + REASONS.indexOf(answer.reason), writeVersion(answer.version, baseAt(envelope, NO_VERSION))]
  );
}

function readAnswers(fields: Fields, envelope: Envelope): readonly Answer[] {
  if (fields.isNumber()) {
    return new Array<Answer>(fields.uint("answers", WIRE_LIMITS.recordsMax)).fill({ ok: true });
  }
  const base = baseAt(envelope, NO_VERSION);
  return fields.each("answers", WIRE_LIMITS.recordsMax, (fields): Answer => {
    const code = fields.uint("reason", REASONS.length);
    const reason = REASONS[code - 1];
    if (reason === undefined) return { ok: true };
    const version: Version = readVersion(fields, "version", base);
    return { ok: false, reason, version };
  });
}

/** A patch is written only in version 4. */
function writeText(text: ConfigText): unknown {
  if (typeof text === "string") return text;
  const { revision, baseRevision, baseDigest, at, removed, inserted, digest } = text;
  return [[revision, baseRevision, baseDigest, at, removed, inserted, digest]];
}

function readText(fields: Fields): ConfigText {
  if (!fields.isList()) return fields.text("text", WIRE_LIMITS.configTextMax);
  const [patch] = fields.each("text", 1, readPatch);
  if (patch === undefined) fields.fail("text");
  return patch ?? "";
}

function readPatch(fields: Fields): ConfigPatch {
  return {
    revision: fields.uint("revision", UINT53),
    baseRevision: fields.uint("baseRevision", UINT53),
    baseDigest: fields.uint("baseDigest", UINT53),
    at: fields.uint("at", WIRE_LIMITS.configTextMax),
    removed: fields.uint("removed", WIRE_LIMITS.configTextMax),
    inserted: fields.text("inserted", WIRE_LIMITS.configTextMax),
    digest: fields.uint("digest", UINT53),
  };
}

function readTerm(fields: Fields): number {
  return fields.uint("term", UINT53);
}

function readNode(fields: Fields): number {
  return fields.positive("node", UINT8);
}

function readFree(fields: Fields): number {
  return fields.uint("free", UINT32 + 1);
}

function readPosition(fields: Fields): StreamPosition {
  return {
    origin: readNode(fields),
    incarnation: fields.uint("incarnation", UINT32),
    sequence: fields.uint("sequence", UINT53),
  };
}

/** Only the order of the ends is checked: a caller that iterates a range must clip it to its own records. */
function readSequences(fields: Fields): SequenceRange {
  const first = fields.positive("first", UINT53);
  const last = fields.uint("last", UINT53);
  if (last < first) fields.fail("last");
  return { first, last };
}

function readMember(fields: Fields): MemberAddress {
  return { id: readNode(fields), address: fields.uint("address", UINT32) };
}

function readMembers(fields: Fields): MembershipContent {
  const term = readTerm(fields);
  const members = fields.flat("members", WIRE_LIMITS.membersMax, 2, readMember);
  return { term, members, renewalsOnlyUntil: 0, added: 0 };
}

function writeContent({ term, members, renewalsOnlyUntil, added }: MembershipContent): unknown[] {
  return [term, members.flatMap(({ id, address }) => [id, address]), renewalsOnlyUntil, added];
}

function readContent(fields: Fields): MembershipContent {
  return {
    ...readMembers(fields),
    renewalsOnlyUntil: fields.uint("renewalsOnlyUntil", UINT53),
    added: fields.uint("added", UINT8),
  };
}

function readBallot(fields: Fields): Ballot {
  return { round: fields.uint("round", UINT53), node: fields.uint("node", UINT8) };
}

function writeDisks(disks: readonly JoinedDisk[]): unknown[] {
  return disks.flatMap(({ id, diskId, since }) => [id, diskId, since]);
}

function readDisks(fields: Fields): JoinedDisk[] {
  return fields.flat("disks", WIRE_LIMITS.membersMax, 3, (fields) => ({
    id: readNode(fields),
    diskId: readDiskId(fields),
    since: fields.uint("since", UINT53),
  }));
}

function readRange(fields: Fields): Range {
  const first = fields.uint("first", UINT32);
  const last = fields.uint("last", UINT32);
  if (last < first) fields.fail("last");
  return { first, last };
}

function readDiskId(fields: Fields): string {
  const diskId = fields.text("diskId", 16);
  if (!DISK_ID.test(diskId)) fields.fail("diskId");
  return diskId;
}
