/**
 * For htmx 4 and its extension `hx-ws`: `hx-ws:connect` opens a GatewaySocket. The extension says before it makes a
 * WebSocket that it will, and makes it in the same turn.
 */

import { open } from "./htmx.js";

document.addEventListener("htmx:ws:before:connection", ({ detail: { connection } }) => {
  // The socket closes by itself when the page freezes; a hidden page goes on hearing.
  connection.config.pauseOnBackground = false;
  const native = globalThis.WebSocket;
  globalThis.WebSocket = class {
    static OPEN = 1;
    constructor(url, protocols) {
      globalThis.WebSocket = native;
      return open(url, { protocols });
    }
  };
  // Where nothing is made after all.
  queueMicrotask(() => (globalThis.WebSocket = native));
});
