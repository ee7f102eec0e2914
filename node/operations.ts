/**
 * What an operator may have a running node do. Every operation either is carried out or says why not, in lines that tell what
 * to do; what it needs of the other nodes is the cluster's business.
 */

import type { ClientKey } from "../src/lease/client.ts";
import type { LeaseDetail } from "../src/lease/slot.ts";
import { parseSource } from "../src/config/source.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../src/net/ipv4.ts";
import { readOctets } from "./http/leases.ts";
import { type ImportedLease, judgeImport } from "./importRule.ts";
import { type Node, readClocks } from "./node.ts";

/** What came of an operation. */
export type Result<Done extends object = object> =
  | ({ readonly ok: true } & Done)
  | {
    readonly ok: false;
    readonly kind: "refused" | "unavailable" | "notFound";
    readonly problems: readonly string[];
  };

/** A reservation as the file has it. */
export interface ReservationInput {
  readonly address: string;
  readonly hardware?: string | undefined;
  readonly clientId?: string | undefined;
  readonly hostname?: string | undefined;
  readonly subnet?: string | undefined;
}

/** What became of one of them. */
export interface Imported {
  readonly address: string;
  readonly outcome: "imported" | "known" | "expired" | "refused";
  readonly problem?: string;
}

/** Leases that are proposed at a time, beside those of clients. */
const IMPORTS_AT_ONCE = 32;
/** A proposal that fails for want of an answer is made again. */
const IMPORT_ATTEMPTS = 3;

type Service = { revision?: number; subnets?: SubnetInput[] } & Record<string, unknown>;
type SubnetInput = { subnet?: string; reservations?: ReservationInput[] } & Record<string, unknown>;

/** The operations of one node. */
export class Operations {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  /** The `service` section that is served. */
  configuration(): Result<{ revision: number; service: Service }> {
    const active = this.#node.parts.member.configuration;
    if (active === undefined) return unavailable("this node does not know yet which configuration the cluster serves");
    return { ok: true, revision: active.revision, service: JSON.parse(active.text) };
  }

  /**
   * Has every member check a `service` section, and serves it when nobody objects. Its `revision` is the next one when it has
   * none. A string is YAML, of the section alone or under `service:`.
   */
  async push(
    given: unknown,
    { checkOnly = false }: { readonly checkOnly?: boolean } = {},
  ): Promise<Result<{ revision: number; absent: readonly number[] }>> {
    const read = readService(given);
    if (typeof read === "string") return refused(read);
    const { revision = 0 } = read;
    if (!Number.isSafeInteger(revision) || revision < 0) return refused("revision must be a whole number, or left out");
    const { member } = this.#node.parts;
    const now = readClocks();
    return await new Promise((resolve) =>
      member.push({ text: JSON.stringify(read), revision, checkOnly }, now, (result) => resolve(result))
    );
  }

