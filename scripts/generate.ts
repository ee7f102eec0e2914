// deno-lint-ignore-file no-console -- a command line speaks on the console
/**
 * Writes every file that is made from others: the JSON Schemas for editors and the tables in the operator's guides,
 * from the schemas of `node/config.ts` and `relay/config.ts`; the reasons why a node is not ready, from
 * `src/core/readiness.ts`; and `node/OPTIONS.md`, from the option registry.
 *
 * usage: deno run -A scripts/generate.ts      after a change of one of these; a test fails until it was done
 */

import { z } from "zod";
import { nodeSchema } from "../node/config.ts";
import { relaySchema } from "../relay/config.ts";
import { NOT_READY, REASONS } from "../src/core/readiness.ts";
import { ALL_OPTIONS } from "../src/dhcp/options/mod.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const SCHEMAS = { node: nodeSchema, relay: relaySchema } as const;

/** A configuration key as its schema describes it. */
interface Key {
  /** Such as `service.subnets[].pools`. */
  readonly path: string;
  /** Its default as a file would write it, or a word: {@link NO_DEFAULT}. */
  readonly fallback: string;
  readonly description: string;
}

const NO_DEFAULT = ["required", "none", "see below"];

/**
 * All keys of a schema, in its order; a key that several places share (same field, same description) once, at the
 * first. Throws when a key has no description; a mapping needs none.
 */
export function keysOf(schema: z.ZodType): readonly Key[] {
  const keys: Key[] = [];
  const described = new Map<z.core.$ZodType, string>();
  const undescribed: string[] = [];
  const walk = (object: z.core.$ZodObject, place: string) => {
    for (const [name, value] of Object.entries(object._zod.def.shape)) {
      const path = `${place}${name}`;
      const { core, description = "", fallback } = unwrap(value);
      const isShared = description !== "" && described.get(core) === description;
      if (!isShared && description !== "") keys.push({ path, fallback, description });
      described.set(core, description);
      if (core instanceof z.core.$ZodObject) walk(core, `${path}.`);
      else if (description === "") undescribed.push(path);
      const element = core instanceof z.core.$ZodArray ? unwrap(core._zod.def.element).core : undefined;
      if (element instanceof z.core.$ZodObject) walk(element, `${path}[].`);
    }
  };
  const root = unwrap(schema).core;
  if (root instanceof z.core.$ZodObject) walk(root, "");
  if (undescribed.length > 0) throw new Error(`No .describe(…) in the schema: ${undescribed.join(", ")}`);
  return keys;
}

/** What a file writes for a key, without the wrappers around it; and what these say. */
function unwrap(schema: z.core.$ZodType): { core: z.core.$ZodType; description?: string; fallback: string } {
  let core = schema;
  let description: string | undefined;
  let fallback: string | undefined;
  for (;;) {
    const meta = z.globalRegistry.get(core);
    description ??= meta?.description;
    if (typeof meta?.["fallback"] === "string") fallback ??= meta["fallback"];
    if (core instanceof z.core.$ZodPrefault) {
      fallback ??= inFlowStyle(core._zod.def.defaultValue);
      core = core._zod.def.innerType;
    } else if (core instanceof z.core.$ZodOptional) {
      core = core._zod.def.innerType;
    } else if (core instanceof z.core.$ZodPipe) {
      const { in: before, out } = core._zod.def;
      core = before instanceof z.core.$ZodTransform ? out : before;
    } else break;
  }
  fallback ??= schema._zod.optin === "optional" ? "none" : "required";
  return { core, fallback, ...(description === undefined ? {} : { description }) };
}

