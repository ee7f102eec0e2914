/** Tries what a confined program may do, in a process of its own with the permissions of the program's task. */

import denoJson from "../../../deno.json" with { type: "json" };

const OPEN = "{ read: true, write: true, create: true }";
const MODULE = new URL("../confine.ts", import.meta.url).pathname;

/** What is tried, and the name of the error that it ended with, or "done". */
type Outcomes = Readonly<Record<string, string>>;

/** Outcomes of a program that reads nothing again but what lies in its places. `ping` differs. */
export const CONFINED: Outcomes = {
  elsewhere: "NotCapable",
  listing: "NotCapable",
  configuration: "NotFound",
  writing: "NotCapable",
  open: "done",
  shell: "NotCapable",
  library: "NotCapable",
  environment: "hidden",
};

/** `rereads` and `stateDir`: for `confine()`. `compiled`: as an executable, as `deno task compile` makes them. */
export async function tryConfined(
  program: "node" | "relay",
  rereads: readonly string[],
  { compiled = false, stateDir }: { readonly compiled?: boolean; readonly stateDir?: string } = {},
): Promise<Outcomes> {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-confine-" });
  try {
    const script = `${folder}/try.ts`;
    await Deno.copyFile(MODULE, `${folder}/confine.ts`);
    await Deno.writeTextFile(script, trial(program, { rereads, stateDir }, folder));
    // Deno looks for an allowed program in PATH: with a stand-in first, the outcome does not depend on an installed
    // ping.
    await Deno.mkdir(`${folder}/bin`);
    await Deno.writeTextFile(`${folder}/bin/ping`, "#!/bin/sh\n", { mode: 0o755 });
    const env = { PATH: `${folder}/bin:${Deno.env.get("PATH") ?? ""}` };
    const permissions = denoJson.tasks[program].command.split(/\s+/).slice(2, -1);
    if (!compiled) return JSON.parse(await output(Deno.execPath(), ["run", ...permissions, "--no-check", script], env));
    const compiler = Deno.env.get("DENO_COMPILE") ?? Deno.execPath();
    const options = ["--no-check", "--quiet", ...permissions, "--output", `${folder}/try`];
    await output(compiler, ["compile", ...options, script], {});
    return JSON.parse(await output(`${folder}/try`, [], env));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function trial(
  program: "node" | "relay",
  { rereads, stateDir }: { readonly rereads: readonly string[]; readonly stateDir: string | undefined },
  folder: string,
): string {
  return `
    import { confine } from "./confine.ts";
    const outcome = (action) => { try { action(); return "done"; } catch (error) { return error.name; } };
    const visible = (variable) => { try { return Deno.env.get(variable) !== undefined; } catch { return false; } };
    const own = ${program === "node" ? `Deno.openSync(${JSON.stringify(`${folder}/own`)}, ${OPEN})` : "Deno.stderr"};
    confine(${JSON.stringify(rereads)}, ${JSON.stringify(stateDir)});
    console.log(JSON.stringify({
      elsewhere: outcome(() => Deno.readTextFileSync("/etc/passwd")),
      listing: outcome(() => [...Deno.readDirSync("/root")]),
      configuration: outcome(() => Deno.readTextFileSync("/etc/dhcpcluster/none.yaml")),
      writing: outcome(() => Deno.writeTextFileSync(${JSON.stringify(`${folder}/other`)}, "x")),
      open: outcome(() => own.writeSync(new Uint8Array())),
      shell: outcome(() => new Deno.Command("sh", { args: ["-c", "true"] }).outputSync()),
      library: outcome(() => Deno.dlopen("/lib/x86_64-linux-gnu/libm.so.6", {})),
      ping: outcome(() => new Deno.Command("ping", { args: ["-V"], stdout: "null" }).outputSync()),
      environment: visible("CONFINE_CANARY") ? "visible" : "hidden",
    }));`;
}

async function output(command: string, args: string[], env: Record<string, string>): Promise<string> {
  const child = new Deno.Command(command, {
    args,
    env: { ...env, CONFINE_CANARY: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(`${command} ${args[0] ?? ""}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
