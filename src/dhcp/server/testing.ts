/** For tests of the server: clients and a server with an instant disk, joined by function calls. */

import { deniesLease } from "../../lease/agreement/rule.ts";
import { Proposer } from "../../lease/agreement/proposer.ts";
import { AnchoredClock, type Bounds, type Instant } from "../../lease/agreement/clock.ts";
import { HybridClock } from "../../lease/agreement/hybrid_clock.ts";
import type { LeaseTable } from "../../lease/table/lease_table.ts";
import { formatIpv4, type Ipv4, parseIpv4, parsePrefix, parseRange, type Prefix, type Range } from "../../net/ipv4.ts";
import { BOOTREQUEST, type Message, MESSAGE_TYPE } from "../message.ts";
import { OPTIONS, writeOption } from "../options/mod.ts";
import { encodeRelayAgentInformation, type RelayAgentInformation } from "../relay_agent_information.ts";
import type { Action } from "./action.ts";
import { type ServiceConfig, STRANGERS_DEFAULT, type SubnetConfig } from "../../config/service_schema.ts";
import { CompiledService } from "./compiled_service.ts";
import type { LinkReport } from "./link_budgets.ts";
import type { Arrival } from "./query.ts";
import type { RelayTrust } from "./relay_trust.ts";
import { type Conflict, DhcpServer, tableFor } from "./dhcp_server.ts";

/** Reads an address that the test wrote. */
export function ip(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`No address: ${text}`);
  return address;
}

function prefix(text: string): Prefix {
  const value = parsePrefix(text);
  if (value === undefined) throw new Error(`No prefix: ${text}`);
  return value;
}

function range(text: string): Range {
  const value = parseRange(text);
  if (value === undefined) throw new Error(`No range: ${text}`);
  return value;
}

/** A subnet with pools in text form. */
export function subnet(text: string, pools: string[], extra: Partial<SubnetConfig> = {}): SubnetConfig {
  return {
    prefix: prefix(text),
    pools: pools.map((pool) => ({ range: range(pool), options: new Map() })),
    reservations: [],
    options: new Map(),
    ...extra,
  };
}

/** A service with an hour's lease time. */
export function service(subnets: SubnetConfig[], extra: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    revision: 1,
    leaseSeconds: 3_600,
    declineSeconds: 86_400,
    authoritative: true,
    rapidCommit: true,
    bootp: false,
    clientIdentity: "clientId",
    conflictDetection: true,
    strangers: { ...STRANGERS_DEFAULT, firstLeaseSeconds: 300 },
    options: new Map(),
    classes: [],
    reservations: [],
    optionDefinitions: [],
    subnetSelection: false,
    sharedNetworks: [],
    subnets,
    ...extra,
  };
}

/** What a test message has beside its type. */
export interface MessageParts {
  xid?: number;
  ciaddr?: string;
  giaddr?: string;
  requested?: string;
  server?: string;
  clientId?: Uint8Array;
  wanted?: number[];
  agent?: RelayAgentInformation;
  hostname?: string;
  leaseSeconds?: number;
  options?: [number, Uint8Array][];
}

/** A client's message; `mac` are the last octets of its hardware address. */
export function clientMessage(type: keyof typeof MESSAGE_TYPE, mac: number, parts: MessageParts = {}): Message {
  const options = new Map<number, Uint8Array>();
  writeOption(options, OPTIONS.messageType, MESSAGE_TYPE[type]);
  if (parts.requested !== undefined) writeOption(options, OPTIONS.requestedIpAddress, ip(parts.requested));
  if (parts.server !== undefined) writeOption(options, OPTIONS.serverIdentifier, ip(parts.server));
  if (parts.clientId !== undefined) writeOption(options, OPTIONS.clientIdentifier, parts.clientId);
  if (parts.leaseSeconds !== undefined) writeOption(options, OPTIONS.addressLeaseTime, parts.leaseSeconds);
  if (parts.hostname !== undefined) options.set(OPTIONS.hostName.code, new TextEncoder().encode(parts.hostname));
  if (parts.wanted !== undefined) {
    writeOption(options, OPTIONS.parameterRequestList, Uint8Array.from(parts.wanted));
  }
  for (const [code, value] of parts.options ?? []) options.set(code, value);
  if (parts.agent !== undefined) {
    options.set(OPTIONS.relayAgentInformation.code, encodeRelayAgentInformation(parts.agent));
  }
  return {
    op: BOOTREQUEST,
    htype: 1,
    hops: 0,
    xid: parts.xid ?? mac,
    secs: 0,
    flags: 0,
    ciaddr: ip(parts.ciaddr ?? "0.0.0.0"),
    yiaddr: 0,
    siaddr: 0,
    giaddr: ip(parts.giaddr ?? "0.0.0.0"),
    chaddr: Uint8Array.of(2, 0, 0, mac >>> 16, mac >>> 8, mac),
    sname: new Uint8Array(),
    file: new Uint8Array(),
    options,
  };
}

/** The server's address in tests. */
export const SERVER = "10.99.0.11";

const TYPE_NAMES = new Map<number, string>(Object.entries(MESSAGE_TYPE).map(([name, code]) => [code, name]));

/** A server on the lease agreement of a node alone, whose disk is instant. */
export class TestServer {
  now: Instant = { wallMs: 1_700_000_000_000, monotonicMs: 0 };
  readonly table: LeaseTable;
  /** Pools that lacked an address. */
  readonly wanted: number[] = [];
  /** Other members of the cluster by address, and whether they serve. */
  readonly members = new Map<Ipv4, boolean>();
  /** Hosts that were found to use free addresses. */
  readonly conflicts: Conflict[] = [];
  /** As after a forced recovery. */
  renewalsOnly = false;
  /** A member of an earlier release is live. */
  hasEarlierRelease = false;
  readonly #clock = new AnchoredClock();
  readonly #proposer: Proposer;
  readonly #service: DhcpServer;
  #outcome: string | undefined;
  #stalled = false;

