/**
 * For htmx 2 and its extension `ws`: `ws-connect` opens a GatewaySocket. The extension reconnects after some close
 * codes by itself, and not after 1001; here the socket does it, and the extension keeps the socket it has.
 */

import { open } from "./htmx.js";

globalThis.htmx.createWebSocket = (url) => open(url);
