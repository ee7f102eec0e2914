/**
 * A running node: opens the store, loads the leases, opens the sockets and serves until it is stopped. Wiring only; every
 * decision is somewhere else.
 */

import { formatSummary, LogLimiter } from "../src/log/limiter.ts";
import { logger } from "../src/log/configure.ts";
import type { Readiness } from "../src/http/health.ts";
import { serveHttp } from "../src/http/serve.ts";
import type { ServiceConfig } from "../src/dhcp/server/config.ts";
import { AnchoredClock, type Instant } from "../src/lease/clock.ts";
import { VersionMint } from "../src/lease/mint.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { socketImplementation } from "../src/net/open.ts";
import { NodeCounters } from "./counters.ts";
import type { NodeConfig } from "./config.ts";
import { DhcpService } from "./dhcpService.ts";
import { nodeApp } from "./http.ts";
import { type Listeners, openListeners } from "./listeners.ts";
import { openStore, type Store } from "./store/mod.ts";

const TICK_MS = 100;
/** Well within the anchor's lifetime, so that it lapses only when the clock is really off. */
const ANCHOR_REFRESH_MS = 60_000;
const SUMMARY_MS = 10_000;
/** What is in flight at a stop is waited for this long; signals give five seconds in all. */
const DRAIN_MS = 3_000;

/** Both clocks of this machine, in whole milliseconds, as everything that is stored. */
function readClocks(): Instant {
  return { wallMs: Date.now(), monotonicMs: Math.floor(performance.now()) };
}

function differ(a: ServiceConfig, b: ServiceConfig): boolean {
  const text = (config: ServiceConfig) =>
    JSON.stringify(config, (_key, value) => value instanceof Map ? [...value] : value);
  return text(a) !== text(b);
}

/** One node of the cluster. */
export class Node {
  readonly config: NodeConfig;
  readonly counters = new NodeCounters();
  readonly startedMs = Date.now();
  readonly #log = logger("node");
  readonly #limiter = new LogLimiter();
  readonly #clock = new AnchoredClock();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #store: Store;
  readonly #service: DhcpService;
  #listeners: Listeners | undefined;
  #http: { readonly port: number; close(): Promise<void> } | undefined;
  #stopping = false;
  #storeWasOk = true;

