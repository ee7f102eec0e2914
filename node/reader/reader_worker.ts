/** The worker that reads configurations, outside the thread that serves clients. Only passes messages to `read.ts`. */

import type { ReaderReply, ReaderRequest } from "./protocol.ts";
import { read } from "./read.ts";

/** What a worker's global scope has beyond a window's. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ReaderRequest>) => void) | null;
  postMessage(message: ReaderReply): void;
}

const scope = self as unknown as WorkerScope;

scope.onmessage = ({ data: request }) => {
  try {
    scope.postMessage({ kind: "read", reading: read(request) });
  } catch (error) {
    const reason = error instanceof RangeError ? "it is nested too deeply" : String(error);
    scope.postMessage({ kind: "failed", reason });
  }
};

scope.postMessage({ kind: "ready" });
