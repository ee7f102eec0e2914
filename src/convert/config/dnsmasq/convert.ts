/**
 * `dnsmasq.conf` as a draft of our `service` section. Tags decide where a value goes: those that a range sets stand for its
 * subnet or pool, those of a host for its reservation, those of a match for a class.
 */

import {
  formatIpv4,
  formatPrefix,
  netmask,
  parseIpv4,
  type Prefix,
  prefixContains,
  prefixOf,
} from "../../../net/ipv4.ts";
import { parsePrefix } from "../../../net/ipv4.ts";
import { fromHex } from "../../../bytes/hex.ts";
import { hostnameOf, latin1Bytes, type Place } from "../../leases/lease.ts";
import {
  type Draft,
  type DraftClass,
  type DraftPool,
  type DraftReservation,
  type DraftSettings,
  type DraftSubnet,
  emptyDraft,
  emptySettings,
} from "../draft.ts";
import type { Findings } from "../findings.ts";
import { encapsulateOptions, setOption, TOO_LONG } from "../options.ts";
import { settingAdvice } from "./advice.ts";
import type { Setting } from "./lines.ts";
import { matchesOfSetting } from "./matches.ts";
import { encodeGuess, encodeOption, leaseSeconds, optionCode } from "./options.ts";
import { Tags } from "./tags.ts";

/** dnsmasq's own times, in seconds (`config.h`, `calc_time`). */
const LEASE_SECONDS = 3600;
const LEASE_SECONDS_MIN = 120;
const DECLINE_SECONDS = 600;

/** Converts the settings of a file. */
export function convertDnsmasq(settings: readonly Setting[], file: string, findings: Findings): Draft {
  return new DnsmasqConverter(file, findings).run(settings);
}

/** Settings in the order in which they have to be read: networks and tags before what hangs on them. */
const READERS = ["dhcp-range", "dhcp-host", "dhcp-match", "dhcp-vendorclass", "dhcp-userclass"] as const;

class DnsmasqConverter {
  readonly #file: string;
  readonly #findings: Findings;
  readonly #draft = emptyDraft();
  readonly #tags: Tags;
  /** Sub-options for clients of a vendor class, and for an encapsulating option. */
  readonly #vendors = new Map<string, { place: Place; options: Map<number, Uint8Array> }>();
  readonly #encapsulated = new Map<number, { place: Place; options: Map<number, Uint8Array> }>();
  /** Options that are set to nothing, so that dnsmasq does not send its own address. */
  readonly #suppressed = new Set<number>();
  #answersDns = true;

  constructor(file: string, findings: Findings) {
    this.#file = file;
    this.#findings = findings;
    this.#tags = new Tags(this.#draft, file, findings);
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
    for (const setting of settings) if (!READERS.some((name) => name === setting.name)) this.#setting(setting);
    this.#encapsulate();
    this.#tags.orderClasses();
    for (const subnet of draft.subnets) this.#tellOwnAddresses(subnet);
    return draft;
  }

