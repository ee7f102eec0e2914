/**
 * On clean Debians, installed as README.md says and run by systemd: a client is served, and what fails is started
 * again.
 */

import { doesNotMatch, match, strictEqual } from "node:assert/strict";
import { lifecycle } from "./cases/lifecycle.ts";
import { onSite } from "./cases/site.ts";
import { CLIENTS } from "./clients/clients.ts";
import { type Machine, machineObstacle } from "./lab/machine.ts";
import { obstacle } from "./lab/requirements.ts";
import { until } from "./lab/wait.ts";
import { MachinePrograms } from "./programs/machines.ts";

const dist = Deno.env.get("DHCPCLUSTER_DIST") ?? "";
/** The unit has WatchdogSec=20. */
const WATCHDOG_MS = 40_000;
const STEP_MS = 20_000;

Deno.test({
  name: "clean machines: installed by README's steps, a client is served; a killed or hung program is restarted",
  // Only executables can be installed; the runner names their folder.
  ignore: dist === "" || (obstacle() ?? machineObstacle()) !== undefined,
  async fn(test) {
    await using programs = await MachinePrograms.prepare(dist);
    await test.step("udhcpc gets, renews, rebinds and releases a lease", () => lifecycle(programs, "udhcpc"));
    await test.step("a killed or hung node is restarted; it reloads its configuration and stops cleanly", () =>
      onSite(programs, {}, async ({ topology }) => {
        const node = programs.machines.get("node") as Machine;
        const client = new CLIENTS.udhcpc(await topology.client("client1"));
        await client.start();
        const { address } = await client.waitBound();
        const ended = async (how: string, withinMs: number, command: string) => {
          const before = await mainPid(node);
          await node.run(command);
          await until(`the node that ${how} to be another process`, withinMs, async () => {
            const pid = await mainPid(node);
            return pid !== "0" && pid !== before && await isActive(node);
          });
          strictEqual((await client.renew()).address, address, `the lease survives a node that ${how}`);
        };
        await ended("is killed", STEP_MS, "systemctl kill --signal=KILL dhcpcluster-node");
        await ended("hangs", WATCHDOG_MS, "systemctl kill --signal=STOP dhcpcluster-node");

        const pid = await mainPid(node);
        doesNotMatch(await journal(node), /may read any file/);
        await node.run(NEXT_REVISION);
        await until(
          "the next revision to be served",
          STEP_MS,
          async () => (await journal(node)).includes("Serving revision 2 of the configuration"),
        );
        strictEqual(await mainPid(node), pid, "a reload is no restart");
        strictEqual((await client.renew()).address, address);

        await node.run("systemctl stop dhcpcluster-node");
        match(await node.run("systemctl show --property=Result dhcpcluster-node"), /Result=success/);
        strictEqual(await mainPid(node), "0");
        match(await journal(node), /node: stopped/);
      }));
  },
});

const NEXT_REVISION = `
sed -i 's/revision: 1/revision: 2/' /etc/dhcpcluster/node.yaml
systemctl reload dhcpcluster-node
`;

async function mainPid(machine: Machine): Promise<string> {
  return (await machine.run("systemctl show --property=MainPID --value dhcpcluster-node")).trim();
}

async function isActive(machine: Machine): Promise<boolean> {
  return (await machine.run("systemctl is-active dhcpcluster-node", { mayFail: true })).trim() === "active";
}

function journal(machine: Machine): Promise<string> {
  return machine.run("journalctl --no-pager --unit=dhcpcluster-node");
}
