/**
 * `GET /events` of both programs: their state every second, and their log as it is written. Costs nothing without
 * listeners.
 */

import { recentLog } from "../log/recent.ts";
import type { CachedAnswer } from "./cached_answer.ts";
import { encodeEvent, encodeState, EventStreams, type ServerEvent } from "./event_stream.ts";
import type { HttpPeer } from "./serve.ts";

const STATUS_MS = 1_000;

export class StatusFeed {
  readonly #streams = new EventStreams();
  readonly #status: CachedAnswer;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #unfollow: () => void;

  /** `status` is what `/status` answers. */
  constructor(status: CachedAnswer) {
    this.#status = status;
    this.#timer = setInterval(() => void this.#tell(), STATUS_MS);
    this.#unfollow = recentLog.follow((data) => this.publish({ event: "notice", data }));
  }

  /** Whether there are listeners. */
  get listening(): boolean {
    return this.#streams.size > 0;
  }

  /** Sends another event to all listeners. */
  publish(event: ServerEvent): void {
    this.#streams.publish(event);
  }

  /** Responds with the state, the last lines of the log, and then every event. */
  async open(peer: HttpPeer | undefined): Promise<Response> {
    const status = encodeState("status", await this.#status.get());
    const notices = recentLog.lines.map((data) => encodeEvent({ event: "notice", data }));
    return this.#streams.open([status, ...notices], peer);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unfollow();
    this.#streams.close();
  }

  async #tell(): Promise<void> {
    if (!this.listening) return;
    try {
      this.#streams.publishState(encodeState("status", await this.#status.get()));
    } catch {
      // A request of /status says what is wrong.
    }
  }
}
