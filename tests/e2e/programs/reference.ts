/**
 * dnsmasq as node and ISC dhcrelay as relay: programs that are known to work, to distinguish a fault of the laboratory
 * from a fault of ours.
 */

import { formatIpv4, netmask } from "../../../src/net/ipv4.ts";
import type { Namespace } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/wait.ts";
import { type NodeConfig, type Programs, READY_MS, type RelayConfig } from "./programs.ts";

class ReferencePrograms implements Programs {
  readonly name = "dnsmasq and dhcrelay";

  async startNode(namespace: Namespace, config: NodeConfig): Promise<Process> {
    const { service } = config;
    await Deno.mkdir(config.node.stateDir, { recursive: true });
    const process = namespace.spawn([
      "dnsmasq",
      ...["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--log-dhcp", "--log-facility=-"],
      ...["--user=root", "--no-ping", "--dhcp-leasefile=" + `${config.node.stateDir}/leases`, "--pid-file="],
      ...(service.authoritative ? ["--dhcp-authoritative"] : []),
      ...(service.renewTime === undefined ? [] : [`--dhcp-option=option:T1,${service.renewTime}`]),
      ...(service.rebindTime === undefined ? [] : [`--dhcp-option=option:T2,${service.rebindTime}`]),
      ...service.subnets.flatMap(({ subnet, pools, options }) => {
        const tag = subnet.replaceAll(/[./]/g, "-");
        return [
          ...pools.filter((pool) => typeof pool === "string").map((pool) =>
            `--dhcp-range=set:${tag},${pool.replace("-", ",")},${maskOf(subnet)},${service.leaseTime}`
          ),
          ...Object.entries(options ?? {}).map(([name, value]) =>
            `--dhcp-option=tag:${tag},option:${DNSMASQ_NAMES[name] ?? name},${[value].flat().join(",")}`
          ),
        ];
      }),
    ], { label: `dnsmasq in ${namespace.name}` });
    await listening(process);
    return process;
  }

  async startRelay(namespace: Namespace, config: RelayConfig): Promise<Process> {
    const process = namespace.spawn([
      ...["dhcrelay", "-4", "-d", "--no-pid", "-a", "-iu", "srv0"],
      ...config.relay.interfaces.flatMap(({ name }) => ["-id", name]),
      ...config.nodes.map((node) => node.address),
    ], { label: `dhcrelay in ${namespace.name}` });
    await listening(process);
    return process;
  }
}

export const reference: Programs = new ReferencePrograms();

/** Where dnsmasq's option names differ from the registry's. */
const DNSMASQ_NAMES: Readonly<Record<string, string>> = { routers: "router", "domain-name-servers": "dns-server" };

function maskOf(subnet: string): string {
  return formatIpv4(netmask(Number(subnet.split("/")[1])));
}

async function listening(process: Process): Promise<void> {
  await until(`${process.label} to listen on port 67`, READY_MS, () => {
    process.mustRun();
    return process.udpPortBound(67);
  });
}
