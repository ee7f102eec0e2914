/** `dhcp-option` and `dhcp-boot`: which of several lines counts for whom. */

import { parseIpv4 } from "../../../net/ipv4.ts";
import { hostnameOf, latin1Bytes, type Place } from "../../leases/lease.ts";
import { ALWAYS, both, type Condition, MATCHED_OPTIONS } from "../conditions.ts";
import { type Draft, type DraftSettings, emptySettings, say, type SettingKey, settingsOf } from "../draft.ts";
import type { Findings } from "../findings.ts";
import { encapsulateOptions, optionKey, setOption, TOO_LONG } from "../options.ts";
import type { Rules } from "../rules.ts";
import type { Setting } from "./lines.ts";
import { encodeGuess, encodeOption, givenFrom, optionCode } from "./options.ts";
import type { Tags, Target } from "./tags.ts";

const VENDOR_OPTION = 43;
/** RFC 2132 §3.2: dnsmasq ends encapsulated options with it. */
const END_OPTION = 255;

const OWN_SERVER = "dnsmasq itself is the next server; set nextServer to the address of the TFTP server";

/** What one line says, and to whom. */
interface Line {
  readonly setting: Setting;
  readonly tags: readonly string[];
  readonly settings: DraftSettings;
}

/** Sub-options for clients of a vendor class, or of an encapsulating option. */
interface SubOption {
  readonly setting: Setting;
  readonly tags: readonly string[];
  readonly vendor: string | undefined;
  readonly carrier: number;
  readonly code: number;
  readonly bytes: Uint8Array;
}

/** The options and boot files of one file. */
export class Values {
  readonly #draft: Draft;
  readonly #tags: Tags;
  readonly #rules: Rules;
  readonly #findings: Findings;
  readonly #file: string;
  readonly #options: Line[] = [];
  readonly #boots: Line[] = [];
  readonly #subOptions: SubOption[] = [];

  constructor(draft: Draft, tags: Tags, rules: Rules, { findings, file }: { findings: Findings; file: string }) {
    this.#draft = draft;
    this.#tags = tags;
    this.#rules = rules;
    this.#findings = findings;
    this.#file = file;
  }

