/**
 * Waits for all sockets of the process at once and lets each ready one read.
 *
 * One epoll set; one thread of Deno's pool waits in `epoll_wait` while nothing comes in. The hop to that thread and
 * back costs more than a datagram, so after a round that read something the event loop gets one turn (timers, worker
 * messages, other I/O), and the set is asked without waiting; only when that finds nothing does the thread wait again.
 *
 * A program that only passes datagrams on may ask for patience: for a few milliseconds after a datagram its own thread
 * waits in `epoll_wait`, a millisecond at a time, which saves the hop where it matters.
 *
 * epoll instead of poll: a descriptor closed while another thread polls it stays open inside the kernel until poll
 * returns, and its port stays taken that long. A descriptor that is closed leaves an epoll set at once.
 */

import { EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_EVENT, EPOLLIN } from "./abi.ts";
import { addressOf, fixedMemory, lastError, libc } from "./libc.ts";
import { ReceiveMemory } from "./memory.ts";
import { setImmediate } from "node:timers";
import { SocketError } from "../udp.ts";

/** Something that has a descriptor and reads from it when told to. */
export interface Source {
  readonly fd: number;
  /** Reads what is there into `memory`, without waiting, and not more than a batch: what remains is reported again. */
  drain(memory: ReceiveMemory): void;
}

/** Reads of one source in one round, so that each gets its turn. */
export const BATCH_MAX = 64;

const EVENTS_MAX = 64;

/** With patience: how long after the last datagram, and how long at a time (all else in the process waits so long). */
const PATIENT_MS = 5;
const PATIENT_WAIT_MS = 1;

function created(fd: number, what: string): number {
  if (fd >= 0) return fd;
  const { code, description } = lastError();
  throw new SocketError(code, `Cannot create ${what}: ${description}. Raise the limit (\`ulimit -n\`).`);
}

/** Waits and dispatches. It keeps the process alive while it has sources. */
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
  #patient = false;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor() {
    this.#control(EPOLL_CTL_ADD, this.#wake);
  }

  /** From now on this thread waits for datagrams itself while they come. */
  becomePatient(): void {
    this.#patient = true;
  }

  /** Starts to let a source read. */
  add(source: Source): void {
    this.#control(EPOLL_CTL_ADD, source.fd);
    this.#sources.set(source.fd, source);
    if (this.#running) return;
    this.#running = true;
    this.#round();
  }

  /** Stops it. To be called before the descriptor is closed. */
  remove(source: Source): void {
    if (this.#sources.get(source.fd) !== source) return;
    this.#sources.delete(source.fd);
    this.#control(EPOLL_CTL_DEL, source.fd);
    // Nothing to wait for: bring the thread home, or it would keep the process alive.
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

  /** One turn of the event loop: read what is there, then again after others had their turn, or wait. */
  #round(): void {
    if (this.#sources.size === 0) {
      this.#running = false;
      return;
    }
    const patient = this.#patient && performance.now() - this.#readAtMs < PATIENT_MS;
    const ready = libc().epoll_wait(this.#epoll, this.#eventsAddress, EVENTS_MAX, patient ? PATIENT_WAIT_MS : 0);
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
    // Less than 0: interrupted by a signal. The next round asks again.
    if (ready > 0) this.#dispatch(ready);
    if (this.#sources.size === 0) this.#running = false;
    else setImmediate(this.#turn);
  }

  #dispatch(ready: number): void {
    if (this.#patient) this.#readAtMs = performance.now();
    for (let index = 0; index < ready; index++) {
      const fd = this.#events[index * EPOLL_EVENT.words + EPOLL_EVENT.fdWord] as number;
      // A source that an earlier one of this round removed is no longer found.
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