  #early(setting: Setting): void {
    switch (setting.name) {
      case "dhcp-range":
        return this.#range(setting);
      case "dhcp-host":
        return this.#host(setting);
      default:
        return this.#match(setting);
    }
  }

  #setting(setting: Setting): void {
    const { name, values } = setting;
    const place = this.#place(setting);
    switch (name) {
      case "dhcp-option":
        return this.#option(setting);
      case "dhcp-option-force":
        this.#findings.changed(
          place,
          setting.text,
          "clients get the options that they ask for, and all of them when they ask for none in particular",
        );
        return this.#option(setting);
      case "dhcp-boot":
        return this.#boot(setting);
      case "dhcp-authoritative":
        this.#draft.authoritative = { value: true, place };
        return;
      case "dhcp-rapid-commit":
        this.#draft.rapidCommit = { value: true, place };
        return;
      case "domain":
        return this.#domain(setting);
      case "port":
        this.#answersDns = values[0] !== "0";
    }
    const { kind, advice } = settingAdvice(name);
    this.#findings[kind](place, setting.text, advice);
  }

  // --- networks ---

  #range(setting: Setting): void {
    const place = this.#place(setting);
    const tags: string[] = [];
    const conditions: string[] = [];
    const rest: string[] = [];
    for (const value of setting.values) {
      const [, kind, tag = ""] = /^(set|tag|net):(.*)$/.exec(value) ?? [];
      if (kind === "set" || kind === "net") tags.push(tag);
      else if (kind === "tag") conditions.push(tag);
      else rest.push(value);
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
    if (conditions.length > 0) {
      return this.#lost(
        setting,
        "a pool for some clients only has no counterpart; make a subnet of its own, or leave out the tag",
      );
    }
    if (mode === "static") return tags.forEach((tag) => this.#tags.ofRange(tag, subnet));
    const range = { first: Math.min(first, last), last: Math.max(first, last) };
    const pool: DraftPool = { ...emptySettings(), range, place };
    if (subnet.leaseTime?.value !== lease.value) this.#leaseTime(pool, lease);
    subnet.pools.push(pool);
    for (const tag of tags) this.#tags.ofRange(tag, pool);
  }

  /** A client's wish for a shorter time counts from two minutes on, one for a longer time does not. */
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

  // --- hosts ---

  #host(setting: Setting): void {
    const place = this.#place(setting);
    const hardware: Uint8Array[] = [];
    const tags: string[] = [];
    const names: string[] = [];
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
      else if (/^[0-9a-f*]{1,2}(?:[:-][0-9a-f*]{1,2}){2,}$/i.test(value)) {
        return this.#lost(setting, `"${value}" is not the address of one Ethernet interface; reserve for each of them`);
      } else if (time !== undefined) seconds = time;
      else names.push(value);
    }
    const [first, ...more] = hardware;
    const identity = first !== undefined ? { hardware: first } : clientId !== undefined ? { clientId } : undefined;
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
    const place = this.#place(setting);
    const { tag, matches } = matchesOfSetting(setting, place, this.#findings);
    if (typeof matches === "string") this.#lost(setting, matches);
    else this.#tags.ofMatch(tag, place, matches);
  }

  // --- values ---

  #option(setting: Setting): void {
    const place = this.#place(setting);
    const tags: string[] = [];
    let vendor: string | undefined;
    let encapsulating: number | undefined;
    let at = 0;
    for (; at < setting.values.length; at++) {
      const value = setting.values[at] as string;
      const [, kind, word = ""] = /^(tag|net|vendor|encap|vi-encap|option6):(.*)$/.exec(value) ?? [];
      if (kind === "tag" || kind === "net") tags.push(word);
      else if (kind === "vendor") vendor = word;
      else if (kind === "encap") encapsulating = Number(word);
      else if (kind === "vi-encap") {
        return this.#lost(setting, "write option 125 (vivso-suboptions) as a whole, in hexadecimal");
      } else if (kind === "option6") {
        return this.#findings.needless(place, setting.text, "DHCPv6 is not served; keep dnsmasq for it");
      } else break;
    }
    const [key = "", ...values] = setting.values.slice(at);
    const code = optionCode(key);
    if (code === undefined) return this.#lost(setting, `the option "${key}" is unknown`);
    if (vendor !== undefined || encapsulating !== undefined) {
      return this.#subOption(setting, tags, { vendor, encapsulating, code, values });
    }
    if (values.length === 0 || (values.length === 1 && values[0] === "")) {
      this.#suppressed.add(code);
      return this.#findings.needless(place, setting.text, "nodes send no address of their own in options");
    }
    if (values.includes("0.0.0.0") && code !== 121 && code !== 249) {
      return this.#lost(setting, "0.0.0.0 stands for dnsmasq's own address; write the address that is meant");
    }
    const encoded = encodeOption(code, values);
    if (!encoded.ok) return this.#lost(setting, `its value ${encoded.problem}`);
    for (const settings of this.#tags.levels(tags, setting) ?? []) {
      setOption(settings, code, encoded.bytes, { place, statement: setting.text, findings: this.#findings });
    }
  }

  #subOption(
    setting: Setting,
    tags: readonly string[],
    given: { vendor: string | undefined; encapsulating: number | undefined; code: number; values: readonly string[] },
  ): void {
    const { vendor, encapsulating, code, values } = given;
    if (tags.length > 0) {
      return this.#lost(
        setting,
        "sub-options with tags have no counterpart; write the whole option of the class in hexadecimal",
      );
    }
    const encoded = encodeGuess(values);
    if (!encoded.ok) return this.#lost(setting, `its value ${encoded.problem}`);
    const place = this.#place(setting);
    const nothing = () => ({ place, options: new Map<number, Uint8Array>() });
    if (vendor !== undefined) {
      const entry = this.#vendors.get(vendor) ?? nothing();
      this.#vendors.set(vendor, entry);
      entry.options.set(code, encoded.bytes);
    } else if (encapsulating !== undefined && encapsulating >= 1 && encapsulating <= 254) {
      const entry = this.#encapsulated.get(encapsulating) ?? nothing();
      this.#encapsulated.set(encapsulating, entry);
      entry.options.set(code, encoded.bytes);
    } else this.#lost(setting, "its option is unknown");
  }

  #encapsulate(): void {
    const set = (
      settings: DraftSettings,
      code: number,
      place: Place,
      options: Map<number, Uint8Array>,
      statement: string,
    ) => {
      const bytes = encapsulateOptions(options);
      if (bytes === undefined) this.#findings.lost(place, statement, TOO_LONG);
      else setOption(settings, code, bytes, { place, statement, findings: this.#findings });
    };
    for (const [code, { place, options }] of this.#encapsulated) {
      set(this.#draft, code, place, options, `encap:${code}`);
    }
    for (const [vendor, { place, options }] of this.#vendors) {
      const statement = `vendor:${vendor}`;
      if (vendor === "") {
        set(this.#draft, 43, place, options, statement);
        continue;
      }
      const one: DraftClass = {
        ...emptySettings(),
        name: `vendor-${vendor}`.slice(0, 60),
        place,
        match: { vendorClass: vendor },
      };
      set(one, 43, place, options, statement);
      this.#draft.classes.push(one);
    }
  }

  #boot(setting: Setting): void {
    const tags = setting.values.filter((value) => /^(?:tag|net):/.test(value)).map((value) =>
      value.replace(/^\w+:/, "")
    );
    const [file = "", name = "", server] = setting.values.filter((value) => !/^(?:tag|net):/.test(value));
    const place = this.#place(setting);
    const address = server === undefined ? undefined : parseIpv4(server);
    if (server !== undefined && address === undefined) {
      this.#lost(setting, `"${server}" is not looked up; set nextServer to the address`);
    }
    if (server === undefined && !/^https?:/.test(file)) {
      this.#findings.changed(
        place,
        setting.text,
        "dnsmasq itself is the next server; set nextServer to the address of the TFTP server",
      );
    }
    for (const settings of this.#tags.levels(tags, setting) ?? []) {
      // Of several lines the last one counts, as a whole.
      delete settings.serverName;
      delete settings.nextServer;
      if (file !== "") settings.bootFile = { value: hostnameOf(file), place };
      if (name !== "") settings.serverName = { value: hostnameOf(name), place };
      if (address !== undefined && address !== 0) settings.nextServer = { value: address, place };
    }
  }

  #domain(setting: Setting): void {
    const [name = "", where] = setting.values;
    const place = this.#place(setting);
    if (name === "" || name === "#") return this.#lost(setting, "set the option domain-name");
    const prefix = where === undefined ? undefined : parsePrefix(where);
    const first = prefix?.address ?? parseIpv4(where?.split("-")[0] ?? "");
    const subnet = this.#draft.subnets.find((one) => first !== undefined && prefixContains(one.prefix, first));
    if (where !== undefined && subnet === undefined) {
      return this.#lost(setting, "set the option domain-name of the subnet");
    }
    const settings = subnet ?? this.#draft;
    // An option says it more strongly than this.
    if (settings.options.has(15)) return;
    setOption(settings, 15, latin1Bytes(name), { place, statement: setting.text, findings: this.#findings });
  }

  /** dnsmasq names itself as router and name server unless it is told otherwise. */
  #tellOwnAddresses(subnet: DraftSubnet): void {
    const has = (code: number) =>
      this.#suppressed.has(code) || this.#draft.options.has(code) || subnet.options.has(code) ||
      (subnet.pools.length > 0 && subnet.pools.every((pool) => pool.options.has(code)));
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
