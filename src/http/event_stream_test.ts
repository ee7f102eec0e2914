import { ok, strictEqual } from "node:assert/strict";
import { encodeState, EventStreams } from "./event_stream.ts";
import { HTTP } from "./limits.ts";

const from = (remoteAddress: number) => ({ remoteAddress, progress: () => {} });

/** Reads parts until the stream ends or `parts` were read. */
async function read(response: Response, parts: number): Promise<{ text: string; ended: boolean }> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  for (let part = 0; part < parts; part++) {
    const { done, value } = await reader.read();
    if (done) return { text, ended: true };
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return { text, ended: false };
}

Deno.test("event streams: a listener reads what was published, in order", async () => {
  const streams = new EventStreams();
  const response = streams.open([encodeState("status", new TextEncoder().encode("{}"))], from(1));
  streams.publish({ event: "notice", data: "a\nb" });
  const { text } = await read(response, 3);
  strictEqual(text, 'retry: 2000\n\nevent: status\ndata: {}\n\nevent: notice\ndata: "a\\nb"\n\n');
  streams.close();
});

Deno.test("event streams: a listener that takes nothing misses states, and is cut off", async () => {
  const streams = new EventStreams();
  const response = streams.open([], from(1));
  const state = encodeState("status", new Uint8Array(1_000_000).fill(48));
  for (let second = 0; second < 60; second++) streams.publishState(state);
  for (let event = 0; event < HTTP.streamEventsMax - 1; event++) streams.publish({ event: "notice", data: event });
  strictEqual(streams.size, 1);
  streams.publish({ event: "notice", data: "one more" });
  strictEqual(streams.size, 0);
  const { text, ended } = await read(response, Infinity);
  ok(ended);
  ok(text.length < 1_000, "no state was kept for it");
});

Deno.test("event streams: a large state is taken in parts, and the next one is left out meanwhile", async () => {
  const streams = new EventStreams();
  const response = streams.open([], from(1));
  await read(response, 1);
  const state = encodeState("status", new Uint8Array(3 * HTTP.partBytes).fill(48));
  streams.publishState(state);
  streams.publishState(state);
  strictEqual((await read(response, 4)).text.length, state.length);
  streams.publishState(encodeState("status", new TextEncoder().encode("2")));
  strictEqual((await read(response, 1)).text, "event: status\ndata: 2\n\n");
  streams.close();
});

Deno.test("event streams: one address that opens many loses its own; others keep theirs", async () => {
  const streams = new EventStreams();
  const operator = streams.open([], from(2));
  for (let index = 0; index < 3 * HTTP.streamsMax; index++) streams.open([], from(1));
  strictEqual(streams.size, 1 + HTTP.streamsPerAddressMax);
  strictEqual((await read(operator, 1)).ended, false);
  for (let address = 5; address < 5 + HTTP.streamsMax / 2; address++) streams.open([], from(address));
  strictEqual(streams.size, HTTP.streamsMax);
  const another = streams.open([], from(3));
  strictEqual(another.status, 200);
  streams.close();
  strictEqual((await read(operator, Infinity)).ended, true);
  strictEqual(streams.open([], from(4)).status, 503);
});
