/**
 * dnsmasq's tags: a tag of a range means its subnet or pool, a tag of a host its reservation, a tag of a match the
 * clients of a condition, and the name of an interface what comes in by it.
 */

import { ALWAYS, both, type Condition } from "../conditions.ts";
import type { Draft, DraftPool, DraftReservation, DraftSubnet } from "../draft.ts";

/** What a list of tags means. */
export type Target =
  | { readonly kind: "all" }
  | { readonly kind: "levels"; readonly levels: readonly (DraftPool | DraftSubnet)[] }
  | { readonly kind: "hosts"; readonly reservations: readonly DraftReservation[] }
  | { readonly kind: "clients"; readonly condition: Condition }
  | { readonly kind: "refused"; readonly reason: string };

const refused = (reason: string): Target => ({ kind: "refused", reason });

/** The tag of all clients with a `dhcp-host`. */
const KNOWN = "known";

/** The tags of one file. */
export class Tags {
  readonly #draft: Draft;
  readonly #ranges = new Map<string, (DraftPool | DraftSubnet)[]>();
  readonly #hosts = new Map<string, DraftReservation[]>();
  readonly #matches = new Map<string, Condition>();
  readonly #interfaces = new Set<string>();

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** A range sets a tag for what asks within it. */
  ofRange(tag: string, level: DraftPool | DraftSubnet): void {
    this.#ranges.set(tag, [...this.#ranges.get(tag) ?? [], level]);
  }

  /** A host sets a tag for itself. */
  ofHost(tag: string, reservation: DraftReservation): void {
    this.#hosts.set(tag, [...this.#hosts.get(tag) ?? [], reservation]);
  }

  /** A match sets a tag for clients; several for one tag are alternatives. */
  ofMatch(tag: string, condition: Condition): void {
    const earlier = this.#matches.get(tag);
    this.#matches.set(tag, earlier === undefined ? condition : { kind: "or", terms: [earlier, condition] });
  }

  /** The file names an interface. */
  ofInterface(name: string): void {
    this.#interfaces.add(name);
  }

  /** Whether it is the tag of a range alone. */
  isOfRange(tag: string): boolean {
    return this.#ranges.has(tag) && !this.#matches.has(tag) && !this.#hosts.has(tag);
  }

  /** What a list of tags means; all of them must be set, and none of those with `!`. */
  target(tags: readonly string[]): Target {
    const hosts: DraftReservation[][] = [];
    const levels: (readonly (DraftPool | DraftSubnet)[])[] = [];
    let condition: Condition = ALWAYS;
    for (const tag of tags) {
      const negated = tag.startsWith("!");
      const name = negated ? tag.slice(1) : tag;
      const match = this.#matches.get(name);
      const reservations = name === KNOWN
        ? this.#draft.subnets.flatMap((subnet) => subnet.reservations)
        : this.#hosts.get(name);
      if (match !== undefined) condition = both(condition, negated ? { kind: "not", term: match } : match);
      else if (reservations !== undefined) {
        if (negated) return refused(`"not ${name}" has no counterpart here; set it for those who are meant`);
        hosts.push(reservations);
      } else if (this.#ranges.has(name)) levels.push(negated ? this.#without(name) : this.#levels(name));
      else if (this.#interfaces.has(name)) {
        if (this.#interfaces.size > 1) return refused(`the interface "${name}" is not known here; set it for a subnet`);
        if (negated) return { kind: "levels", levels: [] };
      } else if (!negated) {
        return refused(
          `no converted setting sets the tag "${name}"; set it for the intended subnet, pool, class or reservation`,
        );
      }
    }
    const [first, ...more] = levels;
    const everywhere = levels.every((one) => this.#draft.subnets.every((subnet) => one.includes(subnet)));
    if (hosts.length > 0) {
      const all = hosts[0]?.filter((one) => hosts.every((others) => others.includes(one))) ?? [];
      return condition !== ALWAYS || !everywhere
        ? refused("tags of a host and of a class or a network together have no counterpart")
        : { kind: "hosts", reservations: all };
    }
    if (condition !== ALWAYS) {
      return everywhere
        ? { kind: "clients", condition }
        : refused("tags of a class and of a network together have no counterpart");
    }
    if (first === undefined) return { kind: "all" };
    return more.length > 0
      ? refused("tags of several networks together have no counterpart")
      : { kind: "levels", levels: first };
  }

  /** A tag that all pools of a subnet have is the subnet's: reserved addresses outside of the pools have it as well. */
  #levels(tag: string): readonly (DraftPool | DraftSubnet)[] {
    const tagged = this.#ranges.get(tag) ?? [];
    const levels = new Set<DraftPool | DraftSubnet>();
    for (const level of tagged) {
      const subnet = this.#draft.subnets.find((one) => one === level || one.pools.some((pool) => pool === level));
      const whole = subnet !== undefined && subnet.pools.every((pool) => tagged.includes(pool));
      levels.add(whole ? subnet : level);
    }
    return [...levels];
  }

  #without(tag: string): (DraftPool | DraftSubnet)[] {
    const tagged = this.#levels(tag);
    return this.#draft.subnets.flatMap((subnet): (DraftPool | DraftSubnet)[] => {
      if (tagged.includes(subnet)) return [];
      const others = subnet.pools.filter((pool) => !tagged.includes(pool));
      return others.length === subnet.pools.length ? [subnet] : others;
    });
  }
}
