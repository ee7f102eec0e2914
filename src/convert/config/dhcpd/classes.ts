/** Classes and conditions of dhcpd.conf as rules. */

import { colonOctets, type Token } from "../../isc/lexer.ts";
import { type Statement, statementText } from "../../isc/statements.ts";
import { hostnameOf, latin1Bytes, type Place } from "../../leases/lease.ts";
import { ALWAYS, both, type Condition } from "../conditions.ts";
import { copySettings, emptySettings, inherit, say, saysNothing, type SettingKey, settingsOf } from "../draft.ts";
import type { Findings } from "../findings.ts";
import type { Branch, Rules } from "../rules.ts";
import { readCondition, readSubject } from "./condition.ts";
import { type Conditional, type Level, levelOf } from "./levels.ts";
import type { OptionStatements, Spaces } from "./option_statements.ts";

interface Class {
  readonly name: string;
  readonly place: Place;
  readonly statement: string;
  readonly level: Level;
  /** Undefined: nothing puts clients into it but a subclass. */
  condition: Condition | undefined;
  /** `match option x`: what subclasses are compared with. */
  subject?: { readonly code: number; readonly lengthMax: number | undefined };
  readonly subclasses: Class[];
}

/** Reads the statements of a block into a level; what it can't read there is left. */
interface Reader {
  read(statements: readonly Statement[], level: Level): readonly Statement[];
}

/** Where a condition stands. */
interface Context {
  readonly condition: Condition;
  /** Branches before it: clients of theirs are not meant. */
  readonly except: readonly Condition[];
  readonly overridden: ReadonlySet<SettingKey>;
  readonly spaces: readonly Spaces[];
}

/** The classes of one file. */
export class Classes {
  readonly #file: string;
  readonly #findings: Findings;
  readonly #options: OptionStatements;
  readonly #reader: Reader;
  readonly #classes: Class[] = [];

  constructor(file: string, findings: Findings, options: OptionStatements, reader: Reader) {
    this.#file = file;
    this.#findings = findings;
    this.#options = options;
    this.#reader = reader;
  }

