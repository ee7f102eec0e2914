/**
 * What was received and not taken: counted by kind, and told once per kind and sender until it stops for a while. The
 * first thing an operator sees of a wrong key or of two nodes with one id is a line of these.
 */

import { WIRE_ERRORS, type WireError } from "../../src/cluster/wire/codec.ts";
import { SEAL_ERRORS, type SealError } from "../../src/cluster/wire/seal.ts";
import type { NodeId } from "../../src/cluster/wire/messages.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import { WindowCount } from "../../src/rate/window_count.ts";

/** Why something received was dropped, beside what sealing and decoding find. */
const TRANSPORT_ERRORS = [
  /** Authentic, from a member, but not from that member's address. */
  "wrongAddress",
  /** Sealed as this node's own by another process. */
  "ownId",
  /** The envelope names another sender than the seal. */
  "wrongEnvelope",
  /** A datagram or connection from an address of no member; few of them are opened to tell more. */
  "foreign",
  /** A connection from a member's address that did not authenticate. */
  "unauthenticated",
] as const;

export type RefusalKind = SealError | WireError["kind"] | (typeof TRANSPORT_ERRORS)[number];

const REFUSAL_KINDS: readonly RefusalKind[] = [...SEAL_ERRORS, ...WIRE_ERRORS, ...TRANSPORT_ERRORS];

/** Something wrong that was seen lately. */
export interface TransportProblem {
  readonly kind: RefusalKind | "multicastUnheard";
  /** Who it claims to be from; undefined when that can't be read. */
  readonly node: NodeId | undefined;
  /** Where the last one came from. */
  readonly address: Ipv4;
  readonly count: number;
  /** Monotonic, of the last one. */
  readonly lastMs: number;
  /** One line: what it is and what to do. */
  readonly message: string;
}

/** A problem as it is kept: its text is made when it is told. */
interface Seen {
  readonly kind: RefusalKind;
  readonly node: NodeId | undefined;
  address: Ipv4;
  count: number;
  lastMs: number;
}

/** What is not seen again for this long is over; seen later it is told anew. */
const OVER_MS = 60_000;
/** Claimed senders and kinds are few, but forged ones must fill neither the memory nor the log. */
const PROBLEMS_MAX = 256;
/** Problems that are told in a minute; others are in the status only. */
const SAID_MAX = 20;
/** Addresses of no member that are told apart. */
const FOREIGN_MAX = 16;

/** Keys of problems: of a kind and a node (0: not known), and of a foreign address. */
const NODES = 256;
const KIND_KEYS = Object.fromEntries(REFUSAL_KINDS.map((kind, index) => [kind, index * NODES])) as Record<
  RefusalKind,
  number
>;
const FOREIGN_KEY = REFUSAL_KINDS.length * NODES;

/** Counts refusals and remembers the current problems. */
export class TransportProblems {
  readonly counters: Record<RefusalKind, number> = Object.fromEntries(REFUSAL_KINDS.map((kind) => [kind, 0])) as Record<
    RefusalKind,
    number
  >;
  readonly #current = new Map<number, Seen>();
  readonly #monotonicMs: () => number;
  readonly #say: (problem: TransportProblem) => void;
  readonly #said = new WindowCount(OVER_MS);

  /** `say` gets each problem once, when it begins. */
  constructor(options: { monotonicMs: () => number; say: (problem: TransportProblem) => void }) {
    this.#monotonicMs = options.monotonicMs;
    this.#say = options.say;
  }

  /** Counts what is no problem yet. */
  count(kind: RefusalKind): void {
    this.counters[kind]++;
  }

