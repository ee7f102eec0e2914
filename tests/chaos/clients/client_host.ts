/** Starts the clients on their machine, and hands their history on. */

import type { LoadHost } from "../../e2e/load/client_load.ts";
import type { Process } from "../../e2e/lab/process.ts";
import { within } from "../../e2e/lab/wait.ts";
import type { HistoryEvent } from "../history.ts";
import type { ClientsCommand, ClientsOrder } from "./order.ts";

const STOP_MS = 10_000;

export class ChaosClients {
  readonly process: Process;
  #rest = "";

  constructor({ host }: LoadHost, order: ClientsOrder, take: (event: HistoryEvent) => void) {
    const main = new URL("clients_main.ts", import.meta.url).pathname;
    const decoder = new TextDecoder();
    this.process = host.namespace.spawn(
      [Deno.execPath(), "run", "--no-check", "--allow-net", "--allow-env", "--allow-ffi", main],
      {
        label: "clients",
        input: true,
        onStdout: (chunk) => {
          const lines = (this.#rest + decoder.decode(chunk, { stream: true })).split("\n");
          this.#rest = lines.pop() ?? "";
          for (const line of lines) take(JSON.parse(line) as HistoryEvent);
        },
      },
    );
    void this.process.write(JSON.stringify(order));
  }

  async tell(command: ClientsCommand): Promise<void> {
    await this.process.write(JSON.stringify(command));
  }

  /** Returns when all of the history has been handed on. */
  async stop(): Promise<void> {
    await this.tell({ kind: "stop" });
    await within("the clients to end", STOP_MS, this.process.ended);
  }
}
