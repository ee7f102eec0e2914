// deno-lint-ignore-file no-console -- a command line speaks on the console
/**
 * Lists every npm package in `deno.lock` with its licence, its size, its age and the newest version: what a maintainer
 * looks at before taking another one, and from time to time. Packages that are compiled into the executables come
 * first, those that only build and test come after. Without the registry ages are unknown.
 *
 * usage: deno task dependencies
 */

import { table } from "../../src/cli/table.ts";
import { ENTRIES } from "./compile.ts";
import { packagesIn, readLock, readPackage, registryCache } from "./packages.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const DAY_MS = 86_400_000;

async function run(args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT }).output();
  if (!success) throw new Error(`deno ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function compiledIn(): Promise<Set<string>> {
  const bundles = await Promise.all(ENTRIES.map((entry) => run(["bundle", "--quiet", entry])));
  return new Set(packagesIn(bundles.join("\n")).map(({ name, version }) => `${name}@${version}`));
}

/** What the registry says of a package; undefined when it does not answer. */
async function published(name: string, version: string): Promise<{ time: string; newest: string } | undefined> {
  try {
    const answer = await fetch(`https://registry.npmjs.org/${name.replace("/", "%2F")}`);
    const { time, "dist-tags": tags } = await answer.json();
    return { time: time[version], newest: tags.latest };
  } catch {
    return undefined;
  }
}

/** `nowMs`: ms since 1970. */
function age(time: string, nowMs: number): string {
  return `${Math.floor((nowMs - Date.parse(time)) / DAY_MS)} d`;
}

async function rows(): Promise<string[][]> {
  const cache = await registryCache();
  const inside = await compiledIn();
  const lock = await readLock();
  const all = await Promise.all(lock.map(async ({ name, version }) => {
    const isInside = inside.has(`${name}@${version}`);
    const [registry, own] = await Promise.all([
      published(name, version),
      readPackage({ cache, lock }, name, version).catch(() => undefined),
    ]);
    return [
      isInside ? "yes" : "",
      `${name}@${version}`,
      own?.licence ?? "not cached, or none",
      own === undefined ? "" : `${Math.ceil(own.bytes / 1024)} KiB`,
      registry === undefined ? "unknown" : age(registry.time, Date.now()),
      registry === undefined || registry.newest === version ? "" : registry.newest,
    ];
  }));
  return all.toSorted(([a = "", b = ""], [c = "", d = ""]) => c.localeCompare(a) || b.localeCompare(d));
}

if (import.meta.main) {
  const headers = ["compiled in", "package", "licence", "unpacked", "age", "newer"];
  for (const line of table(headers, await rows(), { right: ["unpacked", "age"] })) console.log(line);
}