  /** Takes a `dhcp-option`. */
  option(setting: Setting): void {
    const place = this.#place(setting);
    const tags: string[] = [];
    let vendor: string | undefined;
    let carrier: number | undefined;
    let at = 0;
    for (; at < setting.values.length; at++) {
      const value = setting.values[at] as string;
      const [, kind, word = ""] = /^(tag|net|vendor|encap|vi-encap|option6):(.*)$/.exec(value) ?? [];
      if (kind === "tag" || kind === "net") tags.push(word);
      else if (kind === "vendor") [vendor, carrier] = [word, VENDOR_OPTION];
      else if (kind === "encap") carrier = Number(word);
      else if (kind === "vi-encap") {
        return this.#lost(setting, "write option 125 (vivso-suboptions) as a whole, in hexadecimal");
      } else if (kind === "option6") {
        return this.#findings.needless(place, setting.text, "DHCPv6 is not served; keep dnsmasq for it");
      } else if (/^(?:option:.*|\d+)$/.test(value)) break;
      // Before 2.51, tags had no word in front.
      else tags.push(value);
    }
    const key = setting.values[at] ?? "";
    const given = givenFrom(setting, at + 1);
    const { values, isQuoted } = given;
    const code = carrier === undefined ? optionCode(key) : subOptionCode(key);
    if (code === undefined) return this.#lost(setting, `the option "${key}" is unknown`);
    if (carrier !== undefined) {
      const encoded = encodeGuess(given);
      if (!encoded.ok) return this.#lost(setting, `its value ${encoded.problem}`);
      if (!(carrier >= 1 && carrier <= 254)) return this.#lost(setting, "its option is unknown");
      this.#subOptions.push({ setting, tags, vendor, carrier, code, bytes: encoded.bytes });
      return;
    }
    const settings = emptySettings();
    if (values.every((value) => value === "")) settings.none.add(code);
    else if (values.includes("0.0.0.0") && !isQuoted && code !== 121 && code !== 249) {
      return this.#lost(setting, "0.0.0.0 stands for dnsmasq's own address; write the address that is meant");
    } else {
      const encoded = encodeOption(code, given);
      if (!encoded.ok) return this.#lost(setting, `its value ${encoded.problem}`);
      setOption(settings, code, encoded.bytes, { place, statement: setting.text, findings: this.#findings });
    }
    if (settingsOf(settings).size > 0) this.#options.push({ setting, tags, settings });
  }

  /** Takes a `dhcp-boot`. */
  boot(setting: Setting): void {
    const isTag = (value: string) => /^(?:tag|net):/.test(value);
    const tags = setting.values.filter(isTag).map((value) => value.replace(/^\w+:/, ""));
    const [file = "", name = "", server] = setting.values.filter((value) => !isTag(value));
    const place = this.#place(setting);
    const address = server === undefined || server === "" ? undefined : parseIpv4(server);
    if (address === undefined && server !== undefined && server !== "") {
      this.#lost(setting, `"${server}" is not looked up; set nextServer to the address`);
    }
    if (address === undefined && !/^https?:/.test(file)) {
      this.#findings.changed(
        place,
        setting.text,
        OWN_SERVER,
      );
    }
    const settings = emptySettings();
    const set = (key: SettingKey, value: unknown) =>
      say(settings, key, value === undefined || value === "" ? null : { value, place });
    set("bootFile", hostnameOf(file));
    set("serverName", hostnameOf(name));
    set("nextServer", address === 0 ? undefined : address);
    this.#boots.push({ setting, tags, settings });
  }

  /** Puts everything into the draft and the rules. */
  finish(): void {
    this.#encapsulate();
    // Without tags: the last line counts where no line with tags does.
    for (const lines of [this.#options, this.#boots]) {
      for (const { tags, settings } of lines) if (tags.length === 0) this.#merge(this.#draft, settings);
    }
    // With tags: the last line; of options, those for clients before those for networks.
    this.#tellBoth(66, "serverName");
    this.#tellBoth(67, "bootFile");
    this.#sort(this.#options, "options");
    this.#sort(this.#boots, "boot");
  }

  /** There a boot line wins over the option of the same meaning, here the option. */
  #tellBoth(code: number, key: "serverName" | "bootFile"): void {
    const boot = this.#boots.find(({ settings }) => settings[key] !== undefined);
    for (const { setting, settings } of this.#options) {
      if (!settings.options.has(code)) continue;
      if (boot !== undefined) {
        const advice = `${optionKey(code)}: here it wins over ${key} of line ${boot.setting.line}, there it loses`;
        this.#findings.changed(this.#place(setting), setting.text, advice);
      } else if (key === "bootFile") this.#findings.changed(this.#place(setting), setting.text, OWN_SERVER);
    }
  }

  #sort(lines: readonly Line[], what: "options" | "boot"): void {
    const hosts = new Map<SettingKey, number>();
    const clients: number[] = [];
    for (const line of lines) {
      if (line.tags.length === 0) continue;
      const target = this.#tags.target(line.tags);
      const { setting, settings, tags } = line;
      const place = this.#place(setting);
      switch (target.kind) {
        case "refused":
          this.#lost(setting, target.reason);
          break;
        case "all":
          this.#addRule(ALWAYS, line);
          break;
        case "clients":
          clients.push(setting.line);
          this.#addRule(target.condition, line);
          this.#tellHosts(hosts, line);
          break;
        case "hosts":
          for (const one of target.reservations) this.#merge(one, settings);
          for (const key of settingsOf(settings).keys()) hosts.set(key, setting.line);
          if (target.reservations.length === 0) this.#lost(setting, `no reservation here has the tag "${tags[0]}"`);
          break;
        case "levels":
          for (const one of target.levels) this.#merge(one, settings);
          if (what === "boot" && clients.length > 0) {
            const advice = `the lines before it for some clients (${clients.join(", ")}) win here in its network, too`;
            this.#findings.changed(place, setting.text, advice);
          }
      }
    }
  }

