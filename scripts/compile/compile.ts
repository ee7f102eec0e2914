// deno-lint-ignore-file no-console -- a command line speaks on the console
/**
 * Makes the single executables `dist/dhcpcluster-node` and `dist/dhcpcluster-relay` with `deno compile`, with the
 * permissions of the tasks `node` and `relay` baked in. With `--all` also those of the other architecture,
 * `dist/dhcpcluster-node-aarch64` and so on. Beside them it writes the licence notices of all that is inside, a bill of
 * materials (CycloneDX), and `SHA256SUMS`; with `--sign KEY` also `SHA256SUMS.sig`, a signature by that SSH key.
 * `--output` names another folder than `dist`.
 *
 * Each program is first bundled into one JavaScript file with its npm packages, so that an executable carries what is
 * imported and nothing else. Whole npm packages would cost 13 MiB more and, because of the data files in the test
 * folder of one of them (bintrees), overflow the stack of `deno compile` from 2.9.0 on. The bundle is not minified:
 * that would save 1 MiB of 92 and make stack traces unreadable.
 *
 * The bundle is made from a copy of the sources with the commit and the licence notices written into it. Two builds of
 * one commit with the same Deno are the same, octet for octet. The folder receives executables only after all of them
 * were made.
 *
 * Deno puts each program behind a runtime stub that it downloads once for each architecture. Where that download is not
 * possible, DENORT_BIN names a stub (for this machine's architecture), and DENO_COMPILE a `deno` of the same version to
 * compile with.
 *
 * usage: deno task compile [--all] [--output FOLDER] [--sign KEY]
 */

import { parseArgs } from "node:util";
import denoJson from "../../deno.json" with { type: "json" };
import { toHex } from "../../src/bytes/hex.ts";
import { notices, type Runtime } from "./notices.ts";
import { type Package, packagesIn, readLock, readPackage, registryCache, withoutCachePaths } from "./packages.ts";
import { sbom } from "./sbom.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const USAGE = "usage: deno task compile [--all] [--output FOLDER] [--sign KEY]";

const SOURCES = ["src", "node", "relay"];
const PROGRAMS = ["node", "relay"] as const;
type Program = typeof PROGRAMS[number];
/** Workers are loaded by URL at run time: each is a bundle of its own, beside the one of its program. */
const WORKERS: Readonly<Record<Program, readonly string[]>> = {
  node: ["node/store/worker.ts", "node/reader/reader_worker.ts"],
  relay: [],
};
const ARCHITECTURES = ["x86_64", "aarch64"] as const;
type Architecture = typeof ARCHITECTURES[number];

/** What stops the command, as the operator reads it. */
class CompileError extends Error {}

/** `deno run PERMISSIONS ENTRY` as a task has it. */
function commandOf(program: Program): { permissions: string[]; entry: string } {
  const words = denoJson.tasks[program].command.split(/\s+/).slice(2);
  return { permissions: words.slice(0, -1), entry: words.at(-1) ?? "" };
}

/** All that the executables are made of: what each program and each worker begins with. */
export const ENTRIES: readonly string[] = PROGRAMS.flatMap((each) => [commandOf(each).entry, ...WORKERS[each]]);

async function copy(path: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await copy(`${path}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${path}/${name}`, `${to}/${name}`);
  }
}

/** Files beside the executables. */
const SUMS = "SHA256SUMS";
const SIGNATURE = `${SUMS}.sig`;
const NOTICES = "THIRD_PARTY_NOTICES.txt";
const SBOM = "dhcpcluster.cdx.json";
/** What a signature is said to be for. */
const SIGNED_AS = "dhcpcluster";

/** Copies the sources and writes the commit into them. */
async function stage(folder: string, commit: string): Promise<void> {
  for (const path of SOURCES) await copy(`${ROOT}${path}`, `${folder}/${path}`);
  await Deno.writeTextFile(`${folder}/src/cli/commit.ts`, `export const COMMIT: string = ${JSON.stringify(commit)};\n`);
  const { version, imports } = denoJson;
  // Importing text is stable since Deno 2.9; an older DENO_COMPILE wants it said.
  const config = { version, imports, unstable: ["raw-imports"] };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config, null, 2));
  await Deno.copyFile(`${ROOT}deno.lock`, `${folder}/deno.lock`);
}

async function commitOf(): Promise<string> {
  try {
    const git = async (...args: string[]) => {
      const { success, stdout } = await new Deno.Command("git", { args, cwd: ROOT, stderr: "null" }).output();
      return success ? new TextDecoder().decode(stdout).trim() : undefined;
    };
    const commit = await git("rev-parse", "--short=12", "HEAD");
    if (commit === undefined) return "";
    return `${commit}${await git("status", "--porcelain") === "" ? "" : "+changes"}`;
  } catch {
    // Without git the version has to do.
    return "";
  }
}

