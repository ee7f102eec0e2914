/** The implementation that a program gets with its permissions, and the error when it gets none. */

import { deepStrictEqual } from "node:assert/strict";

const LINUX = Deno.build.os === "linux";
const LIBRARY = "/lib/x86_64-linux-gnu/libc.so.6";

function hasLibrary(): boolean {
  try {
    return Deno.statSync(LIBRARY).isFile;
  } catch {
    return false;
  }
}

async function output(permissions: string[], args: string[] = []): Promise<string[]> {
  const fixture = new URL("testing/open_fixture.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...permissions, fixture, ...args],
    stderr: "inherit",
    signal: AbortSignal.timeout(20_000),
  }).output();
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

const NO_FFI = "dgram, because the permission to call libc is missing (--allow-ffi)";

Deno.test({
  name: "openUdp() uses libc with --allow-ffi alone",
  ignore: !LINUX,
  fn: async () => deepStrictEqual(await output(["--allow-ffi"]), ["linux", "linux received 3"]),
});

Deno.test({
  name: "openUdp() uses libc with the permission for this one library",
  ignore: !LINUX || !hasLibrary(),
  fn: async () => deepStrictEqual(await output([`--allow-ffi=${LIBRARY}`]), ["linux", "linux received 3"]),
});

Deno.test({
  name: "openUdp() falls back to node:dgram without --allow-ffi, with the reason",
  ignore: !LINUX,
  fn: async () => deepStrictEqual(await output(["--allow-net"]), [NO_FFI, "dgram received 3"]),
});

Deno.test({
  name: "openUdp() uses the implementation that is asked for",
  ignore: !LINUX,
  fn: async () =>
    deepStrictEqual(await output(["--allow-ffi", "--allow-net"], ["dgram"]), ["linux", "dgram received 3"]),
});

Deno.test({
  name: "openUdp() names the missing permission",
  ignore: !LINUX,
  async fn() {
    deepStrictEqual(await output([]), [
      NO_FFI,
      "SocketError: Cannot bind 127.0.0.1:0: the permission is missing (NotCapable). Run deno with --allow-net.",
    ]);
    deepStrictEqual(await output(["--allow-net"], ["linux"]), [
      NO_FFI,
      "SocketError: Cannot open a UDP socket through libc: the permission to call libc is missing (--allow-ffi) " +
      "(ENOSYS). Run on Linux with --allow-ffi.",
    ]);
  },
});

Deno.test({
  name: "openUdp() reports that node:dgram cannot bind to a device",
  async fn() {
    deepStrictEqual(
      (await output(["--allow-net"], ["dgram", "lan0"]))[1],
      "SocketError: Cannot bind 127.0.0.1:0 on lan0: node:dgram can't bind to a device (ENOTSUP). " +
        "Run on Linux with --allow-ffi.",
    );
  },
});
