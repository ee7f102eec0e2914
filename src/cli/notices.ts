/** Licence notices of a compiled program; `deno task compile` writes them into its copy of the sources. */
export const NOTICES: string = "";