/** Runs a `deno`; returns why it failed, if it did. */
async function run(
  deno: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = Deno.env.toObject(),
): Promise<string | undefined> {
  const command = { args: [...args], cwd, env: { ...env, NO_COLOR: "1" }, clearEnv: true };
  const { success, stderr } = await new Deno.Command(deno, { ...command, stdin: "null", stdout: "null" }).output();
  return success ? undefined : new TextDecoder().decode(stderr).trim();
}

/** Bundles one entry point and what it imports; returns the bundle. */
async function bundle(entry: string, staged: string): Promise<string> {
  const output = `${staged}/bundle.js`;
  const failure = await run(Deno.execPath(), ["bundle", "--quiet", "--output", output, entry], staged);
  if (failure !== undefined) throw new CompileError(`${entry} could not be bundled:\n${failure}`);
  return await Deno.readTextFile(output);
}

/** All packages that the programs carry. */
async function packagesOf(staged: string): Promise<Package[]> {
  const bundles: string[] = [];
  for (const entry of ENTRIES) bundles.push(await bundle(entry, staged));
  const cache = await registryCache();
  const found = packagesIn(bundles.join("\n"));
  try {
    const sources = { cache, lock: await readLock() };
    const packages = await Promise.all(found.map(({ name, version }) => readPackage(sources, name, version)));
    const silent = packages.find(({ licenceText }) => licenceText === "");
    if (silent === undefined) return packages;
    throw new Error(`${silent.name}@${silent.version} has no licence file, whose text an executable must carry`);
  } catch (error) {
    throw new CompileError(error instanceof Error ? error.message : String(error));
  }
}

/** Versions of the runtime that the executables get, by the `deno` that compiles. */
async function runtimeOf(): Promise<Runtime> {
  const deno = Deno.env.get("DENO_COMPILE") || Deno.execPath();
  const { stdout } = await new Deno.Command(deno, { args: ["--version"], stdin: "null", stderr: "null" }).output();
  const text = new TextDecoder().decode(stdout);
  const version = (name: string) => new RegExp(`^${name} ([\\w.-]+)`, "m").exec(text)?.[1] ?? "unknown";
  return { deno: version("deno"), v8: version("v8") };
}

/** Bundles a program and its workers into `folder`; returns the workers' file names. */
async function bundleProgram(program: Program, staged: string, folder: string): Promise<string[]> {
  let main = await bundle(commandOf(program).entry, staged);
  const names: string[] = [];
  for (const worker of WORKERS[program]) {
    const source = worker.split("/").at(-1) ?? "";
    const name = source.replace(/\.ts$/, ".js");
    await Deno.writeTextFile(`${folder}/${name}`, withoutCachePaths(await bundle(worker, staged)));
    const parts = main.split(`new URL("./${source}", import.meta.url)`);
    if (parts.length !== 2) {
      throw new CompileError(`${worker} must be loaded at one place of ${program}: it is at ${parts.length - 1}`);
    }
    main = parts.join(`new URL("./${name}", import.meta.url)`);
    names.push(name);
  }
  await Deno.writeTextFile(`${folder}/main.js`, withoutCachePaths(main));
  // An executable carries the times of its files.
  for (const name of ["main.js", ...names]) await Deno.utime(`${folder}/${name}`, 0, 0);
  return names;
}

/** Makes one executable out of a bundle. */
async function compile(
  program: Program,
  architecture: Architecture,
  { bundled, workers, output }: { bundled: string; workers: readonly string[]; output: string },
): Promise<void> {
  const env = Deno.env.toObject();
  const isOwn = architecture === Deno.build.arch;
  // The stub that it names is of this machine's architecture.
  if (!isOwn) delete env.DENORT_BIN;
  const target = isOwn ? [] : ["--target", `${architecture}-unknown-linux-gnu`];
  const included = workers.flatMap((worker) => ["--include", worker]);
  const options = ["--no-check", "--no-config", "--quiet", ...target, ...commandOf(program).permissions, ...included];
  const deno = env.DENO_COMPILE || Deno.execPath();
  const failure = await run(deno, ["compile", ...options, "--output", output, "main.js"], bundled, env);
  if (failure !== undefined) throw new CompileError(explain(program, architecture, failure));
}

function explain(program: Program, architecture: Architecture, stderr: string): string {
  const output = stderr.split("\n\nStack backtrace")[0] ?? "";
  const stubless = /denort|download|error sending request|client error/i.test(output);
  return stubless
    ? `Deno can't download its runtime stub (denort) for ${architecture}: connect to the internet once, or set ` +
      `DENORT_BIN to a stub of this machine's architecture and DENO_COMPILE to a deno of the same version:\n${output}`
    : `${program} for ${architecture} failed:\n${output}`;
}