  refuse(kind: RefusalKind, address: Ipv4, node?: NodeId): void {
    this.count(kind);
    const now = this.#monotonicMs();
    const key = kind === "foreign" ? this.#foreignKey(address) : KIND_KEYS[kind] + (node ?? 0);
    const before = this.#current.get(key);
    if (before !== undefined && now - before.lastMs <= OVER_MS) {
      // In a flood, this is all that happens.
      before.count++;
      before.lastMs = now;
      before.address = address;
      return;
    }
    if (before === undefined && this.#current.size >= PROBLEMS_MAX) this.#forgetOldest();
    const seen = { kind, node, address, count: 1, lastMs: now };
    this.#current.set(key, seen);
    if (this.#said.add(now) <= SAID_MAX) this.#say(explained(seen));
  }

  /** Those of the last minute, the latest last. */
  list(): TransportProblem[] {
    const now = this.#monotonicMs();
    return [...this.#current.values()].filter(({ lastMs }) => now - lastMs <= OVER_MS)
      .sort((a, b) => a.lastMs - b.lastMs).map(explained);
  }

  /** A source address that is forged anew for every datagram is one problem, and not thousands. */
  #foreignKey(address: Ipv4): number {
    const key = FOREIGN_KEY + address;
    if (this.#current.has(key)) return key;
    let known = 0;
    for (const { kind } of this.#current.values()) if (kind === "foreign") known++;
    return known < FOREIGN_MAX ? key : KIND_KEYS.foreign;
  }

  #forgetOldest(): void {
    let oldest: number | undefined;
    let oldestMs = Infinity;
    for (const [key, { lastMs }] of this.#current) if (lastMs < oldestMs) [oldest, oldestMs] = [key, lastMs];
    if (oldest !== undefined) this.#current.delete(oldest);
  }
}

function explained(seen: Seen): TransportProblem {
  return { ...seen, message: explain(seen.kind, seen.address, seen.node) };
}

function explain(kind: RefusalKind, address: Ipv4, node: NodeId | undefined): string {
  const from = formatIpv4(address);
  const who = node === undefined ? from : `${from} (as node ${node})`;
  switch (kind) {
    case "wrongKey":
      return `${who} uses another cluster key: copy the same key file to every node; to replace a key, ` +
        "first add the new one as the second line everywhere; if the files are the same, look for an attacker";
    case "forged":
      return `${who} sends messages that its key did not seal: look for a faulty link or an attacker who forges them`;
    case "early":
      return `${who} sends messages from before the start of this node or of that one: look for a loop in the ` +
        "network, or for an attacker who replays them";
    case "replayed":
      return `${who} sends messages again: look for a loop in the network, or for an attacker who replays them`;
    case "unproven":
      return `${who} sends messages of a process that does not answer: look for an attacker who replays them; if ` +
        "that node runs, let UDP and TCP to cluster.port pass in both directions";
    case "stale":
      return `${who} sends messages of an earlier start of that node: if it has just got another disk, it goes on by ` +
        "itself; else look for a second machine with this id, or for an attacker who replays them";
    case "copied":
      return `${who} runs with the identity of another process: stop one of them, and give each node its own id and ` +
        "state directory";
    case "ownId":
      return `${who} runs with the id of this node: give each node its own node.id`;
    case "unknownSender":
      return `${who} is not a member of this cluster: add it with dhcpcluster-node members add, or stop it`;
    case "wrongAddress":
      return `${who} does not send from that node's address: another machine uses its id, or the node moved. Give ` +
        "each node its own node.id; to move a member, remove it and add it with its new address";
    case "sealVersion":
    case "wireVersion":
    case "unknownType":
      return `${who} speaks another version of the protocol: install the same release on every node`;
    case "foreign":
      return `${from} sends to the cluster's port and is no member's address, so nothing of it is taken: identify ` +
        "the sender, and let a firewall pass cluster.port between the members only";
    case "unauthenticated":
      return `${from} opens connections to the cluster's port and does not authenticate: identify the program on ` +
        "that machine";
    case "tooShort":
    case "badMagic":
      return `${from} sends datagrams of another protocol: identify the sender, or choose another cluster.port`;
    case "wrongDomain":
      return `${who} sends over UDP what was sealed for TCP or the reverse: look for an attacker who replays it`;
    case "tooLong":
    case "malformed":
    case "badValue":
    case "wrongEnvelope":
      return `${who} sends malformed messages (${kind}): install the same release on every node`;
  }
}

/** Multicast that does not pass to or from a member, while unicast does. */
export function explainUnheard(node: NodeId, direction: "from" | "to" | "both", group: Ipv4): string {
  const what = {
    from: `This node does not hear the multicast of node ${node}`,
    to: `Node ${node} does not hear the multicast of this node`,
    both: `This node and node ${node} don't hear each other's multicast`,
  }[direction];
  return `${what}; unicast is used instead. Let UDP to ${formatIpv4(group)} pass between them (a switch that snoops ` +
    "IGMP needs a querier), or set cluster.multicast to off on every node";
}
