/**
 * Seals what members send each other: AES-256-GCM, header in clear but authenticated, every datagram accepted once, and
 * only from a process that has proved that it runs while this one does.
 *
 * Header (23 octets): magic "DC", seal version, domain, mark (4), sender (1), starts (4), incarnation (4), counter (6).
 * The mark is a keyed hash of the rest of the header: what was sealed without the key is dropped for the price of a
 * short hash, and the mark tells others nothing. (In version 1, that of the releases before, it is the key's id.) The
 * key of a run is derived from the shared key, sender, starts and incarnation; the nonce is domain, sender, starts and
 * counter. So a nonce cannot repeat under a key: the counter never repeats within a run, and `starts` is higher in the
 * next one. If a restored disk brings an old `starts` back, the random incarnation makes another key.
 *
 * Proof of a run: a process knows no datagram of another process from a recorded one. It sends a challenge; the proof
 * that answers it is bound to the challenging run, so it was made after that began. From the proof's counter on, the
 * other run's datagrams are believed, until a run of that member with higher `starts` has proved itself. A run that
 * writes version 1 is proved by a connection (`frames.ts`), whose frames are bound to both sides.
 *
 * On a disk that is empty, or was put back, and by a clock that is behind, `starts` are not above those of an earlier
 * run. The proof for such a challenger says which `starts` outrank it, and nothing else. The challenger takes higher
 * ones, once they are durable ({@link Sealer.renew}). The answer is bound to the challenger's run: a recorded one opens
 * for no other.
 *
 * The transport checks the membership and a datagram's source, and reports to the operator; the cipher is injected.
 * `peering.ts` decides when to challenge.
 */

import type { NodeId } from "./messages.ts";
import { halfSipHash } from "./half_sip_hash.ts";
import { ReplayWindow } from "./replay_window.ts";