async function sha256(path: string): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))));
}

/** Makes everything in `made`; returns the names of the files to keep, and the lines to print. */
async function make(
  { all, sign }: Options,
  commit: string,
  made: string,
): Promise<{ files: string[]; lines: string[] }> {
  const staged = `${made}/staged`;
  await stage(staged, commit);
  const runtime = await runtimeOf();
  const packages = await packagesOf(staged);
  const text = notices(await Deno.readTextFile(`${ROOT}LICENSE`), runtime, packages);
  await Deno.writeTextFile(`${staged}/src/cli/notices.ts`, `export const NOTICES: string = ${JSON.stringify(text)};\n`);
  const executables: { name: string; sha256: string }[] = [];
  const lines: string[] = [];
  for (const program of PROGRAMS) {
    const bundled = `${made}/${program}`;
    await Deno.mkdir(bundled);
    const workers = await bundleProgram(program, staged, bundled);
    for (const architecture of architectures(all)) {
      const name = `dhcpcluster-${program}${architecture === Deno.build.arch ? "" : `-${architecture}`}`;
      const output = `${made}/${name}`;
      await compile(program, architecture, { bundled, workers, output });
      const sum = await sha256(output);
      const { size } = await Deno.stat(output);
      executables.push({ name, sha256: sum });
      lines.push(`${sum}  ${name}  ${architecture}  ${(size / 2 ** 20).toFixed(1)} MiB`);
    }
  }
  await Deno.writeTextFile(`${made}/${NOTICES}`, text);
  const { version } = denoJson;
  await Deno.writeTextFile(`${made}/${SBOM}`, sbom({ version, commit, runtime, packages, executables }));
  const listed = [...executables];
  for (const name of [NOTICES, SBOM]) listed.push({ name, sha256: await sha256(`${made}/${name}`) });
  await Deno.writeTextFile(`${made}/${SUMS}`, listed.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""));
  if (sign !== undefined) await signSums(sign, made);
  return { files: [...listed.map(({ name }) => name), SUMS, ...(sign === undefined ? [] : [SIGNATURE])], lines };
}

/** Signs the sums by an SSH key: `ssh-keygen` is on every machine, and knows keys in hardware. */
async function signSums(key: string, made: string): Promise<void> {
  const failure = await run("ssh-keygen", ["-q", "-Y", "sign", "-n", SIGNED_AS, "-f", key, `${made}/${SUMS}`], ROOT);
  if (failure !== undefined) throw new CompileError(`the sums could not be signed by ${key}:\n${failure}`);
}

function architectures(all: boolean): Architecture[] {
  const own = ARCHITECTURES.find((known) => known === Deno.build.arch);
  if (own === undefined) {
    throw new CompileError(`executables are made for ${ARCHITECTURES.join(" and ")}: this is ${Deno.build.arch}`);
  }
  return all ? [own, ...ARCHITECTURES.filter((known) => known !== own)] : [own];
}

interface Options {
  readonly all: boolean;
  readonly output: string;
  /** File of a private SSH key. */
  readonly sign?: string | undefined;
}

function readOptions(args: string[]): Options {
  return parseArgs({
    args,
    options: {
      all: { type: "boolean", default: false },
      output: { type: "string", default: `${ROOT}dist` },
      sign: { type: "string" },
    },
  }).values;
}

/** Removes what an earlier run made: after a failure nothing may pass for this one's. */
async function clear(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for await (const { name } of Deno.readDir(folder)) {
    const isOurs = [SUMS, SIGNATURE, NOTICES, SBOM].includes(name);
    if (isOurs || /^dhcpcluster-(?:node|relay)(?:-\w+)?$/.test(name)) await Deno.remove(`${folder}/${name}`);
  }
}

async function main(options: Options): Promise<void> {
  const { output } = options;
  await clear(output);
  // Within the folder, as renaming does not work across file systems.
  const made = await Deno.realPath(await Deno.makeTempDir({ dir: output, prefix: ".making-" }));
  try {
    const commit = await commitOf();
    const { files, lines } = await make(options, commit, made);
    for (const name of files) await Deno.rename(`${made}/${name}`, `${output}/${name}`);
    for (const line of lines) console.log(line);
    const version = `version ${denoJson.version}, commit ${commit === "" ? "unknown" : commit}`;
    console.log(`${version}; sums in ${output.startsWith(ROOT) ? output.slice(ROOT.length) : output}/${SUMS}`);
  } finally {
    await Deno.remove(made, { recursive: true });
  }
}

if (import.meta.main) {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(Deno.args);
  } catch (error) {
    console.error(`compile: ${error instanceof Error ? error.message : String(error)}; ${USAGE}`);
    Deno.exit(2);
  }
  try {
    await main(options);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    console.error(`compile: ${error.message}`);
    Deno.exit(1);
  }
}
