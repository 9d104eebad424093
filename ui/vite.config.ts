import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// Relative URLs: the UI also works behind a path prefix. No inlined assets: the CSP allows no data: URLs.
export default defineConfig({
  base: "./",
  plugins: [svelte()],
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // What several pages share comes in one file: over loopback a request costs more than its bytes.
        codeSplitting: {
          groups: [
            { name: "shared", test: /\/ui\/src\/(?!.*markdown)|\/svelte\//i, minShareCount: 2 },
          ],
        },
      },
    },
  },
  test: { environment: "node", include: ["tests/**/*.test.ts"] },
});
