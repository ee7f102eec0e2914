/** Every command of both programs, run with the permissions of the shipped programs and no more. */

import { deepStrictEqual, match, ok, rejects } from "node:assert/strict";
import { COMMANDS as NODE_COMMANDS } from "../../node/cli/commands.ts";
import { COMMANDS as RELAY_COMMANDS } from "../../relay/cli.ts";
import { onSite } from "./cases/site.ts";
import { CLIENTS } from "./clients/clients.ts";
import { decliners } from "./clients/raw/decliner.ts";
import { CommandError } from "./lab/process.ts";
import { ours, runProgram } from "./programs/ours.ts";
import { e2e } from "./register.ts";

e2e(
  "every command works with the permissions of the programs",
  () =>
    onSite(ours, {}, async ({ topology, nodeHost, node }) => {
      const client = new CLIENTS.udhcpc(await topology.client("client1"));
      await client.start();
      const { address } = await client.waitBound();

      const tried = new Set<string>();
      const files = nodeHost.namespace.folder("files");
      const config = ["--config", `${nodeHost.namespace.folder("config")}/node.yaml`];
      /** Runs a command: the words of its name in the table, then its arguments. */
      const give = async (name: string, ...words: string[]): Promise<string> => {
        tried.add(name);
        return await runProgram("node", nodeHost.namespace, [...name.split(" "), ...words]);
      };
      const refused = async (reason: RegExp, name: string, ...words: string[]) => {
        await rejects(
          give(name, ...words),
          (error: Error) => error instanceof CommandError && reason.test(error.message),
        );
      };

      match(await give("status", ...config), /Node 1: serves[^]*this node is alone|Node 1: serves/);
      match(await give("leases", ...config), new RegExp(`^${address.replaceAll(".", "\\.")} `, "m"));
      match(await give("ranges", ...config), /10\.77\.0\.20-10\.77\.0\.200 in 10\.77\.0\.0\/24: 1 leased/);
      match(await give("config check", ...config), /./);
      match(await give("config show", ...config), /subnets:/);
      const service = `${files}/service.yaml`;
      const shown = await give("config show", ...config);
      await Deno.writeTextFile(
        service,
        shown.replace(/^\s*revision:.*$/m, "").replace("leaseTime: 120", "leaseTime: 180"),
      );
      match(await give("config push", service, ...config), /^Revision 2 is served/m);
      match(
        await give("reserve", "10.77.0.5", "--hardware", "02:00:00:00:00:05", ...config),
        /^Reserved in revision 3/m,
      );
      match(await give("unreserve", "10.77.0.5", ...config), /revision 4/);

      match(await give("export", ...config), new RegExp(address));
      const kea = `${files}/kea-leases4.csv`;
      await Deno.writeTextFile(kea, await give("export", "--format", "kea", ...config));
      match(await give("import", "--check", kea, ...config), /1/);
      match(await give("import", kea, ...config), /1/);
      const dnsmasq = `${files}/dnsmasq.conf`;
      await Deno.writeTextFile(dnsmasq, "dhcp-range=10.80.0.10,10.80.0.90,255.255.255.0,1h\n");
      match(await give("config convert", "--from", "dnsmasq", dnsmasq), /10\.80\.0\.10/);

      match(await give("drain", ...config), /^Drained/m);
      match(await give("drain", "--undo", ...config), /serves again/);
      await refused(/alone/, "election", ...config);
      match(await give("members", ...config), /1\s+10\.99\.0\.\d+/);
      await refused(/keyFile/, "members add", "2", "10.99.0.99", ...config);
      await refused(/keyFile/, "members remove", "2", ...config);
      await give("release", address, ...config);

      const backup = `${files}/backup.db`;
      match(await give("backup", backup, ...config), /1 leases/);
      const [{ declined } = { declined: "" }] = await decliners(await topology.client("client2"), 1);
      match(await give("reuse", declined, ...config), /^1 address may be leased again/m);
      await refused(/no address rests in 10\.77\.0\.0\/24/, "reuse", "10.77.0.0/24", ...config);
      match(await give("audit", ...config), /local +admin +the local socket +POST \/drain +done/);
      match(await give("completion", "bash"), /complete/);
      match(await give("licences"), /MIT License|deno task dependencies/);
      await give("key", `${files}/cluster.key`);
      const made = `${files}/new/node.yaml`;
      const answers = [
        "--yes",
        "--address",
        "10.99.0.77",
        "--nodes",
        "1=10.99.0.77,2=10.99.0.78",
        "--subnet",
        "10.77.0.0/16",
      ];
      await give(
        "init",
        ...answers,
        "--output",
        made,
        "--key",
        `${files}/new/cluster.key`,
        "--state",
        `${files}/new/state`,
      );
      match(await give("restore", backup, "--config", made), /takes all leases from the others/);
      await refused(/this disk is blank/, "members reset", "--yes", "--config", made);
      deepStrictEqual(untried(NODE_COMMANDS, tried), []);

      const relay = ["--config", `${topology.gateway.folder("config")}/relay.yaml`];
      match(await runProgram("relay", topology.gateway, ["status", ...relay]), /Relaying: a node can serve[^]*chosen/);
      match(await runProgram("relay", topology.gateway, ["completion", "zsh"]), /compdef/);
      match(await runProgram("relay", topology.gateway, ["licences"]), /MIT License|deno task dependencies/);
      deepStrictEqual(untried(RELAY_COMMANDS, new Set(["status", "completion", "licences"])), []);
      ok(node.running);
    }),
);

/** A new command has to be added to this test. */
function untried(commands: readonly { readonly name: string }[], tried: ReadonlySet<string>): string[] {
  return commands.map(({ name }) => name).filter((name) => !tried.has(name));
}
