/** Commit of a compiled program; `deno task compile` writes it into its copy of the sources. */
export const COMMIT: string = "";
