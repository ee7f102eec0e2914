/**
 * Machines with an operating system of their own: a clean Debian that boots systemd in a namespace of the laboratory.
 * All of them share one image, which is read-only: what a machine writes is in memory.
 */

import { exists } from "../../../src/cli/files.ts";
import type { Lab, Namespace } from "./lab.ts";
import { type Process, run } from "./process.ts";
import { until } from "./wait.ts";

const BOOT_MS = 60_000;
const IMAGE_MS = 600_000;

/** Makes an image of Debian's essential packages and `packages`: about half a minute and 180 MB. Returns its folder. */
export async function makeImage(lab: Lab, packages: readonly string[]): Promise<string> {
  const folder = `${lab.folder}/image`;
  const suite = /^VERSION_CODENAME=(.*)$/m.exec(await Deno.readTextFile("/etc/os-release"))?.[1] ?? "stable";
  const without = "--dpkgopt=path-exclude=/usr/share/{doc,locale,man}/*";
  const include = `--include=${["systemd-sysv", ...packages].join(",")}`;
  await run(["mmdebstrap", "--variant=essential", include, without, suite, folder], { deadlineMs: IMAGE_MS });
  return folder;
}

/** Why no machine can boot; undefined when one can. */
export function machineObstacle(): string | undefined {
  const trees = TREES.filter((tree) => exists(`${tree}/cgroup.procs`));
  if (trees.length === 0) return "no control groups are mounted at /sys/fs/cgroup, which systemd needs";
  try {
    for (const tree of trees) {
      Deno.mkdirSync(`${tree}/dc-probe-${Deno.pid}`);
      Deno.removeSync(`${tree}/dc-probe-${Deno.pid}`);
    }
    return undefined;
  } catch (error) {
    return `no control groups can be made, which systemd needs: ${error instanceof Error ? error.message : error}`;
  }
}

/** How a machine is set up before it boots. */
interface MachineOptions {
  readonly image: string;
  /** Folders and files of this machine that are mounted read-only in the new one: path here, path there. */
  readonly mounts: Readonly<Record<string, string>>;
}

/** A running machine. */
export class Machine {
  /** Ends with the machine; its output is the machine's console, with the journal. */
  readonly process: Process;
  /** Pid of its systemd, outside. */
  readonly #init: number;

  private constructor(process: Process, init: number) {
    this.process = process;
    this.#init = init;
  }

  /** Boots a machine whose network is that of a namespace. */
  static async boot(namespace: Namespace, { image, mounts }: MachineOptions): Promise<Machine> {
    const binds = Object.entries(mounts).map(([here, there]) => `--bind-ro=${here}:${there}`);
    const process = namespace.spawnAttached([
      ...["sh", "-ec", IN_OWN_GROUPS, "sh", namespace.systemName],
      ...["systemd-nspawn", "--quiet", "--boot", "--directory", image, "--volatile=overlay", "--console=read-only"],
      // No systemd outside manages it.
      ...["--register=no", "--keep-unit", "--machine", namespace.name, ...binds],
      "systemd.journald.forward_to_console=1",
    ], { label: `machine ${namespace.name}` });
    let init: number | undefined;
    await until(`${process.label} to start`, BOOT_MS, () => {
      process.mustRun();
      return (init = initOf(process.pid)) !== undefined;
    });
    const machine = new Machine(process, init as number);
    await until(`${process.label} to be up`, BOOT_MS, async () => {
      process.mustRun();
      return /running|degraded/.test(await machine.run("systemctl is-system-running --wait", { mayFail: true }));
    });
    return machine;
  }

  /** Runs shell commands inside, as root with a login environment; stops at the first that fails. */
  run(script: string, options: { readonly mayFail?: boolean } = {}): Promise<string> {
    const environment = [
      "env",
      "-i",
      "HOME=/root",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ];
    return run(["nsenter", "--all", `--target=${this.#init}`, ...environment, "sh", "-e"], {
      stdin: script,
      ...options,
    });
  }
}

/** The cgroup hierarchies in which systemd needs a group: one, or two where both versions are in use. */
const TREES = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];

/** Each machine in a group of its own: two in one would end each other's services. */
const IN_OWN_GROUPS = `
name=$1
shift
for tree in ${TREES.join(" ")}; do
  [ -e "$tree/cgroup.procs" ] || continue
  mkdir "$tree/$name"
  echo $$ >"$tree/$name/cgroup.procs"
done
exec "$@"
`;

/** The child that is process 1 in a pid namespace of its own. */
function initOf(parent: number): number | undefined {
  const read = (path: string) => {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return ""; // It has just ended.
    }
  };
  const children = read(`/proc/${parent}/task/${parent}/children`).split(" ").filter((pid) => pid !== "").map(Number);
  return children.find((pid) => /^NSpid:.*\t1$/m.test(read(`/proc/${pid}/status`)));
}
