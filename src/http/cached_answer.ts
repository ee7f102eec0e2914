/**
 * Answers that many may ask for at any rate, such as `/status`: made seldom, once for all who wait, and sent in parts
 * as clients take them.
 */

import { HTTP } from "./limits.ts";
import type { HttpPeer } from "./serve.ts";

/** An answer is kept for so many times as long as it took, so that asking costs no more than this part of the time. */
const KEPT_TIMES = 20;
const KEPT_MS_MAX = 1_000;

/** The octets of an answer. */
export class CachedAnswer {
  readonly #make: () => Promise<Uint8Array<ArrayBuffer>>;
  readonly #now: () => number;
  #kept: { readonly bytes: Uint8Array<ArrayBuffer>; readonly untilMs: number } | undefined;
  #making: Promise<Uint8Array<ArrayBuffer>> | undefined;
  /** Counts calls of {@link forget}. */
  #changes = 0;

  /** `now`: milliseconds of a clock that does not go back. */
  constructor(make: () => Promise<Uint8Array<ArrayBuffer>>, now: () => number = () => performance.now()) {
    this.#make = make;
    this.#now = now;
  }

  /** The answer, which may be up to a second old. */
  get(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#kept !== undefined && this.#now() < this.#kept.untilMs) return Promise.resolve(this.#kept.bytes);
    if (this.#making === undefined) {
      const making = this.#made().finally(() => {
        if (this.#making === making) this.#making = undefined;
      });
      this.#making = making;
    }
    return this.#making;
  }

  /** Something was changed: the next answer is a new one. */
  forget(): void {
    this.#changes++;
    this.#kept = undefined;
    this.#making = undefined;
  }

  async #made(): Promise<Uint8Array<ArrayBuffer>> {
    const startMs = this.#now();
    const changes = this.#changes;
    const bytes = await this.#make();
    const endMs = this.#now();
    // What changed while it was made is in the next one.
    if (changes === this.#changes) {
      this.#kept = { bytes, untilMs: endMs + Math.min(KEPT_MS_MAX, KEPT_TIMES * (endMs - startMs)) };
    }
    return bytes;
  }
}

/** Responds with octets that may be many: in parts, each when the client has taken the one before. */
export function respondInParts(bytes: Uint8Array<ArrayBuffer>, type: string, peer: HttpPeer | undefined): Response {
  const headers = { "Content-Type": type, "Content-Length": String(bytes.length) };
  if (bytes.length <= HTTP.partBytes) return new Response(bytes, { headers });
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      peer?.progress();
      controller.enqueue(bytes.subarray(at, at += HTTP.partBytes));
      if (at >= bytes.length) controller.close();
    },
  }, { highWaterMark: 0 });
  // Compressing it anew for each client would cost more than it saves.
  return new Response(body, { headers: { ...headers, "Cache-Control": "no-store, no-transform" } });
}
