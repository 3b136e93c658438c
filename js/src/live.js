/**
 * Parts of a page that the template tag `live` writes, and that show the messages of a channel. The page joins the
 * channel from the position of the part. After a gap, it fetches the part again, and joins from the new position.
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
      // The site returned another page, such as a login form.
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
