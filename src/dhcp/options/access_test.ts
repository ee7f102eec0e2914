import { deepStrictEqual, throws } from "node:assert/strict";
import type { Options } from "../message.ts";
import { OPTIONS, readOption, writeOption } from "./mod.ts";

Deno.test("readOption() tells absent, present and malformed apart", () => {
  const options: Options = new Map([[53, Uint8Array.of(1)], [50, Uint8Array.of(10)]]);
  deepStrictEqual(readOption(options, OPTIONS.messageType), { kind: "present", value: 1 });
  deepStrictEqual(readOption(options, OPTIONS.hostName), { kind: "absent" });
  deepStrictEqual(readOption(options, OPTIONS.requestedIpAddress), {
    kind: "malformed",
    error: { kind: "badLength", field: "option 50", offset: 0 },
  });
});

Deno.test("writeOption() writes what readOption() reads, in wire order", () => {
  const options: Options = new Map();
  writeOption(options, OPTIONS.messageType, 5);
  writeOption(options, OPTIONS.routers, [0x0a4d0001]);
  writeOption(options, OPTIONS.messageType, 6);
  deepStrictEqual([...options], [[53, Uint8Array.of(6)], [3, Uint8Array.of(10, 77, 0, 1)]]);
  throws(() => writeOption(options, OPTIONS.interfaceMtu, 67));
});
