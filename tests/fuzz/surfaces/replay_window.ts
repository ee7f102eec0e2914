/** The replay window against a plain set of what was seen. An input is a series of counters. */

import { REPLAY_WINDOW, ReplayWindow } from "../../../src/cluster/wire/replay_window.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const octets = new Octets(512);
/** Distances that matter to a window of this size, forwards and backwards. */
const STEPS = [0, 1, 2, 31, 32, 33, 63, 64, REPLAY_WINDOW - 33, REPLAY_WINDOW - 32, REPLAY_WINDOW - 1, REPLAY_WINDOW];

function check(input: Uint8Array): string {
  const window = new ReplayWindow();
  const seen = new Set<number>();
  let highest = -1;
  let counter = 0;
  let refused = false;
  for (let at = 0; at + 3 <= input.length; at += 3) {
    const [kind = 0, high = 0, low = 0] = input.subarray(at, at + 3);
    const step = (STEPS[kind & 15] ?? 0) + ((kind & 64) === 0 ? low & 3 : high * 256 + low);
    counter = (kind & 32) === 0 ? counter + step : Math.max(0, counter - step);
    if ((kind & 128) !== 0) counter = (kind & 16) === 0 ? 2 ** 48 - 1 - step : highest < 0 ? 0 : highest;
    const expected = counter > highest || (counter > highest - REPLAY_WINDOW && !seen.has(counter));
    must(window.mayCome(counter) === expected, `counter ${counter} after ${highest}`);
    if (!expected) {
      refused = true;
      continue;
    }
    window.mark(counter);
    seen.add(counter);
    highest = Math.max(highest, counter);
  }
  return refused ? "some refused" : "all taken";
}

export const replayWindow: Surface = {
  name: "replay-window",
  weight: 5,
  quick: 20_000,
  labels: ["some refused", "all taken"],
  compose(dice) {
    octets.length = 0;
    for (let count = dice.roll(40); count >= 0; count--) {
      octets.put(dice.roll(16) | (dice.once(3) ? 32 : 0) | (dice.once(12) ? 64 : 0) | (dice.once(30) ? 128 : 0));
      octets.put(dice.once(4) ? dice.roll(256) : dice.roll(8)).put(dice.roll(256));
    }
    return octets.view();
  },
  check,
};