/** What the sealer needs of a crypto library. All synchronous. */
export interface Cipher {
  /** HMAC-SHA-256: 32 octets. */
  mac(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** AES-256-GCM: writes the ciphertext and after it the tag into `into`. */
  encrypt(key: Uint8Array, nonce: Uint8Array, authenticated: Uint8Array, plain: Uint8Array, into: Uint8Array): void;
  /** The plaintext, or undefined when it, what is authenticated, key or nonce is not what was sealed. */
  decrypt(
    key: Uint8Array,
    nonce: Uint8Array,
    authenticated: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array<ArrayBuffer> | undefined;
}

/** What is sealed for one purpose does not open for another. */
export const DOMAIN = { datagram: 0, stream: 1, challenge: 2, proof: 3 } as const;
type Domain = (typeof DOMAIN)[keyof typeof DOMAIN];
/** Purposes of datagrams, each of which is taken once. */
const DATAGRAMS: readonly number[] = [DOMAIN.datagram, DOMAIN.challenge, DOMAIN.proof];

/** How it is sealed: 1 for members of the releases before. Streams are always sealed in version 1. */
export type SealVersion = 1 | 2;

/** One run of one member. */
export interface Run {
  readonly node: NodeId;
  /** Below 2^32, higher in every run: see {@link nextStarts}. */
  readonly starts: number;
  /** Random, below 2^32. */
  readonly incarnation: number;
}

/** Why sealed octets were not opened. */
export const SEAL_ERRORS = [
  /** Shorter than header and tag. */
  "tooShort",
  /** Nothing of ours. */
  "badMagic",
  /** Of a release that seals differently. */
  "sealVersion",
  /** Sealed for another purpose. */
  "wrongDomain",
  /** Sealed with a key that is not ours, or with none. */
  "wrongKey",
  /** The sender is no member. */
  "unknownSender",
  /** The sender's run has not proved that it runs. */
  "unproven",
  /** A newer run of the sender has proved that it runs. */
  "stale",
  /** Of the same `starts` as the sender's run, but another one: a copy of it, or on an empty disk. */
  "copied",
  /** Sealed before its run proved itself, and come after that: late by a moment, or recorded. */
  "early",
  /** Seen before, or too old to know. */
  "replayed",
  /** Changed on the way, or sealed without the key. */
  "forged",
] as const;
export type SealError = (typeof SEAL_ERRORS)[number];

/**
 * The plaintext, its sender's run and the number of the message in it, or an error; `node` is the claimed sender, if it
 * could be read.
 */
export type Opened =
  | { readonly ok: true; readonly run: Run; readonly counter: number; readonly plain: Uint8Array<ArrayBuffer> }
  | { readonly ok: false; readonly error: SealError; readonly node?: NodeId };

const MAGIC = [0x44, 0x43] as const;
const AT = { version: 2, domain: 3, mark: 4, node: 8, starts: 9, incarnation: 13, counter: 17 } as const;
export const HEADER_BYTES = 23;
export const TAG_BYTES = 16;
/** Octets that sealing adds. */
export const SEAL_BYTES = HEADER_BYTES + TAG_BYTES;
const NONCE_BYTES = 12;
export const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
/** Of an encoded run: sender, starts, incarnation. */
const RUN_BYTES = 9;
const TWO_32 = 2 ** 32;
/** A clock that is further ahead (in the year 2105) does not use up the numbers that later runs need. */
const CLOCK_STARTS_MAX = 0xff000000;
const COUNTER_MAX = 2 ** 48 - 1;
const NOTHING = new Uint8Array();

/**
 * The `starts` of a new run, to be made durable before its first message: above the last one, and not below the seconds
 * since 1970, so that a node whose disk was replaced need not be told what the others know of its former self.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(nextStarts(0, 1_790_000_000_999), 1_790_000_000);
 * strictEqual(nextStarts(1_790_000_000, 1_790_000_000_999), 1_790_000_001);
 * ```
 */
export function nextStarts(last: number, wallMs: number): number {
  const clock = Math.min(Math.floor(wallMs / 1000), CLOCK_STARTS_MAX);
  return Math.min(Math.max(last + 1, clock, 1), TWO_32 - 1);
}

interface Key {
  readonly secret: Uint8Array;
  readonly id: number;
  /** Of the marks. */
  readonly mark: readonly [number, number];
}

/** A run of a member, and which of its datagrams came. */
interface HeardRun {
  readonly run: Run;
  readonly window: ReplayWindow;
}

/** A run that has proved that it runs. */
interface ProvenRun extends HeardRun {
  /** Derived keys. */
  readonly keys: Map<Key, Uint8Array>;
}

/** Seals for one run of this node and opens what the others sealed. */
export class Sealer {
  readonly #cipher: Cipher;
  #self: Run;
  /** What this process ran as before {@link renew}: answers to it may still come. */
  #former: Run | undefined;
  #keys: readonly Key[] = [];
  #ownKey: Uint8Array = NOTHING;
  #counter = 0;
  readonly #isMember: (node: NodeId) => boolean;
  readonly #believesAll: boolean;
  /** The newest run of each member that has proved one. */
  readonly #proven = new Map<NodeId, ProvenRun>();
  /** The newest run of each member that sent a challenge. Challenges are authentic, and may be recorded ones. */
  readonly #challengers = new Map<NodeId, HeardRun>();

  /**
   * `keys`: see {@link setKeys}. `isMember` is asked at every message. `believesAll`: runs need no proof, as in a test
   * that is about something else.
   */
  constructor(options: {
    self: Run;
    keys: readonly Uint8Array[];
    isMember: (node: NodeId) => boolean;
    cipher: Cipher;
    believesAll?: boolean;
  }) {
    this.#self = options.self;
    this.#cipher = options.cipher;
    this.#isMember = options.isMember;
    this.#believesAll = options.believesAll ?? false;
    this.setKeys(options.keys);
  }

  /** The keys from now on, of 32 octets each: the first one seals, all open. */
  setKeys(keys: readonly Uint8Array[]): void {
    const [first] = keys;
    if (first === undefined || keys.some((key) => key.length !== KEY_BYTES)) {
      throw new RangeError(`Cannot seal: it takes keys of ${KEY_BYTES} octets`);
    }
    this.#keys = keys.map((secret) => {
      const mark = this.#cipher.mac(secret, label("mark"));
      return {
        secret,
        id: readUint32(this.#cipher.mac(secret, label("key id")), 0),
        mark: [readUint32(mark, 0), readUint32(mark, 4)],
      };
    });
    this.#ownKey = this.#derive(this.#keys[0] as Key, this.#self);
    for (const { keys } of this.#proven.values()) keys.clear();
  }

  /** Goes on as a later run, whose `starts` are durable: the others take it for another process of this node. */
  renew(starts: number): void {
    this.#former = this.#self;
    this.#self = { ...this.#self, starts };
    this.#ownKey = this.#derive(this.#keys[0] as Key, this.#self);
  }

  /** The keys' ids, for the log and the status: they tell keys apart and nothing about them. */
  get keyIds(): readonly string[] {
    return this.#keys.map(({ id }) => id.toString(16).padStart(2 * KEY_ID_BYTES, "0"));
  }

  /** Whether a run of a member has proved that it runs. */
  isProven(node: NodeId): boolean {
    return this.#proven.has(node);
  }

  /** Whether datagrams of this very run are believed. */
  believes(run: Run): boolean {
    const proven = this.#proven.get(run.node);
    return proven !== undefined && isSame(proven.run, run);
  }

  /** A run has proved that it runs, by this message of it: later ones are believed. */
  prove(run: Run, counter: number): void {
    if (run.starts > (this.#proven.get(run.node)?.run.starts ?? 0)) this.#believe(run, counter, counter);
  }

  /** Asks a member for a proof of its run. */
  challenge(): Uint8Array<ArrayBuffer> {
    return this.seal(DOMAIN.challenge, NOTHING);
  }

  /** Answers the challenge of a run; with the `starts` of a run of that member that outranks it, if there is one. */
  proof(challenger: Run): Uint8Array<ArrayBuffer> {
    const proven = this.#proven.get(challenger.node)?.run;
    let plain = NOTHING;
    if (proven !== undefined && rankError(challenger, proven) !== undefined) {
      plain = new Uint8Array(4);
      writeUint32(plain, 0, proven.starts);
    }
    return this.seal(DOMAIN.proof, plain, encodedRun(challenger));
  }

  /** The run of an authentic challenge, even of one that is outranked or may be a recorded one. */
  challengerOf(bytes: Uint8Array): Run | undefined {
    const read = this.#read(DOMAIN.challenge, bytes, NOTHING);
    return read.ok && this.#decrypt(read, bytes, NOTHING) !== undefined ? read.run : undefined;
  }

  /** Seals for a purpose. `context` must be known to both sides: it is authenticated, but does not travel. */
  seal(
    domain: Domain,
    plain: Uint8Array,
    context: Uint8Array = NOTHING,
    version: SealVersion = domain === DOMAIN.stream ? 1 : 2,
  ): Uint8Array<ArrayBuffer> {
    if (this.#counter > COUNTER_MAX) throw new RangeError("Cannot seal: the counter of this run is used up");
    const counter = this.#counter++;
    const bytes = new Uint8Array(SEAL_BYTES + plain.length);
    bytes[0] = MAGIC[0];
    bytes[1] = MAGIC[1];
    bytes[AT.version] = version;
    bytes[AT.domain] = domain;
    bytes[AT.node] = this.#self.node;
    writeUint32(bytes, AT.starts, this.#self.starts);
    writeUint32(bytes, AT.incarnation, this.#self.incarnation);
    writeUint48(bytes, AT.counter, counter);
    const key = this.#keys[0] as Key;
    writeUint32(bytes, AT.mark, version === 1 ? key.id : markOf(key, bytes, context));
    this.#cipher.encrypt(
      this.#ownKey,
      nonceOf(bytes),
      authenticated(bytes, context),
      plain,
      bytes.subarray(HEADER_BYTES),
    );
    return bytes;
  }

  /** Whether these octets claim to be of this process: own multicast that came back. Not authentic, only quick. */
  isOwn(bytes: Uint8Array): boolean {
    const { node, incarnation } = this.#self;
    const starts = readUint32(bytes, AT.starts);
    return bytes.length >= SEAL_BYTES && bytes[0] === MAGIC[0] && bytes[1] === MAGIC[1] && bytes[AT.node] === node &&
      (starts === this.#self.starts || starts === this.#former?.starts) &&
      readUint32(bytes, AT.incarnation) === incarnation;
  }

  /** The sender that octets claim, if they have a header at all. Not authentic. */
  claimedSender(bytes: Uint8Array): NodeId | undefined {
    if (bytes.length < SEAL_BYTES || bytes[0] !== MAGIC[0] || bytes[1] !== MAGIC[1]) return undefined;
    return bytes[AT.node];
  }

  /**
   * Opens a datagram of any purpose, once. A proof is taken note of; with `outrankedBy` it says instead that the member
   * takes nothing of this run, as it knows one with these `starts`.
   *
   * @param mayBegin Whether the member's own address sent it: only then a run becomes the sender's current one, which
   * ends earlier ones. Otherwise it is opened and not remembered: what it is can be told to the operator.
   */
  openDatagram(
    bytes: Uint8Array,
    mayBegin = true,
  ): Opened & { readonly domain?: Domain; readonly outrankedBy?: number } {
    const domain = bytes[AT.domain];
    if (domain === DOMAIN.challenge) return { ...this.open(domain, bytes, NOTHING, mayBegin), domain };
    if (domain !== DOMAIN.proof) return this.open(DOMAIN.datagram, bytes, NOTHING, mayBegin);
    let opened = this.open(domain, bytes, encodedRun(this.#self), mayBegin);
    if (!opened.ok && opened.error === "wrongKey" && this.#former !== undefined) {
      opened = this.open(domain, bytes, encodedRun(this.#former), mayBegin);
    }
    if (opened.ok && opened.plain.length > 0) return { ...opened, domain, outrankedBy: readUint32(opened.plain, 0) };
    if (opened.ok && mayBegin) this.prove(opened.run, opened.counter);
    return { ...opened, domain };
  }

  /** Opens what was sealed for this purpose and context: a datagram once, a frame only in its context. */
  open(domain: Domain, bytes: Uint8Array, context: Uint8Array = NOTHING, mayBegin = true): Opened {
    const read = this.#read(domain, bytes, context);
    if (!read.ok) return read;
    const { run, counter, version } = read;
    const { node } = run;
    const fail = (error: SealError): Opened => ({ ok: false, error, node });
    const proven = this.#proven.get(node);
    const rank = proven === undefined ? undefined : rankError(run, proven.run);
    // On a connection, where octets may wait long, the context says that each frame is new.
    const once = DATAGRAMS.includes(domain);
    // The mark is authentic enough to drop a datagram, and a key id is not.
    if (once && version === 2 && rank !== undefined) return fail(rank);
    const mustProve = once && mayBegin && !this.#believesAll && !this.believes(run);
    if (mustProve && (domain === DOMAIN.datagram || version === 1)) return fail("unproven");
    const isChallenge = domain === DOMAIN.challenge;
    const heard = isChallenge ? this.#challengers.get(node) : proven;
    const window = heard !== undefined && isSame(heard.run, run) ? heard.window : undefined;
    if (isChallenge && mayBegin && window === undefined && heard !== undefined && run.starts <= heard.run.starts) {
      return fail("unproven");
    }
    if (once && window !== undefined && counter < window.first) return fail("early");
    if (once && window?.mayCome(counter) === false) return fail("replayed");
    const plain = this.#decrypt(read, bytes, context);
    if (plain === undefined) return fail("forged");
    // Judged only now: what is not authentic must not be called an old run.
    if (rank !== undefined) return fail(rank);
    if (once && mayBegin) {
      window?.mark(counter);
      if (isChallenge && window === undefined) this.#challengers.set(node, { run, window: heardFrom(0, counter) });
      if (this.#believesAll && !this.believes(run)) this.#believe(run, 0, counter);
    }
    return { ok: true, run, counter, plain };
  }

  /** Reads a header that a holder of a key may have made. */
  #read(domain: Domain, bytes: Uint8Array, context: Uint8Array): Header | Extract<Opened, { ok: false }> {
    if (bytes.length < SEAL_BYTES) return { ok: false, error: "tooShort" };
    if (bytes[0] !== MAGIC[0] || bytes[1] !== MAGIC[1]) return { ok: false, error: "badMagic" };
    const node = bytes[AT.node] as number;
    const version = bytes[AT.version];
    if (version !== 1 && version !== 2) return { ok: false, error: "sealVersion", node };
    if (bytes[AT.domain] !== domain) return { ok: false, error: "wrongDomain", node };
    const mark = readUint32(bytes, AT.mark);
    const key = this.#keys.find((key) => mark === (version === 1 ? key.id : markOf(key, bytes, context)));
    if (key === undefined) return { ok: false, error: "wrongKey", node };
    // Who has the key may ask for a proof: a newcomer must hear the members before it is one.
    if (!this.#isMember(node) && domain !== DOMAIN.challenge) return { ok: false, error: "unknownSender", node };
    const run: Run = { node, starts: readUint32(bytes, AT.starts), incarnation: readUint32(bytes, AT.incarnation) };
    return { ok: true, version, key, run, counter: readUint48(bytes, AT.counter) };
  }

  #decrypt({ run, key }: Header, bytes: Uint8Array, context: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    const keys = this.believes(run) ? this.#proven.get(run.node)?.keys : undefined;
    const runKey = keys?.get(key) ?? this.#derive(key, run);
    const header = authenticated(bytes, context);
    const plain = this.#cipher.decrypt(runKey, nonceOf(bytes), header, bytes.subarray(HEADER_BYTES));
    if (plain !== undefined) keys?.set(key, runKey);
    return plain;
  }

  /** Takes a run for its member's current one: its datagrams from this counter on are believed. */
  #believe(run: Run, from: number, counter: number): void {
    this.#proven.set(run.node, { run, window: heardFrom(from, counter), keys: new Map() });
  }

  #derive(key: Key, run: Run): Uint8Array {
    return this.#cipher.mac(key.secret, label("run", encodedRun(run)));
  }
}

/** What a header says. */
interface Header {
  readonly ok: true;
  readonly version: SealVersion;
  /** That the mark was made with. */
  readonly key: Key;
  readonly run: Run;
  readonly counter: number;
}

/** A window of what comes from a counter on, of which one message has come. */
function heardFrom(from: number, counter: number): ReplayWindow {
  const window = new ReplayWindow(from);
  window.mark(counter);
  return window;
}

/** Why a run does not count beside the proven one of the same member, which outranks it; undefined: it does. */
function rankError(run: Run, proven: Run): "stale" | "copied" | undefined {
  if (run.starts < proven.starts) return "stale";
  return run.starts > proven.starts || run.incarnation === proven.incarnation ? undefined : "copied";
}

function isSame(a: Run, b: Run): boolean {
  return a.node === b.node && a.starts === b.starts && a.incarnation === b.incarnation;
}

function encodedRun({ node, starts, incarnation }: Run): Uint8Array {
  const bytes = new Uint8Array(RUN_BYTES);
  bytes[0] = node;
  writeUint32(bytes, 1, starts);
  writeUint32(bytes, 5, incarnation);
  return bytes;
}

const MARKED_WORDS = 5;
/** Of the header that is marked: without a context, and with that of a proof. */
const marked = [new Uint32Array(MARKED_WORDS), new Uint32Array(MARKED_WORDS + 3)] as const;

function markOf(key: Key, bytes: Uint8Array, context: Uint8Array): number {
  const words = context.length === 0 ? marked[0] : marked[1];
  words[0] = ((bytes[AT.version] as number) << 16) | ((bytes[AT.domain] as number) << 8) | (bytes[AT.node] as number);
  words[1] = readUint32(bytes, AT.starts);
  words[2] = readUint32(bytes, AT.incarnation);
  words[3] = ((bytes[AT.counter] as number) << 8) | (bytes[AT.counter + 1] as number);
  words[4] = readUint32(bytes, AT.counter + 2);
  if (context.length > 0) {
    words[5] = context[0] as number;
    words[6] = readUint32(context, 1);
    words[7] = readUint32(context, 5);
  }
  return halfSipHash(key.mark, words);
}

const utf8 = new TextEncoder();

/** What a key is derived for, so that no two derivations take the same data. */
function label(purpose: string, info: Uint8Array = NOTHING): Uint8Array {
  return Uint8Array.of(...utf8.encode(`dhcpcluster ${purpose}\0`), ...info);
}

function nonceOf(bytes: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  nonce[0] = bytes[AT.domain] as number;
  nonce[1] = bytes[AT.node] as number;
  for (let index = 0; index < 4; index++) nonce[2 + index] = bytes[AT.starts + index] as number;
  for (let index = 0; index < 6; index++) nonce[6 + index] = bytes[AT.counter + index] as number;
  return nonce;
}

function authenticated(bytes: Uint8Array, context: Uint8Array): Uint8Array {
  if (context.length === 0) return bytes.subarray(0, HEADER_BYTES);
  const data = new Uint8Array(HEADER_BYTES + context.length);
  data.set(bytes.subarray(0, HEADER_BYTES));
  data.set(context, HEADER_BYTES);
  return data;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>> 0;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readUint48(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) * 256 + (bytes[at + 1] as number)) * TWO_32 + readUint32(bytes, at + 2);
}

function writeUint48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  writeUint32(bytes, at + 2, value % TWO_32);
}
