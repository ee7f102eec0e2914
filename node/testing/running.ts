/** A node alone, in this process, on loopback, with two subnets: for tests that ask it. */

import { ok } from "node:assert/strict";
import { read } from "../reader/read.ts";
import type { Node } from "../node.ts";
import { RunningNode } from "../running_node.ts";
import { type AdminClient, localAdminClient } from "../admin/local_socket.ts";

/** What its token file has in it. */
export const TOKEN = "0123456789abcdef0123";

interface Running {
  readonly node: Node;
  /** As SIGHUP, with this text in the file. */
  readonly reload: (text: string) => Promise<void>;
  readonly url: string;
  readonly directory: string;
  /** Its configuration. */
  readonly file: string;
  /** Of the file. */
  readonly text: string;
  /** Over the Unix socket. */
  readonly send: AdminClient;
}

/** Starts one, and removes everything afterwards. `token`: with a token file. `before` runs when
 * its configuration is there. */
export async function withNode(
  test: (running: Running) => Promise<void>,
  { token = true, tokens, before = () => Promise.resolve() }: {
    readonly token?: boolean;
    /** Content of the file with named tokens. */
    readonly tokens?: string;
    readonly before?: (file: string) => Promise<void>;
  } = {},
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dhcpcluster-api-" });
  await Deno.writeTextFile(`${directory}/token`, `${TOKEN}\n`, { mode: 0o600 });
  if (tokens !== undefined) await Deno.writeTextFile(`${directory}/tokens`, tokens, { mode: 0o600 });
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const text = [
    `node: { id: 1, stateDir: ${directory}/state }`,
    `dhcp: { address: 127.0.0.1, port: ${port} }`,
    "cluster: { nodes: [{ id: 1, address: 127.0.0.1 }] }",
    `http: { port: ${port + 1}${token ? `, tokenFile: ${directory}/token` : ""}${
      tokens === undefined ? "" : `, tokensFile: ${directory}/tokens`
    } }`,
    "service:",
    "  revision: 1",
    "  subnets:",
    "    - { subnet: 10.77.0.0/16, pools: [10.77.1.0-10.77.1.99] }",
    "    - { subnet: 10.78.0.0/16, pools: [10.78.1.0-10.78.1.9] }",
  ].join("\n");
  const file = `${directory}/node.yaml`;
  await Deno.writeTextFile(file, text);
  await before(file);
  const started = read({ kind: "file", text, file });
  ok(started.ok && "config" in started);
  const running = await RunningNode.start({ file: started });
  try {
    const send = localAdminClient(`${directory}/state`);
    await ready(send);
    await test({
      node: running.node,
      reload: async (text) => {
        const reading = await running.node.reader.read("file", { text, file });
        ok(reading.ok, reading.ok ? "" : reading.problems.join("\n"));
        await running.reload(reading);
      },
      url: `http://127.0.0.1:${port + 1}`,
      directory,
      file,
      text,
      send,
    });
  } finally {
    await running.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

async function ready(send: AdminClient): Promise<void> {
  const deadline = Date.now() + 10_000;
  while ((await send({ path: "/readyz" })).status !== 200) {
    ok(Date.now() < deadline, "the node never got ready");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
