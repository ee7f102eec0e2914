/** `dhcpd.conf` as a draft of our `service` section: levels and declarations. */

import {
  formatIpv4,
  netmask,
  parseIpv4,
  type Prefix,
  prefixContains,
  type Range,
  rangeContains,
} from "../../../net/ipv4.ts";
import { colonOctets, type Token } from "../../isc/lexer.ts";
import { isMark, type Statement, statementText } from "../../isc/statements.ts";
import { hostnameOf, latin1Bytes, type Place } from "../../leases/lease.ts";
import { type Access, isCarried, narrower, OPEN } from "../access.ts";
import {
  copySettings,
  type Draft,
  type DraftReservation,
  type DraftSettings,
  type DraftSubnet,
  emptyDraft,
  emptySettings,
  inherit,
  say,
  type SettingKey,
  settingsOf,
} from "../draft.ts";
import type { Findings } from "../findings.ts";
import { takeOut } from "../levels.ts";
import { Rules } from "../rules.ts";
import { STATEMENT_ADVICE, switchAdvice } from "./advice.ts";
import { Classes } from "./classes.ts";
import { readConstant } from "./condition.ts";
import { flagOf, type Level, levelOf } from "./levels.ts";
import { noSpaces, OptionStatements, type Spaces } from "./option_statements.ts";
import { isPermit, permitted } from "./permits.ts";
import { own } from "../../own.ts";

/** dhcpd's own defaults, in seconds (`includes/dhcpd.h`). */
const DEFAULTS = { lease: 43_200, min: 300, max: 86_400, abandon: 86_400 };
const SECONDS_MAX = 0xffff_ffff;

/** Converts the statements of a file. */
export function convertDhcpd(statements: readonly Statement[], file: string, findings: Findings): Draft {
  return new DhcpdConverter(file, findings).run(statements);
}

/** Where a declaration stands. */
interface Around {
  /** The levels around it, the innermost first, the service last. */
  readonly levels: readonly Level[];
  readonly subnet?: DraftSubnet;
}

/** A range waits until all hosts are known. */
interface PendingRange {
  readonly statement: Statement;
  readonly pool: Level | undefined;
  readonly permits: readonly Statement[];
  readonly around: Around;
}

class DhcpdConverter {
  readonly #file: string;
  readonly #findings: Findings;
  readonly #draft = emptyDraft();
  readonly #service = levelOf(this.#draft);
  readonly #options: OptionStatements;
  readonly #rules: Rules;
  readonly #classes: Classes;
  /** The levels around a subnet, its own first. */
  readonly #levels = new Map<DraftSubnet, readonly Level[]>();
  readonly #ranges: PendingRange[] = [];
  readonly #hosts: { readonly statement: Statement; readonly around: Around }[] = [];
  readonly #hostSpaces: Spaces[] = [];
  /** Levels with conditions, the outer ones first. */
  readonly #conditional: Level[] = [];

