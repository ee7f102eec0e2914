/**
 * Serves a dashboard: a few files, nothing from elsewhere, nothing inline. The files are imported as text, so that the
 * executables carry them and need no permission to read them.
 */

import type { Hono } from "hono";
import COMMON_STYLE from "./assets/common.css" with { type: "text" };
import COMMON_SCRIPT from "./assets/common.js" with { type: "text" };

const COMMON = { "/assets/common.css": COMMON_STYLE, "/assets/common.js": COMMON_SCRIPT };

/** Only this page's own files run, and no other page may frame it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** Adds the files to an app, by the names under which they are served. */
export function serveDashboard(app: Hono, files: Readonly<Record<string, string>>): void {
  for (const [name, source] of Object.entries({ ...COMMON, ...files })) {
    // Sources import each other by their places in the repository; they are served from one folder.
    const text = source.replaceAll(/from "[^"]*\/(\w+\.js)"/g, 'from "./$1"');
    const type = TYPES[name === "/" ? "html" : name.slice(name.lastIndexOf(".") + 1)] ?? "text/plain";
    const etag = tagOf(text);
    app.get(name, (context) => {
      const headers = {
        "Content-Type": type,
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        ETag: etag,
      };
      if (context.req.header("if-none-match") === etag) return context.body(null, 304, headers);
      return context.body(text, 200, headers);
    });
  }
}

/** FNV-1a over the text: it changes when the text does, which is all that is asked of it. */
function tagOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return `"${(hash >>> 0).toString(16)}-${text.length.toString(16)}"`;
}
