/** Typed access to the values of Kea's configuration; reports values of the wrong type. */

import type { Place } from "../../leases/lease.ts";
import type { Findings } from "../findings.ts";
import type { JsonNode } from "./json.ts";

export type JsonMap = Extract<JsonNode, { kind: "map" }>;

/** A value and where it stands. */
export interface Placed<T> {
  readonly value: T;
  readonly place: Place;
}

/** Reads values of one file. */
export class Nodes {
  readonly #file: string;
  readonly #findings: Findings;

  constructor(file: string, findings: Findings) {
    this.#file = file;
    this.#findings = findings;
  }

  /** Where a value stands. */
  place(node: JsonNode): Place {
    return { file: this.#file, line: node.line };
  }

  /** The value if it is a map; else that is reported. */
  map(node: JsonNode, name: string): JsonMap | undefined {
    if (node.kind === "map") return node;
    this.#findings.lost(this.place(node), show(name, node), "a map { … } belongs here");
    return undefined;
  }

  /** The entries of a list; what is no list is reported. */
  list(map: JsonMap, key: string): readonly JsonNode[] {
    const node = map.entries.get(key);
    if (node === undefined || node.kind === "null") return [];
    if (node.kind === "list") return node.items;
    this.#findings.lost(this.place(node), show(key, node), "a list [ … ] belongs here");
    return [];
  }

  /** A text. */
  text(map: JsonMap, key: string): Placed<string> | undefined {
    const node = map.entries.get(key);
    return node?.kind === "text" ? { value: node.value, place: this.place(node) } : undefined;
  }

  /** A whole number of 32 bits. */
  number(map: JsonMap, key: string): Placed<number> | undefined {
    const node = map.entries.get(key);
    if (node?.kind !== "number" || !Number.isInteger(node.value) || node.value < 0 || node.value > 0xffffffff) {
      return undefined;
    }
    return { value: node.value, place: this.place(node) };
  }

  /** Seconds; 0 counts as absent. */
  lifetime(map: JsonMap, key: string): Placed<number> | undefined {
    const found = this.number(map, key);
    return found === undefined || found.value === 0 ? undefined : found;
  }

  /** True or false. */
  flag(map: JsonMap, key: string): boolean | undefined {
    const node = map.entries.get(key);
    return node?.kind === "boolean" ? node.value : undefined;
  }
}

/** A key with its value, as findings quote it. */
export function show(key: string, node: JsonNode): string {
  return `"${key}": ${brief(node, 3)}`;
}

function brief(node: JsonNode, depth: number): string {
  switch (node.kind) {
    case "map": {
      if (depth === 0) return "{ ... }";
      const entries = [...node.entries].slice(0, 6).map(([key, value]) => `"${key}": ${brief(value, depth - 1)}`);
      return `{ ${entries.join(", ")} }`;
    }
    case "list":
      return depth === 0 ? "[ ... ]" : `[ ${node.items.slice(0, 4).map((item) => brief(item, depth - 1)).join(", ")} ]`;
    case "null":
      return "null";
    default:
      return JSON.stringify(node.value);
  }
}
