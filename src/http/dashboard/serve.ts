/**
 * Serves a dashboard: a few files, nothing from elsewhere, nothing inline. The files are imported as text, so that the
 * executables carry them and need no permission to read them.
 */

import type { HttpApp } from "../health.ts";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import COMMON_STYLE from "./assets/common.css" with { type: "text" };
import COMMON_SCRIPT from "./assets/common.js" with { type: "text" };

const COMMON = { "/assets/common.css": COMMON_STYLE, "/assets/common.js": COMMON_SCRIPT };

/** Only the page's own files run, and no other page may frame it. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  connectSrc: ["'self'"],
  imgSrc: ["data:"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** Adds the files to an app, by the names under which they are served. */
export function serveDashboard(app: HttpApp, files: Readonly<Record<string, string>>): void {
  // No HSTS: the programs speak plain HTTP, and the header would pin the host for other services behind a TLS proxy.
  const secure = secureHeaders({ contentSecurityPolicy: CONTENT_SECURITY_POLICY, strictTransportSecurity: false });
  for (const [name, source] of Object.entries({ ...COMMON, ...files })) {
    // Sources import each other by their places in the repository; they are served from one folder.
    const text = source.replaceAll(/from "[^"]*\/(\w+\.js)"/g, 'from "./$1"');
    const type = TYPES[name === "/" ? "html" : name.slice(name.lastIndexOf(".") + 1)] ?? "text/plain";
    app.get(name, secure, etag(), (context) => context.body(text, 200, { "Content-Type": type }));
  }
}
