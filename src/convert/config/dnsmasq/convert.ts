/**
 * `dnsmasq.conf` as a draft of our `service` section: networks, hosts and who is served. Tags decide where a value goes
 * (`tags.ts`, `values.ts`).
 */

import {
  formatIpv4,
  formatPrefix,
  netmask,
  parseIpv4,
  parsePrefix,
  type Prefix,
  prefixContains,
  prefixOf,
  prefixRange,
  type Range,
  rangeContains,
} from "../../../net/ipv4.ts";
import { fromHex } from "../../../bytes/hex.ts";
import { hostnameOf, latin1Bytes, type Place } from "../../leases/lease.ts";
import { type Access, isCarried } from "../access.ts";
import {
  copySettings,
  type Draft,
  type DraftPool,
  type DraftReservation,
  type DraftSettings,
  type DraftSubnet,
  emptyDraft,
  emptySettings,
  settingsOf,
} from "../draft.ts";
import type { Condition } from "../conditions.ts";
import type { Findings } from "../findings.ts";
import { divide } from "../levels.ts";
import { setOption } from "../options.ts";
import { Rules } from "../rules.ts";
import { settingAdvice } from "./advice.ts";
import type { Setting } from "./lines.ts";
import { conditionOfSetting } from "./matches.ts";
import { leaseSeconds } from "./options.ts";
import { Tags } from "./tags.ts";
import { Values } from "./values.ts";

/** dnsmasq's own times, in seconds (`config.h`, `calc_time`). */
const LEASE_SECONDS = 3600;
const LEASE_SECONDS_MIN = 120;
const DECLINE_SECONDS = 600;

/** Converts the settings of a file. */
export function convertDnsmasq(settings: readonly Setting[], file: string, findings: Findings): Draft {
  return new DnsmasqConverter(file, findings).run(settings);
}

/** Settings in the order in which they are read: networks and tags before the values that refer to them. */
const READERS = ["interface", "dhcp-range", "dhcp-host", "dhcp-match", "dhcp-vendorclass", "dhcp-userclass"] as const;

/** Settings that give tags to clients by what classes here can't ask for. */
const OTHER_TAGS = ["dhcp-mac", "dhcp-circuitid", "dhcp-remoteid", "dhcp-subscrid", "dhcp-name-match"];

const DOMAIN_NAME = 15;

class DnsmasqConverter {
  readonly #file: string;
  readonly #findings: Findings;
  readonly #draft = emptyDraft();
  readonly #tags: Tags;
  readonly #rules: Rules;
  readonly #values: Values;
  readonly #ignored: Setting[] = [];
  readonly #domains: Setting[] = [];
  /** Undefined: it is static. */
  readonly #firstRange = new Map<DraftSubnet, DraftPool | undefined>();
  #answersDns = true;

  constructor(file: string, findings: Findings) {
    this.#file = file;
    this.#findings = findings;
    this.#tags = new Tags(this.#draft);
    this.#rules = new Rules(findings);
    this.#values = new Values(this.#draft, this.#tags, this.#rules, { findings, file });
  }