  /** Keeps an address for a client: a push of the next revision. */
  async reserve(reservation: ReservationInput): Promise<Result<{ revision: number; warnings: readonly string[] }>> {
    const address = parseIpv4(reservation.address);
    if (address === undefined) return refused(`"${reservation.address}" is not an IPv4 address`);
    if (reservation.hardware === undefined && reservation.clientId === undefined) {
      return refused("whose address it is to be is missing: give hardware or clientId");
    }
    const { subnet: subnetName, ...entry } = reservation;
    const changed = await this.#change((service) => {
      const index = this.#subnetIndex(address);
      if (index === undefined) return `no configured subnet has ${reservation.address}`;
      const subnet = service.subnets?.[index];
      if (subnet === undefined) return "the configuration has no subnets";
      if (subnetName !== undefined && subnetName !== subnet.subnet) {
        return `${reservation.address} lies in ${subnet.subnet}, not in ${subnetName}`;
      }
      const before = subnet.reservations?.find((known) => parseIpv4(known.address) === address);
      if (before !== undefined) return `${reservation.address} is reserved already: remove that reservation first`;
      subnet.reservations = [...(subnet.reservations ?? []), entry];
    });
    return changed.ok ? { ...changed, warnings: this.#holderWarnings(address, reservation) } : changed;
  }

  /** Takes a reservation out: a push of the next revision. */
  async unreserve(address: string): Promise<Result<{ revision: number }>> {
    const wanted = parseIpv4(address);
    if (wanted === undefined) return refused(`"${address}" is not an IPv4 address`);
    let found = false;
    const changed = await this.#change((service) => {
      for (const subnet of service.subnets ?? []) {
        const kept = subnet.reservations?.filter((known) => parseIpv4(known.address) !== wanted);
        if (kept === undefined || kept.length === subnet.reservations?.length) continue;
        subnet.reservations = kept;
        found = true;
      }
      return found ? undefined : `${address} is not reserved`;
    });
    return found || changed.ok ? changed : { ok: false, kind: "notFound", problems: [`${address} is not reserved`] };
  }

  /** Ends a lease as its client's DHCPRELEASE would. The client is not told: it has no business there until it asks again. */
  async release(text: string): Promise<Result> {
    const address = parseIpv4(text);
    if (address === undefined) return refused(`"${text}" is not an IPv4 address`);
    const { member, service } = this.#node.parts;
    const slot = service.table.get(address);
    const now = readClocks();
    if (slot.state !== "bound" || slot.client === undefined || slot.hold <= now.wallMs) {
      return { ok: false, kind: "notFound", problems: [`nobody has a lease of ${text}`] };
    }
    const detail = { ...service.table.detail(address), expires: now.wallMs };
    const { client } = slot;
    return await new Promise((resolve) => {
      const request = { kind: "released", address, client, restMs: 0, detail } as const;
      const ended = member.end(request, now, () => resolve({ ok: true }));
      this.#node.flush();
      if (!ended) resolve(unavailable("this node's clock or slots don't allow it now: try again, or on another node"));
    });
  }

  /** Serves no more (`on`), or again, until it is restarted. A drained node goes on voting and keeping leases. */
  drain(on: boolean): Result {
    this.#node.drain(on);
    return { ok: true };
  }

  /** Starts an election. */
  elect(): Result {
    const { member } = this.#node.parts;
    if (member.role === "standalone") return refused("this node is alone: there is nobody to elect");
    return member.forceElection(readClocks())
      ? { ok: true }
      : unavailable("this node can't lead now: /readyz says why; give the command on another node");
  }

  /** Leaves leading to others for a while. */
  stepDown(): Result {
    this.#node.parts.member.stepDown(readClocks());
    return { ok: true };
  }

  /** Adds or removes a member, on the leader. */
  changeMembers(
    change:
      | { readonly kind: "add"; readonly id: number; readonly address: string }
      | { readonly kind: "remove"; readonly id: number },
  ): Result<{ epoch: number }> {
    const { member, transport } = this.#node.parts;
    if (transport === undefined) {
      return refused("this node has no cluster.keyFile: make one, name it in its file, and restart it");
    }
    const address = change.kind === "add" ? parseIpv4(change.address) : 0;
    if (address === undefined) return refused("this is no IPv4 address");
    const result = member.change(
      change.kind === "add" ? { kind: "add", member: { id: change.id, address } } : { kind: "remove", id: change.id },
      readClocks(),
    );
    if (result.ok) return result;
    const { leader } = member;
    const where = leader === undefined || leader === this.#node.config.node.id ? "" : ` (node ${leader} leads)`;
    return refused(`${result.problem}${where}`);
  }

  /**
   * Takes leases that another server gave, each like a grant: a majority has it on disk. One that is known, or runs for
   * somebody else here, stays as it is.
   */
  async importLeases(leases: readonly ImportedLease[]): Promise<Imported[]> {
    const outcomes: Imported[] = new Array(leases.length);
    let next = 0;
    const worker = async () => {
      for (let index = next++; index < leases.length; index = next++) {
        const lease = leases[index] as ImportedLease;
        outcomes[index] = { address: lease.address, ...await this.#import(lease) };
      }
    };
    await Promise.all(Array.from({ length: IMPORTS_AT_ONCE }, worker));
    return outcomes;
  }

  async #import(lease: ImportedLease): Promise<Omit<Imported, "address">> {
    const { service } = this.#node.parts;
    const now = readClocks();
    const { maxLeaseMs } = service.limits;
    const judged = judgeImport(lease, { policy: service.policy, maxLeaseMs, nowMs: now.wallMs });
    if ("outcome" in judged) return judged;
    const { address, client, leaseMs, detail } = judged;
    const refuse = (problem: string) => ({ outcome: "refused", problem }) as const;
    const slot = service.table.get(address);
    if (slot.state !== "free" && slot.hold > now.wallMs) {
      if (slot.state !== "bound" || slot.client !== client) return refuse("somebody else has it here");
      if (slot.hold >= now.wallMs + leaseMs - 1_000) return { outcome: "known" };
    }
    for (let attempt = 1;; attempt++) {
      const outcome = await this.#propose(address, client, leaseMs, detail);
      if (outcome === undefined) return { outcome: "imported" };
      if (attempt === IMPORT_ATTEMPTS || outcome === "conflict") return refuse(IMPORT_FAILURES[outcome] ?? outcome);
    }
  }

  #propose(address: Ipv4, client: ClientKey, leaseMs: number, detail: LeaseDetail): Promise<string | undefined> {
    return new Promise((resolve) => {
      const xid = Math.floor(Math.random() * 2 ** 32);
      const proposal = { address, client, xid, leaseMs: Math.floor(leaseMs), detail };
      this.#node.parts.member.propose(
        proposal,
        readClocks(),
        (outcome) => resolve(outcome.committed ? undefined : outcome.reason),
      );
      this.#node.flush();
    });
  }

  async #change(edit: (service: Service) => string | undefined): Promise<Result<{ revision: number }>> {
    const current = this.configuration();
    if (!current.ok) return current;
    const service = structuredClone(current.service);
    const problem = edit(service);
    if (problem !== undefined) return refused(problem);
    return await this.push({ ...service, revision: current.revision + 1 });
  }

  /** The place of a subnet in the configuration's list. */
  #subnetIndex(address: Ipv4): number | undefined {
    const { policy } = this.#node.parts.service;
    const subnet = policy.subnetOf(address);
    const index = subnet === undefined ? -1 : policy.config.subnets.indexOf(subnet.config);
    return index < 0 ? undefined : index;
  }

  #holderWarnings(address: Ipv4, { hardware }: ReservationInput): string[] {
    const { table } = this.#node.parts.service;
    const slot = table.get(address);
    if (slot.state !== "bound" || slot.hold <= Date.now()) return [];
    const octets = hardware === undefined ? undefined : readOctets(hardware);
    const { chaddr, expires } = table.detail(address);
    if (octets !== undefined && octets.length === chaddr.length && octets.every((octet, at) => octet === chaddr[at])) {
      return [];
    }
    return [
      `${formatIpv4(address)} is leased to somebody else until ${
        new Date(expires).toISOString()
      }: its client keeps it ` +
      "until it renews, and gets another address then",
    ];
  }
}

