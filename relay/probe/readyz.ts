/** One request to a node's health URL. `../select/` decides what the result means for the node. */

import { certificateFault } from "../../src/http/tls.ts";
import { parsePrefix } from "../../src/net/ipv4.ts";
import type { FullSubnet, HealthResult } from "../select/evidence.ts";

/** Longer than any reason; the rest of a larger body, from a wrong URL, is not read. */
const BODY_BYTES_MAX = 16_384;
const REASON_CHARACTERS_MAX = 200;
const FULL_MAX = 64;
/** A compressed body of a few hundred octets would cost the node more than it saves. */
const HEADERS = { "Accept-Encoding": "identity" };

/** Never rejects: every failure is a result. `ending` aborts it; `client` trusts the node's certificate. */
export async function askHealth(
  url: string,
  timeoutMs: number,
  ending: AbortSignal,
  client?: Deno.HttpClient,
): Promise<HealthResult> {
  const startMs = performance.now();
  const signal = AbortSignal.any([ending, AbortSignal.timeout(timeoutMs)]);
  try {
    // A redirect is an answer; following it would leave the node.
    const response = await fetch(url, {
      redirect: "manual",
      headers: HEADERS,
      signal,
      ...(client === undefined ? {} : { client }),
    });
    const rttMs = performance.now() - startMs;
    // The connection is reused only after the body has been read; reading it may fail as well.
    const said = readBody(await bodyOf(response));
    return { kind: "answered", ready: response.ok, rttMs, ...said };
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

/** `reason`, `full`, `shed` and `probes` in the body of `/readyz`; other servers may send anything. Never throws. */
export function readBody(body: string): Pick<HealthAnswer, "reason" | "full" | "shed" | "probes"> {
  try {
    const { reason, full, shed, probes } = JSON.parse(body) as Readonly<Record<string, unknown>>;
    return {
      ...(typeof reason === "string" ? { reason: reason.slice(0, REASON_CHARACTERS_MAX) } : {}),
      ...(probes === true ? { probes } : {}),
      ...(Array.isArray(full) ? { full: full.slice(0, FULL_MAX).flatMap(readFullSubnet) } : {}),
      ...(Array.isArray(shed) ? { shed: shed.slice(0, FULL_MAX).flatMap(readFullSubnet) } : {}),
    };
  } catch {
    return {};
  }
}

function readFullSubnet(entry: unknown): FullSubnet[] {
  const { subnet, unanswered } = (entry ?? {}) as { subnet?: unknown; unanswered?: unknown };
  const prefix = typeof subnet === "string" ? parsePrefix(subnet) : undefined;
  return prefix === undefined || typeof unanswered !== "number" ? [] : [{ subnet: prefix, unanswered }];
}

type HealthAnswer = Extract<HealthResult, { kind: "answered" | "late" }>;

/** Deno gives the cause as text only; an unknown cause counts as silence. */
function classify(error: unknown): HealthResult {
  if (error instanceof Deno.errors.NotCapable) return { kind: "impossible", reason: "Deno lacks --allow-net for it" };
  const text = textOf(error);
  if (/connection refused|os error 111/i.test(text)) return { kind: "refused" };
  if (/dns error|lookup address|name or service not known|no record/i.test(text)) {
    return { kind: "impossible", reason: "its name does not resolve" };
  }
  const certificate = certificateFault(text);
  if (certificate !== undefined) {
    return { kind: "impossible", reason: `its certificate is not trusted (${certificate}): see nodes[].ca` };
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
