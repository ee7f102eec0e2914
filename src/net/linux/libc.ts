/**
 * libc: the system calls that the sockets need, and the error number of the last one.
 *
 * It is loaded once, at import, if the permissions allow it without a prompt; {@link libcUnavailable} returns the
 * reason if not. Addresses are passed as numbers (`usize`), obtained through `memcpy` instead of `Deno.UnsafePointer`,
 * so that a permission for this one library is enough.
 */

import { describeErrno, errnoName } from "./errno.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // ssize_t results are read as 32 bits: every length here fits, and a number costs less than a bigint.
  recvfrom: { parameters: ["i32", "usize", "usize", "i32", "usize", "usize"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  eventfd_read: { parameters: ["i32", "buffer"], result: "i32" },
  eventfd_write: { parameters: ["i32", "u64"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "usize", "i32", "i32"], result: "i32" },
  epoll_wait_async: {
    name: "epoll_wait",
    parameters: ["i32", "usize", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  getifaddrs: { parameters: ["buffer"], result: "i32" },
  freeifaddrs: { parameters: ["usize"], result: "void" },
  strlen: { parameters: ["usize"], result: "usize" },
  addressOfBuffer: { name: "memcpy", parameters: ["buffer", "buffer", "usize"], result: "usize" },
  copyFrom: { name: "memcpy", parameters: ["buffer", "usize", "usize"], result: "void" },
  errnoLocation: { name: "__errno_location", parameters: [], result: "usize" },
} as const satisfies Deno.ForeignLibraryInterface;

type Lenient<F> = F extends (...args: infer A) => infer R
  ? (...args: { [K in keyof A]: A[K] extends bigint ? number | bigint : A[K] }) => R
  : never;
type Declared = Deno.StaticForeignLibraryInterface<typeof SYMBOLS>;

/**
 * The functions of libc that the sockets use. Deno's types take a bigint for `usize`, but a number works as well and is
 * not allocated.
 */
type Libc = { readonly [K in keyof Declared]: Lenient<Declared[K]> };

/** Paths of the library on Debian, Fedora and similar systems; tried when only such paths are permitted. */
const PATHS = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/usr/lib/x86_64-linux-gnu/libc.so.6",
  "/usr/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
  "/usr/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
];

type Loaded = { readonly symbols: Libc } | { readonly reason: string };

function permitted(path?: string): boolean {
  const descriptor: Deno.FfiPermissionDescriptor = path === undefined ? { name: "ffi" } : { name: "ffi", path };
  return Deno.permissions.querySync(descriptor).state === "granted";
}

function load(): Loaded {
  if (Deno.build.os !== "linux") return { reason: `the system is ${Deno.build.os}, not Linux` };
  let reason = "the permission to call libc is missing (--allow-ffi)";
  for (const path of permitted() ? ["libc.so.6"] : PATHS.filter(permitted)) {
    try {
      return { symbols: Deno.dlopen(path, SYMBOLS).symbols as unknown as Libc };
    } catch (error) {
      reason = `libc.so.6 does not load: ${error instanceof Error ? error.message : error}`;
    }
  }
  return { reason };
}

const loaded = load();

/** Why libc cannot be called; undefined when it can. */
export function libcUnavailable(): string | undefined {
  return "reason" in loaded ? loaded.reason : undefined;
}

/** The functions of libc. Throws when {@link libcUnavailable} has a reason. */
export function libc(): Libc {
  if ("reason" in loaded) throw new Error(`libc can't be called: ${loaded.reason}`);
  return loaded.symbols;
}

/**
 * Memory with a fixed address, for libc. Small typed arrays are in the garbage-collected heap and move.
 */
export function fixedMemory(bytes: number): ArrayBuffer {
  return new ArrayBuffer(bytes);
}

/** The address of memory from {@link fixedMemory}. Valid for as long as that is referenced. */
export function addressOf(memory: ArrayBuffer): number {
  return Number(libc().addressOfBuffer(memory, memory, 0));
}

const ERRNO_MEMORY = new Int32Array(fixedMemory(4));
let errnoAddress = 0;

/** The error number of the last call that failed. Read it at once: the next call may change it. */
export function errno(): number {
  // One per thread, and all calls here are made by the thread that runs this module.
  if (errnoAddress === 0) errnoAddress = Number(libc().errnoLocation());
  libc().copyFrom(ERRNO_MEMORY, errnoAddress, 4);
  return ERRNO_MEMORY[0] ?? 0;
}

/** Name and meaning of the last error. */
export function lastError(): { readonly code: string; readonly description: string } {
  const number = errno();
  return { code: errnoName(number), description: describeErrno(number) };
}