  private constructor(config: NodeConfig, store: Store) {
    this.config = config;
    this.#store = store;
    const [incarnation = 0, hashSeed = 0] = crypto.getRandomValues(new Uint32Array(2));
    this.#service = new DhcpService({
      nodeId: config.node.id,
      service: config.service,
      clock: this.#clock,
      mint: new VersionMint({ node: config.node.id, incarnation }),
      persist: (row, durable) => store.write({ rows: [row] }, () => durable(readClocks())),
      counters: this.counters,
      log: this.#log,
      limiter: this.#limiter,
      now: readClocks,
      hashSeed,
      storeWorks: () => store.health.ok,
    });
  }

  /** Starts a node and returns once it serves. Rejects with one line that says what is wrong and what to do. */
  static async start(config: NodeConfig): Promise<Node> {
    const store = await openStore({ stateDir: config.node.stateDir });
    const node = new Node(config, store);
    try {
      await node.#load();
      await node.#listen();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  async #load(): Promise<void> {
    const started = performance.now();
    const { table } = this.#service;
    table.beginLoad();
    await this.#store.load((row) => this.#service.load(row));
    table.endLoad();
    this.#log.info("Loaded {rows} leases from {stateDir} in {ms} ms", {
      rows: table.size,
      stateDir: this.config.node.stateDir,
      ms: Math.round(performance.now() - started),
    });
  }

  async #listen(): Promise<void> {
    const { dhcp, http, node } = this.config;
    // A node alone is its own majority: nobody disagrees with its clock.
    this.#clock.anchor(readClocks());
    this.#timers.push(
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#refreshAnchor(), ANCHOR_REFRESH_MS),
      setInterval(() => this.#logSummaries(), SUMMARY_MS),
    );
    this.#listeners = await openListeners(dhcp, {
      datagram: (bytes, arrival, send) => {
        if (!this.#stopping) this.#service.receive(bytes, arrival, send);
      },
    });
    this.#http = serveHttp(nodeApp(this), http);
    const sockets = socketImplementation();
    const attached = dhcp.interfaces.map(({ name }) => ` and ${name}`).join("");
    this.#log.info(
      "Node {id} serves DHCP on {address}:{port}{attached} ({sockets}), HTTP on {httpAddress}:{httpPort}",
      {
        attached,
        id: node.id,
        address: formatIpv4(dhcp.address),
        port: dhcp.port,
        sockets: sockets.kind === "linux" ? "libc sockets" : `portable sockets: ${sockets.reason}`,
        httpAddress: formatIpv4(http.address),
        httpPort: this.#http.port,
      },
    );
  }

  /** Whether this node can grant leases now, and if not, why and what to do. */
  readiness(): Readiness {
    const reason = this.#unreadyReason();
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }

  #unreadyReason(): string | undefined {
    if (this.#stopping) return "stopping";
    if (this.#listeners === undefined) return "starting";
    const { health } = this.#store;
    if (!health.ok) return `store: ${health.reason ?? "failed"}`;
    const now = readClocks();
    return this.#clockFault(now);
  }

  #clockFault(now: Instant): string | undefined {
    switch (this.#clock.fault(now)) {
      case undefined:
        return undefined;
      case "wallJumped": {
        const seconds = Math.round(this.#clock.jumpMs(now) / 1_000);
        return `clock: it jumped by ${seconds} s; set it back, or restart the node if it is right now`;
      }
      case "noAnchor":
        return "clock: it jumped over an hour ago; restart the node once the time is right";
    }
  }

  /** The state behind `/status` and `/metrics`. */
  get parts(): { service: DhcpService; store: Store; listeners: Listeners | undefined } {
    return { service: this.#service, store: this.#store, listeners: this.#listeners };
  }

  /** The port HTTP is served on; undefined before it is. */
  get httpPort(): number | undefined {
    return this.#http?.port;
  }

  /** Serves another `service` section from now on. */
  reload(service: ServiceConfig): void {
    const { config } = this.#service.policy;
    if (service.revision < config.revision || (service.revision === config.revision && differ(service, config))) {
      this.#log.warn("service has changed and its revision has not risen: raise it, the highest one counts", {
        revision: service.revision,
        was: config.revision,
      });
    }
    this.#service.reload(service);
  }

  /** Answers what is in flight, writes everything down and closes. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const deadline = performance.now() + DRAIN_MS;
    this.#store.flush();
    while (this.#service.pending > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const timer of this.#timers) clearInterval(timer);
    this.#listeners?.close();
    this.#logSummaries(true);
    await this.#http?.close();
    await this.#store.close();
    this.#log.info("stopped");
  }

  #tick(): void {
    this.#service.tick(readClocks());
    this.#store.flush();
    const { ok, reason } = this.#store.health;
    if (ok === this.#storeWasOk) return;
    this.#storeWasOk = ok;
    if (ok) this.#log.info("The store works again");
    else this.#log.error("The store failed, no lease is granted until it works again: {reason}", { reason });
  }

  #refreshAnchor(): void {
    const now = readClocks();
    const fault = this.#clockFault(now);
    // Nobody else can tell which clock is right: a jump is believed by a restart only, which somebody decided.
    if (fault === undefined) this.#clock.anchor(now);
    else this.#log.error(fault);
  }

  #logSummaries(all = false): void {
    const nowMs = readClocks().monotonicMs;
    const summaries = all ? this.#limiter.takeAll(nowMs) : this.#limiter.takeSummaries(nowMs);
    for (const summary of summaries) this.#log.info(formatSummary(summary));
  }
}
