/**
 * The running relay: creates its parts, and replaces or updates them when the configuration file or the machine's
 * interfaces change.
 */

import type { Logger } from "@logtape/logtape";
import { toHex } from "../src/bytes/hex.ts";
import { isProbeMessage } from "../src/dhcp/probe_exchange.ts";
import type { ArpClaim, ArpSocket } from "../src/net/arp.ts";
import { watchInterfaces } from "../src/net/interface_watch.ts";
import type { NetworkInterface } from "../src/net/network_interface.ts";
import { formatIpv4, type Ipv4 } from "../src/net/ipv4.ts";
import type { RelayConfig } from "./config.ts";
import { Conflicts } from "./conflicts.ts";
import { DropLog } from "./drops.ts";
import { FORWARD } from "./forward/limits.ts";
import { type OutcomeCounts, zeroCounts } from "./forward/outcomes.ts";
import type { Rogue } from "./forward/rogues.ts";
import { Prober } from "./probe/prober.ts";
import type { Pinger } from "./probe/ping.ts";
import { askHealth } from "./probe/readyz.ts";
import { Trust } from "./probe/trust.ts";
import { NodeLog, trackedNodes } from "./nodes.ts";
import { Relay } from "./relay.ts";
import { describeLink, resolveConfig, type Resolved, sameLinks, servesSubnet } from "./resolve.ts";
import { NodeTracker } from "./select/tracker.ts";
import { RelaySockets, type SocketHandlers, type SocketOpener } from "./sockets/relay_sockets.ts";

/** None of the interfaces can be used; `message` is one line that tells the operator what to do. */
export class NoInterfaceError extends Error {
  override readonly name = "NoInterfaceError";
}

/** Dependencies of the service. */
interface ServiceHost {
  readonly log: Logger;
  readonly opener: SocketOpener;
  readonly openArp: (device: string, heard: (claim: ArpClaim) => void) => ArpSocket;
  readonly listInterfaces: () => readonly NetworkInterface[];
  readonly ping: Pinger;
  /** Monotonic clock, in milliseconds. */
  readonly now: () => number;
}

/** The parts that a reload replaces. */
interface Parts {
  readonly config: RelayConfig;
  readonly tracker: NodeTracker;
  readonly relay: Relay;
  readonly prober: Prober;
}

/** Runs from {@link RelayService.start} to {@link RelayService.close}. */
export class RelayService implements SocketHandlers {
  readonly sockets: RelaySockets;
  readonly conflicts: Conflicts;
  readonly #host: ServiceHost;
  readonly #drops: DropLog;
  readonly #nodes: NodeLog;
  /** By interface name, so that they survive a reload. */
  readonly #counts = new Map<string, OutcomeCounts>();
  #parts: Parts;
  #trust: Trust;
  #resolved: Resolved;
  /** The relay before the last reload, for answers to its open transactions. */
  #previous: Relay | undefined;
  /** Health URLs of the nodes that are ready and may be asked which addresses to probe. */
  readonly #probing = new Set<string>();
  #watch: { close(): void } | undefined;
  /** Serialises changes. */
  #changing: Promise<void> = Promise.resolve();
  #lastError = "";
  /** Why an interface could not be probed, by name: said once. */
  readonly #unprobed = new Map<string, string>();

