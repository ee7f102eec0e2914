/**
 * What other servers say for some clients, in the order in which it counts, as classes here. Each server has its own
 * order of conditions, defaults and exceptions; all of them are chains of branches, and a later chain wins over an
 * earlier one. Classes here are one list of which the last that matches wins, and which can't exclude clients: what a
 * chain keeps from clients is said again for them behind it.
 */

import { ALWAYS, type Clients, type Condition, implies, meet, Translator } from "./conditions.ts";
import {
  type Draft,
  type DraftMatch,
  type DraftSettings,
  emptySettings,
  say,
  type Setting,
  type SettingKey,
  settingsOf,
} from "./draft.ts";
import { formatIpv4 } from "../../net/ipv4.ts";
import type { Findings } from "./findings.ts";
import { optionKey } from "./options.ts";
import type { Place } from "../leases/lease.ts";

/** What clients of a condition get. */
export interface Branch {
  readonly condition: Condition;
  readonly settings: DraftSettings;
  readonly name: string;
  readonly place: Place;
  readonly statement: string;
}

/** Keys for which the settings of subnets and pools win over those of the branch; here they never do. */
export type Beneath = "nothing" | "options" | "pools" | "everything";

/** Where a value of a class comes from. */
interface Origin {
  readonly value: Setting;
  readonly beneath: Beneath;
  readonly name: string;
  readonly place: Place;
}

type Values = ReadonlyMap<SettingKey, Origin>;

interface Entry {
  readonly match: DraftMatch;
  readonly values: Values;
  readonly name: string;
  readonly place: Place;
}

/** The list so far, and what the service says to all. */
interface State {
  readonly entries: readonly Entry[];
  readonly service: Values;
}

/** Keeps a converted file from growing without bound. */
const ENTRIES_MAX = 200;
/** Up to here, needless entries are looked for. */
const PRUNED_MAX = 60;

/** The rules of one file. */
export class Rules {
  readonly #chains: { readonly branches: readonly Branch[]; readonly beneath: Beneath }[] = [];
  readonly #translator = new Translator();
  /** Keys that a branch says to all clients, and to all but some, whatever their subnets say. */
  readonly #forAll = new Set<SettingKey>();
  readonly #forMost = new Map<SettingKey, Branch>();
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Adds a chain, of which the first branch that holds counts; it wins over those before it. */
  add(branches: readonly Branch[], beneath: Beneath): void {
    for (const { condition } of branches) this.#translator.note(condition);
    this.#chains.push({ branches, beneath });
  }

  /** Takes note of a condition that stands outside of the rules. */
  note(condition: Condition): void {
    this.#translator.note(condition);
  }

  /** Puts the classes into the draft, and what holds for all clients into its own settings. */
  lower(draft: Draft): void {
    const nowhere = { file: "", line: 0 };
    const service = new Map<SettingKey, Origin>();
    for (const [key, value] of settingsOf(draft)) {
      service.set(key, { value, beneath: "nothing", name: "", place: value?.place ?? nowhere });
    }
    let state: State = { entries: [], service };
    for (const { branches, beneath } of this.#chains) state = this.#chain(state, branches, beneath);
    for (const [key, { value }] of state.service) say(draft, key, value ?? undefined);
    this.#overSubnets(draft);
    const entries = prune(this.#underSubnets(state.entries, draft));
    this.#tellNone(entries, state.service, draft);
    for (const { match, values, name, place } of entries) {
      const settings = emptySettings();
      for (const [key, { value }] of values) if (value !== null) say(settings, key, value);
      if (settingsOf(settings).size > 0) draft.classes.push({ ...settings, name, place, match });
    }
    this.#tellReservations(draft);
  }

  /** A reservation can't take back what a class says. */
  #tellReservations({ classes, subnets }: Draft): void {
    for (const reservation of subnets.flatMap((subnet) => subnet.reservations)) {
      for (const key of reservation.none) {
        const one = classes.find((each) => settingsOf(each).has(key));
        if (one === undefined) continue;
        const advice = `${keyName(key)}: this client gets none there; here it gets that of class ${one.name} (line ` +
          `${one.place.line}) when it matches: give it a value`;
        this.#findings.changed(reservation.place, `reservation of ${formatIpv4(reservation.address)}`, advice);
      }
    }
  }

  #chain(before: State, branches: readonly Branch[], beneath: Beneath): State {
    let state = before;
    const later = new Set<SettingKey>();
    for (const branch of branches.toReversed()) {
      const own = valuesOf(branch, beneath);
      const after = state;
      for (const clients of this.#clientsOf(branch, branch === branches.at(-1))) {
        for (const key of Object.keys(clients.match).length === 0 ? own.keys() : []) {
          if (isBeneath(beneath, key)) continue;
          if (clients.except.length === 0) this.#forAll.add(key);
          else this.#forMost.set(key, branch);
        }
        state = put(state, clients.match, own, branch);
        const kept = [...later].filter((key) => !own.has(key));
        state = restore(state, clients.match, kept, before, branch);
        for (const except of clients.except) {
          const match = meet(clients.match, except);
          if (match !== undefined) state = restore(state, match, [...own.keys(), ...kept], after, branch);
        }
      }
      for (const key of own.keys()) later.add(key);
    }
    if (state.entries.length <= ENTRIES_MAX) return state;
    const [head] = branches;
    if (head !== undefined) this.#findings.lost(head.place, head.statement, "too many conditions cross; simplify them");
    return before;
  }

