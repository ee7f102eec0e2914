/**
 * Finds out which addresses are used on a link (RFC 5227 §2.1): asks for each twice and waits for answers. What it
 * finds free it goes on listening for, as a host may begin to use it.
 */

import type { ArpClaim, ArpSocket } from "./arp.ts";
import type { Ipv4 } from "./ipv4.ts";

/** After each of these delays an address is asked for. */
const PROBE_MS = [0, 300] as const;
/** When answers have had their time: a host that sleeps or a slow wireless link takes some hundred milliseconds. */
const ANSWERED_MS = 1_000;
/** Free addresses that are listened for; the oldest drop out. */
const LISTENED_MAX = 1_024;

/** What was found. An address that could not be asked for is in neither. */
export interface Found {
  readonly clear: readonly Ipv4[];
  readonly used: readonly ArpClaim[];
}

/** Probes one link. Its socket is opened at the first probe. */
export class ArpProber {
  readonly #open: (heard: (claim: ArpClaim) => void) => ArpSocket;
  readonly #overheard: (claim: ArpClaim) => void;
  #socket: ArpSocket | undefined;
  /** What hosts said while addresses are probed. */
  readonly #probing = new Map<Ipv4, ArpClaim | undefined>();
  readonly #clear = new Set<Ipv4>();

  /** `overheard`: a host uses an address that was found free before. */
  constructor(
    open: (heard: (claim: ArpClaim) => void) => ArpSocket,
    overheard: (claim: ArpClaim) => void,
  ) {
    this.#open = open;
    this.#overheard = overheard;
  }

  /** Probes addresses, which takes a second. Rejects with a `SocketError` when the socket can't be opened. */
  async probe(addresses: readonly Ipv4[]): Promise<Found> {
    const socket = this.#socket ??= this.#open((claim) => this.#heard(claim));
    for (const address of addresses) this.#probing.set(address, undefined);
    const unasked = new Set<Ipv4>();
    let waitedMs = 0;
    for (const atMs of PROBE_MS) {
      await sleep(atMs - waitedMs);
      waitedMs = atMs;
      for (const address of addresses) if (!socket.probe(address)) unasked.add(address);
    }
    await sleep(ANSWERED_MS - waitedMs);
    const used: ArpClaim[] = [];
    const clear: Ipv4[] = [];
    for (const address of addresses) {
      const claim = this.#probing.get(address);
      this.#probing.delete(address);
      if (claim !== undefined) used.push(claim);
      else if (!unasked.has(address)) clear.push(address);
    }
    for (const address of clear) this.#listen(address);
    return { clear, used };
  }

  /** Closes the socket; the next probe opens it again. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#clear.clear();
  }

  #heard(claim: ArpClaim): void {
    if (this.#probing.has(claim.address)) this.#probing.set(claim.address, claim);
    if (this.#clear.delete(claim.address)) this.#overheard(claim);
  }

  #listen(address: Ipv4): void {
    this.#clear.delete(address);
    this.#clear.add(address);
    const [oldest] = this.#clear;
    if (this.#clear.size > LISTENED_MAX && oldest !== undefined) this.#clear.delete(oldest);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
