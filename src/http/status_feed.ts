/**
 * `GET /events` of both programs: their state every second, and their log as it is written. Free while nobody listens.
 */

import { recentLog } from "../log/recent.ts";
import { EventStreams, type ServerEvent } from "./event_stream.ts";

const STATUS_MS = 1_000;

export class StatusFeed {
  readonly #streams = new EventStreams();
  readonly #status: () => unknown;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #unfollow: () => void;

  /** `status` is what `/status` answers. */
  constructor(status: () => unknown) {
    this.#status = status;
    this.#timer = setInterval(() => {
      if (this.listening) this.publish({ event: "status", data: status() });
    }, STATUS_MS);
    this.#unfollow = recentLog.follow((data) => this.publish({ event: "notice", data }));
  }

  /** Whether anybody hears what is published. */
  get listening(): boolean {
    return this.#streams.size > 0;
  }

  /** Tells everybody something else. */
  publish(event: ServerEvent): void {
    this.#streams.publish(event);
  }

  /** Answers a request: the state, the last lines of the log, and from then on what happens. */
  open(): Response {
    const notices = recentLog.lines.map((data) => ({ event: "notice", data }));
    return this.#streams.open([{ event: "status", data: this.#status() }, ...notices]);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unfollow();
    this.#streams.close();
  }
}
