// deno-lint-ignore-file no-console -- a command line speaks on the console
/**
 * The reference of all configuration keys, out of the schemas and what `node/keys.ts` and `relay/keys.ts` say of each
 * key: the tables in the operator's guides and the JSON Schemas for editors.
 *
 * usage: deno run -A scripts/reference.ts      after a change of a schema; a test says when it was forgotten
 */

import { z } from "zod";
import { nodeSchema } from "../node/config.ts";
import { NODE_KEYS } from "../node/keys.ts";
import { relaySchema } from "../relay/config.ts";
import { RELAY_KEYS } from "../relay/keys.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** What a key is for: its default as a file would write it, "required" or "none"; and one line. */
export type KeyNote = readonly [fallback: string, meaning: string];

/** A program with a configuration. */
interface Subject {
  readonly program: "node" | "relay";
  readonly schema: z.ZodType;
  readonly keys: Readonly<Record<string, KeyNote>>;
  /** Keys that several places have; they are described once, as the first of them. */
  readonly shared: { readonly places: readonly string[]; readonly keys: readonly string[] };
}

const SCOPE = [
  "leaseTime",
  "minLeaseTime",
  "maxLeaseTime",
  "renewTime",
  "rebindTime",
  "nextServer",
  "serverName",
  "bootFile",
  "options",
];

export const SUBJECTS: readonly Subject[] = [
  {
    program: "node",
    schema: nodeSchema,
    keys: NODE_KEYS,
    shared: {
      places: [
        "service",
        "service.subnets[]",
        "service.subnets[].pools[]",
        "service.classes[]",
        "service.subnets[].reservations[]",
      ],
      keys: SCOPE,
    },
  },
  { program: "relay", schema: relaySchema, keys: RELAY_KEYS, shared: { places: [], keys: [] } },
];

/** A JSON Schema, as far as it is looked at here. */
interface Shape {
  $schema?: string;
  title?: string;
  description?: string;
  properties?: Record<string, Shape>;
  items?: Shape;
  type?: string;
  anyOf?: Shape[];
}

/** Every key of a schema with its place in it, in the order of the schema. */
function* places(shape: Shape, path = ""): Generator<{ path: string; shape: Shape }> {
  for (const [name, inner] of Object.entries(shape.properties ?? {})) {
    const own = path === "" ? name : `${path}.${name}`;
    const entry = inner.items ?? inner;
    const below = inner.items === undefined ? own : `${own}[]`;
    if (entry.properties === undefined) yield { path: own, shape: inner };
    else {
      yield { path: own, shape: inner };
      yield* places(entry, below);
    }
  }
}

/** The key under which a key is described. */
function described({ shared }: Subject, path: string): string {
  const at = path.lastIndexOf(".");
  const [place, key] = [path.slice(0, at), path.slice(at + 1)];
  return shared.keys.includes(key) && shared.places.includes(place) ? `${shared.places[0]}.${key}` : path;
}

/** The JSON Schema of a program's file with what is said of each key; throws on keys that nothing is said of. */
export function jsonSchemaOf(subject: Subject): Shape {
  const { program, schema, keys } = subject;
  const whole = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Shape;
  const seen = new Set<string>();
  const missing: string[] = [];
  for (const { path, shape } of places(whole)) {
    const name = described(subject, path);
    const note = keys[name];
    seen.add(name);
    const isSection = (shape.items ?? shape).properties !== undefined;
    if (note === undefined) {
      if (!isSection) missing.push(path);
      continue;
    }
    shape.description = note[1];
  }
  const unknown = Object.keys(keys).filter((key) => !seen.has(key));
  if (missing.length > 0) throw new Error(`${program}/keys.ts says nothing of ${missing.join(", ")}`);
  if (unknown.length > 0) throw new Error(`${program}/keys.ts has keys that do not exist: ${unknown.join(", ")}`);
  for (const { path, shape } of places(whole)) if (SHORT.has(path)) allowShort(shape);
  return { ...whole, title: `Configuration of dhcpcluster-${program}` };
}

/** Keys that may be written shorter: a text for a mapping, or one value for a list. */
const SHORT = new Set(["service.subnets[].pools", "service.classes[].match.architecture"]);

function allowShort(shape: Shape): void {
  const { description, ...full } = shape;
  if (full.items?.properties !== undefined) {
    shape.items = { anyOf: [{ type: "string" }, full.items] };
    return;
  }
  for (const key of Object.keys(full)) delete shape[key as keyof Shape];
  Object.assign(shape, description === undefined ? {} : { description }, { anyOf: [{ type: "integer" }, full] });
}

/** The rows of a guide's table, for keys that begin with one of the prefixes or, with `not`, with none. */
function tableOf({ keys }: Subject, isWanted: (key: string) => boolean): string {
  const rows = Object.entries(keys).filter(([key]) => isWanted(key)).map(([key, [fallback, meaning]]) => [
    `\`${key}\``,
    /^(?:required|none|see below)$/.test(fallback) ? fallback : `\`${fallback}\``,
    meaning.replaceAll("|", "\\|"),
  ]);
  const all = [["key", "default", "meaning"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] as number)).join(" | ")} |`;
  const [header, ...body] = all;
  return [line(header as string[]), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(line)]
    .join("\n");
}

/** Tables in a guide stand between `<!-- keys NAME -->` and `<!-- end -->`. */
const TABLES: Readonly<Record<string, (key: string) => boolean>> = {
  all: () => true,
  own: (key) => !key.startsWith("service"),
  service: (key) => key.startsWith("service"),
};

/** A guide with its tables made anew. */
export function guideOf(subject: Subject, text: string): string {
  return text.replaceAll(
    /(<!-- keys (\w+) -->\n)[^]*?(\n<!-- end -->)/g,
    (_whole, begin: string, name: string, end: string) => {
      const isWanted = TABLES[name];
      if (isWanted === undefined) throw new Error(`There is no table "${name}"`);
      return `${begin}\n${tableOf(subject, isWanted)}\n${end}`;
    },
  );
}

/** Every file that is made, with its text. */
export async function made(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const subject of SUBJECTS) {
    const { program } = subject;
    files.set(`${program}/${program}.schema.json`, `${JSON.stringify(jsonSchemaOf(subject), null, 2)}\n`);
    const guide = `${program}/README.md`;
    files.set(guide, guideOf(subject, await Deno.readTextFile(`${ROOT}${guide}`)));
  }
  return files;
}

if (import.meta.main) {
  for (const [file, text] of await made()) {
    await Deno.writeTextFile(`${ROOT}${file}`, text);
    console.log(file);
  }
}