  #clientsOf({ condition, place, statement, settings }: Branch, isLast: boolean): readonly Clients[] {
    if (condition === ALWAYS) return [{ match: {}, except: [] }];
    const { clients, remarks, reasons } = this.#translator.translate(condition);
    if (reasons.length > 0 && settingsOf(settings).size > 0) {
      const otherwise = isLast ? "" : "; its clients get what the branches after it say";
      const what = clients.length > 0 ? "a part of its condition" : "its condition";
      this.#findings.lost(place, statement, `${what} has no counterpart here: ${reasons.join("; ")}${otherwise}`);
    }
    for (const remark of remarks) this.#findings.changed(place, statement, remark);
    return clients;
  }

  /** What holds for all clients is said by the service, over which subnets and pools would win. */
  #overSubnets(draft: Draft): void {
    const levels = draft.subnets.flatMap((subnet) => [subnet, ...subnet.pools]);
    for (const key of this.#forAll) for (const level of levels) say(level, key, undefined);
    for (const [key, { place, name }] of this.#forMost) {
      const level = levels.find((one) => settingsOf(one).has(key));
      if (level === undefined) continue;
      const advice =
        `${keyName(key)}: said to all clients but some, and by the subnet of line ${level.place.line}, or ` +
        "a pool of it; there it wins over the subnet, here the subnet wins: remove it from one of the two";
      this.#findings.changed(place, `class ${name}`, advice);
    }
  }

  /** Classes win over subnets and pools here. What all subnets say is never seen of a branch beneath them. */
  #underSubnets(entries: readonly Entry[], draft: Draft): Entry[] {
    const told = new Set<string>();
    return entries.map((entry) => {
      const values = new Map(entry.values);
      for (const [key, { beneath, name, place }] of entry.values) {
        if (!isBeneath(beneath, key)) continue;
        const levels = beneath === "pools" ? [] : draft.subnets.filter((subnet) => settingsOf(subnet).has(key));
        const saying = draft.subnets.filter((subnet) =>
          levels.includes(subnet) || subnet.pools.some((pool) => settingsOf(pool).has(key))
        );
        if (saying.length === 0) continue;
        const whole = levels.length === draft.subnets.length;
        if (whole) {
          values.delete(key);
          continue;
        }
        const advice = `${keyName(key)}: said by it and by the subnet of line ${saying[0]?.place.line}, ` +
          "or a pool of it; there the subnet wins, here the class: remove it from one of the two";
        if (told.has(`${name} ${key}`)) continue;
        told.add(`${name} ${key}`);
        this.#findings.changed(place, `class ${name}`, advice);
      }
      return { ...entry, values };
    });
  }

  /** A class can't take back what the service or another class says. */
  #tellNone(entries: readonly Entry[], service: Values, draft: Draft): void {
    const written = entries.map((entry) => ({
      ...entry,
      values: new Map([...entry.values].filter(([, { value }]) => value !== null)),
    }));
    const told = new Set<string>();
    for (const entry of entries) {
      for (const [key, { value, place, name }] of entry.values) {
        if (value !== null) continue;
        const within = draft.subnets.flatMap((subnet) => [subnet, ...subnet.pools])
          .find((level) => (settingsOf(level).get(key) ?? null) !== null);
        const given = profilesOf(entries).filter((profile) =>
          implies(profile, entry.match)
        ).map((profile) =>
          (valueAt(entries, service, profile, key)?.value ?? null) === null
            ? valueAt(written, service, profile, key)
            : undefined
        ).find((found) => found !== undefined && found.value !== null) ??
          (within && { name: "", place: within.place, value: null });
        if (given === undefined || told.has(`${place.line} ${key} ${given.place.line}`)) continue;
        told.add(`${place.line} ${key} ${given.place.line}`);
        const from = given.name !== "" ? `class ${given.name}` : given.value === null ? "a subnet" : "the service";
        const advice = `${keyName(key)}: clients with ${matchText(entry.match)} get what ${from} says (line ` +
          `${given.place.line}); there they get none, which a class can't say here: give them a value`;
        this.#findings.changed(place, name === "" ? keyName(key) : `class ${name}`, advice);
      }
    }
  }
}

function isBeneath(beneath: Beneath, key: SettingKey): boolean {
  return beneath !== "nothing" && (beneath !== "options" || typeof key === "number");
}

function valuesOf(branch: Branch, beneath: Beneath): Values {
  const { settings, name, place } = branch;
  return new Map(
    [...settingsOf(settings)].map(([key, value]) => [key, { value, beneath, name, place }]),
  );
}

