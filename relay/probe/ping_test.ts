import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { readAnswer, systemPing } from "./ping.ts";

const LOOPBACK = 0x7f000001;

const BUSYBOX = ["/usr/bin/busybox", "/bin/busybox"].find(isFile);

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const hasPing = ["/usr/bin/ping", "/bin/ping"].some(isFile);

Deno.test({ name: "systemPing() measures the loopback device", ignore: !hasPing }, async () => {
  const result = await systemPing(LOOPBACK, 2000);
  ok(result.kind === "answered", JSON.stringify(result));
  ok(result.rttMs > 0 && result.rttMs < 2000);
});

/** Pings with half a second's patience in a process whose PATH has nothing but BusyBox's ping. */
async function pingsOfBusyBox(...addresses: readonly number[]): Promise<unknown[]> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.symlink(BUSYBOX as string, `${folder}/ping`);
    const source = `import { systemPing } from ${JSON.stringify(import.meta.resolve("./ping.ts"))};
      const ping = systemPing;
      for (const address of ${JSON.stringify(addresses)}) console.log(JSON.stringify(await ping(address, 500)));`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", source],
      env: { PATH: folder },
    }).output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    strictEqual(lines.length, addresses.length, new TextDecoder().decode(stderr));
    return lines.map((line) => JSON.parse(line));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({ name: "systemPing() measures with BusyBox, and tells its silence", ignore: !BUSYBOX }, async () => {
  // 240.0.0.0/4 is reserved: nothing answers there (RFC 1112 §4).
  const results = await pingsOfBusyBox(LOOPBACK, 0xf0000001, LOOPBACK) as { kind: string; rttMs?: number }[];
  deepStrictEqual(results.map(({ kind }) => kind), ["answered", "silent", "answered"]);
  const [first] = results;
  ok(first?.rttMs !== undefined && first.rttMs > 0 && first.rttMs < 500, JSON.stringify(first));
});

const SILENCE = "PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.\n\n--- 192.0.2.1 ping statistics ---\n" +
  "1 packets transmitted, 0 received, 100% packet loss, time 0ms\n";

const OUTPUTS: [what: string, output: string, expected: string][] = [
  ["an echo that is not answered", SILENCE, "silent"],
  ["a network without a route", "ping: connect: Network is unreachable\n", "silent"],
  ["no permission for a socket", "ping: socket: Operation not permitted\n", "impossible"],
  ["a ping that knows other flags", "ping: invalid option -- 'W'\n", "impossible"],
  [
    "BusyBox's silence",
    "PING 192.0.2.1 (192.0.2.1): 56 data bytes\n\n--- 192.0.2.1 ping statistics ---\n" +
    "1 packets transmitted, 0 packets received, 100% packet loss\n",
    "silent",
  ],
  ["BusyBox without permission", "ping: permission denied (are you root?)\n", "impossible"],
  ["a ping that was killed", "", "silent"],
];
for (const [what, output, expected] of OUTPUTS) {
  Deno.test(`readAnswer() takes ${what} for ${expected}`, () => {
    strictEqual(readAnswer({ alive: false, time: "unknown", output }).kind, expected);
  });
}

Deno.test("readAnswer() takes the time that ping printed", () => {
  deepStrictEqual(readAnswer({ alive: true, time: 0.034, output: "PING …" }), { kind: "answered", rttMs: 0.034 });
});
