import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { listenLocally, localAdminClient, socketPath } from "./local_socket.ts";

async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-socket-" });
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const echo = {
  fetch: async (request: Request) =>
    Response.json({
      httpRequest: `${request.method} ${new URL(request.url).pathname}`,
      type: request.headers.get("content-type"),
      body: await request.text(),
    }, { status: 202 }),
};

Deno.test("socket: what is asked is answered, and only its owner reaches it", () =>
  inDirectory(async (directory) => {
    const server = listenLocally(directory, echo);
    const send = localAdminClient(directory);
    deepStrictEqual(await send({ method: "POST", path: "/members", body: { id: 4 } }), {
      status: 202,
      body: { httpRequest: "POST /members", type: "application/json", body: '{"id":4}' },
    });
    deepStrictEqual(await send({ path: "/status" }), {
      status: 202,
      body: { httpRequest: "GET /status", type: null, body: "" },
    });
    const { mode } = await Deno.stat(socketPath(directory).directory);
    strictEqual((mode ?? 0) & 0o777, 0o700);
    await server.close();
    await rejects(send({ path: "/status" }), /no node runs with this state directory/);
  }));

Deno.test("socket: one that a dead process left is replaced", () =>
  inDirectory(async (directory) => {
    const { directory: folder, socket } = socketPath(directory);
    await Deno.mkdir(folder);
    await Deno.writeTextFile(socket, "");
    const server = listenLocally(directory, echo);
    strictEqual((await localAdminClient(directory)({ path: "/" })).status, 202);
    await server.close();
  }));
