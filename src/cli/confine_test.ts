/** What programs may do once they are confined, in processes with the permissions of the tasks. */

import { deepStrictEqual } from "node:assert/strict";
import denoJson from "../../deno.json" with { type: "json" };

const OPEN = "{ read: true, write: true, create: true }";
const MODULE = new URL("./confine.ts", import.meta.url).href;

/** Tries everything after `confine(rereads)`, with the permissions of a program. */
async function tried(program: "node" | "relay", rereads: readonly string[]): Promise<Record<string, string>> {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-confine-" });
  try {
    const script = `
      import { confine } from ${JSON.stringify(MODULE)};
      const outcome = (action) => { try { action(); return "done"; } catch (error) { return error.name; } };
      const own = ${program === "node" ? `Deno.openSync(${JSON.stringify(`${folder}/own`)}, ${OPEN})` : "Deno.stderr"};
      confine(${JSON.stringify(rereads)});
      console.log(JSON.stringify({
        elsewhere: outcome(() => Deno.readTextFileSync("/etc/passwd")),
        listing: outcome(() => [...Deno.readDirSync("/root")]),
        configuration: outcome(() => Deno.readTextFileSync("/etc/dhcpcluster/none.yaml")),
        writing: outcome(() => Deno.writeTextFileSync(${JSON.stringify(`${folder}/other`)}, "x")),
        open: outcome(() => own.writeSync(new Uint8Array())),
        shell: outcome(() => new Deno.Command("sh", { args: ["-c", "true"] }).outputSync()),
        library: outcome(() => Deno.dlopen("/lib/x86_64-linux-gnu/libm.so.6", {})),
        ping: outcome(() => new Deno.Command("ping", { args: ["-V"], stdout: "null" }).outputSync()),
        environment: outcome(() => Deno.env.get("HOME")),
      }));`;
    await Deno.writeTextFile(`${folder}/try.ts`, script);
    const words = denoJson.tasks[program].command.split(/\s+/).slice(1, -1);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...words, "--no-check", `${folder}/try.ts`],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = new TextDecoder().decode(stdout);
    if (text === "") throw new Error(new TextDecoder().decode(stderr));
    return JSON.parse(text);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const CONFINED = {
  elsewhere: "NotCapable",
  listing: "NotCapable",
  configuration: "NotFound",
  writing: "NotCapable",
  open: "done",
  shell: "NotCapable",
  library: "NotCapable",
  environment: "NotCapable",
};

Deno.test("confine(): a node reads and writes nothing outside its places, and runs nothing", async () => {
  deepStrictEqual(await tried("node", ["/etc/dhcpcluster/node.yaml"]), { ...CONFINED, ping: "NotCapable" });
});

Deno.test("confine(): a relay may run ping beside, and nothing else", async () => {
  deepStrictEqual(await tried("relay", ["/etc/dhcpcluster/relay.yaml"]), { ...CONFINED, ping: "done" });
});

Deno.test("confine(): with its configuration elsewhere a program can still read, but not write", async () => {
  deepStrictEqual(await tried("node", ["/srv/node.yaml"]), {
    ...CONFINED,
    elsewhere: "done",
    listing: "done",
    ping: "NotCapable",
  });
});
