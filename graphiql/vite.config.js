import { defineConfig } from "vite";

// Where the portal serves it: portal/explorer.py, which finds the entry by the manifest.
export default defineConfig({
  base: "/static/graphiql/",
  build: {
    outDir: "built",
    assetsDir: "",
    manifest: "manifest.json",
    rollupOptions: { input: "src/main.js" },
    chunkSizeWarningLimit: 8000,
  },
});
