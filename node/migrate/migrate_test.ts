/** Switching on a node alone, over its socket: files in, leases there, files out. */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { read } from "../reader/read.ts";
import { readKeaLeases } from "../../src/convert/leases/kea.ts";
import { formatIpv4 } from "../../src/net/ipv4.ts";
import { RunningNode } from "../running_node.ts";
import { localAdminClient } from "../admin/local_socket.ts";
import { buildCommands } from "../../src/cli/commands.ts";
import { COMMANDS, PROGRAM } from "../cli/commands.ts";

interface Running {
  readonly directory: string;
}

/** Runs a command. */
async function run(args: string[]): Promise<{ out: string; err: string; code: number }> {
  let out = "";
  let err = "";
  let code = 2;
  const root = buildCommands({ ...PROGRAM, commands: COMMANDS }, async (spec, call) => {
    const print = (text: string) => void (out += `${text}\n`);
    const warn = (text: string) => void (err += `${text}\n`);
    try {
      code = await spec.run({ ...call, print, warn });
    } catch (error) {
      code = 1;
      err += `${(error as Error).message}\n`;
    }
  });
  const silent = (command: typeof root): void => {
    command.configureOutput({ writeErr: () => {}, outputError: () => {} }).showHelpAfterError(false);
    command.commands.forEach(silent);
  };
  silent(root);
  await root.parseAsync(args, { from: "user" }).catch((error) => err += `${error.message}\n`);
  return { out, err, code };
}

