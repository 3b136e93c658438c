/** What htmx 2 and 4 have in common: their extensions would reconnect beside a socket that reconnects. */

/**
 * Keep from the extension the drops that the socket mends, and the close codes after which it would open another one.
 * The page's root element says in `data-socket` what the state is, for a style sheet to show.
 * @param {import("./core.js").GatewaySocket} socket
 */
export const unseenDrops = (socket) => {
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
