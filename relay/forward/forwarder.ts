/**
 * The forwarding core: messages of clients and nodes in, with the time as an argument; effects out. A transaction stays
 * with its node; a DHCPREQUEST follows its offer; hedging sends a request of a silent node to the next best one as
 * well; the client gets one answer. `request.ts` and `reply.ts` change the messages, `../select/` orders the nodes, and
 * the driver (`../relay.ts`) owns sockets and clock.
 */

import { AT } from "../../src/dhcp/layout.ts";
import { BOOTREPLY, MESSAGE_TYPE } from "../../src/dhcp/message.ts";
import { type OptionScan, scanOptions } from "../../src/dhcp/relay_agent.ts";
import { type Ipv4, UNSPECIFIED } from "../../src/net/ipv4.ts";
import { ExpiringMap } from "../../src/rate/expiring_map.ts";
import { TokenBucket } from "../../src/rate/token_bucket.ts";
import { type ClientNetwork, GRADES } from "../select/evidence.ts";
import type { NodeTracker, NodeTraffic } from "../select/tracker.ts";
import { Admission, circuitOf } from "./admission.ts";
import { DATAGRAM_BYTES_MAX, type ForwardConfig, type ForwardInterface } from "./config.ts";
import { Deadlines } from "./deadlines.ts";
import { readUint32 } from "./header.ts";
import { type Offer, selectsOffer } from "./offers.ts";
import { clientKey, seekerKey, transactionKey } from "./transaction_key.ts";
import { FORWARD } from "./limits.ts";
import { DELIVERED, destinationOf, nodeAt, replyFault, stripReply } from "./reply.ts";
import type { DropReason, Outcome } from "./outcomes.ts";
import { gatewayFor, type Relayed, relayRequest, requestFault } from "./request.ts";
import { type Rogue, type RogueEvidence, Rogues } from "./rogues.ts";
import { BufferPool } from "./buffer_pool.ts";
import { type Attempt, type Delivery, expectsAnswer, isAnswer, type Send, type Transaction } from "./transaction.ts";

/** What the driver must do. */
export type Effect =
  | { readonly kind: "send"; readonly send: Send }
  | { readonly kind: "deliver"; readonly delivery: Delivery }
  /** The preceding sends relayed a request, if the kernel accepted at least one of them. */
  | { readonly kind: "relayed"; readonly link: number; readonly outcome: Outcome }
  | { readonly kind: "dropped"; readonly link: number; readonly outcome: DropReason }
  /** A new rogue DHCP server was detected. */
  | { readonly kind: "rogue"; readonly rogue: Rogue };

/** How a datagram arrived. */
interface Arrival {
  /** Index of the interface. */
  readonly link: number;
  readonly from: Ipv4;
  /** Whether it was sent to the relay's own address; otherwise it was a broadcast. */
  readonly unicast: boolean;
}

/** Where a datagram was overheard, and the hardware address of its sender. */
type Overheard = Omit<Arrival, "unicast"> & { readonly mac: Uint8Array };

/** Most server identifiers that are learned; a node has one per network that it serves. */
const IDENTIFIERS_MAX = 1_024;

/** The kind of an attempt: the counter that it increments. */
type AttemptKind = keyof Pick<NodeTraffic, "requests" | "hedges" | "trials">;

/**
 * The core. Times are milliseconds of one monotonic clock. Bytes in effects are valid until the next call; bytes passed
 * in are not kept.
 */
