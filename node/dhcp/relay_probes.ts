/**
 * Conflict detection on links behind our relays: tells a relay which addresses to probe, and takes what it found
 * (`src/dhcp/probe_exchange.ts`). Which addresses, and what a host that answered means, is decided by the server.
 */

import { toHex } from "../../src/bytes/hex.ts";
import {
  PROBE_EXCHANGE,
  type ProbeMessage,
  readProbeMessage,
  writeProbeMessage,
} from "../../src/dhcp/probe_exchange.ts";
import type { ProbeResults } from "../../src/dhcp/server/probes.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";

/** A relay answers after the second that its probes take. */
const ANSWER_MS = 5_000;
/** A link is told what to probe at most this often. */
const ASK_MS = 500;
/** Links that are probed at a time; the oldest drop out. */
const LINKS_MAX = 4_096;

/** What the exchange works with. */
interface RelayProbesHost {
  /** Whether a relay is believed about a link; see `RelayTrust.believesAbout`. */
  readonly believes: (link: Ipv4, giaddr: Ipv4, from: Ipv4) => boolean;
  readonly wanted: (link: Ipv4) => readonly Ipv4[];
  readonly probed: (results: ProbeResults) => void;
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number;
  readonly random: (octets: number) => Uint8Array;
}

interface Asked {
  readonly nonce: string;
  readonly addresses: readonly Ipv4[];
  readonly atMs: number;
}

/** The exchanges of one node. */
export class RelayProbes {
  readonly #host: RelayProbesHost;
  /** By giaddr and link, in the order of their times. */
  readonly #asked = new Map<string, Asked>();

  constructor(host: RelayProbesHost) {
    this.#host = host;
  }

  /** Takes a datagram; returns the answer to a relay that asks. Never throws. */
  receive(bytes: Uint8Array, from: Ipv4): Uint8Array<ArrayBuffer> | undefined {
    const message = readProbeMessage(bytes);
    if (message === undefined || message.giaddr !== from) return undefined;
    if (!this.#host.believes(message.link, message.giaddr, from)) return undefined;
    if (message.kind === "ask") return this.#tell(message);
    if (message.kind === "found") this.#take(message);
    return undefined;
  }

  #tell(message: ProbeMessage): Uint8Array<ArrayBuffer> | undefined {
    const { wanted, nowMs, random } = this.#host;
    const key = keyOf(message);
    const atMs = nowMs();
    if (atMs - (this.#asked.get(key)?.atMs ?? -Infinity) < ASK_MS) return undefined;
    const addresses = wanted(message.link).slice(0, PROBE_EXCHANGE.addressesMax);
    if (addresses.length === 0) return undefined;
    const nonce = toHex(random(PROBE_EXCHANGE.nonceOctets));
    this.#asked.delete(key);
    this.#asked.set(key, { nonce, addresses, atMs });
    const [oldest] = this.#asked.keys();
    if (this.#asked.size > LINKS_MAX && oldest !== undefined) this.#asked.delete(oldest);
    return writeProbeMessage({
      ...message,
      kind: "wanted",
      nodeNonce: nonce,
      addresses: addresses.map((address) => ({ address })),
    });
  }

  #take(message: ProbeMessage): void {
    const { probed, nowMs } = this.#host;
    const key = keyOf(message);
    const asked = this.#asked.get(key);
    if (asked === undefined || asked.nonce !== message.nodeNonce || nowMs() - asked.atMs > ANSWER_MS) return;
    if (asked.addresses.length === 0) return;
    // Each answer counts once.
    this.#asked.set(key, { ...asked, addresses: [] });
    const used = message.addresses.flatMap(({ address, mac }) =>
      mac !== undefined && asked.addresses.includes(address) ? [{ address, mac }] : []
    );
    const busy = new Set(used.map(({ address }) => address));
    probed({ used, clear: asked.addresses.filter((address) => !busy.has(address)), giaddr: message.giaddr });
  }
}

function keyOf({ giaddr, link }: ProbeMessage): string {
  return `${giaddr}/${link}`;
}
