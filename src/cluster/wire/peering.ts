/**
 * Datagrams between this process and the other members' processes: seals and opens them, and lets each process prove
 * that it runs (`seal.ts`) before anything of it is believed. Decides when to challenge a member, and says again what
 * was said while neither side believed the other, so that a start costs a round trip and no timeout.
 *
 * A process of a release that knows no challenge is proved by a connection to it.
 *
 * Pure: the node program and the simulator send what comes out. Times are monotonic milliseconds.
 */

import { assert } from "../../assert.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { NodeId } from "./messages.ts";
import { type Cipher, DOMAIN, type Opened, type Run, Sealer, type SealError, type SealVersion } from "./seal.ts";

export const PEERING_LIMITS = {
  /** A member that was heard and has not proved its run is challenged again after this. */
  repeatMs: 50,
  /** A silent one, after this. */
  silentMs: CLUSTER_LIMITS.heartbeatMs,
  /** A heard one that answers no challenge is connected to after this, and again at this interval. */
  connectMs: 150,
  connectAgainMs: 1_000,
  /** Not heard for so long: silent again. */
  quietMs: CLUSTER_LIMITS.suspectMs,
  /** A heard one that proves nothing for so long is a problem. */
  problemMs: 5_000,
  /** After a proof, what was sealed before it may still come: by multicast, or from another queue of this machine. */
  earlyMs: 1_000,
  /** Messages to a member that are said again once it has proved its run, and how old they may be. */
  repeatedMax: 16,
  repeatedMs: 1_000,
  /** Datagrams of version 1 that don't open, per second and member; others are not even tried. Each takes 0.7 ms. */
  forgedPerSecond: 10,
} as const;

assert(PEERING_LIMITS.connectMs > 2 * PEERING_LIMITS.repeatMs, "One lost challenge does not cause a connection");

const SECOND_MS = 1_000;

export interface PeeringPorts {
  /**
   * A member that has taken nothing of this process yet knows a run of this node with these `starts`. The process must
   * take higher ones, make them durable, and call {@link Peering.renew}.
   */
  outranked(starts: number): void;
  /** A sealed datagram to a member. */
  put(to: NodeId, sealed: Uint8Array<ArrayBuffer>): void;
  /** Connects to a member; its first frame proves its run: see {@link Peering.connected}. */
  connect(to: NodeId): void;
}

interface PeeringOptions {
  readonly self: Run;
  readonly keys: readonly Uint8Array[];
  /** The other members, read at every use. */
  readonly others: () => Iterable<NodeId>;
  readonly isMember: (node: NodeId) => boolean;
  readonly cipher: Cipher;
  readonly ports: PeeringPorts;
  /** Without proofs, for a sabotage. */
  readonly believesAll?: boolean;
}

/** What a datagram was. */
export type Received =
  | { readonly kind: "message"; readonly node: NodeId; readonly plain: Uint8Array<ArrayBuffer> }
  /** Nothing to deliver, and nothing wrong. */
  | { readonly kind: "handled" }
  /** Of a run that has not proved that it runs. `lasts`: for so long that an operator must know. */
  | { readonly kind: "unproven"; readonly node: NodeId; readonly lasts: boolean }
  /** A newcomer with the key asks for a proof: to be sent to where this came from. */
  | { readonly kind: "newcomer"; readonly node: NodeId; readonly proof: Uint8Array<ArrayBuffer> }
  | {
    readonly kind: "refused";
    readonly error: SealError | "wrongAddress" | "ownId";
    readonly node: NodeId | undefined;
  };

/** Another member. */
interface Peer {
  challengedMs: number;
  /** Since when it has been heard without a proof. */
  unprovenMs: number | undefined;
  /** When it was last heard without one. */
  heardMs: number;
  /** When it gave its last one. */
  provenMs: number;
  connectedMs: number;
  /** Of the last run that was challenged at once, as it began to be heard. */
  incarnation: number | undefined;
  /** When a challenge of an outranked run was last answered. */
  answeredMs: number;
  /** Said lately, while it had not proved its run. */
  said: { readonly plain: Uint8Array; readonly version: SealVersion; readonly ms: number }[];
  secondMs: number;
  forged: number;
}

type Refusal = Extract<Opened, { ok: false }>;

/** Why a challenge is not opened whose run is not its member's newest one. */
const OUTRANKED: readonly SealError[] = ["stale", "copied", "unproven"];

const HANDLED = { kind: "handled" } as const;

