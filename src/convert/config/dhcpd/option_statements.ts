/** `option` statements of dhcpd.conf: definitions, values of a level, and vendors' spaces with the option that carries them. */

import { type Statement, statementText } from "../../isc/statements.ts";
import type { Place } from "../../leases/lease.ts";
import type { DraftSettings } from "../draft.ts";
import type { Findings } from "../findings.ts";
import { encapsulateOptions, setOption, TOO_LONG } from "../options.ts";
import { DhcpdOptions, encodeStatement } from "./options.ts";

/** Sub-options, and where the first of them stands. */
interface Space {
  readonly place: Place;
  readonly options: Map<number, Uint8Array>;
}

/** Reads the options of one file. */
export class OptionStatements {
  readonly known = new DhcpdOptions();
  readonly #file: string;
  readonly #findings: Findings;
  readonly #spaces = new Map<DraftSettings, Map<string, Space>>();
  readonly #vendorSpace = new Map<DraftSettings, string>();

  constructor(file: string, findings: Findings) {
    this.#file = file;
    this.#findings = findings;
  }

  /** `vendor-option-space`: the space whose options make up option 43 of a level. */
  vendorSpace(settings: DraftSettings, space: string): void {
    this.#vendorSpace.set(settings, space);
  }

  /** Takes an `option` statement: a definition, or a value for a level. */
  read(statement: Statement, settings: DraftSettings): void {
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
    if (option.space === "dhcp") {
      const from = { place, statement: statementText(statement), findings: this.#findings };
      return setOption(settings, option.code, encoded.bytes, from);
    }
    const spaces = this.#spaces.get(settings) ?? new Map<string, Space>();
    this.#spaces.set(settings, spaces);
    const space = spaces.get(option.space) ?? { place, options: new Map<number, Uint8Array>() };
    spaces.set(option.space, space);
    space.options.set(option.code, encoded.bytes);
  }

  /** Ends a level: puts the options of vendors' spaces into the option that carries them. */
  finish(settings: DraftSettings): void {
    const vendor = this.#vendorSpace.get(settings);
    for (const [space, { place, options }] of this.#spaces.get(settings) ?? []) {
      const carrier = vendor === space ? 43 : this.known.encapsulating(space)?.code;
      const statement = `options of the space ${space}`;
      if (carrier === undefined) {
        this.#findings.lost(
          place,
          statement,
          `no option of this level carries them; add "vendor-option-space ${space};"`,
        );
        continue;
      }
      const bytes = encapsulateOptions(options);
      if (bytes === undefined) this.#findings.lost(place, statement, TOO_LONG);
      else setOption(settings, carrier, bytes, { place, statement, findings: this.#findings });
    }
  }

  #lost(statement: Statement, advice: string): void {
    this.#findings.lost({ file: this.#file, line: statement.line }, statementText(statement), advice);
  }
}
