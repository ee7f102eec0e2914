/** `GET /events`: the relay's state every second, and its log. Costs nothing while nobody listens. */

import { EventStreams } from "../src/http/eventStream.ts";
import { recentLog } from "../src/log/recent.ts";

const STATUS_MS = 1_000;

export class RelayEvents {
  readonly #streams = new EventStreams();
  readonly #status: () => unknown;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #unfollow: () => void;

  constructor(status: () => unknown) {
    this.#status = status;
    this.#timer = setInterval(() => {
      if (this.#streams.size > 0) this.#streams.publish({ event: "status", data: status() });
    }, STATUS_MS);
    this.#unfollow = recentLog.follow((line) => this.#streams.publish({ event: "notice", data: line }));
  }

  open(): Response {
    const notices = recentLog.lines.map((line) => ({ event: "notice", data: line }));
    return this.#streams.open([{ event: "status", data: this.#status() }, ...notices]);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unfollow();
    this.#streams.close();
  }
}
