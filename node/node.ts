/**
 * A running node: the driver of one `NodeCore` (src/core). It opens the store, loads the leases, opens the sockets,
 * hands events to the core, and performs its effects until it is stopped. It decides nothing about leases or the
 * cluster.
 */

import { nextStarts } from "../src/cluster/wire/seal.ts";
import type { Member } from "../src/cluster/member.ts";
import { FACT } from "../src/cluster/sync/disk_identity.ts";
import type { Command, CommandResult, NodeEffect, NodeEvent } from "../src/core/effects.ts";
import type { Compiled, CompileRequest } from "../src/core/compilations.ts";
import { NodeCore, storedConfiguration } from "../src/core/node_core.ts";
import type { Configuration } from "../src/cluster/leadership/config_replication.ts";
import { readReservation } from "../src/config/service_schema.ts";
import { CompiledService, type PackedService } from "../src/dhcp/server/compiled_service.ts";
import type { ProbeResults } from "../src/dhcp/server/probes.ts";
import { RelayTrust } from "../src/dhcp/server/relay_trust.ts";
import type { Readiness } from "../src/http/health.ts";
import type { Instant } from "../src/lease/agreement/clock.ts";
import type { LeaseTable } from "../src/lease/table/lease_table.ts";
import { logger } from "../src/log/configure.ts";
import { formatSummary, LogLimiter } from "../src/log/limiter.ts";
import { formatIpv4, UNSPECIFIED } from "../src/net/ipv4.ts";
import { socketImplementation } from "../src/net/open.ts";
import { NodeCounters } from "./admin/counters.ts";
import { OperatorLog } from "./admin/operator_log.ts";
import { readClocks } from "./clocks.ts";
import { readKeyFile } from "./cluster/cluster_key.ts";
import { Transport } from "./cluster/transport.ts";
import { type NodeSettings, reviseServiceText } from "./config.ts";
import type { BaseSection, NodeFile } from "./reader/protocol.ts";
import { ConfigReader } from "./reader/reader.ts";
import { DhcpService, type LeaseEvent, type RequestSource } from "./dhcp/dhcp_service.ts";
import { type Listeners, openListeners } from "./dhcp/listeners.ts";
import { RelayProbes } from "./dhcp/relay_probes.ts";
import { afterLoss } from "./lost_leases.ts";
import { openStore, type Store } from "./store/mod.ts";

const SUMMARY_MS = 10_000;
/** How often free addresses are looked for that are to be probed: what was offered is replaced this fast. */
const PROBE_MS = 1_000;
/** A deadline that is nearer gets a timer of its own. */
const SOON_MS = 3;
/** A loop that has not run for so long hangs. */
const ALIVE_MS = 5_000;
/** What is in flight at a stop is waited for this long; signals give five seconds in all. */
const DRAIN_MS = 3_000;
/** Key of the fact that keeps nonces from repeating: see `nextStarts`. */
const RUN_FACT = "run";

/** What a node is started from. */
export interface NodeStart {
  readonly file: NodeFile;
  /** An operator says that a majority of blank disks forms the cluster. */
  readonly bootstrap?: boolean;
}

/** What is opened, and read, before the core starts. */
interface NodeParts {
  readonly store: Store;
  readonly reader: ConfigReader;
  readonly diskIsBehind: boolean;
  readonly file: Configuration;
  readonly served: { readonly text: string; readonly service: CompiledService };
}

/** The file's configuration, and the one that the node starts with. */
async function firstConfiguration(
  { config, revision, text, packed }: NodeFile,
  { facts }: Store,
  reader: ConfigReader,
): Promise<Pick<NodeParts, "file" | "served">> {
  const file = { revision, text };
  const stored = storedConfiguration(facts, file);
  const newer = stored === undefined ? undefined : await compile(reader, config, { text: stored, members: [] });
  const served = newer?.ok ? { text: stored ?? "", service: newer.service } : undefined;
  return { file, served: served ?? { text, service: unpack(packed) } };
}

