import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { ensureTools, type System } from "./debian.ts";
import { absentTools, TEST_TOOLS, type Tool } from "./packages.ts";

const TOOLS: readonly Tool[] = [{ package: "nftables", command: "nft" }, { package: "dhcpcd5", command: "dhcpcd" }];
const POLICY = "/usr/sbin/policy-rc.d";

/** A system in memory: files, a transcript of commands, and answers to them. */
class FakeSystem implements System {
  root = true;
  osRelease = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n';
  missing: readonly Tool[] = TOOLS;
  readonly files = new Map<string, string>();
  readonly transcript: string[] = [];
  failures: string[] = [];
  /** What `systemctl list-unit-files` says, each answer once. */
  enabled: string[][] = [];

  absent(): Tool[] {
    return [...this.missing];
  }

  run(command: readonly string[]): Promise<{ ok: boolean; output: string }> {
    if (command[1] === "list-unit-files") {
      const units = this.enabled.shift() ?? [];
      return Promise.resolve({ ok: true, output: units.map((unit) => `${unit} enabled enabled\n`).join("") });
    }
    const verb = command.find((word) => ["install", "update", "disable"].includes(word)) ?? "";
    this.transcript.push(`${verb} ${command.slice(-2).join(" ")} policy=${this.files.has(POLICY)}`);
    const output = verb === "install" ? this.failures.shift() : undefined;
    return Promise.resolve({ ok: output === undefined, output: output ?? "" });
  }

  read(path: string): string | undefined {
    return this.files.get(path);
  }

  write(path: string, text: string): void {
    this.files.set(path, text);
  }

  remove(path: string): void {
    this.files.delete(path);
  }
}

Deno.test("ensureTools() runs nothing when nothing is missing", async () => {
  const system = new FakeSystem();
  system.missing = [];
  deepStrictEqual(await ensureTools(TOOLS, system), { kind: "present" });
  deepStrictEqual(system.transcript, []);
});

Deno.test("ensureTools() installs what is missing while services are forbidden to start", async () => {
  const system = new FakeSystem();
  const result = await ensureTools(TOOLS, system);
  deepStrictEqual(result, { kind: "installed", packages: ["nftables", "dhcpcd5"] });
  deepStrictEqual(system.transcript, ["install nftables dhcpcd5 policy=true"]);
  strictEqual(system.files.has(POLICY), false);
});

Deno.test("ensureTools() puts back the policy that was there", async () => {
  const system = new FakeSystem();
  system.files.set(POLICY, "#!/bin/sh\nexit 0\n");
  await ensureTools(TOOLS, system);
  strictEqual(system.files.get(POLICY), "#!/bin/sh\nexit 0\n");
});

Deno.test("ensureTools() disables the services that came enabled, and no others", async () => {
  const system = new FakeSystem();
  system.enabled = [["ssh.service"], ["dhcpcd.service", "ssh.service"]];
  await ensureTools(TOOLS, system);
  deepStrictEqual(system.transcript.at(-1), "disable --no-reload dhcpcd.service policy=false");
});

Deno.test("ensureTools() fetches package lists when those that are there don't do", async () => {
  const system = new FakeSystem();
  system.failures = ["E: Unable to locate package nftables"];
  strictEqual((await ensureTools(TOOLS, system)).kind, "installed");
  deepStrictEqual(system.transcript.map((line) => line.split(" ")[0]), ["install", "update", "install"]);
});

Deno.test("ensureTools() says what apt-get said when it fails twice", async () => {
  const system = new FakeSystem();
  system.failures = ["E: first", "noise\nE: no network"];
  const result = await ensureTools(TOOLS, system);
  ok(result.kind === "skipped");
  match(result.reason, /missing nftables, dhcpcd5.*E: no network/);
  strictEqual(system.files.has(POLICY), false);
});

Deno.test("ensureTools() changes nothing without root or outside Debian, and says what to do", async () => {
  const user = new FakeSystem();
  user.root = false;
  const asUser = await ensureTools(TOOLS, user);
  ok(asUser.kind === "skipped");
  match(asUser.reason, /apt-get install nftables dhcpcd5/);
  const fedora = new FakeSystem();
  fedora.osRelease = "ID=fedora\n";
  const elsewhere = await ensureTools(TOOLS, fedora);
  ok(elsewhere.kind === "skipped");
  match(elsewhere.reason, /not Debian/);
  deepStrictEqual([...user.transcript, ...fedora.transcript], []);
});

Deno.test("absentTools() names the tools whose command is in no folder", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/nft`, "");
    deepStrictEqual(absentTools(TOOLS, [folder]).map((tool) => tool.package), ["dhcpcd5"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("each tool comes from one package", () => {
  strictEqual(new Set(TEST_TOOLS.map((tool) => tool.command)).size, TEST_TOOLS.length);
});
