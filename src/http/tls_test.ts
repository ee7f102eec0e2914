import { match, ok, rejects, strictEqual } from "node:assert/strict";
import { serveHttp } from "./serve.ts";
import { TEST_IDENTITIES } from "./testing/certificates.ts";
import { CertificateError, clientTrusting, readCertificates, readTls, renewIdentity } from "./tls.ts";

const LOOPBACK = 0x7f000001;
const [A, B] = TEST_IDENTITIES;

/** Runs with the files of identity A; `write` replaces them. */
async function withFiles(
  run: (
    files: { certFile: string; keyFile: string; write: (cert: string, key: string) => Promise<void> },
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const [certFile, keyFile] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const write = async (cert: string, key: string) => {
    await Deno.writeTextFile(certFile, cert);
    await Deno.writeTextFile(keyFile, key, { mode: 0o600 });
  };
  try {
    await write(A.cert, A.key);
    await run({ certFile, keyFile, write });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The answer over HTTPS to a client that trusts a certificate; undefined when it does not trust the server's. */
async function ask(port: number, trusted: string): Promise<string | undefined> {
  const client = clientTrusting(trusted) as Deno.HttpClient;
  try {
    return await (await fetch(`https://127.0.0.1:${port}/`, { client })).text();
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

Deno.test("HTTPS: a renewed certificate is served after it was read again, a bad one never", () =>
  withFiles(async ({ write, ...files }) => {
    const identity = await readTls(files);
    const handler = { fetch: () => new Response("alive") };
    const server = serveHttp(handler, { address: LOOPBACK, port: 0 }, { identity });
    const errors: string[] = [];
    const log = { error: (_: string, { reason }: { reason: string }) => errors.push(reason) };
    const renew = () => renewIdentity(server, files, log as never);
    try {
      strictEqual(await ask(server.port, A.cert), "alive");
      strictEqual(await ask(server.port, B.cert), undefined, "another certificate is not trusted");
      await write(B.cert, A.key);
      await renew();
      match(errors.join(), /^Cannot serve HTTPS with .*KeyMismatch/);
      strictEqual(await ask(server.port, A.cert), "alive");
      await write(B.cert, B.key);
      await renew();
      strictEqual(errors.length, 1);
      const deadline = Date.now() + 10_000;
      while (await ask(server.port, B.cert) !== "alive") ok(Date.now() < deadline, "the new certificate is not served");
      strictEqual(await ask(server.port, A.cert), undefined);
    } finally {
      await server.close();
    }
  }));

Deno.test("HTTPS: bad files are one line each, which says what to do", () =>
  withFiles(async ({ write, certFile, keyFile }) => {
    const fails = (path: RegExp, read: () => Promise<unknown>) =>
      rejects(read, (error: Error) => {
        match(error.message, path);
        strictEqual(error.message.includes("\n"), false);
        return true;
      });
    await fails(/^Cannot read the certificate .*name a file in PEM$/, () => readTls({ certFile: "/none", keyFile }));
    await fails(/^Cannot read the key .*does not exist/, () => readTls({ certFile, keyFile: "/none" }));
    await Deno.chmod(keyFile, 0o644);
    await fails(/others can read or change it \(mode 0644\); chmod 600/, () => readTls({ certFile, keyFile }));
    await Deno.chmod(keyFile, 0o600);
    await write(A.key, A.key);
    await fails(/it has no certificate; it must be in PEM/, () => readTls({ certFile, keyFile }));
    ok(await readCertificates(certFile, "file").then(() => false, (error) => error instanceof CertificateError));
  }));
