import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Where `npm run dev` finds Foyer: `make run` starts it there.
const foyer = process.env.FOYER_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: { "@foyer/client": new URL("../client", import.meta.url).pathname },
    // Files in client/ find their libraries in node_modules of this folder.
    dedupe: ["@urql/core", "graphql-ws", "wonka"],
  },
  build: {
    target: ["chrome109", "edge109", "firefox115", "safari16.4"], // the oldest browsers in README.md
    assetsInlineLimit: 0, // no data: addresses, because the page's security policy refuses them
    modulePreload: { polyfill: false },
    manifest: true, // size.mjs reads it
    chunkSizeWarningLimit: 1_000, // size.mjs checks the limit
  },
  server: {
    host: "127.0.0.1",
    fs: { allow: ["..", "../client"] },
    proxy: {
      "/graphql": { target: foyer, ws: true },
      "^/(login|logout|callback|dev/|media/)": { target: foyer },
    },
  },
});
