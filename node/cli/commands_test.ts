/** The commands as a user gives them: processes that ask a running node. */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import denoJson from "../../deno.json" with { type: "json" };
import { completion, SHELLS } from "../../src/cli/completion.ts";
import { withNode } from "../testing/running.ts";
import { COMMANDS, PROGRAM } from "./commands.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;

async function command(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--quiet", "-A", MAIN, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trimEnd();
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("commands: a running node is looked at and operated", () =>
  withNode(async ({ file, directory, url, send }) => {
    const config = ["--config", file];
    const lease = (address: string, last: number) => ({
      address,
      client: { chaddr: `02:00:00:00:00:0${last}` },
      hostname: "evil\u001b[2J",
      expires: new Date(Date.now() + 3_600_000).toISOString(),
    });
    await send({
      method: "POST",
      path: "/leases/import",
      body: { leases: [lease("10.77.1.1", 1), lease("10.77.1.2", 2)] },
    });

    const status = await command("status", ...config);
    strictEqual(status.code, 0, status.err);
    match(status.out, /^Node 1: serves\n1 of 1 nodes serve; it serves alone; majority present\n/);
    match(status.out, /10\.77\.0\.0\/16 +10\.77\.1\.0-10\.77\.1\.99 +100 +2 +98 +2 %/);
    ok(JSON.parse((await command("status", "--json", "--url", url)).out).ready);

    const leases = await command("leases", "--limit", "1", ...config);
    match(
      leases.out,
      /^address +hardware +host name +state +until \(UTC\) +node\n10\.77\.1\.1 +02:00:00:00:00:01 +evil/,
    );
    strictEqual(leases.out.includes("\u001b"), false, "nothing that a terminal would act on");
    match(leases.err, /follow 10\.77\.1\.1/);
    strictEqual(JSON.parse((await command("leases", "--limit", "0", "--json", ...config)).out).length, 2);
    match(
      (await command("ranges", ...config)).out,
      /10\.77\.1\.0-10\.77\.1\.99 in 10\.77\.0\.0\/16: 2 leased, 98 free/,
    );

    strictEqual((await command("release", "10.77.1.2", ...config)).code, 0);
    const gone = await command("release", "10.77.1.2", ...config);
    deepStrictEqual([gone.code, gone.err], [1, "dhcpcluster-node: refused: no client holds a lease of 10.77.1.2"]);
    strictEqual((await command("reserve", "10.77.0.9", "--hardware", "02:00:00:00:00:09", ...config)).code, 0);
    const machines = "02:00:00:00:00:0a,02:00:00:00:00:0b";
    strictEqual((await command("reserve", "10.77.0.10", "--hardware", machines, ...config)).code, 0);
    const place = ["--circuit-id", "port 1", "--remote-id", "switch 1"];
    strictEqual((await command("reserve", "10.77.0.11", ...place, ...config)).code, 0);
    strictEqual((await command("reserve", "10.77.0.12", "--hostname", "x", ...config)).code, 1, "it names no client");
    const shown = await command("config", "show", ...config);
    match(shown.out, /^service:\n[^]*address: 10\.77\.0\.9/);
    match(shown.out, /- 02:00:00:00:00:0a\n +- 02:00:00:00:00:0b[^]*circuitId: port 1[^]*remoteId: switch 1/);
    const changed = `${directory}/service.yaml`;
    await Deno.writeTextFile(changed, shown.out.replace(/revision: \d+/, "leaseTime: 10m"));
    match((await command("config", "check", changed, "--everywhere", ...config)).out, /every running node accepts it/);
    match((await command("config", "check", changed, ...config)).out, /the service section is valid by itself/);
    const mistaken = `${directory}/mistaken.yaml`;
    await Deno.writeTextFile(
      mistaken,
      "service:\n  subnets:\n    - { subnet: 10.77.0.0/16, pools: [10.1.0.0-10.1.0.9] }\n",
    );
    match(
      (await command("config", "check", mistaken, ...config)).err,
      /mistaken\.yaml:3:\d+: service\.subnets\[0\]\.pools\[0\]/,
    );
    strictEqual((await command("config", "push", changed, ...config)).out, "Revision 5 is served");
    await Deno.writeTextFile(changed, shown.out.replace("10.77.0.9", "10.99.0.9"));
    const refused = await command("config", "push", changed, ...config);
    strictEqual(refused.code, 1);
    match(refused.err, /refused: revision 4 is not above 5/);

    strictEqual((await command("drain", ...config)).code, 0);
    const drained = await command("status", ...config);
    strictEqual(drained.code, 1);
    match(drained.out, /does NOT serve: drained/);
    strictEqual((await command("drain", "--undo", ...config)).code, 0);
    match((await command("election", ...config)).err, /this node is alone/);
    match((await command("members", "remove", "9", ...config)).err, /no cluster.keyFile/);
    match((await command("members", ...config)).out, /^id +address +role +state/);
  }));

Deno.test("commands: what is wrong is said in a line that helps", async () => {
  const typo = await command("lease");
  strictEqual(typo.code, 2);
  match(typo.err, /Did you mean leases/);
  strictEqual((await command("reserve")).code, 2);
  const unreachable = await command("status", "--url", "http://127.0.0.1:1");
  strictEqual(unreachable.code, 1);
  match(unreachable.err, /^dhcpcluster-node: Cannot reach http:\/\/127\.0\.0\.1:1/);
  const nofile = await command("status", "--config", "/nonexistent/node.yaml");
  strictEqual(nofile.code, 1);
  match(nofile.err, /\/nonexistent\/node\.yaml/);
  const help = await command("--help");
  strictEqual(help.code, 0);
  for (const { name } of COMMANDS) ok(help.out.includes(name), name);
  match((await command("config", "push", "--help")).out, /Examples:\n {2}dhcpcluster-node config push/);
});

Deno.test("backup and restore: a node alone goes on with its leases; a copy is made while it runs", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-backup-" });
  const copy = `${folder}/leases.db`;
  try {
    await withNode(async ({ file, send }) => {
      const lease = {
        address: "10.77.1.1",
        client: { chaddr: "02:00:00:00:00:01" },
        expires: new Date(Date.now() + 3_600_000).toISOString(),
      };
      await send({ method: "POST", path: "/leases/import", body: { leases: [lease] } });
      match((await command("backup", copy, "--config", file)).out, /: 1 leases/);
      match((await command("backup", copy, "--config", file)).err, /is not overwritten/);
      match((await command("restore", copy, "--config", file)).err, /goes into an empty state directory/);
      strictEqual(((await Deno.stat(copy)).mode ?? 0) & 0o777, 0o600);
    });
    await Deno.writeTextFile(`${folder}/junk`, "no database, but long enough to be taken for one".repeat(100));
    await withNode(async ({ send }) => {
      const { body } = await send({ path: "/leases" });
      deepStrictEqual((body as { leases: { address: string }[] }).leases.map(({ address }) => address), ["10.77.1.1"]);
      strictEqual((await send({ path: "/readyz" })).status, 200);
    }, {
      before: async (file) => {
        strictEqual((await command("restore", `${folder}/junk`, "--config", file)).code, 1);
        const restored = await command("restore", copy, "--config", file);
        match(restored.out, /: 1 leases; start the node/);
        match(restored.err, /granted after the backup was made are unknown.*alone, so it serves at once/);
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("restore: a member becomes a learner on another disk; --majority-lost keeps the leases", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-restore-" });
  const copy = `${folder}/leases.db`;
  try {
    await withNode(async ({ file }) => {
      strictEqual((await command("backup", copy, "--config", file)).code, 0);
    });
    const config = async (name: string) => {
      const file = `${folder}/${name}.yaml`;
      const text = [
        `node: { id: 1, stateDir: ${folder}/${name} }`,
        "dhcp: { address: 127.0.0.1 }",
        `cluster: { keyFile: ${folder}/key, nodes: [{ id: 1, address: 127.0.0.1 }, { id: 2, address: 127.0.0.2 }] }`,
        "service: { revision: 1, subnets: [{ subnet: 10.77.0.0/16, pools: [10.77.1.0-10.77.1.99] }] }",
      ];
      await Deno.writeTextFile(file, text.join("\n"));
      return file;
    };
    const facts = (path: string) => {
      const database = new DatabaseSync(path, { readOnly: true });
      const rows = database.prepare("SELECT key, value FROM meta").all() as { key: string; value: string }[];
      const { leases } = database.prepare("SELECT count(*) AS leases FROM lease").get() as { leases: number };
      database.close();
      return { ...Object.fromEntries(rows.map(({ key, value }) => [key, value])), leases };
    };
    const original = facts(copy) as Record<string, string | number>;
    const learner = await command("restore", copy, "--config", await config("learner"));
    match(learner.out, /takes all leases from the others before it serves/, learner.err);
    match(learner.err, /restore with --majority-lost/);
    const learned = facts(`${folder}/learner/leases.db`) as Record<string, string | number>;
    deepStrictEqual([learned["blank"], learned["generation"], learned["leases"]], ["fenced", "0", 0]);
    ok(learned["diskId"] !== original["diskId"]);

    const lost = await command("restore", "--majority-lost", copy, "--config", await config("lost"));
    match(lost.out, /: 0 leases$/, lost.err);
    match(lost.err, /does not start before `dhcpcluster-node members reset --yes`.*on exactly one node/);
    const kept = facts(`${folder}/lost/leases.db`) as Record<string, string | number>;
    strictEqual(kept["blank"], "no");
    ok(kept["diskId"] !== original["diskId"]);
    ok(Number(kept["generation"]) > Number(original["generation"]), "later than any disk that others remember");
    const early = await command("--config", await config("lost"));
    match(early.err, /restored with --majority-lost.*members reset --yes` first, on exactly one node/);

    // All others were removed by command: the file does not matter any more.
    const database = new DatabaseSync(copy);
    const alone = JSON.stringify({ epoch: 3, term: 2, members: [{ id: 1, address: 0x7f000001 }] });
    database.prepare("INSERT OR REPLACE INTO meta VALUES ('membership', ?)").run(alone);
    database.close();
    match((await command("restore", copy, "--config", await config("last"))).err, /alone, so it serves at once/);

    const again = `${folder}/learner/leases.db`;
    const refused = await command("restore", "--majority-lost", again, "--config", await config("again"));
    match(refused.err, /before that node had all leases: use the backup of another node/);
    strictEqual((await command("restore", copy, "--config", await config("again"))).code, 0, "nothing was left over");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("init: what it writes is valid, with a key for several nodes, and nothing is written over", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-init-" });
  try {
    const [output, key] = [`${folder}/etc/node.yaml`, `${folder}/etc/cluster.key`];
    const files = ["--output", output, "--key", key, "--state", `${folder}/state`];
    const nodes = ["--nodes", "1=10.99.0.11,2=10.99.0.12,3=10.99.0.13"];
    const made = await command(
      "init",
      "--yes",
      "--address",
      "10.99.0.12",
      ...nodes,
      "--dns",
      "10.0.0.1, 10.0.0.2",
      ...files,
    );
    strictEqual(made.code, 0, made.err);
    match(made.out, /node 2 of 3\n.*a new cluster key\nNext:\n {2}copy .* to node 1 \(10\.99\.0\.11\) and node 3/);
    strictEqual((await command("config", "check", output)).code, 0);
    strictEqual(((await Deno.stat(key)).mode ?? 0) & 0o777, 0o600);
    const before = await Deno.readTextFile(key);
    match(
      (await command("init", "--yes", "--address", "10.99.0.12", ...nodes, ...files)).err,
      /--force overwrites it/,
    );
    strictEqual(
      (await command(
        "init",
        "--yes",
        "--address",
        "10.99.0.12",
        ...nodes,
        ...files,
        "--force",
        "--subnet",
        "10.1.0.0/24",
      ))
        .code,
      0,
    );
    strictEqual(await Deno.readTextFile(key), before);
    match(await Deno.readTextFile(output), /subnet: 10\.1\.0\.0\/24\n {6}pools: \[10\.1\.0\.64-10\.1\.0\.254\]/);
    const wrong = await command("init", "--yes", "--address", "10.99.0.12", "--nodes", "1=x", ...files, "--force");
    deepStrictEqual([wrong.code, wrong.err], [1, 'dhcpcluster-node: --nodes: "1=x" is not ID=ADDRESS']);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("completion: the scripts parse, and bash completes commands, groups and options", async () => {
  for (const shell of SHELLS) {
    const script = completion(shell, { ...PROGRAM, commands: COMMANDS, running: ["--config"] });
    for (const { name } of COMMANDS) ok(script.includes(name.split(" ").at(-1) as string), name);
  }
  const script = completion("bash", { ...PROGRAM, commands: COMMANDS, running: ["--config"] });
  const complete = async (...words: string[]) => {
    const line = ["dhcpcluster-node", ...words];
    const test = `${script}\nCOMP_WORDS=(${line.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}\n` +
      '_dhcpcluster_node; printf "%s\\n" "${COMPREPLY[@]}"';
    const { success, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", test] }).output();
    ok(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim().split("\n");
  };
  deepStrictEqual(await complete("lea"), ["leases"]);
  deepStrictEqual((await complete("config", "pu"))[0], "push");
  deepStrictEqual(await complete("leases", "--host"), ["--hostname"]);
  deepStrictEqual(await complete("config", "push", "x.yaml", "--ur"), ["--url"]);
  deepStrictEqual((await complete("members", "")).slice(0, 2).sort(), ["--config", "--help"], "options of a command …");
  deepStrictEqual((await complete("members", "a"))[0], "add", "… that is a group, too, and its second words");
});

Deno.test("init: on a terminal it asks with the program's permissions and refuses bad answers", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-init-" });
  const files = `--output ${folder}/node.yaml --key ${folder}/key --state ${folder}/state`;
  const permissions = denoJson.tasks.node.command.split(/\s+/).slice(2, -1).join(" ");
  const flags = "--address 10.99.0.12 --nodes 1=10.99.0.12 --pool 10.1.0.10-10.1.0.99 --router 10.1.0.1 --dns 10.1.0.1";
  /** Types each text after the prompt that it answers has been shown. */
  const type = async (answers: readonly (readonly [prompt: string, keys: string])[]) => {
    const command = `stty rows 40 cols 200; ${Deno.execPath()} run ${permissions} ${MAIN} init ${files} ${flags}`;
    const child = new Deno.Command("script", {
      args: ["--quiet", "--return", "--flush", "--command", command, "/dev/null"],
      env: { TERM: "xterm", NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    let shown = "";
    let next = 0;
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      shown += text;
      const [prompt, keys] = answers[next] ?? [];
      if (prompt === undefined || !shown.includes(prompt)) continue;
      shown = "";
      next++;
      await writer.write(new TextEncoder().encode(keys));
    }
    return { code: (await child.status).code, shown };
  };
  const clear = "\u0015";
  try {
    const cancelled = await type([["Network of the clients", "\u0003"]]);
    strictEqual(cancelled.code, 130, cancelled.shown);
    match(cancelled.shown, /Cancelled: nothing was written/);
    const made = await type([
      ["Network of the clients", `${clear}10.1.0.0/33\r`],
      ['"10.1.0.0/33" is not a network', `${clear}10.1.0.0/24\r`],
      ["Domain name", "example.net\r"],
      ["How long a lease lasts", "\r"],
    ]);
    strictEqual(made.code, 0, made.shown);
    const text = await Deno.readTextFile(`${folder}/node.yaml`);
    match(text, /subnet: 10\.1\.0\.0\/24\n/);
    match(text, /domain-name: "example\.net"/);
    match(text, /leaseTime: 1h\n/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("completion: no case of the bash script and no line of the fish script is there twice", () => {
  const program = { ...PROGRAM, commands: COMMANDS, running: ["--config"] };
  const [outer = "", inner = ""] = completion("bash", program).split('case "${command%% *}" in');
  for (const cases of [outer, inner]) {
    const labels = cases.match(/^ +"[^"]*"(?=\))/gm) ?? [];
    ok(labels.length > 10);
    deepStrictEqual(labels, [...new Set(labels)]);
  }
  const lines = completion("fish", program).trim().split("\n");
  deepStrictEqual(lines, [...new Set(lines)]);
  const firsts = lines.flatMap((line) => / -n 'not .*' -a (\S+)/.exec(line)?.[1] ?? []);
  deepStrictEqual(firsts, [...new Set(firsts)]);
});