  constructor(file: string, findings: Findings) {
    this.#file = file;
    this.#findings = findings;
    this.#options = new OptionStatements(file, findings);
    this.#rules = new Rules(findings);
    this.#classes = new Classes(file, findings, this.#options, {
      read: (statements, level) => this.#body(statements, level, { levels: [this.#service] }),
    });
  }

  run(statements: readonly Statement[]): Draft {
    const draft = this.#draft;
    this.#level(statements, this.#service, { levels: [] });
    const unsaid = { file: this.#file, line: 0 };
    const remark = "dhcpd's default";
    draft.leaseTime ??= { value: DEFAULTS.lease, place: unsaid, remark };
    draft.minLeaseTime ??= { value: DEFAULTS.min, place: unsaid, remark };
    draft.maxLeaseTime ??= { value: DEFAULTS.max, place: unsaid, remark };
    draft.declineTime ??= { value: DEFAULTS.abandon, place: unsaid, remark };
    draft.authoritative ??= {
      value: false,
      place: unsaid,
      remark: `${remark}; true is better where no other server answers`,
    };
    for (const pending of this.#ranges) this.#pendingRange(pending);
    for (const { statement, around } of this.#hosts) this.#host(statement, around);
    for (const level of this.#conditional) this.#conditions(level);
    const [only, ...others] = draft.subnets;
    const within = only === undefined || others.length > 0 ? undefined : this.#levels.get(only);
    this.#classes.finish(this.#rules, {
      around: (within ?? [this.#service]).map(({ spaces }) => spaces),
      elsewhere: within === undefined
        ? draft.subnets.flatMap((subnet) => this.#levels.get(subnet)?.[0]?.spaces ?? [])
        : [],
      hosts: this.#hostSpaces,
    });
    this.#options.tellSpaces();
    this.#rules.lower(draft);
    return draft;
  }

  /** Reads the statements of a level: parameters and options into its settings, declarations into the draft. */
  #level(statements: readonly Statement[], level: Level, around: Around): void {
    const declarations = this.#body(statements, level, around);
    this.#options.finish(level.settings, level.spaces, around.levels.map(({ spaces }) => spaces));
    if (level.conditionals.length > 0) this.#conditional.push(level);
    const inside = { ...around, levels: [level, ...around.levels] };
    // Statements may come after a declaration that inherits them.
    for (const statement of declarations) this.#declaration(statement, inside);
  }

  /** Reads the statements of a level but for its declarations, which are left. */
  #body(statements: readonly Statement[], level: Level, around: Around): Statement[] {
    const declarations: Statement[] = [];
    const chains: { readonly chain: readonly Statement[]; readonly overridden: Set<SettingKey> }[] = [];
    for (let index = 0; index < statements.length; index++) {
      const statement = statements[index] as Statement;
      const word = statement.words[0]?.text ?? "";
      if (word === "if") {
        const chain = [statement];
        while (/^els(?:e|if)$/.test(statements[index + 1]?.words[0]?.text ?? "")) {
          chain.push(statements[++index] as Statement);
        }
        chains.push({ chain, overridden: new Set() });
      } else if (word === "subclass" || DECLARATIONS.has(word) && statement.block !== undefined) {
        declarations.push(statement);
      } else {
        const settings = emptySettings();
        this.#statement(statement, { ...level, settings }, around);
        // What a condition said before is said anew.
        for (const [key, value] of settingsOf(settings)) {
          say(level.settings, key, value);
          for (const { overridden } of chains) overridden.add(key);
        }
      }
    }
    level.conditionals.push(...chains);
    return declarations;
  }

  #statement(statement: Statement, level: Level, around: Around): void {
    const { settings, flags } = level;
    const [first, second] = statement.words;
    const place = this.#place(statement);
    const value = second?.text ?? "";
    switch (first?.text) {
      case "default-lease-time":
        return this.#seconds(statement, (said) => settings.leaseTime = said);
      case "max-lease-time":
        return this.#seconds(statement, (said) => settings.maxLeaseTime = said);
      case "min-lease-time":
        return this.#seconds(statement, (said) => settings.minLeaseTime = said);
      case "abandon-lease-time":
        return this.#seconds(statement, (said) => this.#draft.declineTime = said);
      case "next-server": {
        const address = parseIpv4(value);
        if (address === undefined) return this.#lost(statement, "a host name is not looked up; write the address");
        say(settings, "nextServer", address === 0 ? null : { value: address, place });
        return;
      }
      case "filename":
        return this.#text(statement, settings, "bootFile");
      case "server-name":
        return this.#text(statement, settings, "serverName");
      case "authoritative":
        return this.#authoritative(statement, true, around);
      case "not":
        if (value === "authoritative") return this.#authoritative(statement, false, around);
        return this.#lost(statement, "has no counterpart here");
      case "option":
        return this.#options.read(statement, settings, level.spaces);
      case "vendor-option-space":
        level.spaces.vendor = value;
        level.spaces.place ??= place;
        return;
      case "site-option-space":
        level.spaces.site = value;
        level.spaces.place ??= place;
        return;
      case "use-host-decl-names":
        flags.hostNames = isOn(value);
        return;
      case "boot-unknown-clients":
        flags.unknownClients = isOn(value);
        return;
      case "ignore-client-uids":
        return this.#clientIdentity(statement, isOn(value), around);
      case "ping-check":
        if (!isOn(value)) {
          return this.#findings.needless(place, statementText(statement), "nodes ping no address before they offer it");
        }
        return this.#lost(statement, own(STATEMENT_ADVICE, "ping-check")?.advice ?? "");
      case "allow":
      case "deny":
      case "ignore":
        return this.#switch(statement, level);
      case "range":
        this.#ranges.push({ statement, pool: undefined, permits: [], around });
        return;
      default: {
        const advice = own(STATEMENT_ADVICE, first?.text ?? "");
        const { kind, advice: text } = advice ?? { kind: "lost" as const, advice: "has no counterpart here" };
        this.#findings[kind](place, statementText(statement), text);
      }
    }
  }

  #seconds(statement: Statement, set: (said: { value: number; place: Place }) => void): void {
    const text = statement.words[1]?.text ?? "";
    // -1 is the largest number of 32 bits: without end.
    const seconds = text === "-1" ? SECONDS_MAX : /^\d{1,10}$/.test(text) ? Math.min(Number(text), SECONDS_MAX) : 0;
    if (seconds === 0) return this.#unreadable(statement);
    set({ value: seconds, place: this.#place(statement) });
  }

  /** `filename "x"`, or an expression after `=`. */
  #text(statement: Statement, settings: DraftSettings, key: "bootFile" | "serverName"): void {
    const words = statement.words.slice(1);
    const constant = isMark(words[0], "=") ? readConstant(words.slice(1)) : latin1Bytes(words[0]?.text ?? "");
    if (constant === undefined || !isMark(words[0], "=") && words.length > 1) {
      return this.#lost(statement, "its value is computed by an expression; give each client or class its own value");
    }
    const value = hostnameOf(String.fromCharCode(...constant));
    say(settings, key, value === "" ? null : { value, place: this.#place(statement) });
  }

  #authoritative(statement: Statement, value: boolean, around: Around): void {
    const place = this.#place(statement);
    if (around.levels.length === 0) this.#draft.authoritative = { value, place };
    else {
      this.#draft.authoritative ??= { value, place };
      this.#findings.changed(place, statementText(statement), "here it holds for all subnets");
    }
  }

  #clientIdentity(statement: Statement, value: boolean, around: Around): void {
    const said = { value: value ? "hardware" as const : "clientId" as const, place: this.#place(statement) };
    if (around.levels.length === 0) this.#draft.clientIdentity = said;
    else if (around.subnet !== undefined) around.subnet.clientIdentity = said;
    else this.#lost(statement, "set clientIdentity of the service or of the subnets");
  }

  /** `allow` and `deny` outside of pools. */
  #switch(statement: Statement, { flags }: Level): void {
    const [verb, ...rest] = statement.words;
    const what = rest.map((word) => word.text).join(" ");
    if (what === "unknown-clients") flags.unknownClients = verb?.text === "allow";
    else if (what === "booting") flags.booting = verb?.text === "allow";
    else {
      const { kind, advice } = switchAdvice(verb?.text ?? "", what);
      this.#findings[kind](this.#place(statement), statementText(statement), advice);
    }
  }

  // --- declarations ---

  #declaration(statement: Statement, around: Around): void {
    const { words, block = [] } = statement;
    switch (words[0]?.text) {
      case "shared-network":
        return this.#sharedNetwork(statement, around);
      case "subnet":
        return this.#subnet(statement, around);
      case "pool":
        return this.#pool(statement, around);
      case "group":
        return this.#level(block, levelOf(), around);
      case "host":
        this.#hosts.push({ statement, around });
        return;
      case "class":
        return this.#classes.declare(statement);
      case "subclass":
        return this.#classes.subclass(statement);
    }
  }

  #sharedNetwork(statement: Statement, around: Around): void {
    const before = this.#draft.subnets.length;
    this.#level(statement.block ?? [], levelOf(), around);
    const count = this.#draft.subnets.length - before;
    if (count < 2) return;
    const advice =
      `its ${count} subnets stand side by side here: a client gets an address from the subnet that its relay's ` +
      "address lies in, and not from the others when that one is full; make one subnet with a shorter prefix " +
      "of them, " +
      "or enlarge the pools";
    this.#findings.changed(this.#place(statement), statementText(statement), advice);
  }

  #subnet(statement: Statement, around: Around): void {
    const [, address, , mask] = statement.words.map((word) => word.text);
    const prefix = prefixOfMask(address ?? "", mask ?? "");
    if (prefix === undefined) return this.#lost(statement, "its address and netmask can't be read");
    const subnet: DraftSubnet = {
      ...emptySettings(),
      place: this.#place(statement),
      prefix,
      pools: [],
      reservations: [],
    };
    const level = levelOf(subnet);
    this.#draft.subnets.push(subnet);
    this.#levels.set(subnet, [level, ...around.levels]);
    this.#level(statement.block ?? [], level, { ...around, subnet });
    for (const outer of around.levels) if (outer !== this.#service) inherit(subnet, outer.settings);
  }

  #pool(statement: Statement, around: Around): void {
    const { block = [] } = statement;
    const permits = block.filter(isPermit);
    const ranges = block.filter(({ words }) => words[0]?.text === "range");
    const failover = block.filter(({ words }) => words[0]?.text === "failover");
    for (const one of failover) {
      this.#findings.needless(this.#place(one), statementText(one), STATEMENT_ADVICE.failover?.advice ?? "");
    }
    const apart = new Set([...permits, ...ranges, ...failover]);
    const pool = levelOf();
    this.#level(block.filter((one) => !apart.has(one)), pool, around);
    for (const range of ranges) this.#ranges.push({ statement: range, pool, permits, around });
  }

  #pendingRange({ statement, pool, permits, around }: PendingRange): void {
    const words = statement.words.slice(1).map((word) => word.text);
    if (words[0] === "dynamic-bootp") {
      this.#findings.changed(
        this.#place(statement),
        statementText(statement),
        "BOOTP is not served; the range is for DHCP",
      );
      words.shift();
    }
    const first = parseIpv4(words[0] ?? "");
    const last = words[1] === undefined ? first : parseIpv4(words[1]);
    if (first === undefined || last === undefined) return this.#unreadable(statement);
    const range: Range = { first: Math.min(first, last), last: Math.max(first, last) };
    // In a shared network, the addresses of a pool decide which subnet it belongs to.
    const subnet = around.subnet ?? this.#draft.subnets.find(({ prefix }) => prefixContains(prefix, range.first));
    if (subnet === undefined) {
      return this.#lost(statement, "it lies in none of the subnets before it; move it into its subnet");
    }
    const levels = [...pool === undefined ? [] : [pool], ...this.#levels.get(subnet) ?? []];
    const access = narrower(scopeAccess(levels), permitted(permits, this.#allKnownHave(subnet)));
    const place = this.#place(statement);
    if (!isCarried(access, { place, statement: statementText(statement), findings: this.#findings })) return;
    subnet.pools.push({ ...copySettings(pool?.settings ?? emptySettings()), range, place });
  }

  /** Whether every host of the file has an address of its own in the subnet. */
  #allKnownHave({ prefix }: DraftSubnet): boolean {
    return this.#hosts.every(({ statement }) =>
      fixedAddresses(statement).some(({ text }) => {
        const address = parseIpv4(text);
        return address !== undefined && prefixContains(prefix, address);
      })
    );
  }

  #host(statement: Statement, around: Around): void {
    const place = this.#place(statement);
    const name = hostnameOf(statement.words[1]?.text ?? "");
    const { block = [] } = statement;
    const said = (keyword: string) => block.filter(({ words }) => words[0]?.text === keyword);
    const hardware = said("hardware").map(({ words }) => words)[0];
    const fixed = fixedAddresses(statement);
    const identifier = block.find(({ words }) =>
      words[0]?.text === "option" && words[1]?.text === "dhcp-client-identifier"
    );
    const named = block.find(({ words }) =>
      words[0]?.text === "option" && words[1]?.text === "host-name" && words.length === 3
    );
    const rest = block.filter((one) =>
      !["hardware", "fixed-address", "dynamic", "uid", "host-identifier"].includes(one.words[0]?.text ?? "") &&
      one !== identifier && one !== named
    );
    const identity = identityOf(hardware, identifier?.words ?? said("uid")[0]?.words);
    if (identity === undefined) {
      return this.#lost(
        statement,
        said("host-identifier").length > 0
          ? "clients can't be known by an option of the relay here; reserve by hardware address or client identifier"
          : "its client is not given by an Ethernet address or a client identifier",
      );
    }
    if (fixed.length === 0) {
      return this.#lost(
        statement,
        "it has no fixed-address; give it one, as options for one client hang on its address here",
      );
    }
    if (hardware !== undefined && (identifier !== undefined || said("uid").length > 0)) {
      this.#findings.changed(place, statementText(statement), "here it is known by its hardware address only");
    }
    const host = levelOf();
    this.#body(rest, host, around);
    if (host.flags.booting === false) {
      this.#lost(statement, "clients can't be refused here; block it at the switch: its address is reserved meanwhile");
    }
    for (const { chain } of host.conditionals) {
      for (const branch of chain) this.#lost(branch, "a reservation has no conditions here; give it one value");
    }
    for (const word of fixed) {
      const address = parseIpv4(word.text);
      const subnet = this.#draft.subnets.find(({ prefix }) => address !== undefined && prefixContains(prefix, address));
      if (address === undefined) this.#lost(statement, `"${word.text}" is not looked up; write the address`);
      else if (subnet === undefined) {
        this.#lost(statement, `${formatIpv4(address)} lies in none of the subnets; add the subnet`);
      } else {
        const within = this.#levels.get(subnet) ?? [];
        // Of the levels around the declaration, those that the client's subnet does not have.
        const levels = [host, ...around.levels.filter((level) => !within.includes(level))];
        if (flagOf([...levels.slice(1), ...within], "booting") === false) {
          this.#lost(statement, "left out, as no client of its subnet is answered there");
          continue;
        }
        const settings = emptySettings();
        for (const level of levels) inherit(settings, level.settings);
        const spaces = addedUp(levels);
        this.#hostSpaces.push(spaces);
        this.#options.finish(settings, spaces, within.map((level) => level.spaces));
        const reservation: DraftReservation = { ...settings, ...identity, address, place };
        // Without use-host-decl-names, dhcpd uses the name only in its log.
        const useName = flagOf([...levels, ...within], "hostNames") === true;
        const hostname = hostnameOf(named?.words[2]?.text ?? "") || (useName ? name : "");
        if (hostname !== "") reservation.hostname = hostname;
        subnet.reservations.push(reservation);
        // dhcpd's pools say nothing to fixed addresses.
        const pool = subnet.pools.find(({ range }) => rangeContains(range, address));
        if (pool !== undefined && settingsOf(pool).size > 0) takeOut(subnet, address);
      }
    }
  }

  // --- conditions ---

  /** Conditions of a level become rules where they can hold for all: of the service, or of the one subnet's levels. */
  #conditions(level: Level): void {
    const [only, ...others] = this.#draft.subnets;
    const isService = level === this.#service;
    const isOnly = only !== undefined && others.length === 0 && this.#levels.get(only)?.includes(level);
    if (!isService && !isOnly) {
      for (const statement of level.conditionals.flatMap(({ chain }) => chain)) {
        this.#lost(
          statement,
          "a condition of some subnets, pools or hosts has no counterpart; classes here hold in all",
        );
      }
      return;
    }
    const chains = this.#classes.chains(level, [this.#service.spaces]);
    for (const branches of chains) {
      for (const { settings } of branches) {
        // The one subnet says what the branch replaces: it might as well be said to all.
        if (isService || only === undefined) continue;
        for (const key of settingsOf(settings).keys()) {
          const value = settingsOf(only).get(key);
          if (value !== undefined) say(this.#draft, key, value);
          say(only, key, undefined);
        }
      }
      this.#rules.add(branches, isService ? "everything" : "pools");
    }
  }

  // --- findings ---

  #place(statement: Statement): Place {
    return { file: this.#file, line: statement.line };
  }

  #lost(statement: Statement, advice: string): void {
    this.#findings.lost(this.#place(statement), statementText(statement), advice);
  }

  #unreadable(statement: Statement): void {
    this.#lost(statement, "its value can't be read");
  }
}

