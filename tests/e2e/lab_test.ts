import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { mustMount } from "../../node/store/testing/mount.ts";
import { lifecycle } from "./cases/lifecycle.ts";
import { labName, removeLeftovers, TEMPORARY } from "./lab/janitor.ts";
import { Lab } from "./lab/lab.ts";
import { Process, run } from "./lab/process.ts";
import { until } from "./lab/wait.ts";
import { reference } from "./programs/reference.ts";
import { e2e } from "./register.ts";

const MOUNT = new URL("../../node/store/testing/mount.ts", import.meta.url).href;

// Server and relay from other projects: a failure is one of the laboratory, not of our programs.
e2e(
  "the laboratory: udhcpc gets, renews, rebinds and releases a lease with dnsmasq and dhcrelay",
  () => lifecycle(reference, "udhcpc"),
);

e2e("the laboratory leaves nothing behind after a failed test", async () => {
  let name = "";
  let pid = 0;
  await rejects(async () => {
    await using lab = await Lab.open();
    name = lab.name;
    const host = await lab.namespace("host");
    mustMount(["-t", "tmpfs", "-o", "size=64k", "dhcpcluster-lab", host.folder("disk")]);
    const process = host.spawn(["sleep", "1000"], { label: "sleep" });
    pid = process.pid;
    throw new Error("as intended");
  }, /as intended/);
  deepStrictEqual(await traces(name), []);
  strictEqual(alive(pid), false);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
  e2e(`the laboratory leaves nothing behind after ${signal} to its process`, async () => {
    const code = `
      import { Lab } from ${JSON.stringify(new URL("lab/lab.ts", import.meta.url).href)};
      import { mustMount } from ${JSON.stringify(MOUNT)};
      const lab = await Lab.open();
      const host = await lab.namespace("host");
      mustMount(["-t", "tmpfs", "-o", "size=64k", "dhcpcluster-lab", host.folder("disk")]);
      host.spawn(["sleep", "1000"], { label: "sleep" });
      console.log(lab.name);
      setInterval(() => {}, 1000);`;
    const process = new Process([Deno.execPath(), "eval", code], { label: "laboratory" });
    const name = (await process.printed(/^dc-\S+$/m, 20_000))[0];
    ok((await traces(name)).length > 0);
    process.signal(signal);
    await process.ended;
    await until("its traces to disappear", 10_000, async () => (await traces(name)).length === 0);
  });
}

e2e("the janitor removes what an ended process left behind, and nothing else", async () => {
  await using mine = await Lab.open();
  await mine.namespace("host");
  const dead = new Process(["true"], { label: "true" });
  await dead.ended;
  const name = labName(dead.pid);
  await run(["ip", "netns", "add", `${name}-host`]);
  await Deno.mkdir(`${TEMPORARY}/${name}`);
  await removeLeftovers();
  deepStrictEqual(await traces(name), []);
  ok((await traces(mine.name)).length > 0);
});

/** The resources of a laboratory on this machine. */
async function traces(name: string): Promise<string[]> {
  const namespaces = (await run(["ip", "netns", "list"])).split("\n").filter((line) => line.startsWith(name));
  const files = [TEMPORARY, "/etc/netns"].flatMap((folder) =>
    [...Deno.readDirSync(folder)].map((entry) => `${folder}/${entry.name}`).filter((path) => path.includes(name))
  );
  const mounts = (await Deno.readTextFile("/proc/mounts")).split("\n").filter((line) => line.includes(`/${name}/`));
  return [...namespaces, ...files, ...mounts];
}

function alive(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false;
  }
}
