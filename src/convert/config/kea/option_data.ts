/** Kea's `option-data`: definitions, spaces of sub-options and the options that carry them, as octets of a level. */

import type { Place } from "../../leases/lease.ts";
import type { DraftSettings } from "../draft.ts";
import type { Findings } from "../findings.ts";
import { encapsulateOptions, setOption, TOO_LONG } from "../options.ts";
import { type Definition, encodeData, keaType, knownDefinition, vendorOptions } from "./definitions.ts";
import type { JsonNode } from "./json.ts";
import { type JsonMap, type Nodes, show } from "./nodes.ts";

/** RFC 3925: vendor-identifying vendor-specific information. */
const VIVSO = 125;

/** Reads the options of one file. */
export class OptionData {
  readonly #nodes: Nodes;
  readonly #findings: Findings;
  readonly #definitions: Definition[] = [];

  constructor(nodes: Nodes, findings: Findings) {
    this.#nodes = nodes;
    this.#findings = findings;
  }

  /** Takes an `option-def` of the service. */
  define(node: JsonNode): void {
    const definition = this.#defined(node);
    if (definition !== undefined) this.#definitions.push(definition);
  }

  #defined(node: JsonNode): Definition | undefined {
    const definition = this.#nodes.map(node, "option-def");
    if (definition === undefined) return undefined;
    const code = this.#nodes.number(definition, "code")?.value;
    const name = this.#nodes.text(definition, "name")?.value;
    if (code === undefined || name === undefined) {
      this.#findings.lost(this.#nodes.place(node), show("option-def", node), "it needs a name and a code");
      return undefined;
    }
    const array = definition.entries.get("array");
    return {
      name,
      code,
      space: this.#nodes.text(definition, "space")?.value ?? "dhcp4",
      type: keaType(
        this.#nodes.text(definition, "type")?.value ?? "",
        this.#nodes.text(definition, "record-types")?.value ?? "",
        array?.kind === "boolean" && array.value,
      ),
      encapsulate: this.#nodes.text(definition, "encapsulate")?.value ?? "",
    };
  }

  #definition(space: string, key: string | number, inner: readonly Definition[]): Definition | undefined {
    const own = [...inner, ...this.#definitions].find((one) =>
      one.space === space && (one.name === key || one.code === key)
    );
    return own ?? knownDefinition(space, key);
  }

  /** Puts the `option-data` of a level into it; `definitions` are those of a class for itself. */
  read(nodes: readonly JsonNode[], settings: DraftSettings, definitions: readonly JsonNode[] = []): void {
    const inner = definitions.map((node) => this.#defined(node)).filter((one) => one !== undefined);
    /** Sub-options by space, and where the first of them stands. */
    const spaces = new Map<string, { readonly place: Place; readonly options: Map<number, Uint8Array> }>();
    const encapsulating: { definition: Definition; bytes: Uint8Array; node: JsonNode }[] = [];
    for (const node of nodes) {
      const data = this.#nodes.map(node, "option-data");
      const encoded = data && this.#encode(data, inner);
      if (encoded === undefined) continue;
      const { definition, bytes } = encoded;
      const place = this.#nodes.place(node);
      if (definition.space !== "dhcp4") {
        const space = spaces.get(definition.space) ?? { place, options: new Map() };
        spaces.set(definition.space, space);
        space.options.set(definition.code, bytes);
      } else if (definition.code === VIVSO && bytes.length === 4) {
        // Nothing by itself: its sub-options stand in the space of the enterprise.
      } else if (definition.encapsulate !== "") encapsulating.push({ definition, bytes, node });
      else this.#setOption(settings, definition.code, bytes, place, show("option-data", node));
    }
    for (const { definition, bytes, node } of encapsulating) {
      const space = spaces.get(definition.encapsulate);
      spaces.delete(definition.encapsulate);
      const inner = encapsulateOptions(space?.options ?? new Map());
      const whole = inner && Uint8Array.from([...bytes, ...inner]);
      this.#setOption(settings, definition.code, whole, this.#nodes.place(node), show("option-data", node));
    }
    for (const [name, { place, options }] of spaces) {
      const enterprise = /^vendor-(\d+)$/.exec(name)?.[1];
      if (name === "vendor-encapsulated-options-space") {
        const advice = "Kea sends none of them: this level has no option vendor-encapsulated-options";
        this.#findings.needless(place, `options of the space ${name}`, advice);
      } else if (enterprise !== undefined) {
        this.#setOption(
          settings,
          125,
          vendorOptions(Number(enterprise), options),
          place,
          `options of the space ${name}`,
        );
      } else {
        const advice = "no option of this level encapsulates this space; write the whole option in hexadecimal";
        this.#findings.lost(place, `options of the space ${name}`, advice);
      }
    }
  }

  #encode(data: JsonMap, inner: readonly Definition[]): { definition: Definition; bytes: Uint8Array } | undefined {
    const place = this.#nodes.place(data);
    const statement = show("option-data", data);
    const space = this.#nodes.text(data, "space")?.value ?? "dhcp4";
    const name = this.#nodes.text(data, "name")?.value;
    const code = this.#nodes.number(data, "code")?.value;
    const definition = (code === undefined ? undefined : this.#definition(space, code, inner)) ??
      (name === undefined ? undefined : this.#definition(space, name, inner)) ??
      (code === undefined ? undefined : { name: String(code), code, space, type: undefined, encapsulate: "" });
    if (definition === undefined) {
      this.#findings.lost(place, statement, "its name is unknown; write its code and its octets in hexadecimal");
      return undefined;
    }
    if (this.#nodes.flag(data, "never-send") === true) {
      this.#findings.lost(place, statement, "an option can't be forbidden here; leave it out of the levels around");
      return undefined;
    }
    if (this.#nodes.flag(data, "always-send") === true) {
      const advice = "always-send has no counterpart: clients get the options that they ask for, " +
        "and all of them when they ask for none in particular";
      this.#findings.changed(place, statement, advice);
    }
    const classes = data.entries.get("client-classes");
    if (classes?.kind === "list" && classes.items.length > 0) {
      this.#findings.lost(place, statement, "an option for some classes only belongs into these classes here");
      return undefined;
    }
    const csv = this.#nodes.flag(data, "csv-format") ?? definition.type !== undefined;
    const text = this.#nodes.text(data, "data")?.value ?? "";
    if (text === "") return { definition, bytes: new Uint8Array() };
    const encoded = encodeData(text, csv, definition.type);
    if (encoded.ok) return { definition, bytes: encoded.bytes };
    this.#findings.lost(place, statement, `its value ${encoded.problem}`);
    return undefined;
  }

  #setOption(
    settings: DraftSettings,
    code: number,
    bytes: Uint8Array | undefined,
    place: Place,
    statement: string,
  ): void {
    if (bytes === undefined) return this.#findings.lost(place, statement, TOO_LONG);
    setOption(settings, code, bytes, { place, statement, findings: this.#findings });
  }
}
