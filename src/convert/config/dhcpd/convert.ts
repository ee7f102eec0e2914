/** `dhcpd.conf` as a draft of our `service` section. */

import { formatIpv4, netmask, parseIpv4, type Prefix, prefixContains, type Range } from "../../../net/ipv4.ts";
import { colonOctets, type Token } from "../../isc/lexer.ts";
import { isMark, type Statement, statementText } from "../../isc/statements.ts";
import { hostnameOf, latin1Bytes, type Place } from "../../leases/lease.ts";
import {
  type Draft,
  type DraftMatch,
  type DraftReservation,
  type DraftSettings,
  type DraftSubnet,
  emptyDraft,
  emptySettings,
  inherit,
  saysNothing,
} from "../draft.ts";
import { type Findings, LEFT_OUT } from "../findings.ts";
import { comparePrecedence } from "../precedence.ts";
import { MATCHED_OPTIONS, matchesOf } from "../matches.ts";
import { permitAdvice, STATEMENT_ADVICE } from "./advice.ts";
import { readCondition } from "./condition.ts";
import { OptionStatements } from "./option_statements.ts";
import { own } from "../../own.ts";

/** dhcpd's own defaults, in seconds (`includes/dhcpd.h`). */
const DEFAULTS = { lease: 43_200, min: 300, max: 86_400, abandon: 86_400 };

/** Converts the statements of a file. */
export function convertDhcpd(statements: readonly Statement[], file: string, findings: Findings): Draft {
  return new DhcpdConverter(file, findings).run(statements);
}

/** What a declaration inherits from the levels around it. */
interface Around {
  /** Groups and shared networks, the innermost first; the service is inherited in any case. */
  readonly levels: readonly DraftSettings[];
  readonly subnet?: DraftSubnet;
  /** Host names come from the declarations' names. */
  readonly useHostNames: boolean;
}

interface Class {
  /** A branch of an `if` outside of everything else: dhcpd lets subnets and pools win over it. */
  readonly conditional?: boolean;
  readonly name: string;
  readonly place: Place;
  readonly settings: DraftSettings;
  /** `match option x`: what subclasses are compared with. */
  subclassCode?: number;
  matches: readonly DraftMatch[];
}

class DhcpdConverter {
  readonly #file: string;
  readonly #findings: Findings;
  readonly #draft = emptyDraft();
  readonly #options: OptionStatements;
  readonly #classes: Class[] = [];
  /** Hosts wait until all subnets are known. */
  readonly #hosts: { readonly statement: Statement; readonly around: Around }[] = [];

  constructor(file: string, findings: Findings) {
    this.#file = file;
    this.#findings = findings;
    this.#options = new OptionStatements(file, findings);
  }

