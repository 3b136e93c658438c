/** What htmx 2 and 4 have in common: their extensions would reconnect beside a socket that reconnects. */

import { GatewaySocket } from "./core.js";
import { settings } from "./settings.js";

/**
 * Keep from the extension the drops that the socket mends, and the close codes after which it would open another one.
 * The page's root element says in `data-socket` what the state is, for a style sheet to show.
 * @param {import("./core.js").GatewaySocket} socket
 */
const unseenDrops = (socket) => {
  socket.addEventListener("close", (event) => {
    event.code = 1000;
    if (!event.again) return;
    event.stopImmediatePropagation();
    event.preventDefault();
  });
  const show = () => (document.documentElement.dataset.socket = socket.state);
  socket.addEventListener("state", show);
  show();
  return socket;
};

/**
 * The socket of an element: with the options of the template tag, and those of htmx's configuration.
 * @param {string} url
 * @param {object} [own]
 */
export const open = (url, own) => {
  const { options, source } = settings();
  return unseenDrops(new GatewaySocket(source(url), { ...options, ...globalThis.htmx.config.gatewaySocket, ...own }));
};
