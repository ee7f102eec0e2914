/** What is installed is valid in the eyes of those who read it: our own check, systemd, a shell checker. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { checkNode, nodeSchema } from "../../node/config.ts";
import { checkRelay, relaySchema } from "../../relay/config.ts";
import { loadConfigFile } from "../../src/config/load.ts";
import { clientMessage, type MessageParts, TestServer } from "../../src/dhcp/server/testing.ts";

const HERE = new URL("./", import.meta.url).pathname;

async function run(...command: string[]): Promise<{ ok: boolean; output: string } | undefined> {
  const [program = "", ...args] = command;
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
    return { ok: success, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

Deno.test("install: the examples are valid", async () => {
  for (const name of ["one-node", "three-nodes", "vlans"]) {
    const loaded = await loadConfigFile(`${HERE}examples/${name}.yaml`, nodeSchema, checkNode);
    ok(loaded.ok, loaded.ok ? "" : loaded.message);
  }
  const gateway = await loadConfigFile(`${HERE}examples/gateway.yaml`, relaySchema, checkRelay);
  ok(gateway.ok, gateway.ok ? "" : gateway.message);
});

Deno.test("install: in the example of VLANs guests and phones have their own, and the rest gets nothing", async () => {
  const loaded = await loadConfigFile(`${HERE}examples/vlans.yaml`, nodeSchema, checkNode);
  ok(loaded.ok);
  const s = new TestServer(loaded.value.service);
  const [guests, voice] = [{ giaddr: "10.20.0.1" }, { giaddr: "10.30.0.1" }];
  const sends = (vendorClass: string, parts: MessageParts): MessageParts => ({
    ...parts,
    options: [[60, new TextEncoder().encode(vendorClass)]],
    wanted: [66],
  });
  deepStrictEqual(
    [
      s.lease(0x10, guests),
      s.lease(0x10, voice),
      s.lease(0x11, sends("Cisco Systems, Inc. IP Phone CP-7962G", voice)),
      s.lease(0x12, sends("yealink", voice)),
      s.lease(0x13, sends("not a yealink", voice)),
      s.lease(0x01, guests),
      s.lease(0x0bad, sends("yealink", voice)),
    ],
    ["ACK 10.20.1.0", "noPool", "ACK 10.30.0.50", "ACK 10.30.0.51", "noPool", "ACK 10.20.0.10", "denied"],
  );
  const offer = s.handle(clientMessage("DISCOVER", 0x14, sends("snom", voice)));
  const tftpServer = typeof offer === "string" ? undefined : offer.options.get(66);
  strictEqual(new TextDecoder().decode(tftpServer), "tftp.example.net");
});

Deno.test("install: systemd finds nothing wrong with the units except the missing programs", async () => {
  for (const unit of ["dhcpcluster-node.service", "dhcpcluster-relay.service"]) {
    const verified = await run("systemd-analyze", "verify", "--man=no", `${HERE}${unit}`);
    // Without systemd the units are not used.
    if (verified === undefined) return;
    const faults = verified.output.split("\n").filter((line) =>
      line.includes(unit) && !line.includes("is not executable") && !line.includes("Permission denied")
    );
    deepStrictEqual(faults, [], verified.output);
  }
});

Deno.test("install: the scripts for OpenWrt are shell", async () => {
  for (const script of ["dhcpcluster-node", "dhcpcluster-relay"]) {
    const parsed = await run("sh", "-n", `${HERE}openwrt/${script}`);
    strictEqual(parsed?.output, "");
    const checked = await run("shellcheck", "--shell=sh", `${HERE}openwrt/${script}`);
    if (checked !== undefined) strictEqual(checked.output, "");
  }
});

/** What rc.common of OpenWrt defines, as far as the scripts use it: each call is a line. */
const PROCD = ["procd_open_instance", "procd_set_param", "procd_close_instance"]
  .map((name) => `${name}() { echo "${name}" "$@"; }`).join("\n");

Deno.test("install: on OpenWrt procd is given the program, and nothing when its file has errors", async () => {
  for (const program of ["node", "relay"]) {
    const start = async (check: string) => {
      const script = `${PROCD}\n. "$1"\nPROGRAM=$2\nstart_service\necho "start_service: $?"`;
      return (await run("sh", "-c", script, "sh", `${HERE}openwrt/dhcpcluster-${program}`, check))?.output.split(
        "\n",
      ) ?? [];
    };
    const started = await start("true");
    const config = `/etc/dhcpcluster/${program}.yaml`;
    deepStrictEqual(started.slice(0, 2), ["procd_open_instance", `procd_set_param command true --config ${config}`]);
    ok(started.includes("procd_set_param reload_signal HUP"));
    deepStrictEqual(started.slice(-3), ["procd_close_instance", "start_service: 0", ""]);
    deepStrictEqual(await start("false"), ["start_service: 1", ""]);
  }
});
