/**
 * Waits for all sockets of the process at once and lets each ready one read.
 *
 * One epoll set; one thread of Deno's pool waits in `epoll_wait` while no datagram arrives. Switching to this thread
 * and back costs more than a datagram. So after a round that read something the event loop gets one turn (timers,
 * worker messages, other I/O), and the set is polled without waiting; the thread waits again only if no socket is
 * ready.
 *
 * A program that only forwards datagrams may wait on its own thread: for a few milliseconds after a datagram it calls
 * `epoll_wait` itself, for a millisecond at a time, which avoids the switch under load.
 *
 * epoll instead of poll: a descriptor that is closed while another thread polls it stays open in the kernel until poll
 * returns, and its port stays in use. A closed descriptor leaves an epoll set at once.
 */

import { EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_EVENT, EPOLLIN } from "./abi.ts";
import { addressOf, fixedMemory, lastError, libc } from "./libc.ts";
import { ReceiveMemory } from "./memory.ts";
import { setImmediate } from "node:timers";
import { SocketError } from "../udp.ts";

/** A descriptor, and how to read from it. */
export interface Source {
  readonly fd: number;
  /** Reads at most a batch into `memory`, without waiting. The reactor calls it again for the rest. */
  drain(memory: ReceiveMemory): void;
}

/** Reads of one source in one round, so that every source is read. */
export const BATCH_MAX = 64;

const EVENTS_MAX = 64;

/** On the own thread: how long after the last datagram, and how long per call, which delays everything else. */
const OWN_THREAD_MS = 5;
const OWN_THREAD_WAIT_MS = 1;

function created(fd: number, what: string): number {
  if (fd >= 0) return fd;
  const { code, description } = lastError();
  throw new SocketError(code, `Cannot create ${what}: ${description}. Raise the limit (\`ulimit -n\`).`);
}

/** Waits for sources and lets them read. Keeps the process running while it has sources. */
class Reactor {
  readonly #epoll = created(libc().epoll_create1(EPOLL_CLOEXEC), "an epoll set");
  readonly #wake = created(libc().eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "an eventfd");
  readonly #sources = new Map<number, Source>();
  readonly #events = new Int32Array(fixedMemory(4 * EPOLL_EVENT.words * EVENTS_MAX));
  readonly #eventsAddress = addressOf(this.#events.buffer);
  readonly #memory = new ReceiveMemory();
  readonly #turn = () => this.#round();
  #running = false;
  #waiting = false;
  #onOwnThread = false;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor() {
    this.#control(EPOLL_CTL_ADD, this.#wake);
  }

  /** From now on this thread itself waits for datagrams while they arrive. */
  waitOnOwnThread(): void {
    this.#onOwnThread = true;
  }

  /** Adds a source. */
  add(source: Source): void {
    this.#control(EPOLL_CTL_ADD, source.fd);
    this.#sources.set(source.fd, source);
    if (this.#running) return;
    this.#running = true;
    this.#round();
  }

  /** Removes a source. Call it before the descriptor is closed. */
  remove(source: Source): void {
    if (this.#sources.get(source.fd) !== source) return;
    this.#sources.delete(source.fd);
    this.#control(EPOLL_CTL_DEL, source.fd);
    // No source is left: wake the waiting thread, or it keeps the process running.
    if (this.#sources.size === 0 && this.#waiting) libc().eventfd_write(this.#wake, 1n);
  }

  #control(operation: number, fd: number): void {
    const event = new Int32Array(EPOLL_EVENT.words);
    event[EPOLL_EVENT.eventsWord] = EPOLLIN;
    event[EPOLL_EVENT.fdWord] = fd;
    if (libc().epoll_ctl(this.#epoll, operation, fd, event) === 0) return;
    const { code, description } = lastError();
    throw new SocketError(code, `Cannot watch descriptor ${fd}: ${description}. This is a fault of the program.`);
  }

  /** One turn of the event loop: reads ready sources, then polls again in the next turn, or waits. */
  #round(): void {
    if (this.#sources.size === 0) {
      this.#running = false;
      return;
    }
    const patient = this.#onOwnThread && performance.now() - this.#readAtMs < OWN_THREAD_MS;
    const ready = libc().epoll_wait(this.#epoll, this.#eventsAddress, EVENTS_MAX, patient ? OWN_THREAD_WAIT_MS : 0);
    if (ready > 0) this.#dispatch(ready);
    if (ready > 0 || patient) {
      setImmediate(this.#turn);
    } else {
      this.#waiting = true;
      void this.#wait();
    }
  }

  async #wait(): Promise<void> {
    const ready = await libc().epoll_wait_async(this.#epoll, this.#eventsAddress, EVENTS_MAX, -1);
    this.#waiting = false;
    // Less than 0: interrupted by a signal. The next round polls again.
    if (ready > 0) this.#dispatch(ready);
    if (this.#sources.size === 0) this.#running = false;
    else setImmediate(this.#turn);
  }

  #dispatch(ready: number): void {
    if (this.#onOwnThread) this.#readAtMs = performance.now();
    for (let index = 0; index < ready; index++) {
      const fd = this.#events[index * EPOLL_EVENT.words + EPOLL_EVENT.fdWord] as number;
      // A source that was removed earlier in this round is no longer found.
      const source = this.#sources.get(fd);
      if (source !== undefined) source.drain(this.#memory);
      else if (fd === this.#wake) libc().eventfd_read(this.#wake, new BigUint64Array(1));
    }
  }
}

let shared: Reactor | undefined;

/** The process's reactor. */
export function reactor(): Reactor {
  shared ??= new Reactor();
  return shared;
}
