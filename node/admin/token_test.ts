import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { healthApp, type HttpApp } from "../../src/http/health.ts";
import { readTokenFile, tokenGuard } from "./token.ts";

const TOKEN = "0123456789abcdef0123";

/** Status, WWW-Authenticate and error of a command with this Authorization header. */
async function answerTo(authorization: string | undefined, token: string | undefined = TOKEN) {
  const app: HttpApp = healthApp({
    ready: () => ({ ready: true }),
    status: () => ({}),
    metrics: () => Promise.resolve(""),
  });
  app.post("/drain", tokenGuard(() => token), (context) => context.json({}));
  const headers = authorization === undefined ? {} : { authorization };
  const response = await app.request("/drain", { method: "POST", headers });
  const { error } = await response.json() as { error?: string };
  return { status: response.status, scheme: response.headers.get("www-authenticate"), error };
}

Deno.test("tokenGuard() lets the token in and answers everything else with what to send", async () => {
  deepStrictEqual(await answerTo(`Bearer ${TOKEN}`), { status: 200, scheme: null, error: undefined });
  deepStrictEqual(await answerTo(`bearer  ${TOKEN}`), { status: 200, scheme: null, error: undefined });
  for (const given of [undefined, "", "Bearer", "Bearer ", `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, `Bearer ${TOKEN} x`]) {
    const { status, scheme, error } = await answerTo(given);
    deepStrictEqual([status, scheme], [401, "Bearer"], given);
    match(error ?? "", /http\.tokenFile: send Authorization: Bearer TOKEN/);
  }
});

Deno.test("readTokenFile() takes what a header can carry and says what is wrong with the rest", async () => {
  const path = await Deno.makeTempFile({ prefix: "dhcpcluster-token-" });
  try {
    await Deno.chmod(path, 0o600);
    await Deno.writeTextFile(path, `${TOKEN}\n`);
    strictEqual(await readTokenFile(path), TOKEN);
    for (const text of ["short", `${TOKEN} ${TOKEN}`, `${TOKEN}ü`, `${TOKEN}\n${TOKEN}\n`]) {
      await Deno.writeTextFile(path, text);
      await rejects(readTokenFile(path), /must be one line of at least 16 letters, digits or/);
    }
  } finally {
    await Deno.remove(path);
  }
});
