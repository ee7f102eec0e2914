// deno-lint-ignore-file no-console -- a command line speaks on the console
/**
 * Makes the single executables `dist/dhcpcluster-node` and `dist/dhcpcluster-relay` with `deno compile`, with the
 * permissions of the tasks `node` and `relay` baked in, and `dist/SHA256SUMS`. With `--all` also those of the other
 * architecture, `dist/dhcpcluster-node-aarch64` and so on.
 *
 * They are made from a copy of what they consist of: sources without tests, and the commit written into them.
 *
 * Deno puts each program behind a runtime stub that it downloads once for each architecture. Where that download is not
 * possible, DENORT_BIN names a stub that is there (for this machine's architecture), and DENO_COMPILE a `deno` of the same
 * version to compile with.
 *
 * usage: deno task compile [--all]
 */

import denoJson from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url).pathname;
const DIST = `${ROOT}dist`;

/** What the programs are made of. */
const SOURCES = ["src", "node", "relay"];
/** Modules that nothing imports by name: workers. */
const INCLUDED = { node: ["node/store/worker.ts"], relay: [] } as const;
const ARCHITECTURES = ["x86_64", "aarch64"] as const;
type Architecture = typeof ARCHITECTURES[number];

/** `deno run PERMISSIONS ENTRY` as a task has it. */
function commandOf(program: "node" | "relay"): { permissions: string[]; entry: string } {
  const words = denoJson.tasks[program].command.split(/\s+/).slice(2);
  return { permissions: words.slice(0, -1), entry: words.at(-1) ?? "" };
}

/** Copies the sources, without tests and what only tests and people use. */
async function stage(commit: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-compile-" });
  const copy = async (path: string) => {
    await Deno.mkdir(`${folder}/${path}`, { recursive: true });
    for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${path}`)) {
      if (isDirectory) {
        if (name !== "testing") await copy(`${path}/${name}`);
      } else if (/\.(?:ts|js|css|html)$/.test(name) && !/_(?:test|bench)(?:_data)?\.ts$/.test(name)) {
        await Deno.copyFile(`${ROOT}${path}/${name}`, `${folder}/${path}/${name}`);
      }
    }
  };
  for (const path of SOURCES) await copy(path);
  await Deno.writeTextFile(`${folder}/src/cli/commit.ts`, `export const COMMIT: string = ${JSON.stringify(commit)};\n`);
  const { version, imports } = denoJson;
  // Importing text is stable since Deno 2.9; an older DENO_COMPILE wants it said.
  const config = { version, imports: runtimeOnly(imports), unstable: ["raw-imports"] };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config, null, 2));
  await Deno.copyFile(`${ROOT}deno.lock`, `${folder}/deno.lock`);
  return folder;
}

/** Packages that only tests import. */
const TEST_PACKAGES = ["fast-check", "puppeteer-core"];

function runtimeOnly(imports: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(imports).filter(([name]) => !TEST_PACKAGES.includes(name)));
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
    // No git here: the version is what there is.
    return "";
  }
}

async function compile(
  program: "node" | "relay",
  architecture: Architecture,
  folder: string,
): Promise<{ ok: boolean; output: string; path: string }> {
  const { permissions, entry } = commandOf(program);
  const isOwn = architecture === Deno.build.arch;
  const path = `${DIST}/dhcpcluster-${program}${isOwn ? "" : `-${architecture}`}`;
  const include = INCLUDED[program].flatMap((file) => ["--include", file]);
  const target = isOwn ? [] : ["--target", `${architecture}-unknown-linux-gnu`];
  const { success, stderr } = await new Deno.Command(Deno.env.get("DENO_COMPILE") ?? Deno.execPath(), {
    args: ["compile", "--no-check", "--quiet", ...target, ...permissions, ...include, "--output", path, entry],
    cwd: folder,
    // A stub is one architecture's.
    env: { NO_COLOR: "1", ...(isOwn ? {} : { DENORT_BIN: "" }) },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { ok: success, output: new TextDecoder().decode(stderr), path };
}

async function sha256(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return Array.from(new Uint8Array(digest), (octet) => octet.toString(16).padStart(2, "0")).join("");
}

function explain(program: string, architecture: Architecture, output: string): string {
  const stubless = /denort|download|error sending request|client error/i.test(output);
  return stubless
    ? `compile: Deno can't download its runtime stub (denort) for ${architecture}: connect to the internet once, or set ` +
      "DENORT_BIN to a stub of this machine's architecture and DENO_COMPILE to a deno of the same version"
    : `compile: ${program} for ${architecture} failed:\n${output.trim()}`;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.some((arg) => arg !== "--all")) {
    console.error(`compile: "${args.join(" ")}" is not known; usage: deno task compile [--all]`);
    return 2;
  }
  const own = ARCHITECTURES.find((known) => known === Deno.build.arch);
  if (own === undefined) {
    console.error(`compile: executables are made for ${ARCHITECTURES.join(" and ")}, and this is ${Deno.build.arch}`);
    return 1;
  }
  const architectures = args.includes("--all") ? [own, ...ARCHITECTURES.filter((known) => known !== own)] : [own];
  const commit = await commitOf();
  const folder = await stage(commit);
  const sums: string[] = [];
  let code = 0;
  try {
    await Deno.mkdir(DIST, { recursive: true });
    for (const architecture of architectures) {
      for (const program of ["node", "relay"] as const) {
        const { ok, output, path } = await compile(program, architecture, folder);
        if (!ok) {
          console.error(explain(program, architecture, output));
          code = 1;
          continue;
        }
        const { size } = await Deno.stat(path);
        const name = path.slice(DIST.length + 1);
        const sum = await sha256(path);
        sums.push(`${sum}  ${name}`);
        console.log(`${sum}  dist/${name}  ${architecture}  ${(size / 2 ** 20).toFixed(1)} MiB`);
      }
    }
    await Deno.writeTextFile(`${DIST}/SHA256SUMS`, `${sums.join("\n")}\n`);
    console.log(`version ${denoJson.version}, commit ${commit === "" ? "unknown" : commit}; sums in dist/SHA256SUMS`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return code;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
