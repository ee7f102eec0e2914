/**
 * Programs with the system's default receive buffer, which has room for fewer than a hundred datagrams, lose some
 * whenever they are not scheduled for a moment. A measurement raises the default while it runs, for all programs, so
 * that it measures them and not the load of the machine.
 */

const RECEIVE_DEFAULT = "/proc/sys/net/core/rmem_default";
const RECEIVE_BYTES = 8 * 1024 * 1024;

/** Raises the default receive buffer until the result is disposed of, or the program gets a signal to end. */
export function roomyBuffers(): Disposable {
  const before = Deno.readTextFileSync(RECEIVE_DEFAULT);
  const restore = () => Deno.writeTextFileSync(RECEIVE_DEFAULT, before);
  Deno.writeTextFileSync(RECEIVE_DEFAULT, String(RECEIVE_BYTES));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      restore();
      Deno.exit(130);
    });
  }
  return { [Symbol.dispose]: restore };
}
