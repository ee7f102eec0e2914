import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { askControl, controlPath, type ControlRequest, listenControl } from "./control.ts";
import { readLine, writeLine } from "./controlLine.ts";

async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-control-" });
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("control: a command is answered, and only its owner reaches the socket", () =>
  inDirectory(async (directory) => {
    const heard: ControlRequest[] = [];
    const control = listenControl(directory, (request) => {
      heard.push(request);
      return { ok: false, message: "not now" };
    });
    const request = { command: "addMember", id: 4, address: "10.99.0.14" } as const;
    deepStrictEqual(await askControl(directory, request), { ok: false, message: "not now" });
    deepStrictEqual(heard, [request]);
    const { mode } = await Deno.stat(controlPath(directory).directory);
    strictEqual((mode ?? 0) & 0o777, 0o700);
    control.close();
  }));

Deno.test("control: what is no command is refused and costs nothing", () =>
  inDirectory(async (directory) => {
    const control = listenControl(directory, () => ({ ok: true, message: "" }));
    for (const line of ["{", '{"command":"format"}', '{"command":"addMember","id":"4"}']) {
      const conn = await Deno.connect({ transport: "unix", path: controlPath(directory).socket });
      await writeLine(conn, line);
      const answer = JSON.parse(await readLine(conn, 1_000) ?? "");
      deepStrictEqual(answer, { ok: false, message: "this is no command of this release" });
      conn.close();
    }
    control.close();
  }));

Deno.test("control: a socket that a dead process left is replaced; without a node the error says so", () =>
  inDirectory(async (directory) => {
    await rejects(askControl(directory, { command: "status" }), /no node runs with this state directory/);
    const { directory: folder, socket } = controlPath(directory);
    await Deno.mkdir(folder);
    await Deno.writeTextFile(socket, "");
    const control = listenControl(directory, () => ({ ok: true, message: "alive" }));
    strictEqual((await askControl(directory, { command: "status" })).message, "alive");
    control.close();
  }));