  /** Takes a `class`. */
  declare(statement: Statement): void {
    const { words, block = [] } = statement;
    const entry = this.#entry(statement, hostnameOf(words[1]?.text ?? ""));
    this.#classes.push(entry);
    const match = block.find(({ words: inner }) => inner[0]?.text === "match");
    this.#reader.read(block.filter((one) => one !== match), entry.level);
    if (match === undefined) return this.#lost(statement, "it has no match statement, so nothing puts clients into it");
    const [, kind] = match.words;
    if (kind?.text === "if") entry.condition = this.#condition(match.words.slice(2));
    else {
      const subject = readSubject(match.words.slice(1), (name) => this.#codeOf(name));
      if (subject !== undefined) entry.subject = subject;
      else {
        const what = match.words.slice(1).map((word) => word.text).join(" ");
        this.#lost(match, `subclasses by "${what}" have no counterpart; reserve addresses`);
      }
    }
  }

  /** Takes a `subclass`. */
  subclass(statement: Statement): void {
    const [, name, value] = statement.words;
    const parent = this.#classes.find((one) => one.name === hostnameOf(name?.text ?? ""));
    if (parent?.subject === undefined || value === undefined) {
      return this.#lost(statement, "its class is not one that can be converted");
    }
    const bytes = value.kind === "string" ? latin1Bytes(value.text) : colonOctets(value.text);
    const entry = this.#entry(statement, parent.name);
    this.#reader.read(statement.block ?? [], entry.level);
    inherit(entry.level.settings, parent.level.settings);
    const { code, lengthMax } = parent.subject;
    const octets = bytes ?? new Uint8Array();
    // What is compared has the length of the subclass's value, unless the option is shorter.
    entry.condition = lengthMax !== undefined && octets.length < lengthMax
      ? { kind: "equals", code, lengthMax: undefined, value: octets }
      : { kind: "equals", code, lengthMax, value: octets };
    parent.subclasses.push(entry);
  }

  /**
   * Adds the classes to the rules. dhcpd runs the statements of classes from the last to the first, so the first wins.
   * `around` are the levels that all clients have, `elsewhere` those of one subnet of several.
   */
  finish(
    rules: Rules,
    { around, elsewhere, hosts }: {
      readonly around: readonly Spaces[];
      readonly elsewhere: readonly Spaces[];
      readonly hosts: readonly Spaces[];
    },
  ): void {
    this.#tellOverlaps(hosts);
    for (const one of this.#classes.flatMap((parent) => [parent, ...parent.subclasses]).reverse()) {
      if (one.condition === undefined) continue;
      const { level, name, place, statement, condition } = one;
      rules.note(condition);
      this.#options.finish(level.settings, level.spaces, around);
      this.#tellElsewhere(one, elsewhere);
      const chains = this.#chains(level.conditionals, {
        ...{ condition, except: [], overridden: new Set<SettingKey>() },
        spaces: [level.spaces, ...around],
      });
      if (saysNothing(level.settings) && chains.length === 0) {
        const advice = "it only marks clients, to choose pools by, which has no counterpart here";
        this.#findings.lost(place, statement, advice);
        continue;
      }
      const settings = copySettings(level.settings);
      rules.add([{ condition, settings, name: name.slice(0, 60) || "class", place, statement }], "nothing");
      for (const chain of chains) rules.add(chain, "nothing");
    }
  }

  /** The conditions of a level as chains of rules. */
  chains(level: Level, around: readonly Spaces[]): Branch[][] {
    return this.#chains(level.conditionals, {
      ...{ condition: ALWAYS, except: [], overridden: new Set<SettingKey>() },
      spaces: [level.spaces, ...around],
    });
  }

  #chains(conditionals: readonly Conditional[], context: Context): Branch[][] {
    return conditionals.flatMap(({ chain, overridden }) =>
      this.#chain(chain, { ...context, overridden: new Set([...context.overridden, ...overridden]) })
    );
  }

  /** One chain, or several one after the other where conditions stand within conditions. */
  #chain(chain: readonly Statement[], context: Context): Branch[][] {
    const branches = chain.map((statement) => this.#branch(statement, context));
    const except = context.except.map((condition) => this.#keep(condition, chain[0] as Statement));
    if (branches.every(({ level }) => level.conditionals.length === 0)) {
      return [[...except, ...branches.map(({ branch }) => branch)]];
    }
    const groups: Branch[][][] = [];
    const before: Condition[] = [...context.except];
    for (const { branch, level, spaces } of branches) {
      const others = before.map((condition) => this.#keep(condition, chain[0] as Statement));
      const own = settingsOf(branch.settings).size > 0 ? [[...others, branch]] : [];
      const inner = { ...context, condition: branch.condition, except: [...before], spaces };
      groups.push([...own, ...this.#chains(level.conditionals, inner)]);
      before.push(branch.condition);
    }
    // No client has several of them; where a class can't tell them apart, the first one counts.
    return groups.reverse().flat();
  }

  #branch(statement: Statement, context: Context): { branch: Branch; level: Level; spaces: readonly Spaces[] } {
    const { words, block = [], line } = statement;
    const hasElse = words[0]?.text === "else";
    const condition = hasElse && words[1]?.text !== "if" ? ALWAYS : this.#condition(words.slice(hasElse ? 2 : 1));
    const level = levelOf();
    for (const left of this.#reader.read(block, level)) {
      this.#lost(left, "a declaration in a condition; move it out of it");
    }
    this.#options.finish(level.settings, level.spaces, context.spaces);
    for (const key of context.overridden) say(level.settings, key, undefined);
    return {
      level,
      spaces: [level.spaces, ...context.spaces],
      branch: {
        condition: both(context.condition, condition),
        settings: level.settings,
        name: `line-${line}`,
        place: { file: this.#file, line },
        statement: statementText(statement),
      },
    };
  }

  /** Clients that get nothing new. */
  #keep(condition: Condition, { line }: Statement): Branch {
    return {
      condition,
      settings: emptySettings(),
      name: `line-${line}`,
      place: { file: this.#file, line },
      statement: "",
    };
  }

  /** A class or a reservation replaces an option here; there the sub-options of all of them add up. */
  #tellOverlaps(hosts: readonly Spaces[]): void {
    const saying = this.#classes.flatMap((parent) => [parent, ...parent.subclasses]);
    const first = new Map<string, Class>();
    for (const one of saying) {
      for (const space of one.level.spaces.options.keys()) {
        const other = first.get(space);
        if (other === undefined) first.set(space, one);
        else this.#tellOverlap(space, other, one.place, one.statement);
      }
    }
    for (const { options, place } of hosts) {
      for (const space of options.keys()) {
        const other = first.get(space);
        if (other !== undefined && place !== undefined) this.#tellOverlap(space, other, place, "host");
      }
    }
  }

  #tellOverlap(space: string, { name, place: { line } }: Class, place: Place, statement: string): void {
    const advice =
      `options of the space ${space} are said here and by the class ${name} (line ${line}): there a client ` +
      "of both gets all of them, here those of one: set the whole option in both";
    this.#findings.changed(place, statement, advice);
  }

  #tellElsewhere({ level: { spaces }, place, statement }: Class, elsewhere: readonly Spaces[]): void {
    for (const space of new Set([...spaces.vendor === undefined ? [] : [spaces.vendor], ...spaces.options.keys()])) {
      const other = elsewhere.find(({ options }) => options.has(space));
      if (other === undefined) continue;
      const advice =
        `options of the space ${space} differ by subnet (line ${other.place?.line}), and a class says the ` +
        "same in all subnets here: set vendor-encapsulated-options in hexadecimal, in the class or in the subnets";
      this.#findings.lost(place, statement, advice);
    }
  }

  #entry(statement: Statement, name: string): Class {
    return {
      ...{ name, level: levelOf(), condition: undefined, subclasses: [] },
      place: { file: this.#file, line: statement.line },
      statement: statementText(statement),
    };
  }

  #condition(words: readonly Token[]): Condition {
    return readCondition(words, (name) => this.#codeOf(name));
  }

  #codeOf(name: string): number | undefined {
    const option = this.#options.known.find(name);
    return option?.space === "dhcp" ? option.code : undefined;
  }

  #lost(statement: Statement, advice: string): void {
    this.#findings.lost({ file: this.#file, line: statement.line }, statementText(statement), advice);
  }
}
