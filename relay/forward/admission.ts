/** Admission control: rate limits per interface and client, and a limit on open transactions per circuit. */

import { toHex } from "../../src/bytes/hex.ts";
import { type OptionScan, readRelayAgentInformation } from "../../src/dhcp/relay_agent.ts";
import { RateLimit } from "../../src/rate/rate_limit.ts";
import { TokenBucket } from "../../src/rate/token_bucket.ts";
import type { ForwardInterface, ForwardLimits } from "./config.ts";
import { FORWARD } from "./limits.ts";

/** Enforces {@link ForwardLimits}. */
export class Admission {
  readonly #limits: ForwardLimits;
  readonly #interfaces = new Map<number, TokenBucket>();
  readonly #clients: RateLimit;
  readonly #open = new Map<string, number>();

  constructor(limits: ForwardLimits) {
    this.#limits = limits;
    this.#clients = new RateLimit(limits.client, FORWARD.clientsMax);
  }

  /** Whether the interface's rate admits one more message. */
  admitsMessage(link: number, nowMs: number): boolean {
    let bucket = this.#interfaces.get(link);
    if (bucket === undefined) this.#interfaces.set(link, bucket = new TokenBucket(this.#limits.interface, nowMs));
    return bucket.take(nowMs);
  }

  /** Whether the client's rate admits one more message. */
  admitsClient(client: string, nowMs: number): boolean {
    return this.#clients.admits(client, nowMs);
  }

  /** Counts a new open transaction of a circuit; false when the circuit is at its limit. */
  open(circuit: string): boolean {
    const open = this.#open.get(circuit) ?? 0;
    if (open >= this.#limits.openPerCircuit) return false;
    this.#open.set(circuit, open + 1);
    return true;
  }

  /** A transaction of the circuit was answered or evicted. */
  close(circuit: string): void {
    const open = (this.#open.get(circuit) ?? 0) - 1;
    if (open > 0) this.#open.set(circuit, open);
    else this.#open.delete(circuit);
  }
}

/** The circuit of a message: the interface, or the switch port named by a trusted device (RFC 3046 §3.1). */
export function circuitOf(from: ForwardInterface, bytes: Uint8Array, options: OptionScan): string {
  if (!from.trusted) return from.name;
  const information = readRelayAgentInformation(bytes, options);
  const circuitId = information.kind === "present" ? information.value.circuitId : undefined;
  return circuitId === undefined ? from.name : `${from.name}/${toHex(circuitId)}`;
}
