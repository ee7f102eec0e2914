/**
 * A process that is going to be killed: writes rows as fast as it can and prints each address and version once the
 * store says that it is durable. usage: deno run -A writer.ts STATE_DIR FIRST_ADDRESS
 */

import { writeSync } from "node:fs";
import { openStore } from "../mod.ts";
import { sampleRow } from "./rows.ts";

const [stateDir = "", first = "0"] = Deno.args;
const store = await openStore({ stateDir });
let salt = 0;
for (;;) {
  for (let index = 0; index < 50; index++) {
    const address = Number(first) + (salt * 37 + index) % 5_000;
    const row = sampleRow(address, salt);
    // Past every buffer of this process, as a datagram would be.
    store.write({ rows: [row] }, () => writeSync(1, `${address} ${row.slot.version.clock}\n`));
  }
  salt++;
  await new Promise((resolve) => setTimeout(resolve, 0));
}
