/**
 * Installs missing Debian packages without starting, now or at the next boot, any service they bring: several are DHCP
 * clients and servers that would take over the machine's own network.
 */

import { absentTools, type Tool } from "./packages.ts";

/** What the set-up does to the system; a test gives another one. */
export interface System {
  /** Effective user is root. */
  readonly root: boolean;
  /** Content of /etc/os-release, or "". */
  readonly osRelease: string;
  absent(tools: readonly Tool[]): Tool[];
  /** Runs a command; its output tells why when `ok` is false. */
  run(command: readonly string[], env?: Readonly<Record<string, string>>): Promise<{ ok: boolean; output: string }>;
  /** Content of a file, or undefined when there is none. */
  read(path: string): string | undefined;
  write(path: string, text: string, mode: number): void;
  remove(path: string): void;
}

export type SetUpResult =
  | { readonly kind: "present" }
  | { readonly kind: "installed"; readonly packages: readonly string[] }
  /** `reason` completes "skipped: …" and says what to do. */
  | { readonly kind: "skipped"; readonly reason: string };

/** Asked by every maintainer script before it starts a service; exit code 101 forbids it (invoke-rc.d(8)). */
const POLICY = "/usr/sbin/policy-rc.d";
const APT = ["apt-get", "-o", "DPkg::Lock::Timeout=300"];
const APT_ENV = { DEBIAN_FRONTEND: "noninteractive" };

/** Makes sure that the tools are installed, where that is possible. */
export async function ensureTools(tools: readonly Tool[], system: System = realSystem()): Promise<SetUpResult> {
  const packages = system.absent(tools).map((tool) => tool.package);
  if (packages.length === 0) return { kind: "present" };
  const missing = `missing ${packages.join(", ")}`;
  if (!/^ID(_LIKE)?=.*\bdebian\b/m.test(system.osRelease)) {
    return { kind: "skipped", reason: `${missing}, and this is not Debian: install them by hand` };
  }
  if (!system.root) {
    return { kind: "skipped", reason: `${missing}: run as root, or apt-get install ${packages.join(" ")}` };
  }
  const unitsBefore = new Set(await enabledUnits(system));
  const failure = await withoutStartingServices(system, () => install(system, packages));
  // What a maintainer script enabled would start at the next boot; what was enabled before stays so.
  const added = (await enabledUnits(system)).filter((unit) => !unitsBefore.has(unit));
  if (added.length > 0) await system.run(["systemctl", "disable", "--no-reload", ...added]);
  return failure === undefined
    ? { kind: "installed", packages }
    : { kind: "skipped", reason: `${missing}: apt-get said "${failure}"` };
}

/** Returns why it failed, if it did. Package lists are fetched only when those that are there don't do. */
async function install(system: System, packages: readonly string[]): Promise<string | undefined> {
  const command = [...APT, "install", "--yes", "--no-install-recommends", "--quiet", ...packages];
  if ((await system.run(command, APT_ENV)).ok) return undefined;
  await system.run([...APT, "update", "--quiet"], APT_ENV);
  const second = await system.run(command, APT_ENV);
  return second.ok ? undefined : second.output.trim().split("\n").at(-1) ?? "";
}

async function withoutStartingServices<T>(system: System, action: () => Promise<T>): Promise<T> {
  const before = system.read(POLICY);
  // A policy that is there already is the administrator's, or the container's; it is left in charge once we are done.
  system.write(POLICY, "#!/bin/sh\nexit 101\n", 0o755);
  try {
    return await action();
  } finally {
    if (before === undefined) system.remove(POLICY);
    else system.write(POLICY, before, 0o755);
  }
}

/** Names of enabled services; none where there is no systemd. */
async function enabledUnits(system: System): Promise<string[]> {
  const command = ["systemctl", "list-unit-files", "--type=service", "--state=enabled", "--no-legend", "--plain"];
  const { ok, output } = await system.run(command);
  return ok ? output.split("\n").map((line) => line.split(/\s+/)[0] ?? "").filter((unit) => unit !== "") : [];
}

function realSystem(): System {
  return {
    root: Deno.build.os !== "windows" && Deno.uid() === 0,
    osRelease: readOr("/etc/os-release") ?? "",
    absent: absentTools,
    async run([program, ...args], env = {}) {
      try {
        const command = new Deno.Command(program as string, { args, env: { ...env }, stdin: "null" });
        const { success, stdout, stderr } = await command.output();
        return { ok: success, output: new TextDecoder().decode(success ? stdout : stderr) };
      } catch (error) {
        return { ok: false, output: String(error) };
      }
    },
    read: readOr,
    write: (path, text, mode) => {
      Deno.writeTextFileSync(path, text);
      Deno.chmodSync(path, mode);
    },
    remove: (path) => Deno.removeSync(path),
  };
}

function readOr(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
