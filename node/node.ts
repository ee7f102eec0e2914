/**
 * A running node: opens the store, loads the leases, puts the member of the cluster and the DHCP service together, opens the
 * sockets and serves until it is stopped. Wiring only; every decision is somewhere else.
 */

import { startIdentity } from "../src/cluster/sync/disk_identity.ts";
import { CONFIG_FACTS } from "../src/cluster/leadership/config_replication.ts";
import { CLUSTER_LIMITS } from "../src/cluster/limits.ts";
import { Member } from "../src/cluster/member.ts";
import { nextStarts } from "../src/cluster/wire/seal.ts";
import { CompiledService } from "../src/dhcp/server/compiled_service.ts";
import { tableFor } from "../src/dhcp/server/dhcp_server.ts";
import type { Readiness } from "../src/http/health.ts";
import { type HttpHandler, serveHttp } from "../src/http/serve.ts";
import { AnchoredClock, type Instant } from "../src/lease/agreement/clock.ts";
import { HybridClock } from "../src/lease/agreement/hybrid_clock.ts";
import type { LeaseRow, Writes } from "../src/lease/agreement/slot.ts";
import type { LeaseTable } from "../src/lease/table/lease_table.ts";
import { logger } from "../src/log/configure.ts";
import { formatSummary, LogLimiter } from "../src/log/limiter.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { socketImplementation } from "../src/net/open.ts";
import { type NodeConfig, readServiceText, reviseServiceText, serviceText } from "./config.ts";
import { NodeCounters, type Unserved } from "./admin/counters.ts";
import { DhcpService } from "./dhcp/dhcp_service.ts";
import { nodeApps } from "./admin/app.ts";
import { EventFeed } from "./admin/events.ts";
import { OPEN, readTokenFile, tokenGuard } from "./admin/token.ts";
import { readKeyFile } from "./cluster/cluster_key.ts";
import { type Listeners, openListeners } from "./dhcp/listeners.ts";
import { explainUnready, OperatorLog } from "./admin/operator_log.ts";
import { listenLocally } from "./admin/local_socket.ts";
import { openStore, type Store } from "./store/mod.ts";
import { Transport } from "./cluster/transport.ts";

/** What elections need, and a proposal's time limit can bear. */
const TICK_MS = 20;
const SUMMARY_MS = 10_000;
/** A loop that has not ticked for so long hangs. */
const ALIVE_MS = 5_000;
/** What is in flight at a stop is waited for this long; signals give five seconds in all. */
const DRAIN_MS = 3_000;
/** Each start chooses new addresses from another part of the pools, far from those of the starts before. */
const GOLDEN_RATIO = 0.618;
/** Key of the fact that keeps nonces from repeating: see `nextStarts`. */
const RUN_FACT = "run";

/** Both clocks of this machine, in whole milliseconds, as everything that is stored. */
export function readClocks(): Instant {
  return { wallMs: Date.now(), monotonicMs: Math.floor(performance.now()) };
}

/** What a node is started from. */
export interface NodeStart {
  readonly config: NodeConfig;
  /** The file's plain values. */
  readonly root: unknown;
  /** An operator says that a majority of blank disks forms the cluster. */
  readonly bootstrap?: boolean;
}

/** Parts that are put together in one place and used by all. */
interface Parts {
  readonly store: Store;
  readonly table: LeaseTable;
  readonly compiled: CompiledService;
  readonly incarnation: number;
  readonly writes: readonly (readonly [string, string])[];
  readonly starts: number;
}

/** One node of the cluster. */
export class Node {
  readonly config: NodeConfig;
  readonly counters = new NodeCounters();
  readonly notices = new OperatorLog();
  readonly startedMs = Date.now();
  readonly #log = logger("node");
  readonly #limiter = new LogLimiter();
  readonly #clock = new AnchoredClock();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #parts: Parts;
  readonly #service: DhcpService;
  readonly #mint: HybridClock;
  readonly #member: Member;
  #text: string;
  #transport: Transport | undefined;
  #listeners: Listeners | undefined;
  #local: { close(): Promise<void> } | undefined;
  #feed: EventFeed | undefined;
  #http: { readonly port: number; close(): Promise<void> } | undefined;
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #flushSoonScheduled = false;
  #stopping = false;
  /** What commands over the network have to show; undefined: there are none. */
  #token: string | undefined;
  #drained = false;
  #tickedMs = performance.now();
  #storeWasOk = true;