const DECLARATIONS = new Set(["shared-network", "subnet", "pool", "group", "host", "class", "subclass"]);

function isOn(word: string): boolean {
  return /^(?:on|true|yes)$/i.test(word);
}

/** Who is answered at all where these levels hold. */
function scopeAccess(levels: readonly Level[]): Access {
  if (flagOf(levels, "booting") === false) return { kind: "none", why: "no client is answered there" };
  if (flagOf(levels, "unknownClients") === false) return { kind: "some", who: "clients with a host declaration" };
  return OPEN;
}

/** The sub-options of several levels, the innermost first, as those of one. */
function addedUp(levels: readonly Level[]): Spaces {
  const sum = noSpaces();
  for (const { spaces } of levels.toReversed()) {
    for (const [space, options] of spaces.options) {
      sum.options.set(space, new Map([...sum.options.get(space) ?? [], ...options]));
    }
    for (const key of ["place", "vendor", "site"] as const) {
      if (spaces[key] !== undefined) Object.assign(sum, { [key]: spaces[key] });
    }
  }
  return sum;
}

function fixedAddresses({ block = [] }: Statement): Token[] {
  return block.filter(({ words }) => words[0]?.text === "fixed-address").flatMap(({ words }) => words.slice(1))
    .filter((word) => !isMark(word, ","));
}

function prefixOfMask(address: string, mask: string): Prefix | undefined {
  const network = parseIpv4(address);
  const bits = parseIpv4(mask);
  if (network === undefined || bits === undefined) return undefined;
  for (let prefixLength = 0; prefixLength <= 32; prefixLength++) {
    if (netmask(prefixLength) === bits) return { address: (network & bits) >>> 0, prefixLength };
  }
  return undefined;
}

const ETHERNET_OCTETS = 6;

function identityOf(
  hardware: readonly Token[] | undefined,
  identifier: readonly Token[] | undefined,
): { readonly hardware: Uint8Array } | { readonly clientId: Uint8Array } | undefined {
  const octets = hardware?.[1]?.text === "ethernet" ? colonOctets(hardware[2]?.text ?? "") : undefined;
  if (octets?.length === ETHERNET_OCTETS) return { hardware: octets };
  const last = identifier?.at(-1);
  if (last === undefined) return undefined;
  const bytes = last.kind === "string" ? latin1Bytes(last.text) : colonOctets(last.text);
  return bytes === undefined || bytes.length === 0 || bytes.length > 255 ? undefined : { clientId: bytes };
}
