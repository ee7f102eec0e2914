/** The output of a process, bounded: the beginning and the end are kept, the middle is counted and dropped. */

const HEAD_CHARS = 64 * 1024;
const TAIL_CHARS = 256 * 1024;

/** Collects text from a process. */
export class Output {
  #head = "";
  #tail = "";
  #bytes = 0;
  #dropped = 0;

  /** All bytes written, kept or not. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The text, with a line that says how much is missing when the middle was dropped. */
  get text(): string {
    return this.#dropped === 0
      ? this.#head + this.#tail
      : `${this.#head}\n… ${this.#dropped} characters dropped …\n${this.#tail}`;
  }

  /** The last lines, for error messages. */
  last(lines: number): string {
    return this.text.trimEnd().split("\n").slice(-lines).join("\n");
  }

  append(text: string, bytes: number): void {
    this.#bytes += bytes;
    const room = HEAD_CHARS - this.#head.length;
    if (room > 0) {
      this.#head += text.slice(0, room);
      text = text.slice(room);
    }
    this.#tail += text;
    if (this.#tail.length > 2 * TAIL_CHARS) {
      this.#dropped += this.#tail.length - TAIL_CHARS;
      this.#tail = this.#tail.slice(-TAIL_CHARS);
    }
  }

  /** Reads a stream to its end. */
  async drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.append(decoder.decode(chunk, { stream: true }), chunk.length);
  }
}