const IMPORT_FAILURES: Readonly<Record<string, string>> = {
  conflict: "somebody else has it on another node",
  timeout: "no majority answered in time: try again",
  insane: "it would run too long: look at the clocks",
  noAnchor: "this node's clock is not confirmed by a majority: try again",
  tooManyPending: "too many leases wait for their majority: try again",
};

/** A `service` section out of JSON or YAML, or why not. */
function readService(given: unknown): Service | string {
  let value = given;
  if (typeof value === "string") {
    const { source, issues } = parseSource(value);
    const [issue] = issues;
    if (issue !== undefined) return `line ${issue.line}, column ${issue.column}: ${issue.message}`;
    value = source?.value;
  }
  const mapping = (candidate: unknown): candidate is Record<string, unknown> =>
    typeof candidate === "object" && candidate !== null && !Array.isArray(candidate);
  if (mapping(value) && mapping(value.service)) value = value.service;
  if (!mapping(value)) return "this is no service section: give what stands under `service:` in node.yaml";
  return value as Service;
}

function refused<Done extends object>(...problems: string[]): Result<Done> {
  return { ok: false, kind: "refused", problems };
}

function unavailable<Done extends object>(...problems: string[]): Result<Done> {
  return { ok: false, kind: "unavailable", problems };
}