  private constructor(config: RelayConfig, resolved: Resolved, host: ServiceHost, trust: Trust) {
    this.#trust = trust;
    this.#host = host;
    this.#drops = new DropLog(host.log, host.now);
    this.#nodes = new NodeLog(host.log, host.now);
    this.sockets = new RelaySockets({ server: config.relay.port, client: config.relay.clientPort }, host.opener, this);
    this.conflicts = new Conflicts({
      links: () => this.#resolved.links,
      nodes: () => this.config.nodes.filter(({ health }) => this.#probing.has(health)),
      send: (giaddr, bytes, to, port) => this.sockets.sendUpstream(giaddr, bytes, to, port),
      openArp: host.openArp,
      failed: (device, error) => {
        const message = error instanceof Error ? error.message : String(error);
        if (this.#unprobed.get(device) === message) return;
        this.#unprobed.set(device, message);
        host.log.warn("{interface}: no conflict detection: {message}", { interface: device, message });
      },
      now: host.now,
      random: (octets) => crypto.getRandomValues(new Uint8Array(octets)),
    });
    this.#resolved = resolved;
    this.#parts = this.#build(config, resolved, undefined);
  }

  /** Opens the sockets. Rejects when no interface is usable, or a socket cannot be opened. */
  static async start(config: RelayConfig, host: ServiceHost): Promise<RelayService> {
    const resolved = resolveConfig(config, host.listInterfaces());
    requireUsable(resolved);
    const service = new RelayService(config, resolved, host, await Trust.read(config.nodes));
    try {
      await service.sockets.reconcile(resolved.links);
    } catch (error) {
      await service.close();
      throw error;
    }
    for (const { message } of resolved.unusable) host.log.warn("{message}", { message });
    service.conflicts.start();
    service.#watch = watchInterfaces(() => void service.checkInterfaces());
    return service;
  }

  get config(): RelayConfig {
    return this.#parts.config;
  }

  get resolved(): Resolved {
    return this.#resolved;
  }

  get tracker(): NodeTracker {
    return this.#parts.tracker;
  }

  get relay(): Relay {
    return this.#parts.relay;
  }

  /** Switches to another configuration and keeps the state of unchanged nodes. Rejects with the old one in use. */
  reload(config: RelayConfig): Promise<void> {
    return this.#change(async () => {
      const resolved = resolveConfig(config, this.#host.listInterfaces());
      requireUsable(resolved);
      const trust = await Trust.read(config.nodes);
      await this.sockets.reconcile(resolved.links);
      const before = this.#parts;
      before.prober.close();
      this.#trust.close();
      this.#trust = trust;
      this.#previous?.close();
      this.#previous = before.relay;
      this.#resolved = resolved;
      this.#parts = this.#build(config, resolved, before);
      for (const { message } of resolved.unusable) this.#host.log.warn("{message}", { message });
      const forget = () => {
        if (this.#previous === before.relay) this.#previous = undefined;
        before.relay.close();
      };
      Deno.unrefTimer(setTimeout(forget, FORWARD.ttlMs));
    });
  }

  /** Adapts to changed interfaces; runs by itself after each change. */
  checkInterfaces(): Promise<void> {
    return this.#change(() => this.#reconcile());
  }

  request(link: number, bytes: Uint8Array, from: Ipv4, unicast: boolean): void {
    this.#parts.relay.request(link, bytes, from, unicast);
  }

  reply(link: number, bytes: Uint8Array, from: Ipv4, port: number, clientSide: boolean): void {
    if (isProbeMessage(bytes)) return void this.conflicts.receive(bytes, from, port);
    const { relay } = this.#parts;
    const previous = this.#previous;
    const isForPrevious = previous !== undefined && relay.forwarder.defers(bytes, previous.forwarder, this.#host.now());
    (isForPrevious ? previous : relay).reply(link, bytes, from, port, clientSide);
  }

  overheard(link: number, bytes: Uint8Array, from: Ipv4, mac: Uint8Array): void {
    this.#parts.relay.overheard(link, bytes, from, mac);
  }

  /** Stops at once: requests relayed now could not be answered any more. */
  async close(): Promise<void> {
    this.#watch?.close();
    this.conflicts.close();
    await this.#changing;
    this.sockets.close();
    this.#parts.prober.close();
    this.#trust.close();
    this.#parts.relay.close();
    this.#previous?.close();
    this.#nodes.close();
    this.#drops.close();
  }

  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => {});
    return changed;
  }

  #build(config: RelayConfig, resolved: Resolved, before: Parts | undefined): Parts {
    const { now, ping } = this.#host;
    const tracker = new NodeTracker(trackedNodes(config), {
      onEvent: (event) => {
        if (event.kind !== "full" || servesSubnet(this.#resolved, event.subnet)) this.#nodes.add(event);
      },
      onProbe: () => prober.probe(),
      onVerify: (index, timeoutMs) => void prober.verify(index, timeoutMs),
      previous: before?.tracker,
    });
    const names = config.relay.interfaces.map(({ name }) => name);
    const relay = new Relay({
      config: resolved.forward,
      outlet: this.sockets,
      tracker,
      now,
      previous: before?.relay,
      counts: names.map((name) => this.#countsOf(name)),
      dropped: (link, reason, { bytes, from }) => {
        const name = names[link] ?? "";
        if (reason !== "requestStrangerRate") return this.#drops.add(name, reason, bytes, from);
        this.#drops.addStranger(name, relay.forwarder.strangersPerSecond(link, now()));
      },
      rogue: (rogue) => this.#report(names[rogue.link] ?? "", rogue),
    });
    const prober = new Prober({
      nodes: config.nodes,
      intervalMs: config.probe.intervalMs,
      timeoutMs: config.probe.timeoutMs,
      sink: tracker,
      ping: config.probe.ping ? ping : undefined,
      askHealth: async (url, ms, ending) => {
        const result = await askHealth(url, ms, ending, this.#trust.clientFor(url));
        const isProbing = result.kind === "answered" && result.ready && result.probes === true;
        this.#probing[isProbing ? "add" : "delete"](url);
        return result;
      },
      now,
    });
    return { config, tracker, relay, prober };
  }

  #countsOf(name: string): OutcomeCounts {
    const known = this.#counts.get(name) ?? zeroCounts();
    this.#counts.set(name, known);
    return known;
  }

  async #reconcile(): Promise<void> {
    const { log, listInterfaces } = this.#host;
    const resolved = resolveConfig(this.#parts.config, listInterfaces());
    if (sameLinks(resolved, this.#resolved)) return;
    try {
      await this.sockets.reconcile(resolved.links);
    } catch (error) {
      // A new address may not be bindable at once; the next check tries again.
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#lastError) log.error("{message}", { message });
      this.#lastError = message;
      return;
    }
    this.#lastError = "";
    this.#resolved = resolved;
    this.#parts.relay.interfacesChanged(resolved.forward);
    const links = resolved.links.map(describeLink).join(", ");
    log.info("interfaces changed: relaying for {links}", { links });
    for (const { message } of resolved.unusable) log.warn("{message}", { message });
  }

  #report(name: string, { server, mac, replies }: Rogue): void {
    const { log } = this.#host;
    log.warn("{interface}: rogue DHCP server {server} {how}", {
      interface: name,
      server: formatIpv4(server),
      how: replies > 0 ? "answers clients" : "was selected by a client",
      ...(mac === undefined ? {} : { mac: toHex(mac, ":") }),
    });
  }
}

/** A configuration without any usable interface is probably wrong. */
function requireUsable({ unusable, links }: Resolved): void {
  const [first] = unusable;
  if (first !== undefined && unusable.length === links.length) throw new NoInterfaceError(first.message);
}
