/** Who may enter: rates of interfaces and clients, and how many transactions of a circuit may be open at a time. */

import { toHex } from "../../src/bytes/hex.ts";
import { readRelayAgentInformation } from "../../src/dhcp/relay_agent.ts";
import type { ForwardInterface, ForwardLimits } from "./config.ts";
import { FORWARD } from "./limits.ts";
import { RateLimit } from "./rate_limit.ts";
import { TokenBucket } from "./token_bucket.ts";

/** Keeps the limits. */
export class Admission {
  readonly #limits: ForwardLimits;
  readonly #interfaces = new Map<number, TokenBucket>();
  readonly #clients: RateLimit;
  readonly #open = new Map<string, number>();

  constructor(limits: ForwardLimits) {
    this.#limits = limits;
    this.#clients = new RateLimit(limits.client, FORWARD.clientsMax);
  }

  /** Whether one more message may enter through an interface. */
  admitsMessage(link: number, nowMs: number): boolean {
    let bucket = this.#interfaces.get(link);
    if (bucket === undefined) this.#interfaces.set(link, bucket = new TokenBucket(this.#limits.interface, nowMs));
    return bucket.take(nowMs);
  }

  /** Whether a client may send one more. */
  admitsClient(client: string, nowMs: number): boolean {
    return this.#clients.admits(client, nowMs);
  }

  /** Opens a transaction of a circuit, unless it has as many as it may have. */
  open(circuit: string): boolean {
    const open = this.#open.get(circuit) ?? 0;
    if (open >= this.#limits.openPerCircuit) return false;
    this.#open.set(circuit, open + 1);
    return true;
  }

  /** It was answered, or forgotten. */
  close(circuit: string): void {
    const open = (this.#open.get(circuit) ?? 0) - 1;
    if (open > 0) this.#open.set(circuit, open);
    else this.#open.delete(circuit);
  }
}

/** The circuit of a message: the interface, or the port that a trusted switch names (RFC 3046 §3.1). */
export function circuitOf(from: ForwardInterface, bytes: Uint8Array): string {
  if (!from.trusted) return from.name;
  const information = readRelayAgentInformation(bytes);
  const circuitId = information.kind === "present" ? information.value.circuitId : undefined;
  return circuitId === undefined ? from.name : `${from.name}/${toHex(circuitId)}`;
}