  run(statements: readonly Statement[]): Draft {
    const draft = this.#draft;
    this.#level(statements, draft, { levels: [], useHostNames: false });
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
    for (const { statement, around } of this.#hosts) this.#host(statement, around);
    // dhcpd runs the statements of classes from the last to the first, so the first one wins; here the last one wins.
    const conditional = this.#classes.filter((one) => one.conditional);
    const declared = this.#classes.filter((one) => !one.conditional).reverse();
    for (const one of [...conditional, ...declared]) {
      if (one.matches.length === 0) continue;
      if (saysNothing(one.settings)) {
        const advice = "it only marks clients, to choose pools by, which has no counterpart here";
        this.#findings.lost(one.place, `class "${one.name}"`, advice);
        continue;
      }
      const classes = one.matches.map((match) => (
        { ...one.settings, name: one.name.slice(0, 60) || "class", place: one.place, match }
      ));
      draft.classes.push(...classes);
      if (one.conditional) comparePrecedence(draft, classes.slice(0, 1), "everything", this.#findings);
    }
    return draft;
  }

  /** Reads the statements of a level: parameters and options into `settings`, declarations into the draft. */
  #level(statements: readonly Statement[], settings: DraftSettings, around: Around): void {
    const named = statements.find(({ words }) => words[0]?.text === "use-host-decl-names");
    const inside: Around = {
      ...around,
      useHostNames: named === undefined ? around.useHostNames : /^(?:on|true)$/.test(named.words[1]?.text ?? ""),
    };
    // Inherited statements may come after a declaration.
    const deferred: Statement[] = [];
    for (let index = 0; index < statements.length; index++) {
      const statement = statements[index] as Statement;
      if (statement.words[0]?.text === "if") {
        const chain = [statement];
        while (/^els(?:e|if)$/.test(statements[index + 1]?.words[0]?.text ?? "")) {
          chain.push(statements[++index] as Statement);
        }
        this.#conditional(chain, settings);
      } else if (DECLARATIONS.has(statement.words[0]?.text ?? "") && statement.block !== undefined) {
        deferred.push(statement);
      } else this.#statement(statement, settings, inside);
    }
    this.#options.finish(settings);
    for (const statement of deferred) this.#declaration(statement, settings, inside);
  }

  #statement(statement: Statement, settings: DraftSettings, around: Around): void {
    const { words } = statement;
    const [first, second] = words;
    const place = this.#place(statement);
    const value = second?.text ?? "";
    const seconds = /^\d{1,10}$/.test(value) ? Math.min(Number(value), 0xffffffff) : undefined;
    switch (first?.text) {
      case "default-lease-time":
      case "max-lease-time":
      case "min-lease-time": {
        if (seconds === undefined || seconds === 0) return this.#unreadable(statement);
        const key = ({ d: "leaseTime", a: "maxLeaseTime", i: "minLeaseTime" } as const)[
          first.text.startsWith("d") ? "d" : first.text.startsWith("ma") ? "a" : "i"
        ];
        settings[key] = { value: seconds, place };
        return;
      }
      case "abandon-lease-time":
        if (seconds === undefined || seconds === 0) return this.#unreadable(statement);
        this.#draft.declineTime = { value: seconds, place };
        return;
      case "next-server": {
        const address = parseIpv4(value);
        if (address === undefined) return this.#lost(statement, "a host name is not looked up; write the address");
        settings.nextServer = { value: address, place };
        return;
      }
      case "filename":
        if (value !== "") settings.bootFile = { value: hostnameOf(value), place };
        return;
      case "server-name":
        if (value !== "") settings.serverName = { value: hostnameOf(value), place };
        return;
      case "authoritative":
        return this.#authoritative(statement, true, around);
      case "not":
        if (value === "authoritative") return this.#authoritative(statement, false, around);
        return this.#lost(statement, "has no counterpart here");
      case "option":
        return this.#options.read(statement, settings);
      case "vendor-option-space":
        this.#options.vendorSpace(settings, value);
        return;
      case "use-host-decl-names":
        return;
      case "ping-check":
        if (/^(?:off|false|ignore)$/.test(value)) {
          return this.#findings.needless(place, statementText(statement), "nodes ping no address before they offer it");
        }
        return this.#lost(statement, own(STATEMENT_ADVICE, "ping-check")?.advice ?? "");
      case "allow":
      case "deny":
      case "ignore": {
        const { kind, advice } = permitAdvice(first.text, words.slice(1).map((word) => word.text).join(" "));
        return this.#findings[kind](place, statementText(statement), advice);
      }
      case "subclass":
        return this.#subclass(statement);
      case "range":
        return this.#range(statement, settings, around.subnet);
      default: {
        const advice = own(STATEMENT_ADVICE, first?.text ?? "");
        const { kind, advice: text } = advice ?? { kind: "lost" as const, advice: "has no counterpart here" };
        this.#findings[kind](place, statementText(statement), text);
      }
    }
  }

