/** That each judgement can fail: with decoders and cores that are broken on purpose. */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { cpuUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { decode } from "../../src/dhcp/decode.ts";
import { packCase, unpackCase } from "./case_file.ts";
import type { Dice } from "./dice.ts";
import { collector, type Failure, Fuzzer, GROWTH_OCTETS_MAX, SLOW_MS } from "./fuzzer.ts";
import type { Surface } from "./surface.ts";
import { dhcpWith } from "./surfaces/dhcp.ts";
import { nodeWith } from "./surfaces/node.ts";

/** A surface whose inputs are eight random octets. */
function toy(check: Surface["check"], more: Partial<Surface> = {}): Surface {
  const compose = (dice: Dice) => Uint8Array.from({ length: 8 }, () => dice.roll(256));
  return { name: "toy", weight: 1, quick: 1, labels: [], compose, check, ...more };
}

async function failuresOf(surface: Surface, inputs: number, collect?: () => void): Promise<Failure[]> {
  const failures: Failure[] = [];
  const fuzzer = new Fuzzer(surface, { seed: 1, failed: (failure) => void failures.push(failure), collect });
  await surface.open?.();
  try {
    // Several slices, as growth is judged between them.
    for (let slice = 0; slice < 4; slice++) await fuzzer.slice({ inputs: inputs / 4 });
  } finally {
    await surface.close?.();
  }
  return failures;
}

/** Takes so much of a processor, however long that lasts here. */
function busy(ms: number): void {
  if (ms === 0) return;
  const taken = () => cpuUsage().user / 1_000;
  for (const endMs = taken() + ms; taken() < endMs;);
}

Deno.test("sabotage: a decoder that throws is told once, by the smallest case, which its number repeats", async () => {
  const surface = toy((input) => {
    if (input.includes(7)) throw new TypeError(`cannot read ${input[0]}`);
    return "fine";
  });
  const [failure, ...others] = await failuresOf(surface, 400);
  deepStrictEqual(others, []);
  deepStrictEqual(failure?.file, Uint8Array.of(7));
  const again: number[] = [];
  const fuzzer = new Fuzzer(surface, {
    seed: 1,
    first: failure?.case ?? -1,
    failed: ({ case: number }) => void again.push(number),
  });
  await fuzzer.slice({ inputs: 1 });
  deepStrictEqual(again, [failure?.case]);
});

Deno.test("sabotage: of a sequence only the inputs that matter are kept", async () => {
  let opened = false;
  const surface = toy((input) => {
    const [first = 0] = input;
    if (first < 64) opened = true;
    else if (first >= 192 && opened) throw new Error("closed before it was opened");
    return "fine";
  }, {
    caseInputs: 20,
    begin() {
      opened = false;
    },
  });
  const [failure] = await failuresOf(surface, 400);
  const inputs = unpackCase(failure?.file ?? new Uint8Array(), true);
  strictEqual(inputs.length, 2);
  deepStrictEqual(packCase(inputs, true), failure?.file);
});

Deno.test("sabotage: an input that is slow each time is told, and one that was slow once is not", async () => {
  const slow = await failuresOf(toy((input) => (busy(input[0] === 9 ? SLOW_MS + 20 : 0), "fine")), 1_000);
  strictEqual(slow.length, 1);
  match(slow[0]?.message ?? "", /slow: \d+ ms/);
  let once = true;
  const noisy = toy(() => {
    if (once) busy(SLOW_MS + 20);
    once = false;
    return "fine";
  });
  deepStrictEqual(await failuresOf(noisy, 100), []);
});

Deno.test("sabotage: memory that is kept is told", async () => {
  setFlagsFromString("--expose-gc");
  const collect = collector(runInNewContext("gc") as () => void);
  const kept: Uint8Array[] = [];
  const leaking = toy(() => (kept.push(new Uint8Array(GROWTH_OCTETS_MAX / 20).fill(1)), "fine"));
  const failures = await failuresOf(leaking, 100, collect);
  ok(failures.length > 0);
  match(failures[0]?.message ?? "", /the heap grew/);
  kept.length = 0;
  deepStrictEqual(await failuresOf(toy(() => (new Uint8Array(2 ** 20).fill(1), "fine")), 100, collect), []);
});

Deno.test("sabotage: an input that never ends is told, and ends the process", async () => {
  const { stderr, signal } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("./testing/endless_main.ts", import.meta.url).pathname],
    env: { NO_COLOR: "1" },
  }).output();
  strictEqual(signal, "SIGKILL");
  match(
    new TextDecoder().decode(stderr),
    /Hangs for \d+ ms: repeat with deno task fuzz --surface toy --seed 3 --case 5/,
  );
});

const DECODERS: [what: string, decoder: typeof decode][] = [
  ["throws at a hostile octet", (bytes) => {
    if (bytes[300] === 82) throw new RangeError("out of bounds");
    return decode(bytes);
  }],
  ["reads what is behind the datagram", (bytes) => {
    const behind = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length + 1);
    return decode(behind[bytes.length] === 255 ? behind.subarray(0, bytes.length - 1) : bytes);
  }],
  ["takes half of an address", (bytes) => {
    const decoded = decode(bytes);
    return decoded.ok ? { ok: true, value: { ...decoded.value, yiaddr: bytes[17] ?? 0 } } : decoded;
  }],
  ["loses an option", (bytes) => {
    const decoded = decode(bytes);
    if (decoded.ok && decoded.value.options.size > 5) decoded.value.options.delete(3);
    return decoded;
  }],
  ["errs at a place that does not exist", (bytes) => {
    const decoded = decode(bytes);
    return decoded.ok ? decoded : { ok: false, error: { ...decoded.error, offset: bytes.length + 1 } };
  }],
];
for (const [what, decoder] of DECODERS) {
  Deno.test(`sabotage: a decoder that ${what} is found`, async () => {
    ok((await failuresOf(dhcpWith(decoder), 4_000)).length > 0);
  });
}

Deno.test("sabotage: a node that grants without looking gives two clients one address, and is found", async () => {
  const reckless = nodeWith({
    agreement: (agreement) => ({
      ...agreement,
      propose: ({ leaseMs }, now, decided) => decided({ committed: true, leaseMs }, now),
      want: (pools) => agreement.want(pools),
      serves: (address, now) => agreement.serves(address, now),
      isRenewalsOnly: (now) => agreement.isRenewalsOnly(now),
      hasEarlierRelease: () => agreement.hasEarlierRelease(),
      end: (request, now, durable) => agreement.end(request, now, durable),
      denyLease: (address, client, now, denied) => agreement.denyLease(address, client, now, denied),
    }),
  });
  const failures = await failuresOf(reckless, 4_000);
  ok(failures.some(({ message }) => message.includes("have the same address")), failures[0]?.message);
});
