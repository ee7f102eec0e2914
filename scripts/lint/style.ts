/**
 * Lint plugin: the words of comments and messages, the length of lines, the names of files, and the walls between
 * folders.
 *
 * All of it is what a formatter and a type checker do not see. A file with `deno-fmt-ignore-file` is data, not prose:
 * its lines may be long.
 */

/** What files in some places may not import. A place is a folder with all below it, `FOLDER/*.ts`, or one file. */
export interface Wall {
  readonly from: readonly string[];
  readonly mayNotImport: readonly string[];
  /** Exceptions from `mayNotImport`. */
  readonly but?: readonly string[];
  readonly why: string;
}

/** The walls between folders. */
export const WALLS: readonly Wall[] = [
  {
    from: ["src/lease/agreement"],
    mayNotImport: ["src", "scripts", "tests"],
    but: ["src/lease/agreement", "src/net/ipv4.ts", "src/bytes", "src/assert.ts"],
    why: "the commit rule is proved on its own: it imports nothing above it",
  },
  {
    from: ["src/lease/table"],
    mayNotImport: ["src/cluster", "src/dhcp/server"],
    why: "the lease table does not know its callers",
  },
  {
    from: ["src/dhcp/*.ts", "src/dhcp/options"],
    mayNotImport: ["src/dhcp/server"],
    why: "the codec does not know what the server does with a message",
  },
  {
    from: ["src/dhcp"],
    mayNotImport: ["src/cluster"],
    why: "DHCP asks the cluster through an interface of its own",
  },
  {
    from: ["src/cluster/replication", "src/cluster/sync", "src/cluster/membership"],
    mayNotImport: ["src/cluster/leadership"],
    why: "safety must hold under any leader, or none: leadership may be wrong without harm",
  },
  {
    from: ["src"],
    mayNotImport: ["node", "relay"],
    why: "what both programs share does not know either",
  },
  { from: ["node"], mayNotImport: ["relay"], why: "the node and the relay meet on the wire only" },
  { from: ["relay"], mayNotImport: ["node"], why: "the node and the relay meet on the wire only" },
];

const ROOT = new URL("../../", import.meta.url).pathname;
const COLUMNS_MAX = 120;
const FILE_NAME = /^[a-z0-9_]+(?:\.d)?\.[jt]s$/;

/** Riddles instead of the field's words; a subject is named. */
const BANNED_WORDS = /\b(?:somebody|nobody|whoever|everybody|lets time pass)\b/gi;
/** "is there" for alive: after a noun that can be alive. */
const IS_THERE =
  /\b(?:who|nodes?|members?|leaders?|majority|quorum|cluster|relays?|clients?|voters?|peers?) (?:is|are) there\b/gi;

/** The part of a path below the repository's folder. */
function inRepository(filename: string): string {
  const path = filename.replaceAll("\\", "/");
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
}

function isIn(path: string, place: string): boolean {
  if (place.endsWith("/*.ts")) {
    const folder = place.slice(0, -"*.ts".length);
    return path.startsWith(folder) && !path.slice(folder.length).includes("/");
  }
  return path === place || path.startsWith(`${place}/`);
}

/** The wall that an import would break; undefined when it may. Both paths begin at the repository's folder. */
export function brokenWall(from: string, to: string): Wall | undefined {
  return WALLS.find((wall) =>
    wall.from.some((place) => isIn(from, place)) &&
    wall.mayNotImport.some((place) => isIn(to, place)) &&
    !wall.but?.some((place) => isIn(to, place))
  );
}

/** A URL, a regular expression or data cannot be broken into lines. */
function isUnbreakable(line: string): boolean {
  return !line.replace(/^\s*(?:\/\/|\/?\*+)?\s*/, "").trimEnd().includes(" ");
}

const bannedWords: Deno.lint.Rule = {
  create(context) {
    const check = (text: string, start: number) => {
      for (const pattern of [BANNED_WORDS, IS_THERE]) {
        for (const { 0: found, index } of text.matchAll(pattern)) {
          context.report({
            range: [start + index, start + index + found.length],
            message: `"${found}" is a riddle: name the subject and its state`,
          });
        }
      }
    };
    // A range counts from the start of the file, the quote or the comment's marker included.
    const checkSource = ([start, end]: Deno.lint.Range) => check(context.sourceCode.text.slice(start, end), start);
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) checkSource(comment.range);
      },
      Literal(node) {
        if (typeof node.value === "string") checkSource(node.range);
      },
      TemplateElement(node) {
        checkSource(node.range);
      },
    };
  },
};

const lineLength: Deno.lint.Rule = {
  create(context) {
    return {
      Program() {
        const { text } = context.sourceCode;
        if (/^\/\/ deno-fmt-ignore-file/m.test(text)) return;
        let start = 0;
        for (const line of text.split("\n")) {
          const columns = line.length <= COLUMNS_MAX ? line.length : [...line].length;
          if (columns > COLUMNS_MAX && !isUnbreakable(line)) {
            context.report({
              range: [start, start + line.length],
              message: `The line has ${columns} columns: at most ${COLUMNS_MAX}`,
            });
          }
          start += line.length + 1;
        }
      },
    };
  },
};

const fileName: Deno.lint.Rule = {
  create(context) {
    return {
      Program(node) {
        const name = context.filename.replaceAll("\\", "/").split("/").at(-1) ?? "";
        if (FILE_NAME.test(name)) return;
        context.report({ node, message: `"${name}" is not snake_case, such as lease_table_test.ts` });
      },
    };
  },
};

const walls: Deno.lint.Rule = {
  create(context) {
    const from = inRepository(context.filename);
    const check = (source: Deno.lint.Node | null | undefined) => {
      if (source?.type !== "Literal" || typeof source.value !== "string" || !source.value.startsWith(".")) return;
      const to = new URL(source.value, `file:///${from}`).pathname.slice(1);
      const wall = brokenWall(from, to);
      if (wall !== undefined) context.report({ node: source, message: `${from} may not import ${to}: ${wall.why}` });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: ({ argument }) => check(argument.type === "TSLiteralType" ? argument.literal : argument),
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "style",
  rules: { "banned-words": bannedWords, "line-length": lineLength, "file-name": fileName, walls },
};

export default plugin;
