/**
 * For htmx 2 and its extension `ws`: `ws-connect` opens a GatewaySocket. The extension reconnects after some close
 * codes by itself, and not after 1001; here the socket does it, and the extension keeps the socket it has.
 */

import { GatewaySocket } from "./core.js";
import { unseenDrops } from "./htmx.js";

const { htmx } = globalThis;
htmx.createWebSocket = (url) => unseenDrops(new GatewaySocket(url, htmx.config.gatewaySocket));
