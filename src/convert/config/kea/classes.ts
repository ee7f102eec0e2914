/** Kea's client classes as rules, and for reservations. */

import { latin1Bytes, type Place } from "../../leases/lease.ts";
import { ALWAYS, type Condition, MATCHED_OPTIONS } from "../conditions.ts";
import {
  type Draft,
  type DraftReservation,
  type DraftSettings,
  emptySettings,
  say,
  saysNothing,
  settingsOf,
} from "../draft.ts";
import type { Findings } from "../findings.ts";
import type { Rules } from "../rules.ts";
import { readTest } from "./expression.ts";
import type { JsonNode } from "./json.ts";
import { type JsonMap, type Nodes, show } from "./nodes.ts";

interface Class {
  readonly name: string;
  readonly place: Place;
  readonly statement: string;
  readonly settings: DraftSettings;
  /** Undefined: nothing puts clients into it but a reservation. */
  readonly condition: Condition | undefined;
  readonly onlyIfRequired: boolean;
}

/** Reads what classes have in common with other levels. */
interface Reader {
  settings(map: JsonMap, settings: DraftSettings): void;
  others(map: JsonMap, handled: readonly string[]): void;
}

/** The classes of one file. */
export class Classes {
  readonly #nodes: Nodes;
  readonly #findings: Findings;
  readonly #reader: Reader;
  readonly #classes: Class[] = [];
  /** In how many subnets a class is asked for, and what reservations give. */
  readonly #required = new Map<string, number>();
  readonly #given = new Set<string>();

  constructor(nodes: Nodes, findings: Findings, reader: Reader) {
    this.#nodes = nodes;
    this.#findings = findings;
    this.#reader = reader;
  }

  /** Takes `client-classes`; a test may name the classes before it. */
  declare(nodes: readonly JsonNode[]): void {
    for (const node of nodes) {
      const map = this.#nodes.map(node, "client-classes");
      if (map === undefined) continue;
      const name = this.#nodes.text(map, "name")?.value ?? "class";
      const test = this.#nodes.text(map, "test");
      const settings = emptySettings();
      this.#reader.settings(map, settings);
      this.#classes.push({
        ...{ name, settings },
        place: test?.place ?? this.#nodes.place(node),
        statement: test === undefined ? `class ${name}` : `class ${name}: ${test.value}`,
        condition: test === undefined ? vendorClass(name) : readTest(test.value, (other) => this.#conditionOf(other)),
        onlyIfRequired: this.#nodes.flag(map, "only-if-required") === true ||
          this.#nodes.flag(map, "only-in-additional-list") === true,
      });
      this.#reader.others(map, ["name", "test", "option-def", "only-if-required", "only-in-additional-list"]);
    }
  }

  #conditionOf(name: string): Condition {
    if (name === "ALL") return ALWAYS;
    const known = this.#classes.find((one) => one.name === name);
    if (known?.condition !== undefined && !known.onlyIfRequired) return known.condition;
    const vendor = vendorClass(name);
    return vendor ?? { kind: "other", reason: `nothing here tells who is a member of "${name}"` };
  }

  /** A shared network, subnet or pool asks for classes, for so many whole subnets. */
  requireFor(map: JsonMap, subnets: number): void {
    for (const key of ["require-client-classes", "evaluate-additional-classes"]) {
      for (const node of this.#nodes.list(map, key)) {
        if (node.kind !== "text") continue;
        this.#required.set(node.value, (this.#required.get(node.value) ?? 0) + subnets);
        if (this.#classes.some(({ name }) => name === node.value)) continue;
        this.#findings.lost(this.#nodes.place(node), show(key, node), "there is no such class");
      }
    }
  }

  /** The classes that a reservation gives say their settings to it; `around` are the levels that win over options. */
  giveTo(reservation: DraftReservation, map: JsonMap, around: readonly DraftSettings[]): void {
    const names = this.#nodes.list(map, "client-classes").flatMap((node) => node.kind === "text" ? [node] : []);
    for (const one of names) {
      const name = one.value;
      this.#given.add(name);
      const known = this.#classes.find((other) => other.name === name);
      if (known === undefined || name === "DROP") {
        const advice = name === "DROP"
          ? "clients can't be refused here; block it at the switch"
          : "there is no such class with settings";
        this.#findings.lost(this.#nodes.place(one), show("client-classes", one), advice);
      }
    }
    for (const { name, settings } of this.#classes) {
      if (!names.some(({ value }) => value === name)) continue;
      for (const [key, value] of settingsOf(settings)) {
        if (settingsOf(reservation).has(key)) continue;
        if (typeof key === "number" && around.some((level) => settingsOf(level).has(key))) continue;
        say(reservation, key, value);
      }
    }
  }

  /** With Kea the first class that sets a value wins; of options, the subnet's. */
  finish(rules: Rules, draft: Draft): void {
    // Those that a subnet asks for are looked at last.
    const required = this.#classes.filter((one) => one.onlyIfRequired);
    const others = this.#classes.filter((one) => !one.onlyIfRequired);
    for (const one of [...others, ...required].reverse()) {
      const { name, place, statement, settings, condition } = one;
      if (condition !== undefined) rules.note(condition);
      if (name === "DROP" && condition !== undefined) {
        const advice = "clients can't be refused here: those that it drops are served; block them at the switch";
        this.#findings.lost(place, statement, advice);
      } else if (condition === undefined) this.#tellUntested(one);
      else if (saysNothing(settings)) {
        const advice = "it only marks clients, to choose subnets, pools or other classes by; it says nothing itself";
        this.#findings.needless(place, statement, advice);
      } else if (!one.onlyIfRequired || this.#isRequired(one, draft)) {
        rules.add([{ condition, settings, name: name.slice(0, 60), place, statement }], "options");
      }
    }
  }

  #isRequired({ name, place, statement }: Class, draft: Draft): boolean {
    const subnets = this.#required.get(name);
    if (subnets === undefined) {
      this.#findings.needless(place, statement, "no subnet or pool asks for it (require-client-classes)");
      return false;
    }
    if (subnets < draft.subnets.length) {
      this.#findings.changed(place, statement, "here it applies in all subnets, not only in those that ask for it");
    }
    return true;
  }

  #tellUntested({ name, place, statement, settings }: Class): void {
    if (this.#given.has(name) || saysNothing(settings)) return;
    this.#findings.lost(place, statement, "it has no test of its own, so nothing here would put clients into it");
  }
}

/** Kea puts every client into a class that its vendor class names, whether there is a test or not. */
function vendorClass(name: string): Condition | undefined {
  const text = /^VENDOR_CLASS_([^']+)$/.exec(name)?.[1];
  if (text === undefined) return undefined;
  return { kind: "equals", code: MATCHED_OPTIONS.vendorClass, lengthMax: undefined, value: latin1Bytes(text) };
}