/** The datagrams of one process. */
export class Peering {
  readonly sealer: Sealer;
  readonly #self: NodeId;
  readonly #others: () => Iterable<NodeId>;
  readonly #isMember: (node: NodeId) => boolean;
  readonly #ports: PeeringPorts;
  readonly #believesAll: boolean;
  readonly #peers = new Map<NodeId, Peer>();

  constructor({ self, others, ports, ...options }: PeeringOptions) {
    this.#self = self.node;
    this.#others = others;
    this.#isMember = options.isMember;
    this.#ports = ports;
    this.#believesAll = options.believesAll ?? false;
    this.sealer = new Sealer({ self, ...options });
  }

  /** Whether a member has proved that it runs. */
  isProven(node: NodeId): boolean {
    return this.#believesAll || this.sealer.isProven(node);
  }

  /** Goes on as a later run, whose `starts` are durable. */
  renew(starts: number, ms: number): void {
    this.sealer.renew(starts);
    for (const id of this.#others()) this.#challenge(id, this.#peer(id), ms);
  }

  /** Seals a message to one member. */
  sealTo(to: NodeId, plain: Uint8Array, version: SealVersion, ms: number): Uint8Array<ArrayBuffer> {
    this.#remember(to, plain, version, ms);
    return this.sealer.seal(DOMAIN.datagram, plain, undefined, version);
  }

  /** Seals a message once for all members: each receiver takes the same octets once. */
  sealToAll(plain: Uint8Array, version: SealVersion, ms: number): Uint8Array<ArrayBuffer> {
    for (const id of this.#others()) this.#remember(id, plain, version, ms);
    return this.sealer.seal(DOMAIN.datagram, plain, undefined, version);
  }

  /** Challenges what is due. To be called at the start, and then several times a second. */
  tick(ms: number): void {
    for (const id of this.#others()) {
      if (this.isProven(id)) continue;
      const peer = this.#peer(id);
      if (ms - peer.heardMs > PEERING_LIMITS.quietMs) peer.unprovenMs = undefined;
      const afterMs = peer.unprovenMs === undefined ? PEERING_LIMITS.silentMs : PEERING_LIMITS.repeatMs;
      if (ms - peer.challengedMs >= afterMs) this.#challenge(id, peer, ms);
      this.#connectIfDue(id, peer, ms);
    }
  }

  /** Takes a datagram. `from`: the member that has its source address; undefined: none has. */
  receive(bytes: Uint8Array, from: NodeId | undefined, ms: number): Received {
    const claimed = this.sealer.claimedSender(bytes);
    const isExpected = claimed !== undefined && claimed === from && claimed !== this.#self;
    const peer = isExpected ? this.#peer(claimed) : undefined;
    if (peer !== undefined && isVersion1(bytes) && isExhausted(peer, ms)) return refused("forged", claimed);
    const opened = this.sealer.openDatagram(bytes, isExpected);
    if (!opened.ok) return this.#refuse(opened, peer, bytes, ms);
    const { node } = opened.run;
    if (node === this.#self) return refused("ownId", node);
    if (peer === undefined) {
      const isNewcomer = opened.domain === DOMAIN.challenge && !this.#isMember(node);
      if (isNewcomer) return { kind: "newcomer", node, proof: this.sealer.proof(opened.run) };
      return refused("wrongAddress", node);
    }
    if (opened.domain === DOMAIN.challenge) {
      // The own challenge first: when the proof arrives, the other side has answered, and says its messages again.
      if (!this.#believes(opened.run)) {
        if (peer.incarnation !== opened.run.incarnation) peer.challengedMs = -Infinity;
        peer.incarnation = opened.run.incarnation;
        this.#unproven(node, peer, ms);
      }
      this.#ports.put(node, this.sealer.proof(opened.run));
      return HANDLED;
    }
    if (opened.domain === DOMAIN.proof) {
      if (opened.outrankedBy === undefined) this.#proven(node, ms);
      // A member that took this run before has heard another process of this node since: a copy must not outbid it.
      else if (!this.isProven(node)) this.#ports.outranked(opened.outrankedBy);
      return HANDLED;
    }
    peer.unprovenMs = undefined;
    return { kind: "message", node, plain: opened.plain };
  }

  #refuse({ error, node }: Refusal, peer: Peer | undefined, bytes: Uint8Array, ms: number): Received {
    let received = refused(error, node);
    if (node === undefined || peer === undefined && this.#isMember(node)) return received;
    if (peer !== undefined && error === "forged") peer.forged++;
    if (peer !== undefined && error === "unproven") {
      // Of a member that has proved another run: a start of an earlier release, or forged.
      if (isVersion1(bytes) && this.isProven(node)) peer.forged++;
      received = { kind: "unproven", node, lasts: this.#unproven(node, peer, ms) };
    }
    const isLate = peer !== undefined && error === "early" && ms - peer.provenMs < PEERING_LIMITS.earlyMs;
    if (isLate) return { kind: "unproven", node, lasts: false };
    const proof = this.#answerOutranked(error, node, bytes, ms);
    if (proof === undefined) return received;
    if (peer === undefined) return { kind: "newcomer", node, proof };
    this.#ports.put(node, proof);
    return HANDLED;
  }

  /** The proof for a challenge of a run that is not its member's newest one; for few, as they may be recorded ones. */
  #answerOutranked(
    error: SealError,
    node: NodeId,
    bytes: Uint8Array,
    ms: number,
  ): Uint8Array<ArrayBuffer> | undefined {
    const peer = this.#peer(node);
    if (!OUTRANKED.includes(error) || ms - peer.answeredMs < PEERING_LIMITS.repeatMs) return undefined;
    const challenger = this.sealer.challengerOf(bytes);
    if (challenger === undefined) return undefined;
    peer.answeredMs = ms;
    return this.sealer.proof(challenger);
  }

  #believes(run: Run): boolean {
    return this.#believesAll || this.sealer.believes(run);
  }

  /** A member that this process connected to has authenticated, by this message of its run. */
  connected(run: Run, counter: number, ms: number): void {
    this.sealer.prove(run, counter);
    this.#proven(run.node, ms);
  }

  /** Asks for a proof, and for a connection if nothing else helps; whether that goes on for too long. */
  #unproven(node: NodeId, peer: Peer, ms: number): boolean {
    peer.unprovenMs ??= ms;
    peer.heardMs = ms;
    if (ms - peer.challengedMs >= PEERING_LIMITS.repeatMs) this.#challenge(node, peer, ms);
    this.#connectIfDue(node, peer, ms);
    return ms - peer.unprovenMs >= PEERING_LIMITS.problemMs;
  }

  #connectIfDue(node: NodeId, peer: Peer, ms: number): void {
    const { unprovenMs = ms, connectedMs } = peer;
    if (ms - unprovenMs < PEERING_LIMITS.connectMs || ms - connectedMs < PEERING_LIMITS.connectAgainMs) return;
    peer.connectedMs = ms;
    this.#ports.connect(node);
  }

