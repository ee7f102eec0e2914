/**
 * Which classes a client is in, and what the lists `allow` and `deny` say of it. A class is looked at only if the
 * request has what its condition needs: an option that equals one of some texts, or begins with one. So hundreds of
 * classes cost little more than the few that a client may be in.
 */

import { allOf, type Expression, type Field, type Value } from "../expression/expression.ts";
import { compile, type Evaluate } from "../expression/evaluate.ts";
import { Facts, FieldNumbers, type Request } from "../expression/facts.ts";
import { OPTIONS } from "../options/mod.ts";
import { SUB_OPTION } from "../relay_agent_information.ts";
import type { AccessConfig, ClassConfig } from "../../config/service_schema.ts";

/** A class, compiled. */
export interface ClientClass {
  readonly number: number;
  readonly config: ClassConfig;
  /** Whether it sets nothing. */
  readonly isMark: boolean;
  /** Whether its condition looks at the vendor class (option 60), by which firmware says how it boots. */
  readonly asksVendorClass: boolean;
}

/** What a client is, as far as classes go. */
export interface Membership {
  /** In the order of the configuration. */
  readonly classes: readonly ClientClass[];
  readonly isKnown: boolean;
}

/** An `allow` or `deny` list: whether a client is on it. */
type OnList = (membership: Membership) => boolean;

/** Whether a client may use something. */
export type Access = (membership: Membership) => boolean;

export const NO_CLASSES: readonly ClientClass[] = [];

/** The classes of a service. */
export class ClientClasses {
  readonly #classes: readonly (ClientClass & { readonly matches: Evaluate | undefined })[];
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #fields = new FieldNumbers();
  readonly #index = new GuardIndex();
  /** All 0 between two requests. */
  readonly #members: Uint8Array;
  /** Whether a condition asks for what only a relay tells, and no lease remembers. */
  readonly needRelay: boolean;

