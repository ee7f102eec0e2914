/** What an eavesdropper has: datagrams between nodes as they were sent, to be sent again by a fault. */

import { type DecodedMessage, decodeMessage } from "../../src/cluster/wire/codec.ts";
import type { NodeId } from "../../src/cluster/wire/messages.ts";
import type { Progress } from "./disk_memory.ts";

/** A datagram on its way. */
export interface Datagram {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** True time. */
  readonly sentMs: number;
}

/** A message on its way. Its receivers don't change what is decoded. */
export class Content {
  readonly #plain: Uint8Array;
  /** How far the sender's disk was, if the message says so. */
  readonly progress: Progress | undefined;
  #decoded: Extract<DecodedMessage, { ok: true }> | undefined;

  constructor(plain: Uint8Array, progress: Progress | undefined) {
    this.#plain = plain;
    this.progress = progress;
  }

  /** As its receivers decode it. */
  get decoded(): Extract<DecodedMessage, { ok: true }> {
    if (this.#decoded !== undefined) return this.#decoded;
    const decoded = decodeMessage(this.#plain);
    if (!decoded.ok) throw new Error(`A message does not pass the codec: ${JSON.stringify(decoded.error)}`);
    return this.#decoded = decoded;
  }
}

const RECORDED_MAX = 4_000;

export class Recorder {
  /** A ring. */
  readonly #recorded: Datagram[] = [];
  #next = 0;

  add(datagram: Datagram): void {
    this.#recorded[this.#next] = datagram;
    this.#next = (this.#next + 1) % RECORDED_MAX;
  }

  /** Those that were sent to a node before a time. */
  to(node: NodeId, beforeMs: number): Datagram[] {
    return this.#recorded.filter(({ to, sentMs }) => to === node && sentMs < beforeMs);
  }
}
