/**
 * Pages with GatewaySocket, each with its own connection: node storm_pages.mjs URL PAGES CHANNELS EACH
 * Writes what their applications see to stdout, one JSON object per line.
 */

import { GatewaySocket } from "../../js/src/index.js";

const [url, ...numbers] = process.argv.slice(2);
const [pages, channels, each] = numbers.map(Number);
const say = (page, event) => process.stdout.write(JSON.stringify({ page, ...event }) + "\n");
globalThis.document ??= { hidden: false };

for (let page = 0; page < pages; page++) {
  const socket = new GatewaySocket(url, { beat: 5, window: 1 });
  const names = Array.from({ length: each }, (_, index) => `room-${(page * each + index) % channels}`);
  socket.addEventListener("message", ({ message, channel, at, missed }) => {
    say(page, { channel, at, n: message.n, missed });
  });
  // A real application loads its state and the matching position here.
  socket.addEventListener("gap", ({ channel, at }) => {
    say(page, { channel, gap: at });
    socket.join(channel, { at });
  });
  socket.addEventListener("left", ({ channel, status }) => say(page, { channel, left: status }));
  socket.addEventListener("close", ({ code, again }) => say(page, { close: code, again }));
  socket.addEventListener("state", ({ state, reason }) => {
    if (socket.readyState > 1) say(page, { state, reason });
  });
  for (const name of names) socket.join(name).then((at) => say(page, { channel: name, joined: at }));
}