  constructor(classes: readonly ClassConfig[]) {
    this.#numbers = new Map(classes.map(({ name }, number) => [name, number]));
    const names = { fields: this.#fields, classOf: (name: string) => this.#numbers.get(name) };
    this.#members = new Uint8Array(classes.length);
    const conditions = classes.map(conditionOf);
    const parts = conditions.map((condition) => condition === undefined ? [] : [...allOf(condition)]);
    this.needRelay = parts.flat().some((part) => part.kind === "field" && isForgotten(part.field));
    this.#classes = classes.map((config, number) => {
      const condition = conditions[number];
      const isMark = isMarkOnly(config);
      if (condition === undefined) return { number, config, isMark, asksVendorClass: false, matches: undefined };
      this.#index.add(number, guardOf(condition), this.#fields);
      const asksVendorClass = parts[number]?.some((part) =>
        part.kind === "field" && isVendorClass(part.field)
      ) === true;
      return { number, config, isMark, asksVendorClass, matches: compile(condition, names) };
    });
  }

  /** The classes of a client. `given`: those that its reservation names. */
  of(request: Request, given: readonly string[] | undefined): Membership {
    const isKnown = request.known;
    const members = this.#members;
    const facts = new Facts(request, this.#fields, members);
    const numbers = (given ?? []).flatMap((name) => this.#numbers.get(name) ?? []);
    for (const number of numbers) members[number] = 1;
    for (const number of this.#index.candidates(facts)) {
      if (members[number] === 1 || this.#classes[number]?.matches?.(facts) !== true) continue;
      members[number] = 1;
      numbers.push(number);
    }
    for (const number of numbers) members[number] = 0;
    if (numbers.length === 0) return { classes: NO_CLASSES, isKnown };
    if (given !== undefined) numbers.sort((a, b) => a - b);
    return { classes: numbers.map((number) => this.#classes[number] as ClientClass), isKnown };
  }

  /** What the lists of a level say; undefined: it has none, all clients may use it. */
  accessOf({ allow, deny }: AccessConfig): Access | undefined {
    if (allow === undefined && deny === undefined) return undefined;
    const allows = allow && this.#list(allow);
    const denies = deny && this.#list(deny);
    return (membership) => denies?.(membership) !== true && allows?.(membership) !== false;
  }

  #list(names: readonly string[]): OnList {
    const numbers = new Set(names.flatMap((name) => this.#numbers.get(name) ?? []));
    const [known, unknown] = [names.includes("known"), names.includes("unknown")];
    return ({ classes, isKnown }) => (isKnown ? known : unknown) || classes.some(({ number }) => numbers.has(number));
  }
}

/** Whether a class has no settings of leases. */
function isMarkOnly({ name: _name, match: _match, maxLeasesPerCircuit: _limit, options, ...settings }: ClassConfig) {
  return options.size === 0 && Object.keys(settings).length === 0;
}

/** What a class asks for; undefined: only reservations give it. */
function conditionOf({ match }: ClassConfig): Expression | undefined {
  if (match === undefined) return undefined;
  const { vendorClass, userClass, architecture, expression } = match;
  const of: Expression[] = [];
  if (vendorClass !== undefined) {
    const more: Expression[] = [{ kind: "value", value: vendorClass }];
    of.push({ kind: "text", name: "startsWith", on: { kind: "field", field: VENDOR_CLASS }, more });
  }
  if (userClass !== undefined) of.push({ kind: "anyOf", field: { of: "userClasses" }, values: [userClass] });
  if (architecture !== undefined) of.push({ kind: "anyOf", field: { of: "architectures" }, values: architecture });
  if (expression !== undefined) of.push(expression);
  const [first] = of;
  return of.length === 1 ? first : { kind: "and", of };
}

const VENDOR_CLASS = { of: "option", code: OPTIONS.vendorClassIdentifier.code, as: "text" } as const;

function isVendorClass(field: Field): boolean {
  return field.of === "option" && field.code === VENDOR_CLASS.code;
}

/** Of option 82 a lease has the circuit and remote id. */
function isForgotten(field: Field): boolean {
  return field.of === "agent" && field.code !== SUB_OPTION.circuitId && field.code !== SUB_OPTION.remoteId;
}

/** What a request needs at least for a condition to hold: a field that is, or begins with, one of these. */
interface Guard {
  readonly field: Field;
  readonly by: "equals" | "begins";
  readonly values: readonly Value[];
}

/** The guard of a condition; undefined: it can hold for any request. */
function guardOf(condition: Expression): Guard | undefined {
  switch (condition.kind) {
    case "compare": {
      const { by, left, right } = condition;
      const [field, value] = left.kind === "field" ? [left, right] : [right, left];
      if (by !== "==" || field.kind !== "field" || value.kind !== "value") return undefined;
      return { field: field.field, by: "equals", values: [value.value] };
    }
    case "in":
      if (condition.value.kind !== "field") return undefined;
      return { field: condition.value.field, by: "equals", values: condition.list };
    case "anyOf":
      return { field: condition.field, by: "equals", values: condition.values };
    case "text": {
      const [start] = condition.more;
      if (condition.name !== "startsWith" || condition.on.kind !== "field" || start?.kind !== "value") return undefined;
      return { field: condition.on.field, by: "begins", values: [start.value] };
    }
    case "and": {
      const guards = condition.of.flatMap((part) => guardOf(part) ?? []);
      return guards.find(({ by }) => by === "equals") ?? guards[0];
    }
    case "or": {
      const guards = condition.of.map(guardOf);
      const [first] = guards;
      const same = guards.flatMap((guard) => guard && first && isSameQuestion(guard, first) ? [guard] : []);
      if (first === undefined || same.length < guards.length) return undefined;
      return { ...first, values: same.flatMap(({ values }) => values) };
    }
    default:
      return undefined;
  }
}

function isSameQuestion(a: Guard, b: Guard): boolean {
  return a.by === b.by && JSON.stringify(a.field) === JSON.stringify(b.field);
}

/** Classes by what their guards ask of one field. */
interface FieldGuards {
  readonly field: number;
  readonly equal: Map<Value, number[]>;
  /** Beginnings by their length. */
  readonly beginning: Map<number, Map<string, number[]>>;
}

/** Finds the classes that a client may be in. */
class GuardIndex {
  /** Classes without a guard. */
  readonly #always: number[] = [];
  readonly #fields: FieldGuards[] = [];

  add(number: number, guard: Guard | undefined, numbers: FieldNumbers): void {
    if (guard === undefined) {
      this.#always.push(number);
      return;
    }
    const field = numbers.of(guard.field);
    let guards = this.#fields.find((known) => known.field === field);
    if (guards === undefined) this.#fields.push(guards = { field, equal: new Map(), beginning: new Map() });
    for (const value of new Set(guard.values)) {
      if (guard.by === "equals") entryOf(guards.equal, value, () => []).push(number);
      else {
        const start = String(value);
        entryOf(entryOf(guards.beginning, start.length, () => new Map()), start, () => []).push(number);
      }
    }
  }

  /** In the order of the configuration, as a condition may ask for an earlier class. */
  candidates(facts: Facts): readonly number[] {
    const found: number[] = [];
    for (const { field, equal, beginning } of this.#fields) {
      const value = facts.field(field);
      const values = typeof value === "object" ? value : [value];
      for (const each of values) {
        found.push(...equal.get(each) ?? []);
        for (const [length, starts] of beginning) found.push(...starts.get(String(each).slice(0, length)) ?? []);
      }
    }
    if (found.length === 0) return this.#always;
    return [...this.#always, ...found].sort((a, b) => a - b);
  }
}

function entryOf<Key, Entry>(map: Map<Key, Entry>, key: Key, make: () => Entry): Entry {
  let entry = map.get(key);
  if (entry === undefined) map.set(key, entry = make());
  return entry;
}