  run(settings: readonly Setting[]): Draft {
    const draft = this.#draft;
    const unsaid = { file: this.#file, line: 0 };
    draft.authoritative = {
      value: false,
      place: unsaid,
      remark: "dnsmasq's default; true is better where no other server answers",
    };
    draft.declineTime = { value: DECLINE_SECONDS, place: unsaid, remark: "dnsmasq's" };
    for (const name of READERS) {
      for (const setting of settings) if (setting.name === name) this.#early(setting);
    }
    for (const setting of settings) if (OTHER_TAGS.includes(setting.name)) this.#otherTag(setting);
    for (const setting of settings) if (setting.name === "tag-if") this.#tagIf(setting);
    for (const setting of settings) if (!READERS.some((name) => name === setting.name)) this.#setting(setting);
    this.#values.finish();
    for (const setting of this.#ignored) this.#ignore(setting);
    this.#giveFirstRange();
    this.#giveDomains();
    this.#rules.lower(draft);
    for (const subnet of draft.subnets) this.#tellOwnAddresses(subnet);
    return draft;
  }

  #early(setting: Setting): void {
    switch (setting.name) {
      case "dhcp-range":
        return this.#range(setting);
      case "dhcp-host":
        return this.#host(setting);
      case "interface":
        if (setting.values[0] !== undefined) this.#tags.ofInterface(setting.values[0]);
        return this.#others(setting);
      default:
        return this.#match(setting);
    }
  }

  #setting(setting: Setting): void {
    const { name, values } = setting;
    const place = this.#place(setting);
    switch (name) {
      case "dhcp-option":
        return this.#values.option(setting);
      case "dhcp-option-force":
        this.#findings.changed(
          place,
          setting.text,
          "clients get the options that they ask for, and all of them when they ask for none in particular",
        );
        return this.#values.option(setting);
      case "dhcp-boot":
        return this.#values.boot(setting);
      case "dhcp-authoritative":
        this.#draft.authoritative = { value: true, place };
        return;
      case "dhcp-rapid-commit":
        this.#draft.rapidCommit = { value: true, place };
        return;
      case "domain":
        this.#domains.push(setting);
        return;
      case "dhcp-ignore":
        this.#ignored.push(setting);
        return;
      case "dhcp-ignore-clid":
        this.#draft.clientIdentity = { value: "hardware", place };
        return;
      case "tag-if":
        return;
      case "port":
        this.#answersDns = values[0] !== "0";
    }
    this.#others(setting);
  }

  #others(setting: Setting): void {
    const { kind, advice } = settingAdvice(setting.name);
    this.#findings[kind](this.#place(setting), setting.text, advice);
  }

  // --- networks ---

  #range(setting: Setting): void {
    const place = this.#place(setting);
    const tags: string[] = [];
    const conditions: string[] = [];
    const rest: string[] = [];
    for (const [index, value] of setting.values.entries()) {
      const [, kind, tag = ""] = /^(set|tag|net):(.*)$/.exec(value) ?? [];
      if (kind === "set") tags.push(tag);
      else if (kind === "tag" || kind === "net") conditions.push(tag);
      // Before 2.51, the tag of a range had no word in front.
      else if (rest.length === 0 && index + 1 < setting.values.length && !/^[0-9a-f.:]+$/i.test(value)) {
        tags.push(value);
        const name = /^interface:(.*)$/.exec(value)?.[1];
        if (name !== undefined) this.#tags.ofInterface(name);
      } else rest.push(value);
    }
    if (rest.some((value) => value.includes("::") || value.startsWith("constructor:") || /^ra-|^slaac/.test(value))) {
      return this.#findings.needless(place, setting.text, "DHCPv6 is not served; keep dnsmasq for it");
    }
    const first = parseIpv4(rest[0] ?? "");
    if (first === undefined) return this.#lost(setting, "its first address can't be read");
    const mode = rest.find((value) => value === "static" || value === "proxy");
    if (mode === "proxy") {
      return this.#lost(setting, "a node gives addresses; it does not add boot files to another server's");
    }
    const addresses = rest.slice(1).map(parseIpv4).filter((address) => address !== undefined);
    const last = mode === undefined ? addresses[0] ?? first : first;
    const mask = mode === undefined ? addresses[1] : addresses[0];
    const time = leaseSeconds(rest.at(-1) ?? "");
    const lease = { value: Math.max(time ?? LEASE_SECONDS, LEASE_SECONDS_MIN), place };
    const subnet = this.#subnetOf(first, last, mask, setting);
    if (subnet === undefined) return;
    if (subnet.leaseTime === undefined) this.#leaseTime(subnet, lease);
    if (this.#tags.target(conditions).kind !== "all") {
      const access: Access = { kind: "some", who: conditions.map((tag) => `tag ${tag}`).join(", ") };
      isCarried(access, { place, statement: setting.text, findings: this.#findings });
      return;
    }
    const isFirst = !this.#firstRange.has(subnet);
    if (isFirst) this.#firstRange.set(subnet, undefined);
    if (mode === "static") return tags.forEach((tag) => this.#tags.ofRange(tag, subnet));
    const range = { first: Math.min(first, last), last: Math.max(first, last) };
    const pool: DraftPool = { ...emptySettings(), range, place };
    if (subnet.leaseTime?.value !== lease.value) this.#leaseTime(pool, lease);
    if (isFirst) this.#firstRange.set(subnet, pool);
    subnet.pools.push(pool);
    for (const tag of tags) this.#tags.ofRange(tag, pool);
  }

  /** dnsmasq grants a requested time between two minutes and the configured one. */
  #leaseTime(settings: DraftSettings, lease: { value: number; place: Place }): void {
    settings.leaseTime = lease;
    settings.minLeaseTime = { value: LEASE_SECONDS_MIN, place: { ...lease.place, line: 0 }, remark: "dnsmasq's" };
    settings.maxLeaseTime = lease;
  }

  #subnetOf(first: number, last: number, mask: number | undefined, setting: Setting): DraftSubnet | undefined {
    const length = mask === undefined ? undefined : lengthOf(mask);
    if (mask !== undefined && length === undefined) {
      this.#lost(setting, `${formatIpv4(mask)} is no netmask`);
      return undefined;
    }
    const known = this.#draft.subnets.find(({ prefix }) =>
      prefixContains(prefix, first) && prefixContains(prefix, last)
    );
    if (known !== undefined && (length === undefined || known.prefix.prefixLength === length)) return known;
    const prefix = length === undefined ? smallestPrefix(first, last) : prefixOf(first, length);
    if (!prefixContains(prefix, last)) {
      this.#lost(setting, `its last address lies outside the network ${formatPrefix(prefix)}`);
      return undefined;
    }
    const place = this.#place(setting);
    if (length === undefined && prefix.prefixLength < 8) {
      this.#lost(setting, "it gives no netmask, and its ends lie far apart; add the netmask");
      return undefined;
    }
    if (length === undefined) {
      const advice = `it gives no netmask, which dnsmasq takes from the interface; taken for ${
        formatPrefix(prefix)
      }: correct it if it is another`;
      this.#findings.changed(place, setting.text, advice);
    }
    const subnet: DraftSubnet = { ...emptySettings(), place, prefix, pools: [], reservations: [] };
    this.#draft.subnets.push(subnet);
    return subnet;
  }

  /**
   * An address outside of all ranges has what the subnet's first range says: as a pool of its own, since what it says
   * itself would win over classes.
   */
  #giveFirstRange(): void {
    for (const subnet of this.#draft.subnets) {
      const first = this.#firstRange.get(subnet);
      if (first === undefined || settingsOf(first).size === 0) continue;
      const outside = subnet.reservations.filter(({ address }) =>
        subnet.pools.every(({ range }) => !rangeContains(range, address))
      );
      for (const { address, place } of outside) {
        subnet.pools.push({ ...copySettings(first), range: { first: address, last: address }, place });
      }
    }
  }

  // --- hosts ---

  #host(setting: Setting): void {
    const place = this.#place(setting);
    const hardware: Uint8Array[] = [];
    const tags: string[] = [];
    const names: string[] = [];
    const odd: string[] = [];
    let clientId: Uint8Array | undefined;
    let address: number | undefined;
    let seconds: number | undefined;
    for (const value of setting.values) {
      const octets = hardwareOf(value);
      const ip = parseIpv4(value);
      const time = leaseSeconds(value);
      const [, kind, word = ""] = /^(set|net|tag|id):(.*)$/.exec(value) ?? [];
      if (value === "") continue;
      else if (kind === "id") clientId = word === "*" ? undefined : identifierOf(word);
      else if (kind === "set" || kind === "net") tags.push(word);
      else if (kind === "tag") return this.#lost(setting, "a reservation for some situations only has no counterpart");
      else if (value === "ignore") {
        return this.#lost(setting, "clients can't be refused here; keep them away at the switch");
      } else if (value.startsWith("[")) this.#findings.needless(place, setting.text, "its IPv6 address is not served");
      else if (octets !== undefined) hardware.push(octets);
      else if (ip !== undefined) address = ip;
      else if (/^[0-9a-f*]{1,2}(?:[:-][0-9a-f*]{1,2}){2,}$/i.test(value)) odd.push(value);
      else if (time !== undefined) seconds = time;
      else names.push(value);
    }
    const [first, ...more] = hardware;
    const identity = first !== undefined ? { hardware: first } : clientId !== undefined ? { clientId } : undefined;
    const isOdd = `"${odd[0]}" is not the address of one Ethernet interface`;
    if (identity === undefined && odd.length > 0) return this.#lost(setting, `${isOdd}; reserve for each of them`);
    if (odd.length > 0) {
      this.#findings.changed(
        place,
        setting.text,
        `${isOdd} and is left out; what is known by the others has the address`,
      );
    }
    if (identity === undefined) {
      return this.#lost(
        setting,
        "its client is known by its name only; reserve by hardware address or client identifier",
      );
    }
    if (address === undefined) {
      return this.#lost(
        setting,
        "it reserves no address; give it one, as options for one client hang on its address here",
      );
    }
    const wanted = address;
    const subnet = this.#draft.subnets.find(({ prefix }) => prefixContains(prefix, wanted));
    if (subnet === undefined) return this.#lost(setting, "its address lies in none of the subnets; add the subnet");
    if (more.length > 0) {
      this.#findings.changed(
        place,
        setting.text,
        "an address is reserved for one hardware address here: the first one has it",
      );
    } else if (first !== undefined && clientId !== undefined) {
      this.#findings.changed(place, setting.text, "here it is known by its hardware address only");
    }
    const reservation: DraftReservation = { ...emptySettings(), ...identity, address, place };
    const hostname = hostnameOf(names[0] ?? "");
    if (hostname !== "") reservation.hostname = hostname;
    if (seconds !== undefined) this.#leaseTime(reservation, { value: Math.max(seconds, LEASE_SECONDS_MIN), place });
    subnet.reservations.push(reservation);
    for (const tag of tags) this.#tags.ofHost(tag, reservation);
  }

  // --- classes ---

  #match(setting: Setting): void {
    const { tag, condition } = conditionOfSetting(setting, this.#place(setting), this.#findings);
    this.#tags.ofMatch(tag, condition);
    this.#rules.note(condition);
  }

  #otherTag(setting: Setting): void {
    const tag = (setting.values[0] ?? "").replace(/^(?:set|net):/, "");
    const reason = `line ${setting.line} (${setting.name}) gives its tag, by what classes here can't ask for`;
    this.#tags.ofMatch(tag, { kind: "other", reason });
  }

  /** `tag-if=set:x,tag:a,tag:!b`. */
  #tagIf(setting: Setting): void {
    const given = setting.values.filter((value) => value.startsWith("set:")).map((value) => value.slice(4));
    const asked = setting.values.filter((value) => /^(?:tag|net):/.test(value)).map((value) => value.slice(4));
    const target = this.#tags.target(asked);
    const condition: Condition = target.kind === "clients"
      ? target.condition
      : { kind: "other", reason: `line ${setting.line} (tag-if) gives its tag, and not by matches alone` };
    if (target.kind !== "clients") this.#others(setting);
    for (const tag of given) this.#tags.ofMatch(tag, condition);
  }

  // --- who is served ---

  /** dnsmasq looks at it before it knows the range, whose tags are not set yet. */
  #ignore(setting: Setting): void {
    const given = setting.values.map((value) => value.replace(/^(?:tag|net):/, ""));
    const ofRange = given.find((tag) => this.#tags.isOfRange(tag));
    if (ofRange !== undefined) {
      const advice = `it does nothing there: "${ofRange}" is the tag of a range, which is not set yet then`;
      return this.#findings.needless(this.#place(setting), setting.text, advice);
    }
    const tags = given.filter((tag) => !this.#tags.isOfRange(tag.replace(/^!/, "")));
    const negated = tags.filter((tag) => tag.startsWith("!"));
    if (negated.length === 0 && tags.length > 0) {
      return this.#lost(setting, "clients can't be refused here: these are served; block them at the switch");
    }
    const access: Access = tags.length === 0 ? { kind: "none", why: `line ${setting.line} ignores every client` } : {
      kind: "some",
      who: tags.map((tag) => tag.startsWith("!") ? `tag ${tag.slice(1)}` : `not tag ${tag}`).join(" or "),
    };
    for (const subnet of this.#draft.subnets) {
      for (const pool of [...subnet.pools]) this.#close(pool, subnet, access, setting);
      // Hosts are known; whether they have another tag is open.
      if (negated.includes("!known")) continue;
      for (const { place, address } of subnet.reservations.splice(0)) {
        isCarried(access, { place, statement: `reservation of ${formatIpv4(address)}`, findings: this.#findings });
      }
    }
  }

  #close(pool: DraftPool, subnet: DraftSubnet, access: Access, setting: Setting): void {
    const statement = `${setting.text} (pool of line ${pool.place.line})`;
    if (isCarried(access, { place: pool.place, statement, findings: this.#findings })) return;
    subnet.pools.splice(subnet.pools.indexOf(pool), 1);
  }

  // --- domains ---

  /** An option takes precedence over all of them; of several for an address, the last line counts. */
  #giveDomains(): void {
    if (settingsOf(this.#draft).has(DOMAIN_NAME)) return;
    const [general, local] = [
      this.#domains.filter(({ values }) => values[1] === undefined),
      this.#domains.filter(({ values }) => values[1] !== undefined),
    ];
    for (const setting of local.toReversed()) this.#domain(setting);
    for (const setting of general) this.#setDomain(this.#draft, setting);
  }

  #domain(setting: Setting): void {
    const range = rangeOf(setting.values.slice(1));
    const subnets = range === undefined
      ? []
      : this.#draft.subnets.filter(({ prefix }) =>
        prefixContains(prefix, range.first) || rangeContains(range, prefix.address)
      );
    if (range === undefined || subnets.length === 0) {
      return this.#lost(setting, "set the option domain-name of the subnet");
    }
    for (const subnet of subnets) {
      const { first, last } = prefixRange(subnet.prefix);
      const inside = subnet.reservations.filter(({ address }) => rangeContains(range, address));
      if (range.first <= first && range.last >= last) this.#setDomain(subnet, setting);
      else for (const level of [...divide(subnet, range), ...inside]) this.#setDomain(level, setting);
    }
  }

  #setDomain(level: DraftSettings, setting: Setting): void {
    const [name = ""] = setting.values;
    if (name === "" || name === "#") return this.#lost(setting, "set the option domain-name");
    if (settingsOf(level).has(DOMAIN_NAME) && level !== this.#draft) return;
    const from = { place: this.#place(setting), statement: setting.text, findings: this.#findings };
    setOption(level, DOMAIN_NAME, latin1Bytes(name), from);
  }

  /** By default, dnsmasq sends its own address as router and name server. */
  #tellOwnAddresses(subnet: DraftSubnet): void {
    const has = (code: number) =>
      [this.#draft, subnet].some((level) => settingsOf(level).has(code)) ||
      (subnet.pools.length > 0 && subnet.pools.every((pool) => settingsOf(pool).has(code)));
    const absent = [
      ...has(3) ? [] : ["routers"],
      ...has(6) || !this.#answersDns ? [] : ["domain-name-servers"],
    ];
    if (absent.length === 0) return;
    const advice = `dnsmasq gives its own address for ${
      absent.join(" and ")
    }; add the option with the address that is meant`;
    this.#findings.lost(subnet.place, `subnet ${formatPrefix(subnet.prefix)}`, advice);
  }

  #place(setting: Setting): Place {
    return { file: this.#file, line: setting.line };
  }

  #lost(setting: Setting, advice: string): void {
    this.#findings.lost(this.#place(setting), setting.text, advice);
  }
}

/** `first,last`, `first-last`, or a network. */
function rangeOf(values: readonly string[]): Range | undefined {
  const prefix = parsePrefix(values[0] ?? "");
  if (prefix !== undefined) return prefixRange(prefix);
  const [first, last] = values.flatMap((value) => value.split("-")).map((value) => parseIpv4(value.trim()));
  if (first === undefined) return undefined;
  return { first, last: last ?? first };
}

function lengthOf(mask: number): number | undefined {
  for (let length = 0; length <= 32; length++) if (netmask(length) === mask) return length;
  return undefined;
}

/** /24 where both ends lie in one, as most networks are; else the longest prefix that has both. */
function smallestPrefix(first: number, last: number): Prefix {
  for (let length = 24; length > 0; length--) {
    const prefix = prefixOf(first, length);
    if (prefixContains(prefix, last)) return prefix;
  }
  return prefixOf(first, 0);
}

const ETHERNET_OCTETS = 6;

function hardwareOf(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{1,2}(?:[:-][0-9a-f]{1,2}){5}$/i.test(text)) return undefined;
  const octets = text.split(/[:-]/).map((octet) => Number.parseInt(octet, 16));
  return octets.length === ETHERNET_OCTETS ? Uint8Array.from(octets) : undefined;
}

/** `id:01:02:…` is octets, `id:text` is text. */
function identifierOf(text: string): Uint8Array | undefined {
  const bytes = text.includes(":") ? fromHex(text) ?? latin1Bytes(text) : latin1Bytes(text);
  return bytes.length === 0 || bytes.length > 255 ? undefined : bytes;
}