  #authoritative(statement: Statement, value: boolean, around: Around): void {
    const place = this.#place(statement);
    if (around.subnet === undefined && around.levels.length === 0) this.#draft.authoritative = { value, place };
    else {
      this.#draft.authoritative ??= { value, place };
      this.#findings.changed(place, statementText(statement), "here it holds for all subnets");
    }
  }

  // --- declarations ---

  #declaration(statement: Statement, settings: DraftSettings, around: Around): void {
    const { words, block = [] } = statement;
    switch (words[0]?.text) {
      case "shared-network":
        return this.#sharedNetwork(statement, around);
      case "subnet":
        return this.#subnet(statement, around);
      case "pool":
        return this.#pool(statement, around);
      case "group": {
        const group = emptySettings();
        const inner = { ...around, levels: [group, ...around.levels] };
        return this.#level(block, group, inner);
      }
      case "host":
        this.#hosts.push({
          statement,
          around: { ...around, levels: around.subnet === undefined ? around.levels : [settings, ...around.levels] },
        });
        return;
      case "class":
        return this.#class(statement);
      case "subclass":
        return this.#subclass(statement);
    }
  }

  #sharedNetwork(statement: Statement, around: Around): void {
    const network = emptySettings();
    const before = this.#draft.subnets.length;
    this.#level(statement.block ?? [], network, { ...around, levels: [network, ...around.levels] });
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
    this.#draft.subnets.push(subnet);
    this.#level(statement.block ?? [], subnet, { ...around, subnet });
    for (const settings of around.levels) inherit(subnet, settings);
  }

  #pool(statement: Statement, around: Around): void {
    const { block = [] } = statement;
    const settings = emptySettings();
    const ranges = block.filter(({ words }) => words[0]?.text === "range");
    const rest = block.filter(({ words }) => words[0]?.text !== "range");
    const failover = rest.filter(({ words }) => words[0]?.text === "failover");
    for (const one of failover) {
      this.#findings.needless(this.#place(one), statementText(one), STATEMENT_ADVICE.failover?.advice ?? "");
    }
    this.#level(rest.filter((one) => !failover.includes(one)), settings, around);
    const isRestricted = rest.some(restricts);
    for (const one of ranges) {
      if (isRestricted) this.#lost(one, LEFT_OUT);
      else this.#range(one, settings, around.subnet);
    }
  }

  #range(statement: Statement, settings: DraftSettings, within: DraftSubnet | undefined): void {
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
    const subnet = within ?? this.#draft.subnets.find(({ prefix }) => prefixContains(prefix, range.first));
    if (subnet === undefined) {
      return this.#lost(statement, "it lies in none of the subnets before it; move it into its subnet");
    }
    const own = "prefix" in settings ? emptySettings() : { ...settings, options: new Map(settings.options) };
    subnet.pools.push({ ...own, range, place: this.#place(statement) });
  }

  #host(statement: Statement, around: Around): void {
    const place = this.#place(statement);
    const name = hostnameOf(statement.words[1]?.text ?? "");
    const { block = [] } = statement;
    const said = (keyword: string) => block.filter(({ words }) => words[0]?.text === keyword);
    const hardware = said("hardware").map(({ words }) => words)[0];
    const fixed = said("fixed-address").flatMap(({ words }) => words.slice(1)).filter((word) => !isMark(word, ","));
    const identifier = block.find(({ words }) =>
      words[0]?.text === "option" && words[1]?.text === "dhcp-client-identifier"
    );
    const named = block.find(({ words }) => words[0]?.text === "option" && words[1]?.text === "host-name");
    const rest = block.filter((one) =>
      !["hardware", "fixed-address", "dynamic", "uid"].includes(one.words[0]?.text ?? "") && one !== identifier &&
      one !== named
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
    const settings = emptySettings();
    this.#level(rest, settings, around);
    for (const outer of around.levels) if (!("prefix" in outer)) inherit(settings, outer);
    // Without use-host-decl-names, dhcpd uses the name only in its log.
    const hostname = hostnameOf(named?.words[2]?.text ?? "") || (around.useHostNames ? name : "");
    for (const word of fixed) {
      const address = parseIpv4(word.text);
      const subnet = this.#draft.subnets.find(({ prefix }) => address !== undefined && prefixContains(prefix, address));
      if (address === undefined) this.#lost(statement, `"${word.text}" is not looked up; write the address`);
      else if (subnet === undefined) {
        this.#lost(statement, `${formatIpv4(address)} lies in none of the subnets; add the subnet`);
      } else {
        const reservation: DraftReservation = {
          ...settings,
          options: new Map(settings.options),
          ...identity,
          address,
          place,
        };
        if (hostname !== "") reservation.hostname = hostname;
        subnet.reservations.push(reservation);
      }
    }
  }

  // --- classes ---

  #class(statement: Statement): void {
    const { words, block = [] } = statement;
    const name = hostnameOf(words[1]?.text ?? "");
    const place = this.#place(statement);
    const entry: Class = { name, place, settings: emptySettings(), matches: [] };
    this.#classes.push(entry);
    const match = block.find(({ words: inner }) => inner[0]?.text === "match");
    this.#level(block.filter((one) => one !== match), entry.settings, {
      levels: [entry.settings],
      useHostNames: false,
    });
    if (match === undefined) return this.#lost(statement, "it has no match statement, so nothing puts clients into it");
    const [, kind, option] = match.words;
    if (kind?.text === "if") {
      entry.matches = this.#matches(match.words.slice(2), this.#place(match), statement);
      return;
    }
    const code = kind?.text === "option" ? this.#options.known.find(option?.text ?? "")?.code : undefined;
    const matched: readonly number[] = Object.values(MATCHED_OPTIONS);
    if (code !== undefined && matched.includes(code)) entry.subclassCode = code;
    else {this.#lost(
        match,
        `subclasses by "${
          match.words.slice(1).map((word) => word.text).join(" ")
        }" have no counterpart; reserve addresses`,
      );}
  }

  #matches(condition: readonly Token[], place: Place, statement: Statement): readonly DraftMatch[] {
    const read = readCondition(condition, (name) => this.#options.known.find(name)?.code);
    const found = read.ok ? matchesOf(read.condition) : read;
    if (!found.ok) {
      this.#findings.lost(place, statementText(statement), `its condition has no counterpart here: ${found.reason}`);
      return [];
    }
    for (const remark of found.remarks) this.#findings.changed(place, statementText(statement), remark);
    return found.matches;
  }

  #subclass(statement: Statement): void {
    const [, name, value] = statement.words;
    const parent = this.#classes.find((one) => one.name === hostnameOf(name?.text ?? ""));
    const code = parent?.subclassCode;
    if (parent === undefined || code === undefined || value === undefined) {
      return this.#lost(statement, "its class is not one that can be converted");
    }
    const bytes = value.kind === "string" ? latin1Bytes(value.text) : colonOctets(value.text);
    const found = matchesOf({ kind: "equals", code, lengthMax: undefined, value: bytes ?? new Uint8Array() });
    if (!found.ok) return this.#lost(statement, found.reason);
    for (const remark of found.remarks) {
      this.#findings.changed(this.#place(statement), statementText(statement), remark);
    }
    const settings = emptySettings();
    this.#level(statement.block ?? [], settings, { levels: [settings], useHostNames: false });
    inherit(settings, parent.settings);
    this.#classes.push({ name: parent.name, place: this.#place(statement), settings, matches: found.matches });
  }

  /**
   * `if … { } elsif … { } else { }`, outside of everything else: classes, of which the last one wins: the first
   * branch comes last. What no branch takes is set for the service itself.
   */
  #conditional(chain: readonly Statement[], settings: DraftSettings): void {
    const [head] = chain;
    if (head === undefined) return;
    const branches = chain.map((statement) => {
      const branch = emptySettings();
      const isElse = statement.words[0]?.text === "else" && statement.words[1]?.text !== "if";
      const condition = statement.words.slice(statement.words[0]?.text === "else" ? 2 : 1);
      return { statement, branch, condition: isElse ? undefined : condition };
    });
    if (settings !== this.#draft) {
      for (const { statement } of branches) this.#lost(statement, STATEMENT_ADVICE.if?.advice ?? "");
      return;
    }
    const classes: Class[] = [];
    for (const { statement, branch, condition } of branches) {
      const simple = (statement.block ?? []).every(({ block, words }) =>
        block === undefined && words[0]?.text !== "if"
      );
      const place = this.#place(statement);
      if (!simple) {
        this.#lost(statement, "conditions within conditions have no counterpart; make a class of each case");
        continue;
      }
      if (condition === undefined) {
        this.#level(statement.block ?? [], branch, { levels: [], useHostNames: false });
        inherit(this.#draft, branch);
        continue;
      }
      const matches = this.#matches(condition, place, statement);
      this.#level(statement.block ?? [], branch, { levels: [branch], useHostNames: false });
      if (matches.length > 0) {
        classes.unshift({ conditional: true, name: `line-${statement.line}`, place, settings: branch, matches });
      }
    }
    const keys = new Set(
      classes.map(({ settings: one }) => JSON.stringify([Object.keys(one).sort(), [...one.options.keys()].sort()])),
    );
    if (keys.size > 1) {
      const advice = "its branches are classes that may match together here, so a client can get values of several; " +
        "let each of them say the same things";
      this.#findings.changed(this.#place(head), statementText(head), advice);
    }
    this.#classes.push(...classes);
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

/** Whether a statement of a pool keeps clients out of it. */
function restricts({ words: [verb, ...what] }: Statement): boolean {
  if (verb === undefined || !PERMIT_VERBS.has(verb.text)) return false;
  return permitAdvice(verb.text, what.map(({ text }) => text).join(" ")).kind === "lost";
}

const PERMIT_VERBS = new Set(["allow", "deny", "ignore"]);
