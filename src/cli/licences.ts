/** The command that prints the licence notices of what a program contains. */

import { EXIT } from "./arguments.ts";
import type { CommandSpec } from "./commands.ts";
import { NOTICES } from "./notices.ts";

const FROM_SOURCE = "This program runs from source: its packages and their licences are listed by " +
  "`deno task dependencies`, in the folder of the source";

export const LICENCES: CommandSpec = {
  name: "licences",
  summary: "Print the licences of the program and of what is compiled into it",
  examples: ["licences | less"],
  run: ({ print }) => {
    print(NOTICES === "" ? FROM_SOURCE : NOTICES.trimEnd());
    return EXIT.ok;
  },
};
