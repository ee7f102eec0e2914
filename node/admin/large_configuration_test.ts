import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { formatIpv4, parseIpv4 } from "../../src/net/ipv4.ts";
import type { OwnAddresses } from "../config.ts";
import { read } from "../reader/read.ts";
import { withNode } from "../testing/running.ts";

const COUNT = 20_000;
const FIRST = parseIpv4("10.77.2.0") ?? 0;
const ATTEMPTS = 3;

function hardware(number: number): string {
  return `02:00:00:00:${(number >>> 8).toString(16).padStart(2, "0")}:${(number & 255).toString(16).padStart(2, "0")}`;
}

/** The longest time for which nothing else ran on this thread, ms. */
async function longestStall(run: () => Promise<void>): Promise<number> {
  let lastMs = performance.now();
  let longestMs = 0;
  const see = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  const timer = setInterval(see, 1);
  await run();
  see();
  clearInterval(timer);
  return longestMs;
}

Deno.test("api: with 20,000 reservations, one more keeps the serving thread for less than reading them takes", () =>
  withNode(async ({ send, node }) => {
    const reservations = Array.from({ length: COUNT }, (_, number) => ({
      address: formatIpv4(FIRST + number),
      hardware: hardware(number),
      hostname: `host-${number}`,
    }));
    const subnets = [{ subnet: "10.77.0.0/16", pools: ["10.77.1.0-10.77.1.99"], reservations }];
    const pushed = await send({ method: "PUT", path: "/config", body: JSON.stringify({ subnets }) });
    strictEqual(pushed.status, 200, JSON.stringify(pushed.body));
    const text = node.parts.member.configuration?.text ?? "";
    const { dhcp, cluster } = node.config;
    const own: OwnAddresses = { dhcp: { address: dhcp.address }, cluster };
    let bestShare = Infinity;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const number = COUNT + attempt;
      const body = { address: formatIpv4(FIRST + number), hardware: hardware(number) };
      const stallMs = await longestStall(async () => {
        const { status, body: answer } = await send({ method: "POST", path: "/reservations", body });
        strictEqual(status, 200, JSON.stringify(answer));
      });
      const readingMs = await longestStall(() => Promise.resolve(void read({ kind: "section", text, own })));
      bestShare = Math.min(bestShare, stallMs / readingMs);
    }
    ok(bestShare < 1, `the thread was kept for ${bestShare.toFixed(2)} of the time that reading takes`);
    const { compiled } = node.parts.service;
    strictEqual(compiled.reserved.length, COUNT + ATTEMPTS);
    strictEqual(compiled.reservationAt(FIRST + 7)?.hostname, "host-7");
  }));

Deno.test("api: what is too large, or nested too deeply, is refused with the limit and the place", () =>
  withNode(async ({ send, node }) => {
    const pushed = async (body: unknown, status = 422) => {
      const answer = await send({ method: "PUT", path: "/config", body });
      strictEqual(answer.status, status, JSON.stringify(answer.body).slice(0, 300));
      return (answer.body as { error: string }).error;
    };
    match(
      await pushed("[".repeat(100_000)),
      /^line 1, column 65: brackets are nested too deeply: more than 64 are open$/,
    );
    match(
      await pushed(Array.from({ length: 400_000 }, (_, index) => `k${index}: 1\n`).join("")),
      /1000000 words and marks/,
    );
    match(
      await pushed(`a: "${"\\x41".repeat(1_500_000)}"`),
      /^line 1, column 4: this value has 6000002 characters; sho/,
    );
    const deep = JSON.parse(`{"service":${"[".repeat(500)}${"]".repeat(500)}}`);
    match(await pushed(deep, 400), /^the body is nested too deeply: more than \d+ brackets are open$/);
    match(
      await pushed({ subnets: [], x: "x".repeat(16_720_000) }),
      /octets as JSON, and members send each other at most/,
    );
    deepStrictEqual(node.parts.member.configuration?.revision, 1);
  }));
