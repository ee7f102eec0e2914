/**
 * Makes a node look far away to the relay's health checks: everything on loopback is equally near, so that a
 * demonstration of choosing by distance has to slow something down. DHCP itself is not slowed.
 */

/** Lets connections to a port through to another one, each direction later by `delayMs`. */
export function openDistance(options: { port: number; to: number; delayMs: number }): { close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: options.port });
  const open = new Set<Deno.Conn>();
  (async () => {
    for await (const near of listener) void join(near, options, open);
  })().catch(() => {});
  return {
    close: () => {
      listener.close();
      for (const conn of open) closeQuietly(conn);
    },
  };
}

async function join(near: Deno.Conn, { to, delayMs }: { to: number; delayMs: number }, open: Set<Deno.Conn>) {
  open.add(near);
  let far: Deno.Conn | undefined;
  try {
    far = await Deno.connect({ hostname: "127.0.0.1", port: to });
    open.add(far);
    await Promise.all([pass(near, far, delayMs), pass(far, near, delayMs)]);
  } catch {
    // One side is gone; the other hears of it now.
  } finally {
    for (const conn of [near, far]) {
      if (conn === undefined) continue;
      open.delete(conn);
      closeQuietly(conn);
    }
  }
}

async function pass(from: Deno.Conn, to: Deno.Conn, delayMs: number): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  for (;;) {
    const count = await from.read(buffer);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (count === null) {
      closeQuietly(to);
      return;
    }
    let rest = buffer.subarray(0, count);
    while (rest.length > 0) rest = rest.subarray(await to.write(rest));
  }
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