/** Has a section read, checked and compiled. */
async function compile(
  reader: ConfigReader,
  { dhcp: { address }, cluster }: NodeSettings,
  { text, members, base }: Pick<CompileRequest, "text" | "members"> & Partial<Pick<CompileRequest, "base">>,
): Promise<Compiled> {
  const own = { dhcp: { address }, cluster: { nodes: [...cluster.nodes, ...members] } };
  const known = base === undefined ? {} : { base: baseSection(base) };
  try {
    const reading = await reader.read("section", { text, own, ...known });
    return reading.ok
      ? { ok: true, service: unpack(reading.packed) }
      : { ok: false, problem: reading.problems.join("; ") };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

function baseSection({ text, service: { columns, maxLeaseSeconds, used } }: CompileRequest["base"]): BaseSection {
  return { text, columns, maxLeaseSeconds, used: [...used] };
}

function unpack(packed: PackedService): CompiledService {
  return CompiledService.unpack(packed, (entry) => readReservation(entry, packed.settings.optionDefinitions));
}

/** One node of the cluster. */
export class Node {
  readonly config: NodeSettings;
  readonly counters = new NodeCounters();
  readonly notices = new OperatorLog();
  /** Reads what operators and other members send. */
  readonly reader: ConfigReader;
  readonly startedMs = Date.now();
  /** Is told what happens to leases here. */
  onLease: (event: LeaseEvent) => void = () => {};
  /** Is told why the store works again only after a restart of the program. */
  onStoreLost: (reason: string) => void = () => {};
  /** What uses this node closes before its store does. */
  onClose: () => Promise<void> = () => Promise.resolve();
  readonly #log = logger("node");
  readonly #limiter = new LogLimiter();
  readonly #store: Store;
  readonly #incarnation: number;
  /** The `starts` of this run, or of the one that it is about to go on as. */
  #runs: number;
  readonly #core: NodeCore<RequestSource>;
  readonly #service: DhcpService;
  readonly #relays: RelayTrust;
  readonly #relayProbes = new RelayProbes({
    believes: (link, giaddr, from) => this.#relays.believesAbout(link, giaddr, from, this.#core.server.compiled),
    wanted: (link) => this.#core.probesWanted(link, readClocks()),
    probed: (results) => this.#probed(results),
    nowMs: () => performance.now(),
    random: (octets) => crypto.getRandomValues(new Uint8Array(octets)),
  });
  /** Commands that wait for their result, by token. */
  readonly #commands = new Map<number, (result: unknown) => void>();
  #commandToken = 0;
  #transport: Transport | undefined;
  #listeners: Listeners | undefined;
  #summaries: ReturnType<typeof setInterval> | undefined;
  #probing: ReturnType<typeof setInterval> | undefined;
  #pumpScheduled = false;
  /** The rest of a batch's millisecond, which comes and goes without touching the timer of the next tick. */
  #soon: ReturnType<typeof setTimeout> | undefined;
  #wake: { readonly atMs: number; readonly timer: ReturnType<typeof setTimeout> } | undefined;
  #stopping = false;
  #closed = false;
  #pumpedMs = performance.now();
  #storeFailure: string | undefined;

  private constructor(start: NodeStart, parts: NodeParts) {
    const { config } = start.file;
    const { store, reader, diskIsBehind } = parts;
    this.config = config;
    this.reader = reader;
    this.#store = store;
    const [incarnation = 0, hashSeed = 0] = crypto.getRandomValues(new Uint32Array(2));
    this.#incarnation = incarnation;
    this.#runs = nextStarts(Number(store.facts.get(RUN_FACT) ?? 0), Date.now());
    this.#relays = new RelayTrust(config.dhcp.relays);
    this.#core = new NodeCore({
      self: config.node.id,
      incarnation,
      hashSeed,
      facts: store.facts,
      startFacts: [[RUN_FACT, String(this.#runs)]],
      diskIsBehind,
      nodes: config.cluster.nodes,
      bootstrap: start.bootstrap ?? false,
      witness: config.node.witness,
      relays: this.#relays,
      file: parts.file,
      served: parts.served,
      revise: reviseServiceText,
      random: Math.random,
      now: readClocks(),
    });
    this.#service = new DhcpService({
      core: this.#core,
      counters: this.counters,
      log: this.#log,
      limiter: this.#limiter,
      now: readClocks,
      request: (event) => this.receive(event),
      happened: (event) => this.onLease(event),
    });
  }

  /** Starts a node and returns once it listens. Rejects with one line that says what is wrong and what to do. */
  static async start(start: NodeStart): Promise<Node> {
    const { file, bootstrap = false } = start;
    const { node: { id, stateDir }, cluster: { nodes } } = file.config;
    const mayLearn = nodes.some((other) => other.id !== id);
    const log = logger("node");
    const store = await openStore({
      stateDir,
      mayStartBlank: mayLearn || bootstrap,
      recovered: (line) => log.warn("{line}", { line }),
    });
    // Before the process is confined, so that the worker's code can be read.
    const reader = new ConfigReader();
    let node: Node | undefined;
    try {
      if (store.facts.get(FACT.resetFirst) === "yes") {
        throw new Error(
          "this disk was restored with --majority-lost: its leases may be out of date; give " +
            "`dhcpcluster-node members reset --yes` first, on exactly one node of the cluster",
        );
      }
      const { behind, facts } = store;
      const loss = behind === undefined
        ? undefined
        : afterLoss({ behind, self: id, nodes, facts, stateDir, bootstrap });
      if (loss !== undefined) log.warn("{warning}", { warning: loss.warning });
      const diskIsBehind = loss?.isLearner ?? false;
      node = new Node(start, { store, reader, diskIsBehind, ...await firstConfiguration(file, store, reader) });
      await node.#load();
      await node.#openTransport();
      await node.#listen();
      return node;
    } catch (error) {
      if (node === undefined) {
        reader.close();
        await store.close();
      } else await node.stop();
      throw error;
    }
  }

  async #load(): Promise<void> {
    const startedMs = performance.now();
    const core = this.#core;
    core.beginLoad();
    await this.#store.load((row) => core.load(row));
    core.loaded();
    this.#log.info("Loaded {rows} leases from {stateDir} in {ms} ms", {
      rows: core.table.size,
      stateDir: this.config.node.stateDir,
      ms: Math.round(performance.now() - startedMs),
    });
  }

  async #openTransport(): Promise<void> {
    const { cluster, node } = this.config;
    if (cluster.keyFile === undefined) {
      if (this.#core.member.membership.members.length === 1) return;
      throw new Error(
        "this node is a member of a cluster: cluster.keyFile is missing; name the key file of the others",
      );
    }
    this.#transport = await Transport.open({
      self: { node: node.id, starts: this.#runs, incarnation: this.#incarnation },
      members: this.#reachable(this.#core.member.membership.members),
      port: cluster.port,
      multicast: cluster.multicast,
      keys: await readKeyFile(cluster.keyFile),
      envelope: () => this.#core.member.envelope(),
      receive: (envelope, message) => this.receive({ kind: "message", envelope, message }),
      outranked: (starts) => this.#outbid(starts),
      problem: (problem) => this.notices.problem(problem),
      recovered: (line) => this.notices.recovered(line),
    });
  }

  /** Goes on as a run above one that another member knows of this node. */
  #outbid(known: number): void {
    if (known < this.#runs) return;
    const starts = nextStarts(known, Date.now());
    this.#log.warn(
      "Other members know a later start of node {id} than this disk does: the disk was replaced or put back, while " +
        "the clock is behind, or was ahead before. The node goes on as start {starts} instead of {runs}",
      { id: this.config.node.id, starts, runs: this.#runs },
    );
    this.#runs = starts;
    this.#store.write({ facts: [[RUN_FACT, String(starts)]] }, () => this.#transport?.renew(starts));
  }

  /** This node can always be reached at its own address, even when it was removed. */
  #reachable(members: readonly { id: number; address: number }[]): { id: number; address: number }[] {
    const { node, cluster } = this.config;
    const own = cluster.nodes.filter(({ id }) => id === node.id);
    return [...members.filter(({ id }) => id !== node.id), ...own];
  }

  async #listen(): Promise<void> {
    const { dhcp, node } = this.config;
    this.#summaries = setInterval(() => this.#logSummaries(), SUMMARY_MS);
    if (node.witness) {
      this.receive({ kind: "listening" });
      this.#log.info("Node {id} is a witness: it stores leases and votes, and serves no clients", { id: node.id });
      return;
    }
    this.#listeners = await openListeners(dhcp, {
      datagram: (bytes, arrival, send) => {
        if (!this.#stopping) this.#service.receive(bytes, arrival, send);
      },
      probe: (bytes, from) => this.#relayProbes.receive(bytes, from),
      overheard: (claim) => this.#probed({ clear: [], used: [claim], giaddr: UNSPECIFIED }),
    }, this.#log);
    this.#probing = setInterval(() => void this.#probe(), PROBE_MS);
    this.receive({ kind: "listening" });
    const sockets = socketImplementation();
    this.#log.info("Node {id} serves DHCP on {address}:{port}{attached} ({sockets})", {
      attached: dhcp.interfaces.map(({ name }) => ` and ${name}`).join(""),
      id: node.id,
      address: formatIpv4(dhcp.address),
      port: dhcp.port,
      sockets: sockets.kind === "linux" ? "libc sockets" : `portable sockets: ${sockets.reason}`,
    });
  }

  /** Probes the free addresses on each attached link that are to be offered next. */
  async #probe(): Promise<void> {
    const probes = this.#listeners?.interfaces.map(async (link) => {
      const { name, addresses } = link;
      const now = readClocks();
      const wanted = addresses.flatMap(({ address }) => this.#core.probesWanted(address, now));
      if (wanted.length === 0) return;
      try {
        this.#probed({ ...await link.probe(wanted), giaddr: UNSPECIFIED });
      } catch (error) {
        if (!this.#limiter.admit(`probe ${name}`, now.monotonicMs)) return;
        this.#log.warn("No conflict detection on {interface}: {error}", {
          interface: name,
          error: error instanceof Error ? error.message : String(error),
        });
      }
    });
    await Promise.all(probes ?? []);
  }

  #probed(results: ProbeResults): void {
    if (!this.#closed) this.receive({ kind: "probed", results });
  }

  /** Whether this node can grant leases now, and if not, why and what to do. */
  readiness(): Readiness & { readonly witness?: true; readonly healthy?: boolean } {
    const now = readClocks();
    const kind = this.#core.notReady(now);
    const reason = this.#core.explainNotReady(now);
    if (kind !== undefined && reason !== undefined) {
      // A witness is never ready: no relay may use it.
      const witness = this.config.node.witness ? { witness: true, healthy: kind === "witness" } as const : {};
      return { ready: false, ...witness, reason };
    }
    const unreachable = this.#listeners?.unreachable;
    if (unreachable !== undefined) return { ready: false, reason: unreachable };
    const { member } = this.#core;
    if (!member.isRenewalsOnly(now)) return { ready: true };
    const until = new Date(member.membership.renewalsOnlyUntil).toISOString();
    return { ready: true, reason: `serves renewals only until ${until}, as members reset was given` };
  }

  /** The state behind `/status` and `/metrics`. */
  get parts(): {
    service: DhcpService;
    table: LeaseTable;
    store: Store;
    member: Member;
    transport: Transport | undefined;
    listeners: Listeners | undefined;
  } {
    return {
      service: this.#service,
      table: this.#core.table,
      store: this.#store,
      member: this.#core.member,
      transport: this.#transport,
      listeners: this.#listeners,
    };
  }

  /** Takes over what may change while it runs: `service`, relays and keys. Rejects when the key file is bad. */
  async reload({ config, revision, text, packed }: NodeFile): Promise<void> {
    this.#relays.configure(config.dhcp.relays);
    this.receive({ kind: "file", configuration: { revision, text }, service: unpack(packed) });
    if (this.#transport === undefined || this.config.cluster.keyFile === undefined) return;
    const before = this.#transport.keyIds.join(" ");
    this.#transport.setKeys(await readKeyFile(this.config.cluster.keyFile));
    const after = this.#transport.keyIds;
    if (before !== after.join(" ")) this.#log.info("Keys from now on: {keys} (the first one seals)", { keys: after });
  }

  /** Hands an event to the core and performs what follows; a batch leaves at the end of this burst of input. */
  receive(event: NodeEvent<RequestSource>): void {
    this.#core.receive(event, readClocks());
    this.#performAll();
    this.#pumpSoon();
  }

  /** Gives the core a command whose result waits for the disk or for other members. */
  command<Kind extends Command["kind"]>(command: Extract<Command, { kind: Kind }>): Promise<CommandResult[Kind]> {
    const token = ++this.#commandToken;
    const { promise, resolve } = Promise.withResolvers<CommandResult[Kind]>();
    this.#commands.set(token, resolve as (result: unknown) => void);
    this.receive({ kind: "command", token, command });
    return promise;
  }

  /** An operator's command with an immediate answer; what follows from it is performed after this burst. */
  operate<Result>(run: (member: Member, now: Instant) => Result): Result {
    const result = run(this.#core.member, readClocks());
    this.#pumpSoon();
    return result;
  }

  /** Whether the main loop does its work: for a watchdog. A store that fails is no reason to restart: it says why. */
  get alive(): boolean {
    return performance.now() - this.#pumpedMs < ALIVE_MS;
  }

  /** Whether an operator took this node out. */
  get drained(): boolean {
    return this.#core.drained;
  }

  /** Takes this node out of service, or back. A restart ends it, so that a forgotten drain does not last. */
  drain(on: boolean): void {
    if (on === this.drained) return;
    this.receive({ kind: "drain", on });
    this.#log.info(on ? "Drained: this node serves no clients, and goes on keeping leases" : "This node serves again");
  }

  /** Answers what is in flight, writes everything down and closes. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.receive({ kind: "stop" });
    const deadlineMs = performance.now() + DRAIN_MS;
    this.#store.flush();
    while (this.#core.member.pending > 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // Another member leads at once, and not only when this one is missed.
    this.operate((member, now) => member.stepDown(now));
    this.#pump();
    clearInterval(this.#summaries);
    clearInterval(this.#probing);
    clearTimeout(this.#wake?.timer);
    clearTimeout(this.#soon);
    this.#closed = true;
    this.#listeners?.close();
    this.#logSummaries(true);
    await this.onClose();
    this.#transport?.close();
    this.reader.close();
    await this.#store.close();
    this.#log.info("stopped");
  }

  #pumpSoon(): void {
    if (this.#pumpScheduled || this.#closed) return;
    this.#pumpScheduled = true;
    queueMicrotask(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  /** The driver loop: what is due, what follows, and the next deadline. */
  #pump(): void {
    if (this.#closed) return;
    const core = this.#core;
    const now = readClocks();
    this.#pumpedMs = now.monotonicMs;
    // A batch that is due is no reason for a tick.
    core.flush(now);
    if (core.nextDeadline(now) <= now.monotonicMs) {
      this.#watchStore(now);
      core.tick(now);
    }
    this.#performAll();
    this.#sleepUntil(core.nextDeadline(now));
  }

  #performAll(): void {
    for (const effect of this.#core.takeEffects()) this.#perform(effect);
  }

  #sleepUntil(deadlineMs: number): void {
    // A timer that fires early costs less than one that is set again for every event.
    if (this.#wake !== undefined && this.#wake.atMs <= deadlineMs) return;
    // Timers count whole milliseconds: one that is cut short would only find that it is too early.
    const delayMs = Math.max(1, Math.ceil(deadlineMs - performance.now()));
    if (delayMs < SOON_MS) {
      this.#soon ??= setTimeout(() => {
        this.#soon = undefined;
        this.#pump();
      }, delayMs);
      return;
    }
    clearTimeout(this.#wake?.timer);
    this.#wake = undefined;
    if (deadlineMs === Infinity) return;
    const timer = setTimeout(() => {
      this.#wake = undefined;
      this.#pump();
    }, delayMs);
    this.#wake = { atMs: deadlineMs, timer };
  }

  #perform(effect: NodeEffect<RequestSource>): void {
    switch (effect.kind) {
      case "send":
        return this.#transport?.send(effect.to, effect.message);
      case "broadcast":
        return this.#transport?.broadcast(effect.message);
      case "persist": {
        const { token } = effect;
        return this.#store.write(effect.writes, () => this.receive({ kind: "persisted", token }));
      }
      case "compile":
        return void this.#compile(effect);
      case "members":
        return this.#transport?.setMembers(this.#reachable(effect.members));
      case "notice":
        return this.notices.take(effect.notice);
      case "result": {
        const resolve = this.#commands.get(effect.token);
        this.#commands.delete(effect.token);
        return resolve?.(effect.result);
      }
      default:
        return this.#service.perform(effect);
    }
  }

  async #compile({ token, ...request }: CompileRequest): Promise<void> {
    const compiled = await compile(this.reader, this.config, request);
    if (!this.#closed) this.receive({ kind: "compiled", token, compiled });
  }

  #watchStore(now: Instant): void {
    const { ok, reason, needsRestart } = this.#store.health;
    const failure = ok ? undefined : reason ?? "failed";
    if (failure === this.#storeFailure) return;
    const isNews = (failure === undefined) !== (this.#storeFailure === undefined);
    this.#storeFailure = failure;
    this.#core.receive({ kind: "store", failure }, now);
    if (needsRestart && failure !== undefined) this.onStoreLost(failure);
    if (!isNews) return;
    if (failure === undefined) this.#log.info("The store works again");
    else {
      this.#log.error("The store failed, no lease is granted until it works again: {reason}", { reason: failure });
    }
  }

  #logSummaries(all = false): void {
    const nowMs = readClocks().monotonicMs;
    const summaries = all ? this.#limiter.takeAll(nowMs) : this.#limiter.takeSummaries(nowMs);
    for (const summary of summaries) this.#log.info(formatSummary(summary));
  }
}
