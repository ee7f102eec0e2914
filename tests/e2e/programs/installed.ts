/**
 * The compiled programs as they are installed: in a root directory of their own with nothing of this machine but /usr, started
 * by what the systemd units say: the command, the user, the capabilities and no new privileges. There is no systemd in a
 * namespace; `setpriv` does its part.
 */

import { match } from "node:assert/strict";
import { stringify } from "yaml";
import type { Namespace } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/wait.ts";
import { httpGet } from "./ours.ts";
import { type NodeConfig, type Programs, READY_MS, type RelayConfig } from "./programs.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
/** An account that no machine has. */
const USER = "64990";

class InstalledPrograms implements Programs {
  readonly name = "installed";
  readonly #dist: string;

  constructor(dist: string) {
    this.#dist = dist;
  }

  async startNode(namespace: Namespace, config: NodeConfig): Promise<Process> {
    const node = { ...config.node, stateDir: "/var/lib/dhcpcluster" };
    return await this.#start("node", namespace, { ...config, node });
  }

  async startRelay(namespace: Namespace, config: RelayConfig): Promise<Process> {
    const process = await this.#start("relay", namespace, config);
    // Ping works with the unit's capabilities and without new privileges.
    await until("the relay to measure by ping", READY_MS, async () => {
      const answer = await httpGet(namespace, `http://${config.http.address}:${config.http.port}/status`);
      return /"rttSource":"icmp"/.test(answer?.body ?? "");
    });
    return process;
  }

  async #start(program: "node" | "relay", namespace: Namespace, config: NodeConfig | RelayConfig): Promise<Process> {
    const root = namespace.folder("root");
    const unit = await Deno.readTextFile(`${ROOT}scripts/install/dhcpcluster-${program}.service`);
    await Deno.mkdir(`${root}/etc/dhcpcluster`, { recursive: true });
    await Deno.writeTextFile(`${root}/etc/dhcpcluster/${program}.yaml`, stringify(config));
    const process = namespace.spawn(
      ["unshare", "--mount", "sh", "-ec", SETUP, "sh", root, `${ROOT}${this.#dist}`, USER, ...privileges(unit)],
      { label: `installed ${program} in ${namespace.name}`, env: { NO_COLOR: "1" } },
    );
    const url = `http://${config.http.address}:${config.http.port}/readyz`;
    await until(`${process.label} to be ready`, READY_MS, async () => {
      process.mustRun();
      return (await httpGet(namespace, url))?.status === 200;
    });
    return process;
  }
}

/** The programs in a folder such as `dist`, installed. */
export function installed(dist: string): Programs {
  return new InstalledPrograms(dist);
}

/** What `setpriv` gets for a unit, and the unit's command. */
function privileges(unit: string): string[] {
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1] ?? "";
  match(value("User"), /^dhcpcluster$/);
  const capabilities = value("AmbientCapabilities").split(" ").map((name) => name.replace("CAP_", "+").toLowerCase());
  const set = ["-all", ...capabilities].join(",");
  return [
    `--bounding-set=${set}`,
    `--inh-caps=${set}`,
    `--ambient-caps=${set}`,
    ...(value("NoNewPrivileges") === "yes" ? ["--no-new-privs"] : []),
    "--",
    ...value("ExecStart").split(" "),
  ];
}

/** A machine with nothing on it: everything is mounted for this process and its children only. */
const SETUP = `
root=$1 dist=$2 user=$3
shift 3
mount --make-rprivate /
cd "$root"
mkdir -p usr proc dev tmp run var/lib/dhcpcluster etc/dhcpcluster
for name in bin sbin lib lib64; do [ -e "$name" ] || ln -s "usr/$name" "$name"; done
mount --bind /usr usr
mount --rbind /dev dev
mount -t proc proc proc
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs usr/local/bin
cp "$dist/dhcpcluster-node" "$dist/dhcpcluster-relay" usr/local/bin/
chown "$user:$user" var/lib/dhcpcluster
chmod 700 var/lib/dhcpcluster
# Of the environment a service has nothing but this.
exec env -i NO_COLOR=1 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin chroot . setpriv --reuid="$user" --regid="$user" --clear-groups "$@"
`;
