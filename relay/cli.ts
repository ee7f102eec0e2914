/** The subcommands of `dhcpcluster-relay`. */

import { EXIT } from "../src/cli/arguments.ts";
import { completionCommand } from "../src/cli/completion.ts";
import type { CommandSpec } from "../src/cli/commands.ts";
import { LICENCES } from "../src/cli/licences.ts";
import { jsonText, table } from "../src/cli/table.ts";
import { loadConfigFile } from "../src/config/load.ts";
import { clientTrusting, failureOf, readCertificates } from "../src/http/tls.ts";
import { readTokenFile } from "../src/http/access/tokens.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { printable } from "../src/unseen.ts";
import { checkRelay, relaySchema } from "./config.ts";

export const PROGRAM = {
  name: "dhcpcluster-relay",
  summary: "DHCP relay agent that forwards clients to the nodes of a dhcpcluster. Without a command: run it.",
} as const;

const RUNNING = ["--config", "--check", "--version", "--help"];

/** The fields of `/status` that are printed. */
interface RelayStatus {
  readonly version: string;
  readonly ready: boolean;
  readonly reason?: string;
  readonly nodes: readonly {
    readonly id: number;
    readonly address: string;
    readonly grade: string;
    readonly chosen: boolean;
    readonly rttMs: number | null;
    readonly loss: number;
    readonly share: number;
    readonly hedges: number;
    readonly failovers: number;
    readonly reason: string;
  }[];
  readonly interfaces: readonly { readonly name: string; readonly up: boolean; readonly giaddrs: readonly string[] }[];
  readonly rogueServers: readonly { readonly server: string; readonly interface?: string }[];
  /** An older relay does not have it. */
  readonly fullSubnets?: readonly { readonly subnet: string; readonly interfaces: readonly string[] }[];
}

const status: CommandSpec = {
  name: "status",
  summary: "Show where requests go and why; exit 0 when a node can serve, 1 when none can",
  options: [
    {
      flags: "-c, --config <file>",
      description: "configuration file of the local relay",
      default: "/etc/dhcpcluster/relay.yaml",
    },
    { flags: "--url <url>", description: "URL of another relay, such as http://192.0.2.1:8068" },
    { flags: "--ca <file>", description: "certificates in PEM that its HTTPS is trusted by" },
    { flags: "--token-file <file>", description: "token for it (its http.readTokenFile)" },
    { flags: "--json", description: "print JSON" },
  ],
  examples: ["status", "status --json | jq '.nodes[] | select(.chosen)'"],
  run: async ({ options, print }) => {
    const own = typeof options.url === "string" ? undefined : await ownHttp(String(options.config));
    const url = own?.url ?? String(options.url);
    const tokenFile = typeof options.tokenFile === "string" ? options.tokenFile : own?.tokenFile;
    const headers = tokenFile === undefined ? {} : { authorization: `Bearer ${await readTokenFile(tokenFile)}` };
    const ca = typeof options.ca === "string" ? options.ca : own?.certFile;
    const client = clientTrusting(ca === undefined ? undefined : await readCertificates(ca, "certificates (--ca)"));
    let answer: RelayStatus & { readonly error?: string };
    try {
      answer = await (await fetch(new URL("/status", url), { headers, ...(client && { client }) })).json();
    } catch (error) {
      throw new Error(`Cannot reach ${url}: ${failureOf(error)}; check the address and whether the relay runs`);
    }
    if (answer.error !== undefined) throw new Error(`${url} refused: ${answer.error} (--token-file)`);
    if (!Array.isArray(answer.nodes) || !Array.isArray(answer.interfaces)) {
      throw new Error(`${url} is not a relay: give its address and http.port; for nodes use dhcpcluster-node status`);
    }
    print(options.json === true ? jsonText(answer) : describeRelay(answer));
    return answer.ready ? EXIT.ok : EXIT.failure;
  },
};

/** Where the relay of a configuration file is, and its token for reading. */
async function ownHttp(
  file: string,
): Promise<{ url: string; tokenFile: string | undefined; certFile: string | undefined }> {
  const loaded = await loadConfigFile(file, relaySchema, checkRelay);
  if (!loaded.ok) throw new Error(loaded.message);
  const { address, port, readTokenFile: tokenFile, tls } = loaded.value.http;
  const origin = `${tls === undefined ? "http" : "https"}://${address === 0 ? "127.0.0.1" : formatIpv4(address)}`;
  return { url: `${origin}:${port}`, tokenFile, certFile: tls?.certFile };
}

/** Formats the status as text. */
export function describeRelay(status: RelayStatus): string {
  const rows = status.nodes.map((node) => [
    String(node.id),
    node.address,
    node.grade,
    node.chosen ? "yes" : "",
    node.rttMs === null ? "" : `${node.rttMs.toFixed(2)} ms`,
    `${Math.round(100 * node.loss)} %`,
    `${Math.round(100 * node.share)} %`,
    String(node.hedges),
    String(node.failovers),
    printable(node.reason),
  ]);
  const numbers = ["round trip", "loss", "requests", "hedges", "failovers"];
  const headers = ["id", "address", "grade", "chosen", ...numbers, "reason"];
  return [
    status.ready ? "Relaying: a node can serve" : `No node can serve: ${printable(status.reason ?? "")}`,
    ...status.interfaces.map(({ name, up, giaddrs }) => `${name}: ${up ? giaddrs.join(", ") : "down"}`),
    ...status.rogueServers.map(({ server, interface: at }) => `Rogue DHCP server: ${server} on ${at ?? "?"}`),
    ...(status.fullSubnets ?? []).map(({ subnet, interfaces }) =>
      `Full: ${subnet} (${
        interfaces.join(", ")
      }): its clients get no address; enlarge its pools, or shorten lease times`
    ),
    "",
    ...table(headers, rows, { right: numbers }),
  ].join("\n");
}

export const COMMANDS: readonly CommandSpec[] = [
  status,
  LICENCES,
  completionCommand({ ...PROGRAM, running: RUNNING, commands: () => COMMANDS }),
];
