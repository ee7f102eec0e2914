// deno-lint-ignore-file no-console -- a command that prints its report
/**
 * Compares the converter with the servers it converts from: each file runs on the real server, in a network namespace,
 * and as converted section on ours; both get the same clients.
 *
 * usage: deno run -A tests/differential/main.ts [--verbose] [FILE ...]
 *        deno run -A tests/differential/main.ts --files N [--seed S] [--format kea|dhcpd|dnsmasq]
 */

import { parseArgs } from "node:util";
import fc from "fast-check";
import { CONFIG_FORMATS, type ConfigFormat } from "../../src/convert/config/mod.ts";
import { subjectName } from "./compare.ts";
import { dhcpdFile } from "./grammar/dhcpd.ts";
import { dnsmasqFile } from "./grammar/dnsmasq.ts";
import { keaFile } from "./grammar/kea.ts";
import { Refused } from "./real_server.ts";
import { tryFile } from "./trial.ts";

const ENTERED = "DHCPCLUSTER_DIFFERENTIAL";

const FILES: Readonly<Record<ConfigFormat, fc.Arbitrary<string>>> = {
  kea: keaFile,
  dhcpd: dhcpdFile,
  dnsmasq: dnsmasqFile,
};

/** Runs this program again in a network namespace of its own. */
async function enter(): Promise<never> {
  const self = [Deno.execPath(), "run", "-A", import.meta.filename ?? "", ...Deno.args];
  const command = new Deno.Command("unshare", { args: ["--net", ...self], env: { [ENTERED]: "1" }, stdin: "null" });
  Deno.exit((await command.spawn().status).code);
}

type Verdict = "same" | "listed" | "refused" | "unexplained";

/** Tries one file; prints what nothing explains, or all of it. */
async function tryOne(format: ConfigFormat, name: string, text: string, verbose: boolean): Promise<Verdict> {
  try {
    const { clients, answered, seen, yaml, findings } = await tryFile(format, text);
    const unexplained = seen.filter(({ explained }) => explained === undefined);
    if (verbose || unexplained.length > 0) {
      console.log(`=== ${name}: ${clients} clients, ${answered} answered, ${seen.length} differences`);
      if (verbose) console.log(yaml);
      for (const { line, kind, statement, advice } of findings) {
        console.log(`  ${line} ${kind}: ${statement}: ${advice}`);
      }
    }
    for (const one of verbose ? seen : unexplained) {
      const because = one.explained === undefined ? "UNEXPLAINED" : `line ${one.explained.line}`;
      const times = `${one.count} times, first ${one.client}`;
      console.log(`  ${subjectName(one.subject)}: there ${one.real}, here ${one.ours} (${times}) [${because}]`);
    }
    return unexplained.length > 0 ? "unexplained" : seen.length > 0 ? "listed" : "same";
  } catch (error) {
    if (error instanceof Refused) {
      if (verbose) console.log(`=== ${name}: ${error.message}`);
      return "refused";
    }
    console.log(`=== ${name}: ${(error as Error).message}`);
    return "unexplained";
  }
}

async function main(): Promise<void> {
  const { files: count, seed, format, verbose, _: given } = options(Deno.args);
  if (Deno.env.get(ENTERED) === undefined) await enter();
  const counts: Record<Verdict, number> = { same: 0, listed: 0, refused: 0, unexplained: 0 };
  for (const path of given) {
    const of = CONFIG_FORMATS.find((one) => path.includes(`${one}/`)) ?? "kea";
    counts[await tryOne(of, path.split("/").slice(-2).join("/"), await Deno.readTextFile(path), verbose)] += 1;
  }
  for (const one of CONFIG_FORMATS.filter((other) => format === undefined || other === format)) {
    const first = seed ?? 1;
    for (let number = first; number < first + count; number++) {
      const [text = ""] = fc.sample(FILES[one], { seed: number, numRuns: 1 });
      const verdict = await tryOne(one, `${one} --seed ${number}`, text, verbose);
      counts[verdict] += 1;
      if (verdict === "unexplained" || verbose) console.log(text.replaceAll(/^/gm, "    "));
    }
  }
  const total = Object.values(counts).reduce((sum, one) => sum + one, 0);
  console.log(
    `${total} files: ${counts.same} same, ${counts.listed} with listed differences, ${counts.refused} refused by the ` +
      `server, ${counts.unexplained} with unexplained differences`,
  );
  Deno.exit(counts.unexplained === 0 ? 0 : 1);
}

interface Options {
  readonly files: number;
  readonly seed: number | undefined;
  readonly format: string | undefined;
  readonly verbose: boolean;
  readonly _: readonly string[];
}

function options(args: readonly string[]): Options {
  const parsed = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      files: { type: "string", default: "0" },
      seed: { type: "string" },
      format: { type: "string" },
      verbose: { type: "boolean", default: false },
    },
  });
  const { files, seed, format, verbose } = parsed.values;
  return {
    files: Number(files),
    seed: seed === undefined ? undefined : Number(seed),
    format,
    verbose,
    _: parsed.positionals,
  };
}

if (import.meta.main) await main();