  /** A reservation wins over classes here; there the later line does. */
  #tellHosts(hosts: ReadonlyMap<SettingKey, number>, { setting, settings }: Line): void {
    for (const key of settingsOf(settings).keys()) {
      const line = hosts.get(key);
      if (line === undefined) continue;
      const name = typeof key === "number" ? optionKey(key) : key;
      const advice =
        `${name}: line ${line} says it for hosts, which wins here; there this line wins, as it is the later`;
      this.#findings.changed(this.#place(setting), setting.text, advice);
    }
  }

  #addRule(condition: Condition, { setting, tags, settings }: Line): void {
    const name = tags.join("+").slice(0, 60) || "class";
    const branch = { condition, settings, name, place: this.#place(setting), statement: setting.text };
    this.#rules.add([branch], "nothing");
  }

  #merge(level: DraftSettings, settings: DraftSettings): void {
    for (const [key, value] of settingsOf(settings)) say(level, key, value);
  }

  /** All sub-options that clients of a group get are one option; those with fewer tags are among them. */
  #encapsulate(): void {
    const groups = new Map<string, SubOption[]>();
    for (const one of this.#subOptions) {
      const key = JSON.stringify([one.carrier, one.vendor, one.tags.toSorted()]);
      groups.set(key, [...groups.get(key) ?? [], one]);
    }
    const sizeOf = ([first]: readonly SubOption[]) => (first?.tags.length ?? 0) * 1000 + (first?.vendor?.length ?? 0);
    for (const group of [...groups.values()].sort((a, b) => sizeOf(a) - sizeOf(b))) this.#group(group);
  }

  #group(group: readonly SubOption[]): void {
    const [first] = group;
    if (first === undefined) return;
    const { setting, tags, vendor, carrier } = first;
    const place = this.#place(setting);
    const among = this.#subOptions.filter((one) =>
      one.carrier === carrier && one.tags.every((tag) => tags.includes(tag)) &&
      (one.vendor === vendor || one.vendor !== undefined && vendor?.includes(one.vendor))
    );
    // dnsmasq writes the last line first.
    const options = new Map(among.toReversed().map(({ code, bytes }) => [code, bytes] as const));
    const bytes = encapsulateOptions(options);
    if (bytes === undefined) return this.#lost(setting, TOO_LONG);
    const settings = emptySettings();
    const from = { place, statement: setting.text, findings: this.#findings };
    setOption(settings, carrier, Uint8Array.of(...bytes, END_OPTION), from);
    const line: Line = { setting, tags: [...tags, ...vendor === undefined ? [] : [`vendor-${vendor}`]], settings };
    const target: Target = tags.length === 0 ? { kind: "all" } : this.#tags.target(tags);
    const condition: Condition = vendor === undefined || vendor === ""
      ? ALWAYS
      : { kind: "contains", code: MATCHED_OPTIONS.vendorClass, value: latin1Bytes(vendor) };
    if (target.kind === "all") this.#addRule(condition, line);
    else if (target.kind === "clients") this.#addRule(both(condition, target.condition), line);
    else if (target.kind === "refused") this.#lost(setting, target.reason);
    else if (condition !== ALWAYS) {
      this.#lost(setting, "a vendor class together with the tag of a network or a host has no counterpart");
    } else {for (const level of target.kind === "hosts" ? target.reservations : target.levels) {
        this.#merge(level, settings);
      }}
  }

  #place(setting: Setting): Place {
    return { file: this.#file, line: setting.line };
  }

  #lost(setting: Setting, advice: string): void {
    this.#findings.lost(this.#place(setting), setting.text, advice);
  }
}

/** A vendor's own number. */
function subOptionCode(text: string): number | undefined {
  const code = /^\d{1,3}$/.test(text) ? Number(text) : -1;
  return code >= 0 && code <= 254 ? code : undefined;
}
