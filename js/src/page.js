/**
 * For pages with the template tag `gateway_socket`: `gatewaySocket()` opens a socket with the settings of the page, and
 * joins the channels of the page's live parts. It is a global function, because the page's own script could not import
 * a file whose name contains a hash.
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
