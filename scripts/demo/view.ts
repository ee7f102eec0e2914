/** What the demonstration shows: a live picture on a terminal, plain lines elsewhere. */

import { formatIpv4 } from "../../src/net/ipv4.ts";
import type { DemoClient } from "./clients.ts";

/** Where the demonstration speaks. */
export interface View {
  /** Something happened. */
  line(source: string, text: string): void;
  /** The state to show beside the lines. */
  show(clients: readonly DemoClient[]): void;
  /** Leaves the screen as it is; lines and states that come later are not shown. */
  end(): void;
}

const LINES_SHOWN = 14;
/** A client with its address or state, and the space around it. */
const CELL_COLUMNS = 26;
const TITLES = [
  "  20 clients  ──DHCP──▶  relay  ──giaddr, option 82──▶  one of 3 nodes  ──fsync──▶  a majority's disks",
  "  20 clients ─▶ relay ─▶ 3 nodes ─▶ their disks",
];
const CSI = "\x1b[";

/** Plain lines with the seconds since the start in front. */
class PlainView implements View {
  readonly #startedMs = performance.now();
  #ended = false;

  line(source: string, text: string): void {
    if (this.#ended) return;
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(2).padStart(6);
    print(`${seconds}  ${source.padEnd(9)}  ${text}\n`);
  }

  show(): void {}

  end(): void {
    this.#ended = true;
  }
}

/** A picture that is drawn anew, at most every 50 ms. */
class LiveView implements View {
  readonly #lines: string[] = [];
  readonly #startedMs = performance.now();
  #clients: readonly DemoClient[] = [];
  #height = 0;
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  line(source: string, text: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(2).padStart(6);
    this.#lines.push(`${seconds}  ${source.padEnd(9)}  ${text}`);
    if (this.#lines.length > LINES_SHOWN) this.#lines.shift();
    this.#draw();
  }

  show(clients: readonly DemoClient[]): void {
    this.#clients = clients;
    this.#draw();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#drawNow();
    // What is printed from now on stands below the picture.
    this.#ended = true;
  }

  #draw(): void {
    if (this.#ended) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#drawNow();
    }, 50);
  }

  #drawNow(): void {
    const width = consoleColumns();
    const rows = [
      "",
      `${CSI}1m${TITLES.find((title) => title.length < width) ?? ""}${CSI}0m`,
      "",
      ...this.#grid(Math.max(1, Math.floor((width - 1) / CELL_COLUMNS))),
      "",
      ...this.#lines.map((line) => line.slice(0, width - 1)),
    ];
    const back = this.#height > 0 ? `${CSI}${this.#height}A` : "";
    print(`${back}${rows.map((row) => `${CSI}2K${row}\n`).join("")}${CSI}0J`);
    this.#height = rows.length;
  }

  #grid(columns: number): string[] {
    const cells = this.#clients.map(({ name, client }) => {
      const bound = client.lease !== undefined;
      const text = `${name} ${(bound ? formatIpv4(client.lease?.address ?? 0) : client.state).padEnd(13)}`;
      return `${CSI}${bound ? 32 : 33}m${text}${CSI}0m`;
    });
    const rows: string[] = [];
    for (let at = 0; at < cells.length; at += columns) rows.push(`  ${cells.slice(at, at + columns).join("  ")}`);
    return rows;
  }
}

function consoleColumns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 120;
  }
}

/** Writes text to standard output. */
export function print(text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

/** The view that fits standard output. */
export function createView(): View {
  return Deno.stdout.isTerminal() ? new LiveView() : new PlainView();
}