export class Forwarder {
  readonly rogues = new Rogues();
  #config: ForwardConfig;
  readonly #tracker: NodeTracker;
  readonly #admission: Admission;
  readonly #transactions: ExpiringMap<Transaction>;
  /** Each client's last offer, also for clients whose DHCPREQUEST has a new xid. */
  readonly #offers: ExpiringMap<Offer>;
  /** Unanswered messages of clients on interfaces with several gateways, whatever their xids. */
  readonly #unanswered: ExpiringMap<number>;
  readonly #deadlines = new Deadlines<Transaction>(FORWARD.tickMs);
  readonly #hedgeBudget: TokenBucket;
  readonly #buffers = new BufferPool();
  /** Buffer for the next reply. */
  readonly #scratch = new Uint8Array(DATAGRAM_BYTES_MAX);
  /** Server identifiers of nodes, configured and learned. */
  readonly #identifiers = new Set<Ipv4>();
  /** The relay itself was stalled: the next tick still has to process its deadlines. */
  #stalled = false;

  /** `previous`: the core that this one replaces at a reload. */
  constructor(config: ForwardConfig, tracker: NodeTracker, nowMs: number, previous?: Forwarder) {
    this.#config = config;
    this.#tracker = tracker;
    this.#admission = new Admission(config.limits, previous === undefined ? undefined : previous.#admission.known);
    const { ttlMs, transactionsMax, clientsMax } = FORWARD;
    this.#transactions = new ExpiringMap({
      ttlMs,
      entriesMax: transactionsMax,
      onEvict: (transaction) => this.#close(transaction),
    });
    this.#offers = new ExpiringMap({ ttlMs, entriesMax: clientsMax });
    this.#unanswered = new ExpiringMap({ ttlMs: FORWARD.unansweredTtlMs, entriesMax: clientsMax });
    this.#hedgeBudget = new TokenBucket(FORWARD.hedges, nowMs);
    this.#learnIdentifiers(config);
  }

  /** The machine's addresses have changed: the same interfaces and nodes in the same order, with new addresses. */
  interfacesChanged(config: ForwardConfig): void {
    this.#config = config;
    this.#learnIdentifiers(config);
  }

  /** Whether a reply belongs to a transaction of `previous`, the core that this one replaced at a reload. */
  defers(reply: Uint8Array, previous: Forwarder, nowMs: number): boolean {
    return !this.#knows(reply, nowMs) && previous.#knows(reply, nowMs);
  }

  #knows(reply: Uint8Array, nowMs: number): boolean {
    return replyFault(reply) === undefined && typeof this.#transactionOf(reply, nowMs) !== "string";
  }

  /** Messages of clients without a lease through this relay, a second. */
  strangersPerSecond(link: number, nowMs: number): number {
    return this.#admission.strangersPerSecond(link, nowMs);
  }

  /** Number of transactions in memory. */
  get transactions(): number {
    return this.#transactions.size;
  }

  /** The next deadline, when {@link tick} is due; undefined: none. */
  get nextMs(): number | undefined {
    return this.#deadlines.nextMs;
  }

  /** A datagram from a client interface. */
  request(bytes: Uint8Array, { link, from, unicast }: Arrival, nowMs: number): Effect[] {
    const entrance = this.#config.interfaces[link] as ForwardInterface;
    const admission = this.#admission;
    const fault = requestFault(this.#config, entrance, bytes);
    if (fault !== undefined) {
      if (!admission.admitsMessage(link, "stranger", nowMs)) return [drop(link, "requestInterfaceRate")];
      const rogue = fault === "replyFromClientSide" ? this.#sightRogue(link, from, "reply", nowMs) : [];
      return [...rogue, drop(link, fault)];
    }
    const client = clientKey(bytes, link);
    const standing = admission.standingOf(entrance, client, bytes, nowMs);
    if (!admission.admitsStanding(link, standing, nowMs)) return [drop(link, "requestStrangerRate")];
    if (!admission.admitsMessage(link, standing, nowMs)) return [drop(link, "requestInterfaceRate")];
    if (!admission.admitsClient(client, nowMs)) return [drop(link, "requestClientRate")];

    const options = scanOptions(bytes);
    const key = transactionKey(bytes, link);
    const known = this.#transactions.get(key, nowMs);
    const retransmissions = known !== undefined && known.messageType === options.messageType
      ? known.retransmissions + 1
      : 0;
    const seeker = entrance.gateways.length > 1 ? seekerKey(client, bytes, options) : undefined;
    const gateway = gatewayFor(entrance, bytes, options, this.#countMessage(seeker, options, nowMs));
    if (gateway === undefined) return [drop(link, "requestUnsent")];
    const buffer = this.#buffers.take();
    const relayed = relayRequest(entrance, gateway, bytes, { options, unicast, into: buffer });
    if (typeof relayed === "string") {
      this.#buffers.release(buffer);
      return [drop(link, relayed)];
    }

    const chosen = this.#selectedServer(options);
    // A known server on the link, such as a second relay, is neither a rogue nor one of the nodes.
    const foreign = chosen !== UNSPECIFIED && !this.#identifiers.has(chosen);
    const rogue = foreign && !unicast ? this.#sightRogue(link, chosen, "request", nowMs) : [];
    // RFC 2131 §4.3.2: a DHCPREQUEST that selects another server informs the nodes, and is not answered.
    if (foreign || !expectsAnswer(options.messageType)) {
      // The datagram is sent before the buffer can be taken again.
      this.#buffers.release(buffer);
      const nodes = this.#nodesFor(this.#preferredNode(known, options, client, nowMs), nowMs);
      const sends = nodes.map((node): Effect => {
        this.#tracker.traffic(node).requests++;
        return { kind: "send", send: { link, gateway, node, bytes: relayed.bytes, transaction: undefined } };
      });
      return [...rogue, ...sends, { kind: "relayed", link, outcome: relayed.outcome }];
    }

    const transaction = known ??
      newTransaction({
        key,
        link,
        client,
        standing,
        gateway,
        circuit: circuitOf(entrance, standing, { bytes, options }),
        relayed,
      });
    if (!this.#open(transaction)) {
      this.#buffers.release(buffer);
      return [drop(link, "requestCircuitFull")];
    }
    this.#releaseBuffer(transaction);
    transaction.bytes = relayed.bytes;
    transaction.buffer = buffer;
    transaction.gateway = gateway;
    transaction.seeker = seeker;
    transaction.removal = relayed.removal;
    transaction.messageType = options.messageType;
    transaction.retransmissions = retransmissions;
    this.#transactions.set(key, transaction, nowMs);
    const sends = retransmissions > 0
      ? this.#retransmit(transaction, nowMs)
      : this.#firstRound(transaction, options, nowMs);
    if (transaction.chained) this.#releaseBuffer(transaction);
    return [...sends, { kind: "relayed", link, outcome: relayed.outcome }];
  }

  /** A reply to one of the relay's addresses; `link` is the interface of the socket. */
  reply(bytes: Uint8Array, link: number, from: Ipv4, port: number, nowMs: number, clientSide = false): Effect[] {
    if (clientSide && !this.#admission.admitsMessage(link, "stranger", nowMs)) {
      return [drop(link, "requestInterfaceRate")];
    }
    const fault = replyFault(bytes);
    if (fault !== undefined) return [drop(link, fault)];
    const node = nodeAt(this.#config, from, port);
    if (node < 0 && !clientSide) return [drop(link, "replyForged")];
    const found = this.#transactionOf(bytes, nowMs);
    const asked = typeof found !== "string" && found.attempts.some((attempt) => attempt.node === node);
    // Clients of this link could forge it, but only an answer to a transaction of their own link, which they hear.
    if (clientSide && !(asked && found.link === link)) {
      return [...this.#sightRogue(link, from, "reply", nowMs), drop(link, "replyFromClientSide")];
    }
    if (typeof found === "string") return [drop(link, found)];
    if (!asked) return [drop(found.link, "replyUnasked")];

    const options = scanOptions(bytes);
    const { messageType, serverIdentifier } = options;
    const stripped = stripReply(bytes, options, {
      removal: found.removal,
      gateway: found.gateway,
      into: this.#scratch,
    });
    if (stripped === "malformed") return [drop(found.link, "replyOptions")];
    const fits = isAnswer(found.messageType, messageType);
    this.#recordAnswer(found, node, fits, nowMs);
    if (!fits || !found.waiting) return [drop(found.link, "replyLater")];
    // A forged one would hide a rogue server.
    if (serverIdentifier !== UNSPECIFIED && !clientSide && this.#identifiers.size < IDENTIFIERS_MAX) {
      this.#identifiers.add(serverIdentifier);
    }
    const destination = destinationOf(bytes, messageType);
    const outcome = DELIVERED[destination.kind];
    const { link: to, gateway } = found;
    const delivery: Delivery = { link: to, gateway, node, destination, bytes: stripped, outcome };
    return messageType === MESSAGE_TYPE.NAK
      ? this.#receiveNak(found, delivery, nowMs)
      : this.#receiveAnswer(found, delivery, options, nowMs);
  }

  /** A datagram to the clients' port, overheard on a client link: a reply gives a rogue server away. */
  overheard(bytes: Uint8Array, { link, from, mac }: Overheard, nowMs: number): Effect[] {
    const isReply = bytes.length >= AT.options && bytes[AT.op] === BOOTREPLY;
    return isReply ? this.#sightRogue(link, from, "reply", nowMs, mac) : [];
  }

  /** The kernel refused a datagram: the request is hedged at once. */
  sendFailed({ transaction, node }: Send, nowMs: number): Effect[] {
    if (transaction === undefined || !transaction.waiting) return [];
    for (const attempt of transaction.attempts) if (attempt.node === node) attempt.hedged = true;
    return this.#hedge(transaction, nowMs);
  }

  /** Processes the deadlines that are due. */
  tick(nowMs: number): Effect[] {
    const { nextMs } = this.#deadlines;
    if (nextMs === undefined) return [];
    // The relay itself was stalled. Answers may be waiting in the sockets: read them before a node is blamed.
    if (nowMs - nextMs > FORWARD.stallMs && !this.#stalled) {
      this.#stalled = true;
      this.#deadlines.postpone(nowMs - nextMs + 2 * FORWARD.tickMs);
      return [];
    }
    this.#stalled = false;
    this.#transactions.expire(nowMs);
    return this.#deadlines.takeDue(nowMs).flatMap((transaction) => this.#onDeadline(transaction, nowMs));
  }

  /** Processes a due deadline of a transaction. */
  #onDeadline(transaction: Transaction, nowMs: number): Effect[] {
    const effects: Effect[] = [];
    const { nak } = transaction;
    if (nak !== undefined && nowMs >= nak.untilMs) effects.push(this.#deliver(transaction, nak.delivery, nowMs));
    for (const attempt of transaction.attempts) this.#expire(transaction, attempt, nowMs);
    if (transaction.waiting && nowMs >= transaction.hedgeAtMs) effects.push(...this.#hedge(transaction, nowMs));
    this.#schedule(transaction, nowMs);
    return effects;
  }

  /** Sets the next deadline of a transaction, if it needs one. */
  #schedule(transaction: Transaction, nowMs: number): void {
    let nextMs = transaction.waiting ? transaction.hedgeAtMs : Infinity;
    if (transaction.nak !== undefined) nextMs = Math.min(nextMs, transaction.nak.untilMs);
    for (const { answered, expired, atMs } of transaction.attempts) {
      if (!answered && !expired) nextMs = Math.min(nextMs, atMs + FORWARD.answerTimeoutMs);
    }
    if (nextMs < Infinity) this.#deadlines.add(transaction, Math.max(nextMs, nowMs + FORWARD.tickMs));
  }

  /** Expires an attempt that got no answer in time. */
  #expire(transaction: Transaction, attempt: Attempt, nowMs: number): void {
    if (attempt.answered || attempt.expired || nowMs - attempt.atMs < FORWARD.answerTimeoutMs) return;
    attempt.expired = true;
    if (attempt.accountable) {
      this.#tracker.unanswered(attempt.node);
      if (attempt.beaten) this.#blame(transaction, attempt, nowMs);
    }
    if (attempt.round !== transaction.round) return;
    this.#noteSelection(transaction, nowMs);
    if (transaction.waiting && transaction.selected === attempt.node) {
      this.#tracker.ignored(attempt.node, attempt.atMs, nowMs, onlyStrangers(transaction));
    }
  }

  /** Another node answered what an attempt left unanswered. */
  #blame(transaction: Transaction, { node, atMs }: Attempt, nowMs: number): void {
    const { messageType, gateway } = transaction;
    const network = messageType === MESSAGE_TYPE.DISCOVER ? gateway : onlyStrangers(transaction);
    this.#tracker.beaten(node, atMs, nowMs, network);
  }

  /** Notes which node must answer a DHCPREQUEST because it selects that node's offer; once per round, when in doubt. */
  #noteSelection(transaction: Transaction, nowMs: number): void {
    const { bytes, messageType, client } = transaction;
    if (transaction.selected !== undefined || bytes === undefined) return;
    const offer = messageType === MESSAGE_TYPE.REQUEST ? this.#offers.get(client, nowMs) : undefined;
    transaction.selected = offer !== undefined && selectsOffer(bytes, offer) ? offer.node : -1;
  }

  /** A new message of the client: the chosen node or the transaction's node gets it. */
  #firstRound(transaction: Transaction, options: OptionScan, nowMs: number): Effect[] {
    this.#beginRound(transaction);
    const preferred = this.#preferredNode(transaction, options, transaction.client, nowMs);
    const nodes = this.#nodesFor(preferred, nowMs);
    transaction.node = nodes.length === 1 ? nodes[0] as number : preferred;
    const effects = nodes.map((node) => this.#attempt(transaction, node, "requests", nowMs));
    const trial = options.messageType === MESSAGE_TYPE.DISCOVER ? this.#tracker.takeTrial(nowMs) : -1;
    if (trial >= 0 && !nodes.includes(trial)) effects.push(this.#attempt(transaction, trial, "trials", nowMs));
    this.#schedule(transaction, nowMs);
    return effects;
  }

  /** A retransmission: the node may have failed, or a datagram was lost. The next best node gets it as well. */
  #retransmit(transaction: Transaction, nowMs: number): Effect[] {
    const before = transaction.attempts.filter(({ round }) => round === transaction.round).map(({ node }) => node);
    this.#beginRound(transaction);
    const nodes = this.#nodesFor(transaction.node, nowMs);
    const next = this.#tracker.order.find((node) => !nodes.includes(node) && !before.includes(node)) ??
      this.#tracker.order.find((node) => !nodes.includes(node));
    const effects = nodes.map((node) => this.#attempt(transaction, node, "requests", nowMs));
    if (next !== undefined && this.#takeHedge(transaction, this.#isFull(transaction, transaction.node), nowMs)) {
      effects.push(this.#attempt(transaction, next, "hedges", nowMs));
    }
    this.#schedule(transaction, nowMs);
    return effects;
  }

  #beginRound(transaction: Transaction): void {
    transaction.round++;
    transaction.nak = undefined;
    transaction.selected = undefined;
    if (transaction.attempts.length > FORWARD.attemptsMax) transaction.attempts.splice(0, FORWARD.attemptsMax / 2);
  }

  /** Hedging: sends the request of a silent node to the next best reachable node without an attempt in this round. */
  #hedge(transaction: Transaction, nowMs: number): Effect[] {
    transaction.hedgeAtMs = Infinity;
    if (transaction.chained || transaction.bytes === undefined) return [];
    const attempts = transaction.attempts.filter(({ round }) => round === transaction.round);
    const full = attempts.some(({ node }) => this.#isFull(transaction, node));
    // A full subnet is no reason to probe.
    if (!full) this.#tracker.silent();
    const next = this.#tracker.order.find((node) =>
      this.#tracker.gradeOf(node) !== "unreachable" && !attempts.some((attempt) => attempt.node === node)
    );
    if (next === undefined || !this.#takeHedge(transaction, full, nowMs)) {
      // No node or no budget is left.
      this.#noteSelection(transaction, nowMs);
      this.#releaseBuffer(transaction);
      return [];
    }
    for (const attempt of attempts) attempt.hedged = !attempt.answered;
    const effect = this.#attempt(transaction, next, "hedges", nowMs);
    this.#schedule(transaction, nowMs);
    return [effect];
  }

  /**
   * When a subnet is full other nodes will hardly have an address either, and strangers may be a flood: half of the
   * budget is not for them.
   */
  #takeHedge({ link, standing }: Transaction, full: boolean, nowMs: number): boolean {
    const reserve = full || standing !== "known" ? FORWARD.hedges.burst / 2 : 0;
    return this.#admission.admitsHedge(link, standing, nowMs) && this.#hedgeBudget.take(nowMs, reserve);
  }

  /** Whether a node says that no address is free for this DHCPDISCOVER. */
  #isFull({ messageType, gateway }: Transaction, node: number): boolean {
    return node >= 0 && messageType === MESSAGE_TYPE.DISCOVER && this.#tracker.isFull(node, gateway);
  }

  #attempt(transaction: Transaction, node: number, kind: AttemptKind, nowMs: number): Effect {
    const { link, gateway, round, messageType } = transaction;
    this.#tracker.traffic(node)[kind]++;
    // A node may ignore a DHCPREQUEST that selects another node, and of several that grant one lease only one succeeds.
    const accountable = messageType !== MESSAGE_TYPE.REQUEST ||
      (kind === "requests" && transaction.retransmissions === 0 && transaction.node === node);
    // Answers to chained requests do not pass through this relay: nothing can expire.
    const expired = transaction.chained;
    transaction.attempts.push({
      node,
      round,
      atMs: nowMs,
      accountable,
      answered: false,
      expired,
      hedged: false,
      beaten: false,
    });
    if (kind !== "trials") transaction.hedgeAtMs = nowMs + this.#tracker.hedgeDelayMs(node);
    return { kind: "send", send: { link, gateway, node, bytes: transaction.bytes as Uint8Array, transaction } };
  }

  /** The node that a message should go to because of its transaction, server identifier or offer; -1: any. */
  #preferredNode(transaction: Transaction | undefined, options: OptionScan, client: string, nowMs: number): number {
    if (transaction !== undefined && transaction.node >= 0) return transaction.node;
    const named = this.#config.nodes.findIndex(({ address }) => address === options.serverIdentifier);
    if (named >= 0) return named;
    return options.messageType === MESSAGE_TYPE.DISCOVER ? -1 : this.#offers.get(client, nowMs)?.node ?? -1;
  }

  /**
   * The nodes to send to: the preferred one, and the best one as well if the preferred one is suspect or worse; all
   * while none is reachable. Copies are within the hedge budget; when it is empty the best node gets the request.
   */
  #nodesFor(preferred: number, nowMs: number): readonly number[] {
    const { order, fanOut } = this.#tracker;
    const best = order[0] as number;
    if (preferred < 0) {
      return order.slice(0, fanOut).filter((node) => node === best || this.#hedgeBudget.take(nowMs));
    }
    const worse = this.#rank(preferred) > this.#rank(best) && this.#rank(preferred) >= GRADES.indexOf("suspect");
    if (!worse) return [preferred];
    return this.#hedgeBudget.take(nowMs) ? [preferred, best] : [best];
  }

  #rank(node: number): number {
    return GRADES.indexOf(this.#tracker.gradeOf(node));
  }

  /** Records a node's answer in its attempts and in the tracker. */
  #recordAnswer(transaction: Transaction, node: number, fits: boolean, nowMs: number): void {
    let answerMs: number | undefined;
    for (const attempt of transaction.attempts) {
      if (attempt.node !== node || (attempt.round === transaction.round && !fits)) continue;
      // Karn's algorithm (RFC 6298 §3): no sample from a second answer, or from the answer to a retransmission.
      if (!attempt.answered && attempt.round === transaction.round && transaction.retransmissions === 0) {
        answerMs = nowMs - attempt.atMs;
      }
      if (attempt.hedged) this.#tracker.traffic(node).late++;
      attempt.hedged = false;
      attempt.answered = true;
    }
    this.#tracker.traffic(node).answers++;
    this.#tracker.answered(node, answerMs, nowMs);
  }

  /** A DHCPNAK: held while another node may still answer with a DHCPACK. */
  #receiveNak(transaction: Transaction, delivery: Delivery, nowMs: number): Effect[] {
    const others = transaction.attempts.some(({ node, round, answered }) =>
      node !== delivery.node && round === transaction.round && !answered
    );
    const held = transaction.nak;
    if (others && held === undefined) {
      // A copy: the scratch buffer is used again by the next reply.
      const kept = { ...delivery, bytes: delivery.bytes.slice() };
      transaction.nak = { delivery: kept, untilMs: nowMs + FORWARD.nakHoldMs };
      this.#schedule(transaction, nowMs);
      return [];
    }
    const second: Effect[] = held === undefined ? [] : [drop(transaction.link, "replyLater")];
    return others ? second : [...second, this.#deliver(transaction, held?.delivery ?? delivery, nowMs)];
  }

  #receiveAnswer(transaction: Transaction, delivery: Delivery, options: OptionScan, nowMs: number): Effect[] {
    const overruled: Effect[] = transaction.nak === undefined ? [] : [drop(transaction.link, "nakOverruled")];
    if (options.messageType === MESSAGE_TYPE.OFFER) {
      const { serverIdentifier } = options;
      const address = readUint32(delivery.bytes, AT.yiaddr);
      this.#offers.set(transaction.client, { node: delivery.node, address, serverIdentifier }, nowMs);
    }
    // A lease; a DHCPACK to a DHCPINFORM has no address (RFC 2131 §4.3.5).
    const isLease = options.messageType === MESSAGE_TYPE.ACK && readUint32(delivery.bytes, AT.yiaddr) !== UNSPECIFIED;
    const entrance = this.#config.interfaces[transaction.link];
    if (isLease && entrance !== undefined) this.#admission.known.add(entrance.name, transaction.client, nowMs);
    return [...overruled, this.#deliver(transaction, delivery, nowMs)];
  }

  /** Delivers the round's one answer, and marks the outstanding attempts as beaten. */
  #deliver(transaction: Transaction, delivery: Delivery, nowMs: number): Effect {
    // Whether the first node answered in time, without a hedge.
    let isPlain = transaction.retransmissions === 0 && nowMs < transaction.hedgeAtMs &&
      transaction.hedgeAtMs < Infinity;
    for (const attempt of transaction.attempts) {
      if (attempt.answered || attempt.round !== transaction.round) continue;
      isPlain = false;
      attempt.beaten = true;
      if (attempt.expired && attempt.accountable) this.#blame(transaction, attempt, nowMs);
    }
    transaction.nak = undefined;
    transaction.node = delivery.node;
    if (transaction.seeker !== undefined) this.#unanswered.delete(transaction.seeker);
    this.#close(transaction);
    this.#tracker.traffic(delivery.node).delivered++;
    this.#admission.answered(transaction.link, transaction.standing, nowMs);
    if (isPlain) this.#hedgeBudget.refill(FORWARD.hedgeBudgetPerAnswer);
    // All attempts are answered: delete the transaction. A DHCPREQUEST finds its node by the stored offer.
    if (transaction.attempts.every(({ answered }) => answered)) {
      this.#transactions.delete(transaction.key);
      transaction.attempts = [];
    }
    return { kind: "deliver", delivery };
  }

  /** How many messages of a client on an interface with several gateways went unanswered before this one. */
  #countMessage(seeker: string | undefined, { messageType }: OptionScan, nowMs: number): number {
    if (seeker === undefined || !expectsAnswer(messageType)) return 0;
    const before = this.#unanswered.get(seeker, nowMs) ?? 0;
    this.#unanswered.set(seeker, before + 1, nowMs);
    return before;
  }

  #open(transaction: Transaction): boolean {
    if (!transaction.waiting && !transaction.chained && !this.#admission.open(transaction.circuit)) return false;
    transaction.waiting = !transaction.chained;
    return true;
  }

  #close(transaction: Transaction): void {
    if (transaction.waiting) this.#admission.close(transaction.circuit);
    transaction.waiting = false;
    this.#releaseBuffer(transaction);
  }

  #releaseBuffer(transaction: Transaction): void {
    if (transaction.buffer !== undefined) this.#buffers.release(transaction.buffer);
    transaction.buffer = undefined;
    transaction.bytes = undefined;
  }

  /** The transaction of a reply, by giaddr, chaddr and xid. */
  #transactionOf(bytes: Uint8Array, nowMs: number): Transaction | DropReason {
    const giaddr = readUint32(bytes, AT.giaddr);
    let own = false;
    // Interfaces may share an address.
    for (const [link, { gateways }] of this.#config.interfaces.entries()) {
      if (!gateways.some((gateway) => gateway.giaddr === giaddr)) continue;
      own = true;
      const transaction = this.#transactions.get(transactionKey(bytes, link), nowMs);
      if (transaction !== undefined) return transaction;
    }
    return own ? "replyUnasked" : "replyGiaddr";
  }

  /** The server that a DHCPREQUEST selects; absent when the client renews (RFC 2131 §4.3.2). */
  #selectedServer({ messageType, serverIdentifier }: OptionScan): Ipv4 {
    return messageType === MESSAGE_TYPE.REQUEST ? serverIdentifier : UNSPECIFIED;
  }

  #learnIdentifiers({ nodes, interfaces }: ForwardConfig): void {
    for (const { address } of nodes) this.#identifiers.add(address);
    for (const { giaddr, local } of interfaces.flatMap(({ gateways }) => gateways)) {
      this.#identifiers.add(giaddr).add(local);
    }
  }

  #isKnownServer({ knownServers }: ForwardInterface, server: Ipv4): boolean {
    return this.#identifiers.has(server) || knownServers.includes(server);
  }

  #sightRogue(link: number, server: Ipv4, evidence: RogueEvidence, nowMs: number, mac?: Uint8Array): Effect[] {
    if (this.#isKnownServer(this.#config.interfaces[link] as ForwardInterface, server)) return [];
    const sighting = { link, server, evidence, ...(mac === undefined ? {} : { mac }) };
    const rogue = this.rogues.add(sighting, nowMs);
    return rogue === undefined ? [] : [{ kind: "rogue", rogue }];
  }
}

function newTransaction(
  { key, link, client, standing, circuit, gateway, relayed }:
    & Pick<Transaction, "key" | "link" | "client" | "standing" | "circuit" | "gateway">
    & { readonly relayed: Relayed },
): Transaction {
  return {
    key,
    link,
    client,
    standing,
    circuit,
    chained: relayed.chained,
    gateway,
    removal: relayed.removal,
    messageType: -1,
    round: 0,
    retransmissions: 0,
    seeker: undefined,
    selected: undefined,
    bytes: undefined,
    buffer: undefined,
    waiting: false,
    node: -1,
    attempts: [],
    hedgeAtMs: Infinity,
    nak: undefined,
  };
}

/** The network of a stranger's transaction: a node may leave it unanswered on purpose. */
function onlyStrangers({ standing, gateway }: Transaction): ClientNetwork | undefined {
  return standing === "known" ? undefined : gateway;
}

function drop(link: number, outcome: DropReason): Effect {
  return { kind: "dropped", link, outcome };
}
