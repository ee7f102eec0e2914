import { match, ok, strictEqual } from "node:assert/strict";
import { serveHttp } from "../../src/http/serve.ts";
import { TEST_IDENTITIES } from "../../src/http/testing/certificates.ts";
import { askHealth } from "./readyz.ts";
import { caFilesOf, Trust } from "./trust.ts";

const [A, B] = TEST_IDENTITIES;

Deno.test("a probe over HTTPS trusts the certificates of nodes[].ca, and says so when they are others", async () => {
  const folder = await Deno.makeTempDir();
  const handler = { fetch: () => Response.json({ ready: true }) };
  const server = serveHttp(handler, { address: 0x7f000001, port: 0 }, { identity: A });
  const health = `https://127.0.0.1:${server.port}/readyz`;
  const ask = async (ca: string | undefined) => {
    const trust = await Trust.read([{ health, ca }]);
    const result = await askHealth(health, 10_000, new AbortController().signal, trust.clientFor(health));
    trust.close();
    return result;
  };
  try {
    for (const [name, { cert }] of [["a", A], ["b", B]] as const) await Deno.writeTextFile(`${folder}/${name}`, cert);
    const trusted = await ask(`${folder}/a`);
    ok(trusted.kind === "answered" && trusted.ready);
    for (const other of [`${folder}/b`, undefined]) {
      const refused = await ask(other);
      ok(refused.kind === "impossible");
      match(refused.reason, /^its certificate is not trusted \(.+\): see nodes\[\]\.ca$/);
    }
    strictEqual(await Trust.read([{ health, ca: `${folder}/none` }]).catch((error) => error.name), "CertificateError");
    strictEqual(caFilesOf({ nodes: [{ health, ca: "/x" }, { health }] }).join(), "/x");
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
});
