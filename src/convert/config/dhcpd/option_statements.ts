/** `option` statements of dhcpd.conf: definitions, values of a level, and vendors' spaces. */

import { type Statement, statementText } from "../../isc/statements.ts";
import type { Place } from "../../leases/lease.ts";
import type { DraftSettings } from "../draft.ts";
import type { Findings } from "../findings.ts";
import { encapsulateOptions, setOption, TOO_LONG } from "../options.ts";
import { DhcpdOptions, encodeStatement } from "./options.ts";

/** What statements say of vendors' spaces at one level: it adds up over the levels. */
export interface Spaces {
  /** Sub-options by space and code. */
  readonly options: Map<string, Map<number, Uint8Array>>;
  /** The first statement. */
  place?: Place;
  /** `vendor-option-space`: the space whose options make up option 43. */
  vendor?: string;
  /** `site-option-space`: the space whose options are options of the site. */
  site?: string;
}

export function noSpaces(): Spaces {
  return { options: new Map() };
}

/** The first code of a site's own options (RFC 2132 §2), as dhcpd has it. */
const SITE_CODE_MIN = 128;
const VENDOR_OPTION = 43;
const LEASE_TIME_OPTION = 51;

/** Reads the options of one file. */
export class OptionStatements {
  readonly known = new DhcpdOptions();
  readonly #file: string;
  readonly #findings: Findings;
  /** Spaces whose options an option here carries somewhere, and the first statement of all others. */
  readonly #carried = new Set<string>();
  readonly #said = new Map<string, Place>();

  constructor(file: string, findings: Findings) {
    this.#file = file;
    this.#findings = findings;
  }

  /** Takes an `option` statement: a definition, or a value for a level. */
  read(statement: Statement, settings: DraftSettings, spaces: Spaces): void {
    const { words } = statement;
    const name = words[1]?.text ?? "";
    if (name === "space") return;
    if (words[2]?.kind === "word" && words[2].text === "code") {
      const problem = this.known.define(words);
      if (problem !== undefined) this.#lost(statement, problem);
      return;
    }
    const option = this.known.find(name);
    if (option === undefined) {
      return this.#lost(statement, "its name is unknown; write its code and its octets in hexadecimal");
    }
    const encoded = encodeStatement(option, words.slice(2));
    if (!encoded.ok) return this.#lost(statement, `its value ${encoded.problem}`);
    const place = { file: this.#file, line: statement.line };
    if (option.space === "dhcp" && option.code === LEASE_TIME_OPTION) {
      const advice = "dhcpd sends the time of the lease in it, whatever it says: see default-lease-time";
      return this.#findings.needless(place, statementText(statement), advice);
    }
    if (option.space === "dhcp") {
      // `option domain-name "";`: none is sent.
      if (encoded.bytes.length === 0) {
        settings.options.delete(option.code);
        settings.none.add(option.code);
        return;
      }
      settings.none.delete(option.code);
      const from = { place, statement: statementText(statement), findings: this.#findings };
      return setOption(settings, option.code, encoded.bytes, from);
    }
    spaces.place ??= place;
    if (!this.#said.has(option.space)) this.#said.set(option.space, place);
    const options = spaces.options.get(option.space) ?? new Map<number, Uint8Array>();
    spaces.options.set(option.space, options);
    options.set(option.code, encoded.bytes);
  }

  /**
   * Puts the sub-options that clients of a level get into the options that carry them; `around` are the levels around
   * it, the innermost first. Whether the level itself says anything of it.
   */
  finish(settings: DraftSettings, own: Spaces, around: readonly Spaces[]): void {
    const levels = [own, ...around];
    const vendor = levels.find((level) => level.vendor !== undefined)?.vendor;
    const site = levels.find((level) => level.site !== undefined)?.site;
    const spaces = new Set([...levels.flatMap((level) => [...level.options.keys()])]);
    for (const space of spaces) {
      const changes = own.options.has(space) || own.vendor === space || own.site === space;
      const place = own.place ?? around.find((level) => level.options.has(space))?.place;
      if (!changes || place === undefined) continue;
      const options = new Map<number, Uint8Array>();
      for (const level of levels.toReversed()) {
        for (const [code, value] of level.options.get(space) ?? []) options.set(code, value);
      }
      const carrier = vendor === space ? VENDOR_OPTION : this.known.encapsulating(space)?.code;
      const statement = `options of the space ${space}`;
      const from = { place, statement, findings: this.#findings };
      if (site === space) {
        this.#carried.add(space);
        for (const [code, value] of options) {
          if (code >= SITE_CODE_MIN) setOption(settings, code, value, from);
          else {this.#findings.lost(
              place,
              statement,
              `option ${code} is none of the site's own, which begin at ${SITE_CODE_MIN}`,
            );}
        }
      } else if (carrier !== undefined) {
        this.#carried.add(space);
        const bytes = encapsulateOptions(new Map([...options].sort(([a], [b]) => a - b)));
        if (bytes === undefined) this.#findings.lost(place, statement, TOO_LONG);
        else setOption(settings, carrier, bytes, from);
      }
    }
  }

  /** Reports the spaces that nothing carries. */
  tellSpaces(): void {
    for (const [space, place] of this.#said) {
      if (this.#carried.has(space)) continue;
      const advice = `nothing in the file sends them: that takes "vendor-option-space ${space};" or an option that ` +
        "encapsulates the space";
      this.#findings.lost(place, `options of the space ${space}`, advice);
    }
  }

  #lost(statement: Statement, advice: string): void {
    this.#findings.lost({ file: this.#file, line: statement.line }, statementText(statement), advice);
  }
}
