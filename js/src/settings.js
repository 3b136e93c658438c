/** The settings that the template tag `gateway_socket` has written into the page, as JSON. */

import { tokenUrl } from "./http.js";

/**
 * @param {string} [id] of the element
 * @returns {{options: object, source: (url?: string) => string | (() => any)}} `source` gives what GatewaySocket takes
 *   for the URL of the page's settings, or for another one: with a fresh connect token where the settings ask for it
 */
export const settings = (id = "gateway-socket") => {
  const { url, token, ...options } = JSON.parse(document.getElementById(id)?.textContent ?? "{}");
  return { options, source: (own = url) => (token ? tokenUrl(own, token) : own) };
};
