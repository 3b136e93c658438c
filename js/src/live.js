/**
 * Parts of a page that the template tag `live` writes, and that show the messages of a channel. The page joins the
 * channel from the position of the part. After a gap, it fetches the part again, and joins from the new position.
 */

import { isFinal } from "./policy.js";

/** The most seconds between two attempts to fetch a part. */
const LONGEST = 60;

const find = (page, name) => [...page.querySelectorAll("[data-live]")].find(({ dataset }) => dataset.live === name);

/** @param {any} socket a GatewaySocket with channels */
export const live = (socket) => {
  /** The seconds that each channel waits before its part is fetched again, until a join succeeds. */
  const pauses = new Map();
  const join = ({ dataset: { live, at } }) =>
    socket.join(live, { at }).then(
      () => pauses.delete(live),
      () => {},
    );

  /** Fetch the part at once, and later ones after a pause: the new position may be a gap again. */
  const plan = (name) => {
    const pause = pauses.get(name) ?? 0;
    pauses.set(name, Math.min(pause * 2 || 1, LONGEST));
    // The pages of many users do not ask at the same moment.
    setTimeout(renew, pause * (500 + Math.random() * 500), name);
  };

  const renew = async (name) => {
    const old = find(document, name);
    if (!old) return;
    try {
      // A copy from the browser's cache would have the position that was the gap.
      const response = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
      // The user may no longer see this page.
      if (isFinal(response.status)) return;
      if (!response.ok) return plan(name);
      const part = find(new DOMParser().parseFromString(await response.text(), "text/html"), name);
      // The site returned another page, such as a login form.
      if (!part) return;
      old.replaceWith(part);
      join(part);
      socket.emit_("live", { channel: name, element: part });
    } catch {
      plan(name);
    }
  };

  socket.addEventListener("gap", ({ channel }) => plan(channel));
  document.querySelectorAll("[data-live]").forEach(join);
  return socket;
};
