// deno-lint-ignore-file no-console -- a command line speaks on the console
/**
 * Puts the files of the dashboards into modules, so that the executables carry them and need no permission to read
 * them.
 *
 * usage: deno run -A scripts/embed.ts      after a change of a dashboard; a test says when it was forgotten
 */

const ROOT = new URL("../", import.meta.url).pathname;

/** Modules, and the files in each by the name under which they are served. */
export const EMBEDDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "src/http/dashboard/common.ts": {
    "/assets/common.css": "src/http/dashboard/assets/common.css",
    "/assets/common.js": "src/http/dashboard/assets/common.js",
  },
  "node/dashboard/files.ts": { "/": "node/dashboard/index.html", "/assets/page.js": "node/dashboard/page.js" },
  "relay/dashboard/files.ts": { "/": "relay/dashboard/index.html", "/assets/page.js": "relay/dashboard/page.js" },
};

/** The text of a module. */
export async function embed(files: Readonly<Record<string, string>>): Promise<string> {
  const lines = ["/** Made by scripts/embed.ts out of the files beside it. */", ""];
  lines.push("// deno-fmt-ignore-file", "export const FILES: Readonly<Record<string, string>> = {");
  for (const [name, file] of Object.entries(files)) {
    // All scripts are served from one place.
    const text = (await Deno.readTextFile(`${ROOT}${file}`)).replace(/from "[^"]*\/(\w+\.js)"/, 'from "./$1"');
    lines.push(`  ${JSON.stringify(name)}: ${JSON.stringify(text)},`);
  }
  return `${lines.join("\n")}\n};\n`;
}

if (import.meta.main) {
  for (const [module, files] of Object.entries(EMBEDDED)) {
    await Deno.writeTextFile(`${ROOT}${module}`, await embed(files));
    console.log(module);
  }
}
