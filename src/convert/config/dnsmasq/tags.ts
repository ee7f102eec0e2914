/**
 * dnsmasq's tags: those that a range sets stand for its subnet or pool, those of a host for its reservation, those of a match
 * for a class. A value with tags goes to the level that its tags stand for.
 */

import type { Place } from "../../leases/lease.ts";
import {
  type Draft,
  type DraftClass,
  type DraftMatch,
  type DraftPool,
  type DraftReservation,
  type DraftSettings,
  type DraftSubnet,
  emptySettings,
  saysNothing,
} from "../draft.ts";
import type { Findings } from "../findings.ts";
import type { Setting } from "./lines.ts";

/** The tags of one file. */
export class Tags {
  readonly #draft: Draft;
  readonly #file: string;
  readonly #findings: Findings;
  /** What a tag of a range stands for. */
  readonly #ranges = new Map<string, (DraftPool | DraftSubnet)[]>();
  readonly #hosts = new Map<string, DraftReservation[]>();
  readonly #matches = new Map<string, { place: Place; matches: DraftMatch[] }>();
  /** Classes by the tags that make them, the order of the tags aside. */
  readonly #classes = new Map<string, DraftClass[]>();
  /** Tags whose absence is asked for: their classes have to win. */
  readonly #negated = new Set<string>();

  constructor(draft: Draft, file: string, findings: Findings) {
    this.#draft = draft;
    this.#file = file;
    this.#findings = findings;
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
  ofMatch(tag: string, place: Place, matches: readonly DraftMatch[]): void {
    const entry = this.#matches.get(tag) ?? { place, matches: [] };
    this.#matches.set(tag, entry);
    entry.matches.push(...matches);
  }

  /** The levels that a list of tags stands for; undefined when nothing here does, with the reason reported. */
  levels(tags: readonly string[], setting: Setting): readonly DraftSettings[] | undefined {
    const refuse = (advice: string) => {
      this.#findings.lost(this.#place(setting), setting.text, advice);
      return undefined;
    };
    const wanted = tags.filter((tag) => !tag.startsWith("!"));
    for (const tag of tags.filter((one) => one.startsWith("!")).map((one) => one.slice(1))) {
      if (!this.#matches.has(tag)) {
        return refuse(`"not ${tag}" has no counterpart here; set it for those who are meant`);
      }
      this.#negated.add(tag);
      const advice = `clients of the class ${tag} get this, too, unless the class says something else`;
      this.#findings.changed(this.#place(setting), setting.text, advice);
    }
    const [tag, ...more] = wanted;
    if (tag === undefined) return [this.#draft];
    const unknown = wanted.find((one) => !this.#ranges.has(one) && !this.#hosts.has(one) && !this.#matches.has(one));
    if (unknown !== undefined) {
      return refuse(
        `nothing that could be converted sets the tag "${unknown}"; set it for the subnet, pool, class or reservation that is meant`,
      );
    }
    if (wanted.every((one) => this.#matches.has(one))) return this.#classOf(wanted, setting);
    if (more.length > 0) return refuse("tags of a class and of a network together have no counterpart");
    return this.#hosts.get(tag) ?? this.#rangeLevels(tag);
  }

  /** A tag that all pools of a subnet have is the subnet's: reserved addresses outside of the pools have it as well. */
  #rangeLevels(tag: string): readonly DraftSettings[] {
    const tagged = this.#ranges.get(tag) ?? [];
    const levels = new Set<DraftSettings>();
    for (const level of tagged) {
      const subnet = this.#draft.subnets.find((one) => one === level || one.pools.some((pool) => pool === level));
      const whole = subnet !== undefined && subnet.pools.every((pool) => tagged.includes(pool));
      levels.add(whole ? subnet : level);
    }
    return [...levels];
  }

  #classOf(tags: readonly string[], setting: Setting): readonly DraftSettings[] | undefined {
    const key = tags.toSorted().join("+");
    const known = this.#classes.get(key);
    if (known !== undefined) return known;
    let matches: DraftMatch[] = [{}];
    for (const tag of tags) {
      const own = this.#matches.get(tag)?.matches ?? [];
      const joined = matches.flatMap((left) => own.map((right) => ({ left, right })));
      if (joined.some(({ left, right }) => Object.keys(left).some((one) => one in right))) {
        this.#findings.lost(this.#place(setting), setting.text, "its tags ask for two values of one option");
        return undefined;
      }
      matches = joined.map(({ left, right }) => ({ ...left, ...right }));
    }
    const place = this.#matches.get(tags[0] ?? "")?.place ?? this.#place(setting);
    const settings = emptySettings();
    const classes = oneArchitectureList(matches).map((match) => ({
      ...settings,
      name: key.slice(0, 60) || "class",
      place,
      match,
    }));
    this.#classes.set(key, classes);
    this.#draft.classes.push(...classes);
    return classes;
  }

  /** What the last class says wins: those come last that others exclude, and before them those with more tags. */
  orderClasses(): void {
    const rank = new Map<DraftClass, number>();
    for (const [key, classes] of this.#classes) {
      const tags = key.split("+");
      for (const one of classes) rank.set(one, tags.length + (tags.some((tag) => this.#negated.has(tag)) ? 100 : 0));
    }
    this.#draft.classes.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
    const said = this.#draft.classes.filter((one) => !saysNothing(one));
    this.#draft.classes.splice(0, this.#draft.classes.length, ...said);
  }

  #place(setting: Setting): Place {
    return { file: this.#file, line: setting.line };
  }
}

function oneArchitectureList(matches: readonly DraftMatch[]): DraftMatch[] {
  const joined = new Map<string, DraftMatch>();
  for (const match of matches) {
    const { architecture = [], ...others } = match;
    const key = JSON.stringify([others, architecture.length > 0]);
    const earlier = joined.get(key)?.architecture ?? [];
    joined.set(key, architecture.length === 0 ? match : { ...match, architecture: [...earlier, ...architecture] });
  }
  return [...joined.values()];
}
