/**
 * For tests of the Linux sockets: network namespaces, and calls without capabilities.
 *
 * Both change the calling thread only, so that sockets can be opened in any namespace by one process: a socket stays
 * in the namespace in which it was opened.
 */

import { strictEqual } from "node:assert/strict";
import { libcUnavailable } from "../linux/libc.ts";

const CLONE_NEWNET = 0x40000000;
const O_RDONLY_CLOEXEC = 0o2000000;
const CAPABILITY_VERSION_3 = 0x20080522;

function openLibrary() {
  return Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    setns: { parameters: ["i32", "i32"], result: "i32" },
    capget: { parameters: ["buffer", "buffer"], result: "i32" },
    capset: { parameters: ["buffer", "buffer"], result: "i32" },
  }).symbols;
}

function obstacle(): string | undefined {
  if (libcUnavailable() !== undefined) return libcUnavailable();
  if (Deno.uid() !== 0) return "network namespaces need root";
  const probe = `dhcpnet${Deno.pid}probe`;
  try {
    ip(`netns add ${probe}`);
    ip(`netns del ${probe}`);
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "the command `ip` (iproute2) is missing";
    return `no network namespace can be made here (${error instanceof Error ? error.message.trim() : error})`;
  }
}

/** Why tests that need root cannot run; undefined when they can. */
export const ROOT_TESTS_SKIPPED: string | undefined = obstacle();

if (ROOT_TESTS_SKIPPED !== undefined) {
  // deno-lint-ignore no-console -- says once why tests show as ignored
  console.log(`Tests in network namespaces are skipped: ${ROOT_TESTS_SKIPPED}.`);
}

const system = ROOT_TESTS_SKIPPED === undefined ? openLibrary() : undefined;

function lib(): ReturnType<typeof openLibrary> {
  if (system === undefined) throw new Error(`Not here: ${ROOT_TESTS_SKIPPED}`);
  return system;
}

function openFile(path: string): number {
  const fd = lib().open(new TextEncoder().encode(`${path}\0`), O_RDONLY_CLOEXEC);
  if (fd < 0) throw new Error(`Can't open ${path}`);
  return fd;
}

/** Runs `ip` with these arguments and returns its output; throws its error output. */
function ip(command: string): string {
  const { success, stdout, stderr } = new Deno.Command("ip", { args: command.split(" ") }).outputSync();
  if (!success) throw new Error(`ip ${command}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** A network namespace. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Runs {@link ip} in the namespace. */
  ip(command: string): string {
    return ip(`-n ${this.name} ${command}`);
  }

  /** Sets a kernel parameter of the namespace, such as `net.ipv4.conf.all.rp_filter`. */
  sysctl(name: string, value: string): void {
    this.run(() => Deno.writeTextFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, value));
  }

  /** Calls a function, which must not be asynchronous, in the namespace. */
  run<T>(act: () => T): T {
    const own = openFile("/proc/thread-self/ns/net");
    const other = openFile(`/run/netns/${this.name}`);
    try {
      strictEqual(lib().setns(other, CLONE_NEWNET), 0, `setns into ${this.name}`);
      return act();
    } finally {
      strictEqual(lib().setns(own, CLONE_NEWNET), 0, "setns back");
      lib().close(own);
      lib().close(other);
    }
  }
}

let made = 0;

/** Makes namespaces with loopback up, passes them to the test, and removes them, also after a failure. */
export async function withNamespaces(
  names: readonly string[],
  test: (...namespaces: Namespace[]) => Promise<void>,
): Promise<void> {
  const prefix = `dhcpnet${Deno.pid}x${made++}`;
  const namespaces: Namespace[] = [];
  try {
    for (const name of names) {
      const namespace = new Namespace(`${prefix}-${name}`);
      ip(`netns add ${namespace.name}`);
      namespaces.push(namespace);
      namespace.ip("link set lo up");
    }
    await test(...namespaces);
  } finally {
    for (const { name } of namespaces) ip(`netns del ${name}`);
  }
}

/** One end of a wire. */
interface WireEnd {
  readonly namespace: Namespace;
  readonly device: string;
  /** `address/length`; undefined: none. */
  readonly address?: string;
  readonly mac?: string;
}

/** Joins two namespaces with a pair of virtual interfaces, both up. */
export function wire(a: WireEnd, b: WireEnd): void {
  ip(
    `link add ${a.device} netns ${a.namespace.name} type veth peer name ${b.device} netns ${b.namespace.name}`,
  );
  for (const { namespace, device, address, mac } of [a, b]) {
    if (mac !== undefined) namespace.ip(`link set ${device} address ${mac}`);
    if (address !== undefined) namespace.ip(`address add ${address} brd + dev ${device}`);
    namespace.ip(`link set ${device} up`);
  }
}

/** Calls a function, which must not be asynchronous, with no effective capability, like an ordinary user. */
export function withoutCapabilities<T>(act: () => T): T {
  const header = Uint32Array.of(CAPABILITY_VERSION_3, 0);
  // Twice (effective, permitted, inheritable): 64 capabilities.
  const own = new Uint32Array(6);
  strictEqual(lib().capget(header, own), 0, "capget");
  const none = own.slice();
  none[0] = 0;
  none[3] = 0;
  strictEqual(lib().capset(header, none), 0, "capset");
  try {
    return act();
  } finally {
    strictEqual(lib().capset(header, own), 0, "capset back");
  }
}
