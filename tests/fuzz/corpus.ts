/** The files of `corpus/`: what programs and people wrote, as it is. */

/** The files of one folder, by name. */
export function corpusOf(folder: string): Uint8Array[] {
  const url = new URL(`./corpus/${folder}/`, import.meta.url);
  const names = [...Deno.readDirSync(url)].filter(({ isFile }) => isFile).map(({ name }) => name).sort();
  return names.map((name) => Deno.readFileSync(new URL(name, url)));
}

/** Files of the repository by their paths. */
export function filesOf(...paths: readonly string[]): Uint8Array[] {
  return paths.map((path) => Deno.readFileSync(new URL(`../../${path}`, import.meta.url)));
}
