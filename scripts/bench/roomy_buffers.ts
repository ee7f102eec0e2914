/**
 * Programs that take the system's default receive buffer, which holds fewer than a hundred datagrams, lose some
 * whenever they are not scheduled for a moment. So that a measurement tells what they can do, and not how busy the
 * machine was, the default is raised while it runs, for all of them alike.
 */

const RECEIVE_DEFAULT = "/proc/sys/net/core/rmem_default";
const RECEIVE_BYTES = 8 * 1024 * 1024;

/** Raises the default receive buffer until it is disposed of, or the program is told to end. */
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
