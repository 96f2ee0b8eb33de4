import { defineConfig } from "vite";

// Where the portal serves them: portal/built.py, which finds the entries by the manifest.
export default defineConfig({
  base: "/static/built/",
  build: {
    outDir: "built",
    assetsDir: "",
    manifest: "manifest.json",
    rollupOptions: {
      input: ["src/graphiql/main.js", "src/strength.js"],
      preserveEntrySignatures: "exports-only",
    },
    chunkSizeWarningLimit: 8000,
  },
});