/** Says something to clients, after all that was said. */
function put(state: State, match: DraftMatch, values: Values, from: { name: string; place: Place }): State {
  if (values.size === 0) return state;
  const isAll = Object.keys(match).length === 0;
  const entries = state.entries.flatMap((entry) => {
    if (!isAll && !implies(entry.match, match)) return [entry];
    const kept = new Map([...entry.values].filter(([key]) => !values.has(key)));
    return kept.size === 0 ? [] : [{ ...entry, values: kept }];
  });
  if (isAll) return { entries, service: new Map([...state.service, ...values]) };
  return { ...state, entries: [...entries, { match, values, name: from.name, place: from.place }] };
}

/** Says again to clients what an earlier state said to them. */
function restore(
  state: State,
  match: DraftMatch,
  keys: readonly SettingKey[],
  earlier: State,
  from: { name: string; place: Place },
): State {
  let result = state;
  for (const key of keys) {
    const none: Origin = { value: null, beneath: "nothing", name: from.name, place: from.place };
    const values = (origin: Origin): Values => new Map([[key, origin]]);
    let said: Entry[] = [{ match, values: values(earlier.service.get(key) ?? none), ...from }];
    for (const entry of earlier.entries) {
      const origin = entry.values.get(key);
      const meeting = origin && meet(match, entry.match);
      if (origin === undefined || meeting === undefined) continue;
      const one = { match: meeting, values: values(origin), name: origin.name || from.name, place: origin.place };
      if (implies(match, entry.match)) said = [one];
      else said.push(one);
    }
    for (const one of said) result = put(result, one.match, one.values, one);
  }
  return { ...result, entries: joined(result.entries) };
}

/** Neighbours that match the same clients are one. */
function joined(entries: readonly Entry[]): Entry[] {
  const result: Entry[] = [];
  for (const entry of entries) {
    const last = result.at(-1);
    if (last === undefined || JSON.stringify(last.match) !== JSON.stringify(entry.match)) result.push(entry);
    else result[result.length - 1] = { ...last, values: new Map([...last.values, ...entry.values]) };
  }
  return result;
}

/** Clients that stand for all that the entries can tell apart. */
function profilesOf(entries: readonly Entry[]): DraftMatch[] {
  const values = <T>(of: (match: DraftMatch) => readonly T[]) => [
    ...new Set<T | undefined>([undefined, ...entries.flatMap(({ match }) => of(match))]),
  ];
  const profiles: DraftMatch[] = [];
  for (const vendorClass of values(({ vendorClass }) => vendorClass === undefined ? [] : [vendorClass])) {
    for (const userClass of values(({ userClass }) => userClass === undefined ? [] : [userClass])) {
      for (const architecture of values(({ architecture }) => architecture ?? [])) {
        profiles.push({
          ...vendorClass === undefined ? {} : { vendorClass },
          ...userClass === undefined ? {} : { userClass },
          ...architecture === undefined ? {} : { architecture: [architecture] },
        });
      }
    }
  }
  return profiles;
}

function valueAt(
  entries: readonly Entry[],
  service: Values,
  profile: DraftMatch,
  key: SettingKey,
): Origin | undefined {
  return entries.findLast(({ match, values }) => values.has(key) && implies(profile, match))?.values.get(key) ??
    service.get(key);
}

const NO_VALUES: Values = new Map();

/** Removes values that no client sees, and entries without values. */
function prune(all: readonly Entry[]): Entry[] {
  let entries = joined(all);
  if (entries.length > PRUNED_MAX) return entries;
  const profiles = profilesOf(entries);
  const keys = [...new Set(entries.flatMap(({ values }) => [...values.keys()]))];
  const seen = (list: readonly Entry[], key: SettingKey) =>
    profiles.map((profile) => valueAt(list, NO_VALUES, profile, key)?.value);
  for (const key of keys) {
    const wanted = seen(entries, key);
    const same = (list: readonly Entry[]) => seen(list, key).every((value, index) => value === wanted[index]);
    const without = (list: readonly Entry[], at: number) =>
      list.map((entry, index) =>
        index === at ? { ...entry, values: new Map([...entry.values].filter(([one]) => one !== key)) } : entry
      );
    for (let at = 0; at < entries.length; at++) {
      if (!entries[at]?.values.has(key)) continue;
      const shorter = without(entries, at);
      if (same(shorter)) entries = shorter;
    }
  }
  entries = joined(entries.filter(({ values }) => values.size > 0));
  return entries;
}

/** How messages call a key. */
export function keyName(key: SettingKey): string {
  return typeof key === "number" ? optionKey(key) : key;
}

function matchText({ vendorClass, userClass, architecture }: DraftMatch): string {
  return [
    ...vendorClass === undefined ? [] : [`vendor class "${vendorClass}"`],
    ...userClass === undefined ? [] : [`user class "${userClass}"`],
    ...architecture === undefined ? [] : [`architecture ${architecture.join(" or ")}`],
  ].join(" and ");
}
