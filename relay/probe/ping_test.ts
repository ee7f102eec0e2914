import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { readAnswer, systemPing } from "./ping.ts";

const LOOPBACK = 0x7f000001;

function hasPing(): boolean {
  return ["/usr/bin/ping", "/bin/ping"].some((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

Deno.test({ name: "systemPing() measures the loopback device", ignore: !hasPing() }, async () => {
  const result = await systemPing(LOOPBACK, 2000);
  ok(result.kind === "answered", JSON.stringify(result));
  ok(result.rttMs > 0 && result.rttMs < 2000);
});

const SILENCE = "PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.\n\n--- 192.0.2.1 ping statistics ---\n" +
  "1 packets transmitted, 0 received, 100% packet loss, time 0ms\n";

const OUTPUTS: [what: string, output: string, expected: string][] = [
  ["an echo that is not answered", SILENCE, "silent"],
  ["a network without a route", "ping: connect: Network is unreachable\n", "silent"],
  ["no permission for a socket", "ping: socket: Operation not permitted\n", "impossible"],
  ["a ping that knows other flags", "ping: invalid number '0.5'\n", "impossible"],
  ["a ping that was killed", "", "silent"],
];
for (const [what, output, expected] of OUTPUTS) {
  Deno.test(`readAnswer() takes ${what} for ${expected}`, () => {
    strictEqual(readAnswer({ alive: false, time: "unknown", output }).kind, expected);
  });
}

Deno.test("readAnswer() takes the time that ping printed", () => {
  deepStrictEqual(readAnswer({ alive: true, time: 0.034, output: "PING …" }), { kind: "answered", rttMs: 0.034 });
});
