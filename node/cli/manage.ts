/** Commands that change something: `config`, `reserve`, `release`, `reuse`, `drain`, `election`, `members`. */

import { EXIT } from "../../src/cli/arguments.ts";
import type { CommandCall, CommandSpec } from "../../src/cli/commands.ts";
import type { AdminClient } from "../admin/local_socket.ts";
import { readConfigFile } from "../../src/config/file.ts";
import { jsonText } from "../../src/cli/table.ts";
import { formatIssues } from "../../src/config/issue.ts";
import { serviceFileIssues } from "../config.ts";
import { stringify } from "yaml";
import { MEMBERS_RESET } from "./members_reset.ts";
import { membersTable } from "./members_table.ts";
import type { nodeStatus } from "../admin/status.ts";
import { ADMIN_OPTIONS, adminClient, bodyOf, configOf, JSON_OPTION } from "./admin_client.ts";

interface Pushed {
  readonly revision: number;
  /** Absent in the response of an older release. */
  readonly warnings?: readonly string[];
  readonly absent: readonly number[];
}

const check: CommandSpec = {
  name: "config check",
  summary: "Validate a configuration file; with --everywhere, its service section on every running node",
  words: ["[file]"],
  options: [...ADMIN_OPTIONS, {
    flags: "--everywhere",
    description: "validate the service section on every running node",
  }],
  examples: ["config check /etc/dhcpcluster/node.yaml", "config check new.yaml --everywhere"],
  run: async (call) => {
    const [given] = call.words;
    if (call.options.everywhere !== true) {
      const issues = given === undefined ? undefined : serviceFileIssues(await readText(given));
      if (issues !== undefined) {
        if (issues.length > 0) throw new Error(formatIssues(given ?? "", issues));
        call.print(`${given}: the service section is valid by itself; --everywhere validates it on the nodes`);
        return EXIT.ok;
      }
      const { file } = await configOf({ ...call, options: { ...call.options, config: given ?? call.options.config } });
      call.print(`${file}: the configuration is valid`);
      return EXIT.ok;
    }
    const file = given ?? String(call.options.config);
    const send = patiently(call, await adminClient(call));
    const { absent } = bodyOf<Pushed>(
      await send({ method: "PUT", path: "/config?check=true", body: await withoutRevision(file) }),
    );
    call.print(`${file}: every running node accepts it${away(absent)}`);
    return EXIT.ok;
  },
};

const show: CommandSpec = {
  name: "config show",
  summary: "Print the service section that is served, as YAML for node.yaml",
  options: [...ADMIN_OPTIONS, JSON_OPTION],
  examples: ["config show", "config show > service.yaml"],
  run: async (call) => {
    const send = await adminClient(call);
    const { service } = bodyOf<{ service: object }>(await send({ path: "/config" }));
    call.print(call.options.json === true ? jsonText({ service }) : asYaml({ service }));
    return EXIT.ok;
  },
};

const push: CommandSpec = {
  name: "config push",
  summary: "Serve another service section on every node, after every running node has accepted it",
  words: ["<file>"],
  options: [...ADMIN_OPTIONS],
  examples: ["config push service.yaml", "config push /etc/dhcpcluster/node.yaml"],
  run: async (call) => {
    const send = patiently(call, await adminClient(call));
    const body = await readText(call.words[0] ?? "");
    const { revision, absent, warnings } = bodyOf<Pushed>(await send({ method: "PUT", path: "/config", body }));
    for (const warning of warnings ?? []) call.warn(warning);
    call.print(`Revision ${revision} is served${away(absent)}`);
    call.warn("The configuration files of the nodes are out of date: update them with the output of `config show`");
    return EXIT.ok;
  },
};

/** YAML 1.1 quotes what older parsers read as a number: hardware addresses that consist of digits. */
function asYaml(value: unknown): string {
  return stringify(value, { version: "1.1" }).trimEnd();
}

function away(absent: readonly number[]): string {
  return absent.length === 0 ? "" : `; node ${absent.join(", ")} is down and takes it when it returns`;
}

async function readText(file: string): Promise<string> {
  const read = await readConfigFile(file);
  if (!read.ok) throw new Error(`Cannot read ${file}: it ${read.message}`);
  return read.text;
}

/** The same client, which says so when the nodes take their time to check a large configuration. */
function patiently({ warn }: Pick<CommandCall, "warn">, send: AdminClient): AdminClient {
  return async (request) => {
    const timer = setTimeout(() => {
      warn("The nodes are still checking the configuration; with ten thousand reservations that takes some seconds");
    }, SAID_AFTER_MS);
    try {
      return await send(request);
    } finally {
      clearTimeout(timer);
    }
  };
}

const SAID_AFTER_MS = 2_000;

/** A check ignores the revision of the file: it is raised only for the push. */
async function withoutRevision(file: string): Promise<string> {
  return (await readText(file)).replace(/^(\s*)revision:\s*\d+\s*$/m, "");
}

const reserve: CommandSpec = {
  name: "reserve",
  summary: "Reserve an address for a client, in the next revision of the configuration",
  words: ["<address>"],
  options: [
    ...ADMIN_OPTIONS,
    { flags: "--hardware <address>", description: "the client's hardware address; several with commas between" },
    { flags: "--client-id <octets>", description: "or its client identifier, in hexadecimal after 0x" },
    { flags: "--circuit-id <text>", description: "or the circuit id of its place (option 82)" },
    { flags: "--remote-id <text>", description: "the remote id of its place" },
    { flags: "--hostname <name>", description: "host name to send to the client" },
  ],
  examples: ["reserve 10.77.0.50 --hardware 02:00:00:00:00:01 --hostname printer"],
  run: async (call) => {
    const send = patiently(call, await adminClient(call));
    const { hardware, clientId, circuitId, remoteId, hostname } = call.options;
    const machines = typeof hardware === "string" && hardware.includes(",") ? hardware.split(",") : hardware;
    const body = { address: call.words[0], hardware: machines, clientId, circuitId, remoteId, hostname };
    const { revision, warnings } = bodyOf<{ revision: number; warnings: string[] }>(
      await send({ method: "POST", path: "/reservations", body }),
    );
    for (const warning of warnings) call.warn(warning);
    call.print(`Reserved in revision ${revision}`);
    return EXIT.ok;
  },
};

