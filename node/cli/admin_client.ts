/** How commands reach a node: over its Unix socket on this machine, or with `--url` over the network. */

import type { CommandCall, CommandOption } from "../../src/cli/commands.ts";
import { readConfigFile } from "../../src/config/file.ts";
import { loadConfigFile } from "../../src/config/load.ts";
import { checkNode, type NodeConfig, nodeSchema } from "../config.ts";
import { readCertificates } from "../../src/http/tls.ts";
import { readTokenFile } from "../../src/http/access/tokens.ts";
import { stateDirOf } from "./state_dir.ts";
import { type AdminClient, type AdminResponse, httpAdminClient, localAdminClient } from "../admin/local_socket.ts";

const CONFIG_DEFAULT = "/etc/dhcpcluster/node.yaml";

/** Options that select the node. */
export const ADMIN_OPTIONS: readonly CommandOption[] = [
  { flags: "-c, --config <file>", description: "configuration of the node on this machine", default: CONFIG_DEFAULT },
  { flags: "--url <url>", description: "another node, such as http://10.99.0.11:8067" },
  { flags: "--ca <file>", description: "certificates in PEM that its HTTPS is trusted by" },
  { flags: "--token-file <file>", description: "file with a token for it, whose role suffices for the command" },
];

export const JSON_OPTION: CommandOption = { flags: "--json", description: "print JSON" };

/** The configuration that `--config` names. Rejects with a line for each thing that is wrong with it. */
export async function configOf({ options }: CommandCall): Promise<{ config: NodeConfig; file: string; root: unknown }> {
  const file = String(options.config);
  const loaded = await loadConfigFile(file, nodeSchema, checkNode);
  if (!loaded.ok) throw new Error(loaded.message);
  return { config: loaded.value, file, root: loaded.root };
}

/** Client of the node that the options select. */
export async function adminClient(call: CommandCall): Promise<AdminClient> {
  const { url, tokenFile, ca } = call.options;
  if (typeof url === "string") {
    if (!/^https?:\/\//.test(url)) throw new Error(`"${url}" is not a URL; write http://ADDRESS:PORT`);
    const token = typeof tokenFile === "string" ? await readTokenFile(tokenFile) : undefined;
    return httpAdminClient(
      url,
      token,
      typeof ca === "string" ? await readCertificates(ca, "certificates (--ca)") : undefined,
    );
  }
  const read = await readConfigFile(String(call.options.config));
  const stateDir = read.ok ? stateDirOf(read.text) : undefined;
  return localAdminClient(stateDir ?? (await configOf(call)).config.node.stateDir);
}

/** Body of a successful response. Throws with every reason of a refusal. */
export function bodyOf<Body>({ status, body }: AdminResponse): Body {
  if (status === 200) return body as Body;
  const { error, problems } = (typeof body === "object" && body !== null ? body : {}) as {
    error?: string;
    problems?: string[];
  };
  const reasons = problems !== undefined && problems.length > 0 ? problems : [error ?? `HTTP status ${status}`];
  throw new Error(reasons.length === 1 ? `refused: ${reasons[0]}` : `refused:\n  ${reasons.join("\n  ")}`);
}
