/**
 * Seals what members send each other: AES-256-GCM, header in clear but authenticated, every datagram accepted once.
 *
 * Header (23 octets): magic "DC", seal version, domain, key id (4), sender (1), starts (4), incarnation (4),
 * counter (6). The key of a run is derived from the shared key, sender, starts and incarnation; the nonce is domain,
 * sender, starts and counter. So a nonce cannot repeat under a key: the counter never repeats within a run, and
 * `starts` is higher in the next one. If a restored disk brings an old `starts` back, the random incarnation makes
 * another key.
 *
 * The transport checks the membership and a datagram's source, and reports to the operator; the cipher is injected.
 */

import type { NodeId } from "./messages.ts";
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
export const DOMAIN = { datagram: 0, stream: 1 } as const;
type Domain = (typeof DOMAIN)[keyof typeof DOMAIN];

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
  /** Sealed with a key that is not ours. */
  "wrongKey",
  /** The sender is no member. */
  "unknownSender",
  /** The sender had a newer run already. */
  "stale",
  /** Of the same `starts` as the sender's run, but another one: a copy of it runs. */
  "copied",
  /** Seen before, or too old to know. */
  "replayed",
  /** Changed on the way, or sealed without the key. */
  "forged",
] as const;
export type SealError = (typeof SEAL_ERRORS)[number];

/** The plaintext and its sender's run, or an error; `node` is the claimed sender, if it could be read. */
export type Opened =
  | { readonly ok: true; readonly run: Run; readonly plain: Uint8Array<ArrayBuffer> }
  | { readonly ok: false; readonly error: SealError; readonly node?: NodeId };

const SEAL_VERSION = 1;
const MAGIC = [0x44, 0x43] as const;
const AT = { version: 2, domain: 3, keyId: 4, node: 8, starts: 9, incarnation: 13, counter: 17 } as const;
export const HEADER_BYTES = 23;
export const TAG_BYTES = 16;
/** Octets that sealing adds. */
export const SEAL_BYTES = HEADER_BYTES + TAG_BYTES;
const NONCE_BYTES = 12;
export const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const TWO_32 = 2 ** 32;
const COUNTER_MAX = 2 ** 48 - 1;
const NOTHING = new Uint8Array();

/**
 * The `starts` of a new run, to be made durable before its first message: above the last one, and not below the seconds
 * since 1970, so that a node whose disk was replaced is not taken for a replay of its former self.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * strictEqual(nextStarts(0, 1_790_000_000_999), 1_790_000_000);
 * strictEqual(nextStarts(1_790_000_000, 1_790_000_000_999), 1_790_000_001);
 * ```
 */
export function nextStarts(last: number, wallMs: number): number {
  return Math.min(Math.max(last + 1, Math.floor(wallMs / 1000), 1), TWO_32 - 1);
}

interface Key {
  readonly secret: Uint8Array;
  readonly id: number;
}

/** A run whose messages proved authentic. */
interface KnownRun {
  readonly run: Run;
  readonly window: ReplayWindow;
  /** Derived keys by key id. */
  readonly keys: Map<number, Uint8Array>;
}

/** Seals for one run of this node and opens what the others sealed. */
export class Sealer {
  readonly #cipher: Cipher;
  readonly #self: Run;
  #keys: readonly Key[] = [];
  #ownKey: Uint8Array = NOTHING;
  #counter = 0;
  #isMember: (node: NodeId) => boolean;
  readonly #known = new Map<NodeId, KnownRun>();

  /** `keys`: see {@link setKeys}. `isMember` is asked at every message. */
  constructor(options: {
    self: Run;
    keys: readonly Uint8Array[];
    isMember: (node: NodeId) => boolean;
    cipher: Cipher;
  }) {
    this.#self = options.self;
    this.#cipher = options.cipher;
    this.#isMember = options.isMember;
    this.setKeys(options.keys);
  }

