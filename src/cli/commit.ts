/** The commit a program was made of; `deno task compile` writes it here in its copy of the sources. */
export const COMMIT: string = "";
