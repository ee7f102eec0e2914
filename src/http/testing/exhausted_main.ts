/**
 * A program that serves HTTP and, on request, opens files until it may open no more. Started with a low limit; prints
 * its port, then obeys the lines of its standard input: `exhaust` and `free`, answering `done` and how many files.
 */

import { createInterface } from "node:readline";
import process from "node:process";
import { connectionsMax, serveHttp } from "../serve.ts";

// As the programs do before they serve: Deno itself needs descriptors for its first signal.
Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
const files: Deno.FsFile[] = [];
const server = serveHttp({ fetch: () => new Response("alive") }, { address: 0x7f000001, port: 0 });
say(`${server.port} ${connectionsMax()}`);

function exhaust(): void {
  try {
    for (;;) files.push(Deno.openSync("/dev/null"));
  } catch {
    // Every descriptor is in use.
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "exhaust") exhaust();
  if (line === "free") {
    for (const file of files.splice(0)) file.close();
  }
  say(`done ${files.length}`);
}
