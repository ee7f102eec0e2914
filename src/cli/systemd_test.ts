import { deepStrictEqual } from "node:assert/strict";
import { ServiceManager } from "./systemd.ts";

/**
 * Receives what a program tells, with socat's part played by Python, which Debian has: Deno itself can't receive it.
 */
async function receiver(path: string, count: number): Promise<{ lines: Promise<string[]> }> {
  const script = [
    "import socket, sys",
    "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
    `s.bind(${JSON.stringify(path.startsWith("@") ? "\0" + path.slice(1) : path)})`,
    'print("bound", flush=True)',
    `for _ in range(${count}): print(s.recv(4096).decode().replace("\\n", "|"), flush=True)`,
  ].join("\n");
  const child = new Deno.Command("python3", { args: ["-c", script], stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (wanted: number) => {
    while (text.split("\n").length <= wanted) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
  };
  await until(1);
  const lines = (async () => {
    await until(1 + count);
    await reader.cancel();
    await child.status;
    return text.trim().split("\n").slice(1);
  })();
  return { lines };
}

Deno.test("systemd: ready, alive, reloading and stopping are told, at a path and in the abstract namespace", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-notify-" });
  try {
    for (const socket of [`${folder}/notify`, `@dhcpcluster-notify-${Deno.pid}`]) {
      const { lines } = await receiver(socket, 6);
      const manager = new ServiceManager({ socket, watchdogMicroseconds: 60_000 }, (reason) => {
        throw new Error(reason);
      });
      let alive = 1;
      manager.ready(() => alive-- > 0);
      manager.status("3 of 3\nnodes");
      await manager.reloading(() => new Promise((resolve) => setTimeout(resolve, 60)));
      manager.stopping();
      deepStrictEqual((await lines).toSorted(), [
        "READY=1",
        "READY=1",
        "RELOADING=1",
        "STATUS=3 of 3 nodes",
        "STOPPING=1",
        "WATCHDOG=1",
      ]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("systemd: without a service manager nothing is told; one that is not there is said once", () => {
  new ServiceManager({ socket: undefined, watchdogMicroseconds: undefined }).ready();
  const said: string[] = [];
  const manager = new ServiceManager(
    { socket: "/nonexistent/notify", watchdogMicroseconds: undefined },
    (reason) => said.push(reason),
  );
  manager.ready();
  manager.status("well");
  deepStrictEqual(said, ["no such file (ENOENT)"]);
});