  constructor(config: ServiceConfig, relays?: RelayTrust) {
    const clock = this.#clock;
    clock.anchor(this.now);
    const compiled = new CompiledService(config);
    this.table = tableFor(compiled, { hashSeed: 4711 });
    const proposer = new Proposer({
      self: 1,
      table: this.table,
      clock,
      versions: new HybridClock({ node: 1, incarnation: 1 }),
      membership: { size: 1 },
      ports: {
        persist: (_row, durable) => this.#stalled || durable(this.now),
        propagate: () => {},
        committed: () => {},
      },
    });
    this.#proposer = proposer;
    this.#service = new DhcpServer({
      compiled,
      table: this.table,
      ...(relays === undefined ? {} : { relays }),
      agreement: {
        propose: (proposal, now, decided) => proposer.propose(proposal, now, decided),
        end: (request, now, durable) => proposer.end(request, now, durable),
        endRest: (address, now) => proposer.endRest(address, now, () => {}),
        denyLease: (address, client, now, denied) => {
          const time = clock.bounds(now);
          if (time !== undefined && deniesLease(this.table.get(address), client, time)) denied(now);
        },
        want: (pools) => this.wanted.push(...pools),
        isRenewalsOnly: () => this.renewalsOnly,
        hasEarlierRelease: () => this.hasEarlierRelease,
        serves: (address) => this.members.get(address),
      },
      events: {
        granted: () => {},
        failed: (_action, reason) => this.#outcome = reason,
        ended: (action) => this.#outcome = action.how,
        restEnded: () => {},
        conflict: (conflict) => this.conflicts.push(conflict),
      },
    });
  }

  get compiled(): CompiledService {
    return this.#service.compiled;
  }

  /** What exceeded a limit. */
  reports(): LinkReport[] {
    return this.#service.linkReports(this.now);
  }

  /** The addresses that are to be probed on the link with this address. */
  probesWanted(link: string): string[] {
    return this.#service.probesWanted(ip(link), this.now, this.#bounds()).map(formatIpv4);
  }

  /** No host answered for these addresses, and the hosts with these last octets of their hardware address for those. */
  probed(clear: readonly string[], used: readonly (readonly [address: string, mac: number])[] = []): void {
    const hosts = used.map(([address, mac]) => ({ address: ip(address), mac: Uint8Array.of(2, 0, 0, 0, 0, mac) }));
    this.#service.probed({ clear: clear.map(ip), used: hosts, giaddr: 0 }, this.now, this.#bounds());
  }

  /** Serves another configuration. */
  reconfigure(config: ServiceConfig): void {
    this.#service.reconfigure(new CompiledService(config), this.now, this.#clock.bounds(this.now));
  }

  /** The lease table of a node that starts with this one's disk. */
  restarted(): LeaseTable {
    const table = tableFor(this.compiled, { hashSeed: 4711 });
    table.load(this.table.rows());
    return table;
  }

  /** Advances the clock; the anchor is renewed as in a running node. */
  wait(seconds: number): void {
    this.now = { wallMs: this.now.wallMs + seconds * 1_000, monotonicMs: this.now.monotonicMs + seconds * 1_000 };
    this.#clock.anchor(this.now);
    this.#proposer.tick(this.now);
    this.#service.tick(this.now, this.#clock.bounds(this.now));
  }

  /** No proposal gets a quorum from now on. */
  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
  }

  /** Performs the decision; returns it, and the reply if one was sent. */
  serve(message: Message, arrival: Partial<Arrival> = {}): { action: Action; reply: Message | undefined } {
    const full = {
      from: message.giaddr || message.ciaddr,
      serverIdentifier: ip(SERVER),
      receivedOn: ip(SERVER),
      onLink: false,
      ...arrival,
    };
    let reply: Message | undefined;
    const action = this.#service.handle(message, full, this.now, this.#bounds(), (answer) => reply = answer);
    return { action, reply };
  }

  #bounds(): Bounds {
    const bounds = this.#clock.bounds(this.now);
    if (bounds === undefined) throw new Error("The test's clock has no anchor");
    return bounds;
  }

  /** Performs the decision. The reply, or why there is none. */
  handle(message: Message, arrival: Partial<Arrival> = {}): Message | string {
    this.#outcome = undefined;
    const { action, reply } = this.serve(message, arrival);
    if (reply !== undefined) return reply;
    if (action.kind === "drop") return action.reason;
    return this.#outcome ?? (action.kind === "end" ? "not ended" : "undecided");
  }

  /** One line: message type and address, or why there is no reply. */
  say(message: Message, arrival: Partial<Arrival> = {}): string {
    const result = this.handle(message, arrival);
    if (typeof result === "string") return result;
    const type = TYPE_NAMES.get(result.options.get(OPTIONS.messageType.code)?.[0] ?? 0) ?? "?";
    return result.yiaddr === 0 ? type : `${type} ${formatIpv4(result.yiaddr)}`;
  }

  /** DISCOVER and REQUEST; the line of the last reply. */
  lease(mac: number, parts: MessageParts = {}): string {
    const offer = this.handle(clientMessage("DISCOVER", mac, parts));
    if (typeof offer === "string") return offer;
    const requested = formatIpv4(offer.yiaddr);
    return this.say(clientMessage("REQUEST", mac, { server: SERVER, ...parts, requested }));
  }
}
