/**
 * What the tests and benchmarks run beside our own programs, by Debian package. One table: the set-up installs from it
 * and the end-to-end tests look for its commands.
 */

/** A Debian package and the command that shows it is there. */
export interface Tool {
  readonly package: string;
  readonly command: string;
}

/** For `deno task test`. */
export const TEST_TOOLS: readonly Tool[] = [
  { package: "iproute2", command: "ip" },
  { package: "iputils-ping", command: "ping" },
  { package: "nftables", command: "nft" },
  { package: "curl", command: "curl" },
  { package: "tcpdump", command: "tcpdump" },
  { package: "tshark", command: "tshark" },
  { package: "udhcpc", command: "udhcpc" },
  { package: "busybox", command: "busybox" },
  { package: "isc-dhcp-client", command: "dhclient" },
  { package: "dhcpcd5", command: "dhcpcd" },
  { package: "openssh-client", command: "ssh-keygen" },
  { package: "faketime", command: "faketime" },
  // A library that makes one process's disk fail.
  { package: "gcc", command: "gcc" },
  { package: "prometheus", command: "promtool" },
  { package: "chromium", command: "chromium" },
  // A clean Debian that boots systemd.
  { package: "mmdebstrap", command: "mmdebstrap" },
  { package: "systemd-container", command: "systemd-nspawn" },
  // The reference programs that prove the laboratory itself.
  { package: "dnsmasq-base", command: "dnsmasq" },
  { package: "isc-dhcp-relay", command: "dhcrelay" },
  // A pair of routers that share an address (VRRP).
  { package: "keepalived", command: "keepalived" },
  // What people switch from.
  { package: "isc-dhcp-server", command: "dhcpd" },
  { package: "kea-dhcp4-server", command: "kea-dhcp4" },
];

/** For the comparison in `deno task bench`. */
export const BENCH_TOOLS: readonly Tool[] = [
  { package: "kea-admin", command: "perfdhcp" },
];

const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The tools whose command is nowhere to be found. Administrators' folders count even when PATH lacks them. */
export function absentTools(tools: readonly Tool[], folders: readonly string[] = FOLDERS): Tool[] {
  return tools.filter(({ command }) => !folders.some((folder) => isFile(`${folder}/${command}`)));
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
