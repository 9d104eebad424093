import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

export default ts.config(
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser } } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: {
      parserOptions: {
        parser: ts.parser,
        extraFileExtensions: [".svelte"],
        projectService: false,
      },
    },
  },
  {
    rules: {
      // Links are made by `href()`, which knows the path prefix; SvelteKit's resolve() is not here.
      "svelte/no-navigation-without-resolve": "off",
      // Output of scripts must stay text.
      "svelte/no-at-html-tags": "error",
    },
  },
  { ignores: ["dist/"] },
);