  #challenge(node: NodeId, peer: Peer, ms: number): void {
    peer.challengedMs = ms;
    this.#ports.put(node, this.sealer.challenge());
  }

  #proven(node: NodeId, ms: number): void {
    const peer = this.#peer(node);
    peer.unprovenMs = undefined;
    peer.provenMs = ms;
    for (const { plain, version, ms: saidMs } of peer.said.splice(0)) {
      if (ms - saidMs > PEERING_LIMITS.repeatedMs) continue;
      this.#ports.put(node, this.sealer.seal(DOMAIN.datagram, plain, undefined, version));
    }
  }

  #remember(to: NodeId, plain: Uint8Array, version: SealVersion, ms: number): void {
    if (this.isProven(to)) return;
    const { said } = this.#peer(to);
    said.push({ plain, version, ms });
    if (said.length > PEERING_LIMITS.repeatedMax) said.shift();
  }

  #peer(id: NodeId): Peer {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      peer = {
        challengedMs: -Infinity,
        unprovenMs: undefined,
        heardMs: -Infinity,
        provenMs: -Infinity,
        connectedMs: -Infinity,
        incarnation: undefined,
        answeredMs: -Infinity,
        said: [],
        secondMs: -Infinity,
        forged: 0,
      };
      this.#peers.set(id, peer);
    }
    return peer;
  }
}

function refused(error: Extract<Received, { kind: "refused" }>["error"], node: NodeId | undefined): Received {
  return { kind: "refused", error, node };
}

function isVersion1(bytes: Uint8Array): boolean {
  return bytes[2] === 1;
}

/** Whether so many datagrams of version 1 did not open in this second that others are not tried. */
function isExhausted(peer: Peer, ms: number): boolean {
  if (ms - peer.secondMs >= SECOND_MS) {
    peer.secondMs = ms;
    peer.forged = 0;
  }
  return peer.forged >= PEERING_LIMITS.forgedPerSecond;
}