const unreserve: CommandSpec = {
  name: "unreserve",
  summary: "Remove a reservation, in the next revision of the configuration",
  words: ["<address>"],
  options: [...ADMIN_OPTIONS],
  examples: ["unreserve 10.77.0.50"],
  run: async (call) => {
    const send = patiently(call, await adminClient(call));
    const path = `/reservations/${encodeURIComponent(call.words[0] ?? "")}`;
    call.print(
      `Removed in revision ${bodyOf<{ revision: number }>(await send({ method: "DELETE", path })).revision}`,
    );
    return EXIT.ok;
  },
};

const release: CommandSpec = {
  name: "release",
  summary: "End a lease, as a DHCPRELEASE of its client does, or the rest of a declined address",
  words: ["<address>"],
  options: [...ADMIN_OPTIONS],
  examples: ["release 10.77.1.23"],
  run: async (call) => {
    const send = await adminClient(call);
    const path = `/leases/${encodeURIComponent(call.words[0] ?? "")}`;
    bodyOf(await send({ method: "DELETE", path }));
    call.print("Released");
    return EXIT.ok;
  },
};

const reuse: CommandSpec = {
  name: "reuse",
  summary: "End the rest of declined addresses, one or those of a network; leases go on",
  words: ["<addresses>"],
  options: [...ADMIN_OPTIONS],
  examples: ["reuse 10.77.1.23", "reuse 10.77.0.0/16"],
  run: async (call) => {
    const send = await adminClient(call);
    const body = { addresses: call.words[0] };
    const { ended } = bodyOf<{ ended: number }>(await send({ method: "POST", path: "/reuse", body }));
    call.print(`${ended} ${ended === 1 ? "address" : "addresses"} may be leased again`);
    return EXIT.ok;
  },
};

const drain: CommandSpec = {
  name: "drain",
  summary: "Stop serving clients, for maintenance, until --undo or a restart",
  options: [...ADMIN_OPTIONS, { flags: "--undo", description: "serve again" }],
  examples: ["drain", "drain --undo"],
  run: async (call) => {
    const send = await adminClient(call);
    const undo = call.options.undo === true;
    const body = { drain: !undo };
    const { others } = bodyOf<{ others: number }>(await send({ method: "POST", path: "/drain", body }));
    if (undo) call.print("This node serves again");
    else if (others > 0) call.print("Drained: relays use the other nodes; `drain --undo` serves again");
    else call.print("Drained, and NO other node serves: clients get no answer until `drain --undo`");
    return EXIT.ok;
  },
};

const election: CommandSpec = {
  name: "election",
  summary: "Start an election; run it on the leader",
  options: [...ADMIN_OPTIONS],
  examples: ["election"],
  run: async (call) => {
    const send = await adminClient(call);
    bodyOf(await send({ method: "POST", path: "/election" }));
    call.print("Election started; `status` shows the leader");
    return EXIT.ok;
  },
};

const members: CommandSpec = {
  name: "members",
  summary: "Show the members of the cluster",
  options: [...ADMIN_OPTIONS, JSON_OPTION],
  examples: ["members", "members add 4 10.99.0.14", "members remove 2", "members reset"],
  run: async (call) => {
    const send = await adminClient(call);
    const status = bodyOf<ReturnType<typeof nodeStatus>>(await send({ path: "/status" }));
    const { members } = status.cluster;
    call.print(call.options.json === true ? jsonText(members) : membersTable(status));
    return EXIT.ok;
  },
};

const ONE_AT_A_TIME = "Run it on the leader; a change must be complete before the next one";

const add: CommandSpec = {
  name: "members add",
  summary: `Add a member. ${ONE_AT_A_TIME}`,
  words: ["<id>", "<address>"],
  options: [...ADMIN_OPTIONS],
  examples: ["members add 4 10.99.0.14"],
  run: async (call) => {
    const send = await adminClient(call);
    const [id, address] = call.words;
    const { epoch } = bodyOf<{ epoch: number }>(
      await send({ method: "POST", path: "/members", body: { id: Number(id), address } }),
    );
    call.print(`Done: the change is epoch ${epoch}`);
    return EXIT.ok;
  },
};

const remove: CommandSpec = {
  name: "members remove",
  summary: `Remove a member. ${ONE_AT_A_TIME}`,
  words: ["<id>"],
  options: [...ADMIN_OPTIONS],
  examples: ["members remove 2"],
  run: async (call) => {
    const send = await adminClient(call);
    const path = `/members/${encodeURIComponent(call.words[0] ?? "")}`;
    call.print(`Done: the change is epoch ${bodyOf<{ epoch: number }>(await send({ method: "DELETE", path })).epoch}`);
    return EXIT.ok;
  },
};

export const MANAGE_COMMANDS: readonly CommandSpec[] = [
  members,
  add,
  remove,
  MEMBERS_RESET,
  check,
  show,
  push,
  reserve,
  unreserve,
  release,
  reuse,
  drain,
  election,
];