function inFlowStyle(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inFlowStyle).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const entries = Object.entries(value).map(([key, inner]) => `${key}: ${inFlowStyle(inner)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

/** The JSON Schema of a program's file. */
export function jsonSchemaOf(program: keyof typeof SCHEMAS): object {
  const whole = z.toJSONSchema(SCHEMAS[program], { io: "input", unrepresentable: "any" });
  return { ...allowShort(whole) as object, title: `Configuration of dhcpcluster-${program}` };
}

/** Resolves what {@link Field} has beside JSON Schema's own words. */
function allowShort(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(allowShort);
  if (typeof node !== "object" || node === null) return node;
  const all = Object.entries(node).map(([key, value]) => [key, allowShort(value)]);
  const { short, fallback: _, description, ...full } = Object.fromEntries(all);
  const about = description === undefined ? {} : { description };
  return short === undefined ? { ...about, ...full } : { ...about, anyOf: [{ type: short }, full] };
}

/** A Markdown table as `deno fmt` aligns it. */
function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const [header = [], ...body] = cells;
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

/** Tables in a guide stand between `<!-- keys NAME -->` and `<!-- end -->`. */
const TABLES: Readonly<Record<string, (key: string) => boolean>> = {
  all: () => true,
  own: (key) => !key.startsWith("service"),
  service: (key) => key.startsWith("service"),
};

/** Why a node is not ready, as `/readyz` says it. */
function readinessTable(): string {
  const rows = NOT_READY.map((kind) => {
    const { title, meaning, advice } = REASONS[kind];
    return [`\`${title}: …\``, `\`${kind}\``, meaning, advice];
  });
  return table([["`/readyz` says", "`reason` in metrics", "meaning", "what to do"], ...rows]);
}

/** A guide with its tables made anew. */
function guideOf(schema: z.ZodType, guide: string): string {
  const text = guide.replace(
    /(<!-- readiness -->\n)[^]*?(\n<!-- end -->)/,
    (_whole, begin: string, end: string) => `${begin}\n${readinessTable()}\n${end}`,
  );
  const keys = keysOf(schema);
  return text.replaceAll(
    /(<!-- keys (\w+) -->\n)[^]*?(\n<!-- end -->)/g,
    (_whole, begin: string, name: string, end: string) => {
      const isWanted = TABLES[name];
      if (isWanted === undefined) throw new Error(`There is no table "${name}"`);
      const rows = keys.filter(({ path }) => isWanted(path)).map(({ path, fallback, description }) => [
        `\`${path}\``,
        NO_DEFAULT.includes(fallback) ? fallback : `\`${fallback}\``,
        description,
      ]);
      return `${begin}\n${table([["key", "default", "meaning"], ...rows])}\n${end}`;
    },
  );
}

function optionsDocument(): string {
  const rows = ALL_OPTIONS.map(({ name, aliases = [], code, codec, rfc, reserved }) => [
    String(code),
    [name, ...aliases].map((key) => `\`${key}\``).join(", "),
    codec.shape,
    reserved === undefined ? codec.wanted : `not configurable: ${reserved}`,
    rfc,
  ]);
  return `# DHCP options

The names that \`options\` takes in a node's configuration, made from \`src/dhcp/options/registry.ts\` by
\`scripts/generate.ts\`. An option that is not here is given by its code, with its bytes in hex: \`"224": "0x0102ff"\`.

${table([["code", "key", "value", "in configuration", "defined in"], ...rows])}
`;
}

/** Every generated file, by its path from the root. */
export async function generated(): Promise<ReadonlyMap<string, string>> {
  const files = new Map([["node/OPTIONS.md", optionsDocument()]]);
  for (const program of ["node", "relay"] as const) {
    files.set(`${program}/${program}.schema.json`, `${JSON.stringify(jsonSchemaOf(program), null, 2)}\n`);
    const guide = `${program}/README.md`;
    files.set(guide, guideOf(SCHEMAS[program], await Deno.readTextFile(`${ROOT}${guide}`)));
  }
  return files;
}

if (import.meta.main) {
  for (const [file, text] of await generated()) {
    await Deno.writeTextFile(`${ROOT}${file}`, text);
    console.log(file);
  }
}
