/** The commands for migration from and to other servers: `import`, `export` and `config convert`. */

import { EXIT } from "../../src/cli/arguments.ts";
import type { CommandSpec } from "../../src/cli/commands.ts";
import { jsonText } from "../../src/cli/table.ts";
import { CONFIG_FORMATS, type ConfigFormat } from "../../src/convert/config/mod.ts";
import { LEASE_FORMATS, type LeaseFormat } from "../../src/convert/leases/lease.ts";
import { parsePrefix } from "../../src/net/ipv4.ts";
import { ADMIN_OPTIONS, adminClient, JSON_OPTION } from "../cli/admin_client.ts";
import { convertFile } from "./convert.ts";
import { EXPORT_FORMATS, type ExportFormat, exportLeases } from "./export.ts";
import { type LeaseFile, readLeaseFile } from "./files.ts";
import { importLeases, importText } from "./import.ts";

const importing: CommandSpec = {
  name: "import",
  summary: "Take over the leases of dhcpd, Kea or dnsmasq (- reads standard input). Stop the other server first; " +
    "doing it twice changes nothing",
  words: ["<files...>"],
  options: [
    ...ADMIN_OPTIONS,
    { flags: "--from <server>", description: "what wrote the files; recognised otherwise", choices: LEASE_FORMATS },
    { flags: "--check", description: "only report what an import would do" },
    JSON_OPTION,
  ],
  examples: ["import --check /var/lib/dhcp/dhcpd.leases", "import /var/lib/kea/kea-leases4.csv"],
  run: async (call) => {
    const files: LeaseFile[] = [];
    for (const path of call.words) {
      const file = await readLeaseFile(path, call.options.from as LeaseFormat | undefined);
      if ("message" in file) throw new Error(file.message);
      files.push(file);
    }
    const send = await adminClient(call);
    const report = await importLeases(send, files, {
      checkOnly: call.options.check === true,
      nowMs: Date.now(),
      onProgress: showShare,
    });
    clearProgress();
    call.print(call.options.json === true ? jsonText(report) : importText(report));
    return report.counts.refused + report.counts.unusable > 0 ? EXIT.failure : EXIT.ok;
  },
};

const exporting: CommandSpec = {
  name: "export",
  summary:
    "Write the leases that run as CSV, or as Kea's lease file, where subnets have the ids 1, 2, 3 in the order " +
    "of the configuration unless --subnet-ids says otherwise",
  options: [
    ...ADMIN_OPTIONS,
    { flags: "--format <format>", description: "what to write", choices: EXPORT_FORMATS, default: "csv" },
    {
      flags: "--subnet-ids <list>",
      description: "their ids in Kea's configuration, such as 10.77.0.0/16=7,10.78.0.0/16=8",
    },
  ],
  examples: ["export > leases.csv", "export --format kea --subnet-ids 10.77.0.0/16=7 > kea-leases4.csv"],
  run: async (call) => {
    const send = await adminClient(call);
    const { leases, omitted, subnets } = await exportLeases(send, {
      format: call.options.format as ExportFormat,
      nowMs: Date.now(),
      subnetIds: readSubnetIds(call.options.subnetIds),
      // A row ends with the line end that printing adds.
      write: (text) => call.print(text.slice(0, -1)),
      onProgress: (done) => showProgress(`${done} leases`),
    });
    clearProgress();
    for (const { subnet, id } of subnets) call.warn(`${subnet} has the id ${id}`);
    for (const [reason, count] of omitted) call.warn(`${count} left out: ${reason}`);
    call.warn(`${leases} leases written`);
    return EXIT.ok;
  },
};

const converting: CommandSpec = {
  name: "config convert",
  summary: "Make a service section of another server's configuration: YAML on standard output, and on standard error " +
    "what it does not carry over. Needs no node; 1 when the section is not valid as it is",
  words: ["<file>"],
  options: [
    { flags: "--from <server>", description: "what the file configures", choices: CONFIG_FORMATS },
    JSON_OPTION,
  ],
  examples: ["config convert --from dhcpd /etc/dhcp/dhcpd.conf > service.yaml"],
  run: async (call) => {
    const { from } = call.options;
    if (from === undefined) throw new Error(`name the server of the file: --from ${CONFIG_FORMATS.join("|")}`);
    const { stdout, stderr, code, conversion } = await convertFile(from as ConfigFormat, call.words[0] ?? "");
    if (call.options.json === true && conversion !== undefined) {
      call.print(jsonText(conversion));
      return code;
    }
    if (stdout !== "") call.print(stdout.trimEnd());
    call.warn(stderr.trimEnd());
    return code;
  },
};

export const MIGRATE_COMMANDS: readonly CommandSpec[] = [importing, exporting, converting];

function readSubnetIds(text: string | boolean | undefined): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  if (typeof text !== "string") return ids;
  for (const part of text.split(",")) {
    const [subnet = "", id = ""] = part.split("=");
    if (parsePrefix(subnet) === undefined || !/^[1-9]\d{0,9}$/.test(id)) {
      throw new Error(`"${part}" is not a subnet with its id; write 10.77.0.0/16=7`);
    }
    ids.set(subnet, Number(id));
  }
  return ids;
}

const BAR_CHARACTERS = 30;

function showShare(done: number, total: number): void {
  const filled = total === 0 ? BAR_CHARACTERS : Math.floor(BAR_CHARACTERS * done / total);
  showProgress(`[${"#".repeat(filled)}${".".repeat(BAR_CHARACTERS - filled)}] ${done} of ${total} leases`);
}

/** One line that is overwritten; nothing when standard error is not a terminal. */
function showProgress(text: string): void {
  if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

function clearProgress(): void {
  showProgress("");
}
