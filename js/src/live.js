/**
 * Parts of a page that show the messages of a channel, as the template tag `live` writes them: the page joins from the
 * part's position. After a gap, it fetches the part again and goes on from the position in it.
 */

import { isFinal } from "./policy.js";

/** Milliseconds until another attempt, where the site did not give the page. */
const AGAIN = 3_000;

const find = (page, name) => [...page.querySelectorAll("[data-live]")].find(({ dataset }) => dataset.live === name);

/** @param {any} socket a GatewaySocket with channels */
export const live = (socket) => {
  const join = ({ dataset: { live, at } }) => socket.join(live, { at });

  const renew = async (name) => {
    const old = find(document, name);
    if (!old) return;
    try {
      // A copy from the browser's cache would have the position that was the gap.
      const response = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
      // The user may no longer see this page.
      if (isFinal(response.status)) return;
      if (!response.ok) throw Error(response.statusText);
      const part = find(new DOMParser().parseFromString(await response.text(), "text/html"), name);
      // The page has another content now, such as a login.
      if (!part) return;
      old.replaceWith(part);
      join(part);
      socket.emit_("live", { channel: name, element: part });
    } catch {
      setTimeout(renew, AGAIN, name);
    }
  };

  socket.addEventListener("gap", ({ channel }) => renew(channel));
  document.querySelectorAll("[data-live]").forEach(join);
  return socket;
};
