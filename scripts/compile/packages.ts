/**
 * The npm packages inside a bundle. `deno bundle` writes the path of each module into it, in Deno's cache of the
 * registry: that tells exactly which packages an executable carries. The paths themselves depend on the machine and are
 * shortened, so that two builds of one commit are the same octet for octet.
 */

const LOCK = new URL("../../deno.lock", import.meta.url);

/** A package as an executable carries it. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** SPDX identifier. */
  readonly licence: string;
  /** Text of the licence file; empty: it has none. */
  readonly licenceText: string;
  /** Of the package's archive, as the registry and `deno.lock` have it: `sha512-` and base64. */
  readonly integrity: string;
  /** Octets of the unpacked package. */
  readonly bytes: number;
}

/** A package as `deno.lock` has it. */
type LockedPackage = Pick<Package, "name" | "version" | "integrity">;

/** Where packages are looked up: {@link registryCache}, {@link readLock}. */
interface Sources {
  readonly cache: string;
  readonly lock: readonly LockedPackage[];
}

const CACHE_PATH = /[^\s"'`(]*\/npm\/registry\.npmjs\.org\/((?:@[\w.-]+\/)?[\w.-]+)\/(\d[\w.+-]*)\//g;
const LICENCE_FILE = /^(?:licen[cs]e|copying)[\w.-]*$/i;

/** A bundle with `npm/NAME@VERSION/` instead of each path into the cache. */
export function withoutCachePaths(bundle: string): string {
  return bundle.replaceAll(CACHE_PATH, (_, name, version) => `npm/${name}@${version}/`);
}

/** Name and version of each package in a bundle, in order. */
export function packagesIn(bundle: string): { readonly name: string; readonly version: string }[] {
  const found = new Map<string, { name: string; version: string }>();
  for (const [, name = "", version = ""] of bundle.matchAll(CACHE_PATH)) {
    found.set(`${name}@${version}`, { name, version });
  }
  return [...found].toSorted(([a], [b]) => a < b ? -1 : 1).map(([, each]) => each);
}

/** Folder of Deno's cache that has the packages of the registry. */
export async function registryCache(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"], stderr: "null" }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  return `${npmCache}/registry.npmjs.org`;
}

/** All packages of `deno.lock`, each with the hash that the registry has of its archive. */
export async function readLock(): Promise<LockedPackage[]> {
  const { npm } = JSON.parse(await Deno.readTextFile(LOCK));
  return Object.entries<{ integrity: string }>(npm).map(([key, { integrity }]) => {
    // A package with peers has them after its version.
    const [, name = "", version = ""] = /^(.[^@]*)@([^_]+)/.exec(key) ?? [];
    return { name, version, integrity };
  });
}

/** Reads what a package says of itself. Rejects when it names no licence, or is not in the lock. */
export async function readPackage({ cache, lock }: Sources, name: string, version: string): Promise<Package> {
  const folder = `${cache}/${name}/${version}`;
  const { license } = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  if (typeof license !== "string") throw new Error(`${name}@${version} names no licence in its package.json`);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  const file = names.find((each) => LICENCE_FILE.test(each));
  const licenceText = file === undefined ? "" : await Deno.readTextFile(`${folder}/${file}`);
  const integrity = lock.find((each) => each.name === name && each.version === version)?.integrity;
  if (integrity === undefined) throw new Error(`${name}@${version} is not in deno.lock: run deno install`);
  return {
    name,
    version,
    licence: license,
    licenceText: licenceText.replaceAll("\r\n", "\n").trim(),
    integrity,
    bytes: await bytesOf(folder),
  };
}

async function bytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? await bytesOf(path) : (await Deno.stat(path)).size;
  }
  return bytes;
}
