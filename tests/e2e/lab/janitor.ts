/**
 * Names of the laboratory's resources and their removal. Everything that a laboratory makes outside itself – network
 * namespaces, their `/etc/netns` folders, a temporary folder – begins with its name `dc-<pid>-<random>`, so that what a
 * dead process left behind can be told from what a live one uses. The removal itself is `reap.sh`'s work.
 */

import { exists } from "../../../src/cli/files.ts";

const OWN = /^dc-(\d+)-[0-9a-z]+/;
const REAPER = new URL("reap.sh", import.meta.url).pathname;

/** Where the temporary folders of laboratories lie. */
export const TEMPORARY = Deno.env.get("TMPDIR") ?? "/tmp";

/** A name that no other laboratory has, on behalf of a process. */
export function labName(pid = Deno.pid): string {
  const random = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  return `dc-${pid}-${random.toString(36).padStart(7, "0")}`;
}

/** The folder whose files replace those of /etc inside a namespace (ip-netns(8)). */
export function etcFolder(namespace: string): string {
  return `/etc/netns/${namespace}`;
}

/** Removes a laboratory on request, or when this process ends for any reason. */
export class Reaper {
  readonly #child: Deno.ChildProcess;

  constructor(name: string) {
    const args = [REAPER, name, TEMPORARY];
    this.#child = new Deno.Command("sh", { args, stdin: "piped", stdout: "null", stderr: "null" }).spawn();
  }

  /** Returns when everything is gone. */
  async reap(): Promise<void> {
    await this.#child.stdin.close();
    await this.#child.status;
  }
}

/** Removes laboratories of ended processes whose reaper was killed, too. */
export async function removeLeftovers(): Promise<void> {
  const names = new Set(
    ["/run/netns", "/etc/netns", TEMPORARY].flatMap(list).flatMap((entry) => {
      const [name, pid] = OWN.exec(entry) ?? [];
      return name !== undefined && !exists(`/proc/${pid}`) ? [name] : [];
    }),
  );
  await Promise.all([...names].map((name) => new Reaper(name).reap()));
}

function list(folder: string): string[] {
  return exists(folder) ? [...Deno.readDirSync(folder)].map((entry) => entry.name) : [];
}