  /** The keys from now on, of 32 octets each: the first one seals, all open. */
  setKeys(keys: readonly Uint8Array[]): void {
    const [first] = keys;
    if (first === undefined || keys.some((key) => key.length !== KEY_BYTES)) {
      throw new RangeError(`Cannot seal: it takes keys of ${KEY_BYTES} octets`);
    }
    this.#keys = keys.map((secret) => ({ secret, id: readUint32(this.#cipher.mac(secret, label("key id")), 0) }));
    this.#ownKey = this.#derive(this.#keys[0] as Key, this.#self);
    for (const { keys } of this.#known.values()) keys.clear();
  }

  /** The keys' ids, for the log and the status: they tell keys apart and nothing about them. */
  get keyIds(): readonly string[] {
    return this.#keys.map(({ id }) => id.toString(16).padStart(2 * KEY_ID_BYTES, "0"));
  }

  /** The newest run of a member that was heard, by its authentic messages. */
  runOf(node: NodeId): Run | undefined {
    return this.#known.get(node)?.run;
  }

  /** Seals for a purpose. `context` must be known to both sides: it is authenticated, but does not travel. */
  seal(domain: Domain, plain: Uint8Array, context: Uint8Array = NOTHING): Uint8Array<ArrayBuffer> {
    if (this.#counter > COUNTER_MAX) throw new RangeError("Cannot seal: the counter of this run is used up");
    const counter = this.#counter++;
    const bytes = new Uint8Array(SEAL_BYTES + plain.length);
    bytes[0] = MAGIC[0];
    bytes[1] = MAGIC[1];
    bytes[AT.version] = SEAL_VERSION;
    bytes[AT.domain] = domain;
    writeUint32(bytes, AT.keyId, (this.#keys[0] as Key).id);
    bytes[AT.node] = this.#self.node;
    writeUint32(bytes, AT.starts, this.#self.starts);
    writeUint32(bytes, AT.incarnation, this.#self.incarnation);
    writeUint48(bytes, AT.counter, counter);
    this.#cipher.encrypt(
      this.#ownKey,
      nonceOf(bytes),
      authenticated(bytes, context),
      plain,
      bytes.subarray(HEADER_BYTES),
    );
    return bytes;
  }

  /** Whether these octets claim to be of this very run: own multicast that came back. Not authentic, only quick. */
  isOwn(bytes: Uint8Array): boolean {
    const { node, starts, incarnation } = this.#self;
    return bytes.length >= SEAL_BYTES && bytes[0] === MAGIC[0] && bytes[1] === MAGIC[1] && bytes[AT.node] === node &&
      readUint32(bytes, AT.starts) === starts && readUint32(bytes, AT.incarnation) === incarnation;
  }

  /**
   * Opens what was sealed for this purpose and context: a datagram once, a frame only in its context.
   *
   * @param mayBegin Whether an unknown run becomes the sender's current run, which ends earlier ones. Otherwise it is
   * opened and not remembered: a message from another machine must not end the member's own run.
   */
  open(
    domain: Domain,
    bytes: Uint8Array,
    context: Uint8Array = NOTHING,
    mayBegin: (node: NodeId) => boolean = () => true,
  ): Opened {
    if (bytes.length < SEAL_BYTES) return { ok: false, error: "tooShort" };
    if (bytes[0] !== MAGIC[0] || bytes[1] !== MAGIC[1]) return { ok: false, error: "badMagic" };
    const node = bytes[AT.node] as number;
    if (bytes[AT.version] !== SEAL_VERSION) return { ok: false, error: "sealVersion", node };
    if (bytes[AT.domain] !== domain) return { ok: false, error: "wrongDomain", node };
    const keyId = readUint32(bytes, AT.keyId);
    const key = this.#keys.find(({ id }) => id === keyId);
    if (key === undefined) return { ok: false, error: "wrongKey", node };
    if (!this.#isMember(node)) return { ok: false, error: "unknownSender", node };
    const run: Run = { node, starts: readUint32(bytes, AT.starts), incarnation: readUint32(bytes, AT.incarnation) };
    const counter = readUint48(bytes, AT.counter);
    const known = this.#known.get(node);
    const current = known !== undefined && known.run.starts === run.starts && known.run.incarnation === run.incarnation;
    // On a connection, where octets may wait long, the context says that each frame is new.
    const once = domain === DOMAIN.datagram;
    if (once && current && !known.window.mayCome(counter)) return { ok: false, error: "replayed", node };
    const runKey = (current ? known.keys.get(keyId) : undefined) ?? this.#derive(key, run);
    const plain = this.#cipher.decrypt(
      runKey,
      nonceOf(bytes),
      authenticated(bytes, context),
      bytes.subarray(HEADER_BYTES),
    );
    if (plain === undefined) return { ok: false, error: "forged", node };
    if (current) {
      known.keys.set(keyId, runKey);
      if (once) known.window.mark(counter);
      return { ok: true, run: known.run, plain };
    }
    // Judged only now: what is not authentic must not be called an old run.
    if (known !== undefined && run.starts < known.run.starts) return { ok: false, error: "stale", node };
    if (known !== undefined && run.starts === known.run.starts) return { ok: false, error: "copied", node };
    if (!mayBegin(node)) return { ok: true, run, plain };
    const window = new ReplayWindow();
    if (once) window.mark(counter);
    this.#known.set(node, { run, window, keys: new Map([[keyId, runKey]]) });
    return { ok: true, run, plain };
  }

  #derive(key: Key, run: Run): Uint8Array {
    const info = new Uint8Array(9);
    info[0] = run.node;
    writeUint32(info, 1, run.starts);
    writeUint32(info, 5, run.incarnation);
    return this.#cipher.mac(key.secret, label("run", info));
  }
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
