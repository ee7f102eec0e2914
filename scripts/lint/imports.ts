/**
 * The import graph of the repository and its circles. A circle is an error even where only types go round: two files
 * that need each other are one idea in two places, and neither can be read or moved alone.
 */

/** Files by path, each with the files it imports; data and packages are left out. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Statements stand at the start of a line after `deno fmt`; what is indented may be the text of a test. */
const STATEMENT = /^(?:import|export)\b(?:[^;"']*?\bfrom)?\s*"(\.[^"]+)"/gm;
const CALL = /\bimport\("(\.[^"]+)"\)/g;

/**
 * The files that a source text imports, resolved against its own path: by statement, as a type, or at run time.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual(importsOf("src/net/udp.ts", 'import { assert } from "../assert.ts";\n'), ["src/assert.ts"]);
 * ```
 */
export function importsOf(path: string, source: string): string[] {
  const specifiers = [STATEMENT, CALL].flatMap((pattern) =>
    [...source.matchAll(pattern)].map((match) => match[1] ?? "")
  );
  return specifiers.map((specifier) => new URL(specifier, `file:///${path}`).pathname.slice(1));
}

/** Reads the graph of some folders below `root`, which ends with a slash. */
export async function readImports(root: string, folders: readonly string[]): Promise<ImportGraph> {
  const graph = new Map<string, readonly string[]>();
  const read = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(`${root}${folder}`)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await read(path);
      else if (/\.[jt]s$/.test(name)) graph.set(path, importsOf(path, await Deno.readTextFile(`${root}${path}`)));
    }
  };
  for (const folder of folders) await read(folder);
  return graph;
}

/**
 * A shortest circle through each file that lies on one, each circle once: the files in the order of their imports,
 * beginning with the first by name.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * deepStrictEqual(findCircles(new Map([["b", ["a"]], ["a", ["b", "c"]], ["c", []]])), [["a", "b"]]);
 * ```
 */
export function findCircles(graph: ImportGraph): string[][] {
  const circles = new Map<string, string[]>();
  for (const start of [...graph.keys()].toSorted()) {
    const circle = shortestCircle(graph, start);
    if (circle === undefined) continue;
    const first = circle.indexOf(circle.toSorted()[0] ?? "");
    const turned = [...circle.slice(first), ...circle.slice(0, first)];
    circles.set(turned.join(" "), turned);
  }
  return [...circles.values()];
}

/** Breadth-first search for the way back to `start`. */
function shortestCircle(graph: ImportGraph, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const next of graph.get(path) ?? []) {
      if (next === start) return wayTo(path, start, cameFrom);
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, path);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(path: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way = [path];
  for (let at = path; at !== start;) {
    at = cameFrom.get(at) ?? start;
    way.unshift(at);
  }
  return way;
}