async function withNode(test: (running: Running) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-switch-" });
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const text = `node: { id: 1, stateDir: ${directory}/state }
dhcp: { address: 127.0.0.1, port: ${port} }
cluster: { nodes: [{ id: 1, address: 127.0.0.1 }] }
http: { port: ${port + 1} }
service:
  revision: 1
  leaseTime: 2h
  subnets:
    - subnet: 10.77.0.0/16
      pools: [10.77.1.0-10.77.1.99]
      reservations:
        - { hardware: "02:00:00:00:00:50", address: 10.77.0.50 }
    - { subnet: 10.78.0.0/16, pools: [10.78.1.0-10.78.1.9] }
`;
  await Deno.writeTextFile(`${directory}/node.yaml`, text);
  const file = read({ kind: "file", text, file: "node.yaml" });
  ok(file.ok && "config" in file);
  const node = await RunningNode.start({ file });
  try {
    const send = localAdminClient(`${directory}/state`);
    const deadline = Date.now() + 10_000;
    while ((await send({ path: "/readyz" })).status !== 200) {
      ok(Date.now() < deadline, "the node never got ready");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await test({ directory });
  } finally {
    await node.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

const HEAD = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n";

Deno.test("import: a file is judged by --check, imported, and known the second time", () =>
  withNode(async ({ directory }) => {
    const now = Math.floor(Date.now() / 1_000);
    const end = now + 3_000;
    await Deno.writeTextFile(
      `${directory}/kea.csv`,
      HEAD +
        `10.77.1.5,02:00:00:00:00:05,01:02:00:00:00:00:05,3600,${end},1,0,0,printer,0,\n` +
        `10.77.1.6,02:00:00:00:00:06,,3600,${end},1,0,0,,0,\n` +
        // Reserved by hardware, and known by what it sends.
        `10.77.0.50,02:00:00:00:00:50,ff:00:00:00:50,3600,${end},1,0,0,,0,\n` +
        `10.77.1.7,02:00:00:00:00:07,,60,${now - 10},1,0,0,,0,\n` +
        `10.77.1.8,,,86400,${end},1,0,0,,1,\n` +
        `10.77.9.9,02:00:00:00:00:09,,3600,${end},1,0,0,,0,\n` +
        `10.78.1.1,02:00:00:00:00:0a,,864000,${now + 864_000},2,0,0,,0,\n` +
        `10.77.1.9,02:00,\n`,
    );
    const command = ["import", "--config", `${directory}/node.yaml`, `${directory}/kea.csv`];
    const check = await run([...command, "--check"]);
    strictEqual(check.code, 1, check.err);
    match(check.out, /^10\.77\.1\.5 +02:00:00:00:00:05 {2}printer {2}until \S+ {2}to be imported$/m);
    match(check.out, /^10\.77\.9\.9 .* refused: it lies in no pool/m);
    match(check.out, /^10\.78\.1\.1 .* refused: it runs longer than any lease may here/m);
    match(check.out, /^10\.77\.1\.8 +declined, rests until \S+ {2}to be imported$/m);
    match(check.out, /kea\.csv:9: not used: it has 3 values/);
    match(
      check.out,
      /^4 to be imported, 0 known already, 2 refused, 1 had ended; 1 of them are declined addresses, which rest$/m,
    );
    const first = await run([...command, "--json"]);
    const counts = { imported: 4, known: 0, refused: 2, ended: 1, declined: 1, superseded: 0, unusable: 1 };
    deepStrictEqual(JSON.parse(first.out).counts, counts);
    const again = await run([...command, "--json"]);
    deepStrictEqual(JSON.parse(again.out).counts, { ...counts, imported: 0, known: 4 });
    const checkAgain = await run([...command, "--json", "--check"]);
    deepStrictEqual(JSON.parse(checkAgain.out).counts, { ...counts, imported: 0, known: 4 });

    const resting = await localAdminClient(`${directory}/state`)({ path: "/leases?state=declined" });
    match(JSON.stringify(resting.body), /"address":"10\.77\.1\.8"/);
    const csv = await run(["export", "--config", `${directory}/node.yaml`]);
    match(csv.out, /^10\.77\.1\.5,10\.77\.0\.0\/16,bound,01:02:00:00:00:00:05,1,02:00:00:00:00:05,printer,/m);
    match(csv.out, /^10\.77\.0\.50,10\.77\.0\.0\/16,bound,ff:00:00:00:50,1,02:00:00:00:00:50,/m);
    const kea = await run([
      "export",
      "--config",
      `${directory}/node.yaml`,
      "--format",
      "kea",
      "--subnet-ids",
      "10.77.0.0/16=7",
    ]);
    match(kea.err, /10\.77\.0\.0\/16 has the id 7\n10\.78\.0\.0\/16 has the id 2\n4 leases written/);
    const read = readKeaLeases([{ file: "f", text: kea.out }]);
    deepStrictEqual(read.unusable, []);
    deepStrictEqual(read.leases.map(({ address }) => formatIpv4(address)), [
      "10.77.0.50",
      "10.77.1.5",
      "10.77.1.6",
      "10.77.1.8",
    ]);
    ok(read.leases.every(({ expires = 0 }) => Math.abs(expires - end) <= 1));
  }));

Deno.test("import: what can't be read, recognised or asked is one line", async () => {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-switch-" });
  try {
    await Deno.writeTextFile(`${directory}/odd`, "once upon a time\n");
    await Deno.writeTextFile(`${directory}/leases`, "0 02:00:00:00:00:01 10.0.0.1 * *\n");
    const failure = async (...args: string[]) => {
      const { code, err, out } = await run(args);
      strictEqual(out, "");
      strictEqual(err.trimEnd().split("\n").length, 1, err);
      return `${code} ${err}`;
    };
    match(await failure("import", `${directory}/none`), /^1 .*none: does not exist/);
    match(await failure("import", directory), /^1 .*is a directory/);
    match(await failure("import", `${directory}/odd`), /^1 .*is no lease file .* --from dhcpd\|kea\|dnsmasq/);
    match(await failure("import", "--config", "/nonexistent/node.yaml", `${directory}/leases`), /^1 .*node\.yaml/);
    match(await failure("import"), /^2 .*missing required argument 'files'/);
    match(
      await failure("export", "--url", "http://127.0.0.1:1", "--subnet-ids", "x=1"),
      /^1 .*write 10\.77\.0\.0\/16=7/,
    );
    match(await failure("config", "convert", "--from", "bind", "x"), /^2 .*Allowed choices are kea, dhcpd, dnsmasq/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("config convert: the section goes to standard output, what to know about it to standard error", async () => {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-switch-" });
  try {
    await Deno.writeTextFile(
      `${directory}/dhcpd.conf`,
      'subnet 10.0.0.0 netmask 255.0.0.0 { range 10.0.1.1 10.0.1.9; }\ninclude "x";\n',
    );
    const { out, err, code } = await run(["config", "convert", "--from", "dhcpd", `${directory}/dhcpd.conf`]);
    strictEqual(code, 0);
    match(out, /^# Made from .*dhcpd\.conf \(dhcpd\)/);
    match(out, /^service:$/m);
    match(err, /dhcpd\.conf:2: not carried over: include "x";\n {4}an include is not followed/);
    match(err, /^1 not carried over, 0 mean something else, 0 not needed; the section is valid/m);
    const json = JSON.parse(
      (await run(["config", "convert", "--json", "--from", "dhcpd", `${directory}/dhcpd.conf`])).out,
    );
    deepStrictEqual(json.findings.map(({ kind, line }: { kind: string; line: number }) => [kind, line]), [["lost", 2]]);
    await Deno.writeTextFile(`${directory}/dhcpd.conf`, "authoritative;\n");
    const empty = await run(["config", "convert", "--from", "dhcpd", `${directory}/dhcpd.conf`]);
    strictEqual(empty.code, 1);
    match(empty.err, /service\.subnets: has 0 entries; give at least 1/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