  private constructor(start: NodeStart, store: Store) {
    const { config } = start;
    this.config = config;
    const [incarnation = 0, hashSeed = 0] = crypto.getRandomValues(new Uint32Array(2));
    const { identity, writes } = startIdentity(store.facts, Math.random);
    const starts = nextStarts(Number(store.facts.get(RUN_FACT) ?? 0), Date.now());
    this.#text = serviceText(start.root);
    const compiled = new CompiledService(this.#initialService(store));
    const table = tableFor(compiled, { hashSeed, start: ((identity.bootCount - 1) * GOLDEN_RATIO) % 1 });
    this.#mint = new HybridClock({ node: config.node.id, incarnation });
    this.#service = new DhcpService({
      compiled,
      table,
      agreement: {
        propose: (proposal, now, decided) => {
          const startedMs = performance.now();
          this.#member.propose(proposal, now, (outcome, at) => {
            const endedMs = performance.now();
            if (outcome.committed) this.counters.commits.observe(endedMs - startedMs, endedMs);
            decided(outcome, at);
          });
          this.#flushSoon();
        },
        end: (request, now, durable) => {
          const ended = this.#member.end(request, now, durable);
          this.#flushSoon();
          return ended;
        },
        denyLease: (address, client, now, contradicted) => this.#member.denyLease(address, client, now, contradicted),
        want: (pools) => this.#member.want(pools),
        isLive: (address, now) => this.#member.isLive(address, now),
      },
      clock: this.#clock,
      counters: this.counters,
      log: this.#log,
      limiter: this.#limiter,
      now: readClocks,
      unserved: (now) => this.#unserved(now),
      happened: (event) => this.#feed?.lease(event),
    });
    const service = this.#service;
    this.#parts = {
      store,
      table,
      compiled,
      incarnation,
      starts,
      writes: [...writes, [RUN_FACT, String(starts)]],
    };
    this.#member = new Member({
      self: config.node.id,
      incarnation,
      identity,
      nodes: config.cluster.nodes,
      bootstrap: start.bootstrap ?? false,
      table,
      clock: this.#clock,
      mint: this.#mint,
      limits: service.limits,
      facts: store.facts,
      pools: () => service.pools,
      activate: (_revision, text) => this.#activate(text),
      validate: (text) => {
        // Members that came by command are in nobody's file.
        const nodes = [...config.cluster.nodes, ...this.#member.membership.members];
        const read = readServiceText(text, { dhcp: config.dhcp, cluster: { ...config.cluster, nodes } });
        return read.ok ? undefined : read.problem;
      },
      revise: reviseServiceText,
      able: () => this.#listeners !== undefined && !this.#stopping && !this.#drained && store.health.ok,
      random: Math.random,
      ports: {
        send: (to, message) => this.#transport?.send(to, message),
        broadcast: (message) => this.#transport?.broadcast(message),
        persist: (writes, durable) => this.#persist(writes, durable),
        notice: (notice) => this.notices.take(notice),
        members: (members) => this.#transport?.setMembers(this.#reachable(members)),
      },
      now: readClocks(),
    });
    this.#member.offer({ revision: config.service.revision, text: this.#text });
  }

  /** Starts a node and returns once it listens. Rejects with one line that says what is wrong and what to do. */
  static async start(start: NodeStart): Promise<Node> {
    const store = await openStore({ stateDir: start.config.node.stateDir });
    let node: Node | undefined;
    try {
      node = new Node(start, store);
      await node.#readToken();
      await node.#load();
      await node.#openTransport();
      await node.#listen();
      return node;
    } catch (error) {
      if (node === undefined) await store.close();
      else await node.stop();
      throw error;
    }
  }

  /** What this disk knows to be newer than the file, else the file. */
  #initialService(store: Store) {
    const { service } = this.config;
    const stored = store.facts.get(CONFIG_FACTS.text);
    const isNewer = stored !== undefined && Number(store.facts.get(CONFIG_FACTS.revision)) > service.revision;
    const read = isNewer ? readServiceText(stored, this.config) : undefined;
    if (!read?.ok) return service;
    this.#text = stored as string;
    return read.service;
  }

  async #load(): Promise<void> {
    const started = performance.now();
    const { table, store, writes } = this.#parts;
    // Alone, what is on this disk is on a majority's: a certificate need not have reached it.
    const alone = this.#member.membership.members.length === 1;
    const certified = ({ slot }: LeaseRow) =>
      alone && slot.state === "bound" ? { ...slot, committedVersion: slot.version } : slot;
    table.beginLoad();
    await store.load((row) => {
      this.#mint.observe(row.slot.version);
      table.set(row.address, certified(row), row.detail);
    });
    table.endLoad();
    // Nothing is said before it is durable that this start happened.
    await new Promise<void>((resolve) => store.write({ facts: writes }, resolve));
    this.#log.info("Loaded {rows} leases from {stateDir} in {ms} ms", {
      rows: table.size,
      stateDir: this.config.node.stateDir,
      ms: Math.round(performance.now() - started),
    });
  }

  async #openTransport(): Promise<void> {
    const { cluster, node } = this.config;
    if (cluster.keyFile === undefined) {
      if (this.#member.membership.members.length === 1) return;
      throw new Error(
        "this node is a member of a cluster: cluster.keyFile is missing; name the key file of the others",
      );
    }
    this.#transport = await Transport.open({
      self: { node: node.id, starts: this.#parts.starts, incarnation: this.#parts.incarnation },
      members: this.#reachable(this.#member.membership.members),
      port: cluster.port,
      multicast: cluster.multicast,
      keys: await readKeyFile(cluster.keyFile),
      envelope: () => this.#member.envelope(),
      receive: (envelope, message) => {
        const now = readClocks();
        this.#member.receive(envelope, message, now);
        this.#flushSoon();
      },
      problem: (problem) => this.notices.problem(problem),
    });
  }

  /** This node can always be reached at its own address, even when it was removed. */
  #reachable(members: readonly { id: number; address: number }[]): { id: number; address: number }[] {
    const { node, cluster } = this.config;
    const own = cluster.nodes.filter(({ id }) => id === node.id);
    return [...members.filter(({ id }) => id !== node.id), ...own];
  }

  async #listen(): Promise<void> {
    const { dhcp, http, node } = this.config;
    this.#timers.push(
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#logSummaries(), SUMMARY_MS),
    );
    this.#listeners = await openListeners(dhcp, {
      datagram: (bytes, arrival, send) => {
        if (!this.#stopping) this.#service.receive(bytes, arrival, send);
      },
    });
    this.#tick();
    this.#feed = new EventFeed(this);
    const app = nodeApps(this, this.#feed);
    this.#http = serveHttp(app(tokenGuard(() => this.#token)), http);
    this.#listenLocally(app(OPEN));
    const sockets = socketImplementation();
    const onLink = dhcp.interfaces.map(({ name }) => ` and ${name}`).join("");
    this.#log.info(
      "Node {id} serves DHCP on {address}:{port}{attached} ({sockets}), HTTP on {httpAddress}:{httpPort}",
      {
        onLink,
        id: node.id,
        address: formatIpv4(dhcp.address),
        port: dhcp.port,
        sockets: sockets.kind === "linux" ? "libc sockets" : `portable sockets: ${sockets.reason}`,
        httpAddress: formatIpv4(http.address),
        httpPort: this.#http.port,
      },
    );
  }

  /** Without its socket a node still serves; the path may be too long for one. */
  #listenLocally(app: HttpHandler): void {
    try {
      this.#local = listenLocally(this.config.node.stateDir, app);
    } catch (error) {
      this.#log.warn("No commands to this node, as its socket can't be opened: {error}; shorten node.stateDir", {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /** Whether this node can grant leases now, and if not, why and what to do. */
  readiness(): Readiness {
    const reason = this.#unreadyReason();
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }

  #unreadyReason(): string | undefined {
    if (this.#stopping) return "stopping";
    if (this.#drained) return "drained: an operator took this node out; dhcpcluster-node drain --undo brings it back";
    if (this.#listeners === undefined) return "starting";
    const { health } = this.#parts.store;
    if (!health.ok) return `store: ${health.reason ?? "failed"}`;
    const unready = this.#member.unready(readClocks());
    return unready && explainUnready(unready);
  }

  #unserved(now: Instant): Unserved | undefined {
    if (this.#stopping) return "stopping";
    if (this.#drained) return "drained";
    if (!this.#parts.store.health.ok) return "store";
    return this.#member.unready(now)?.kind;
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
      table: this.#parts.table,
      store: this.#parts.store,
      member: this.#member,
      transport: this.#transport,
      listeners: this.#listeners,
    };
  }

  /** The port HTTP is served on; undefined before it is. */
  get httpPort(): number | undefined {
    return this.#http?.port;
  }

  /** Takes over what may change while it runs: the `service` section, keys and token. Rejects when one of their files is bad. */
  async reload(config: NodeConfig, root: unknown): Promise<void> {
    await this.#readToken();
    this.#member.offer({ revision: config.service.revision, text: serviceText(root) });
    if (this.#transport === undefined || this.config.cluster.keyFile === undefined) return;
    const before = this.#transport.keyIds.join(" ");
    this.#transport.setKeys(await readKeyFile(this.config.cluster.keyFile));
    const after = this.#transport.keyIds;
    if (before !== after.join(" ")) this.#log.info("Keys from now on: {keys} (the first one seals)", { keys: after });
  }

  async #readToken(): Promise<void> {
    const { tokenFile } = this.config.http;
    if (tokenFile !== undefined) this.#token = await readTokenFile(tokenFile);
  }

  #activate(text: string): void {
    if (text === this.#text && this.#service.compiled === this.#parts.compiled) return;
    const read = readServiceText(text, this.config);
    if (!read.ok) {
      this.#log.error("Kept the running configuration, as that of the cluster can't be used: {problem}", read);
      return;
    }
    this.#text = text;
    this.#service.reconfigure(new CompiledService(read.service));
  }

  /** Sends what was proposed outside of a burst of input. */
  flush(): void {
    this.#flushSoon();
  }

  /** Whether the main loop does its work: for a watchdog. A store that fails is no reason to restart: it says why. */
  get alive(): boolean {
    return performance.now() - this.#tickedMs < ALIVE_MS;
  }

  /** Whether an operator took this node out. */
  get drained(): boolean {
    return this.#drained;
  }

  /** Serves nobody, or again. A node that served nobody until somebody remembered it would be a trap: a restart ends it. */
  drain(on: boolean): void {
    if (on === this.#drained) return;
    this.#drained = on;
    this.#log.info(on ? "Drained: this node serves no clients, and goes on keeping leases" : "This node serves again");
  }

  /** Answers what is in flight, writes everything down and closes. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const deadline = performance.now() + DRAIN_MS;
    this.#parts.store.flush();
    while (this.#member.pending > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // Somebody else leads at once, and not only when this node is missed.
    this.#member.stepDown(readClocks());
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#flushing);
    this.#listeners?.close();
    this.#feed?.close();
    this.#logSummaries(true);
    await Promise.all([this.#http?.close(), this.#local?.close()]);
    this.#transport?.close();
    await this.#parts.store.close();
    this.#log.info("stopped");
  }

  #persist(writes: Writes, durable: (now: Instant) => void): void {
    this.#parts.store.write(writes, () => {
      durable(readClocks());
      this.#flushSoon();
    });
  }

  /** Sends what was proposed at the end of this burst of input, in one batch. */
  #flushSoon(): void {
    if (this.#flushSoonScheduled || !this.#member.unsent) return;
    this.#flushSoonScheduled = true;
    queueMicrotask(() => {
      this.#flushSoonScheduled = false;
      this.#flush();
    });
  }

  /** What came within a millisecond of the last batch goes with the next one. */
  #flush(): void {
    this.#member.flush(readClocks());
    if (!this.#member.unsent || this.#flushing !== undefined) return;
    this.#flushing = setTimeout(() => {
      this.#flushing = undefined;
      this.#flush();
    }, CLUSTER_LIMITS.batchMs);
  }

  #tick(): void {
    const now = readClocks();
    this.#tickedMs = performance.now();
    this.#member.tick(now);
    if (this.#drained) this.#leaveLead(now);
    this.#service.tick(now);
    this.#parts.store.flush();
    const { ok, reason } = this.#parts.store.health;
    if (ok === this.#storeWasOk) return;
    this.#storeWasOk = ok;
    if (ok) this.#log.info("The store works again");
    else this.#log.error("The store failed, no lease is granted until it works again: {reason}", { reason });
  }

  /** Who serves nobody leaves leading to somebody who does. */
  #leaveLead(now: Instant): void {
    const member = this.#member;
    if (member.role !== "leader") return;
    const able = member.peers(now).filter(({ live: present, said }) => present && said?.ready === true).length;
    if (2 * (able + 1) > member.membership.members.length) member.stepDown(now);
  }

  #logSummaries(all = false): void {
    const nowMs = readClocks().monotonicMs;
    const summaries = all ? this.#limiter.takeAll(nowMs) : this.#limiter.takeSummaries(nowMs);
    for (const summary of summaries) this.#log.info(formatSummary(summary));
  }
}
