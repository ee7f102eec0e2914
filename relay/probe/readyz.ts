/** One request to a node's health URL. `../select/` decides what the result means for the node. */

import type { HealthResult } from "../select/evidence.ts";

/** Longer than any reason; the rest of a larger body, from a wrong URL, is not read. */
const BODY_BYTES_MAX = 16_384;
const REASON_CHARACTERS_MAX = 200;

/** Never rejects: every failure is a result. `ending` aborts it. */
export async function askHealth(url: string, timeoutMs: number, ending: AbortSignal): Promise<HealthResult> {
  const startMs = performance.now();
  const signal = AbortSignal.any([ending, AbortSignal.timeout(timeoutMs)]);
  try {
    // A redirect is an answer; following it would leave the node.
    const response = await fetch(url, { redirect: "manual", signal });
    const rttMs = performance.now() - startMs;
    // The connection is reused only after the body has been read; reading it may fail as well.
    const reason = reasonIn(await bodyOf(response));
    return { kind: "answered", ready: response.ok, rttMs, ...(reason === undefined ? {} : { reason }) };
  } catch (error) {
    return signal.aborted ? { kind: "silent" } : classify(error);
  }
}

async function bodyOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    // Leaving the loop cancels the rest.
    if (text.length > BODY_BYTES_MAX) break;
  }
  return text;
}

/** The `reason` in the body of `/readyz`; other servers may send anything. */
function reasonIn(body: string): string | undefined {
  try {
    const { reason } = JSON.parse(body) as { reason?: unknown };
    return typeof reason === "string" ? reason.slice(0, REASON_CHARACTERS_MAX) : undefined;
  } catch {
    return undefined;
  }
}

/** Deno gives the cause as text only; an unknown cause counts as silence. */
function classify(error: unknown): HealthResult {
  if (error instanceof Deno.errors.NotCapable) return { kind: "impossible", reason: "Deno lacks --allow-net for it" };
  const text = textOf(error);
  if (/connection refused|os error 111/i.test(text)) return { kind: "refused" };
  if (/dns error|lookup address|name or service not known|no record/i.test(text)) {
    return { kind: "impossible", reason: "its name does not resolve" };
  }
  // https://fetch.spec.whatwg.org/#port-blocking
  if (/port \d+ are blocked/.test(text)) {
    return { kind: "impossible", reason: "fetch blocks its port (https://fetch.spec.whatwg.org/#port-blocking)" };
  }
  return { kind: "silent" };
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${textOf(error.cause)}`;
}
