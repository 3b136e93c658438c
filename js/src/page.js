/**
 * For pages with the template tag `gateway_socket`: `gatewaySocket()` opens the socket of the page's settings, and joins
 * the channels of the page's live parts. A global function, because an import in the page's own script would not follow
 * the hashed name of this file.
 */

import { GatewaySocket } from "./index.js";
import { live } from "./live.js";
import { settings } from "./settings.js";

/**
 * @param {import("../types/index.js").Options} [own] options beside those of the tag
 * @param {string} [id] of the tag, where a page has several
 */
globalThis.gatewaySocket = (own, id) => {
  const { options, source } = settings(id);
  return live(new GatewaySocket(source(), { ...options, ...own }));
};
