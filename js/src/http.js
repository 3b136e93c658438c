/** What the site says over HTTP about opening a socket. */

/**
 * The answer of the site as an error with what a socket needs to know.
 * @param {Response} response
 * @returns {Promise<Error & {status: number, retryAfter: number, window?: number}>}
 */
export const verdict = async (response) => {
  const { message, window } = await response.json().catch(() => ({}));
  const after = response.headers.get("Retry-After");
  // The header holds seconds or a date.
  const seconds = +after || (Date.parse(after) - Date.now()) / 1000 || 0;
  return Object.assign(Error(message), { status: response.status, retryAfter: Math.max(0, seconds), window });
};

/**
 * @param {string} url
 * @param {string | URLSearchParams} parameters as in `a=1&b=2`
 */
export const withQuery = (url, parameters) => url + (url.includes("?") ? "&" : "?") + parameters;

/**
 * Ask the endpoint beside the view why a handshake failed: a browser does not see its status.
 * @param {string} check the endpoint
 * @param {string} url the socket's URL, whose parameters decide. A token in it has been used, so it stays away.
 */
export const askWhy = async (check, url) => {
  const query = new URLSearchParams(url.split("?")[1]);
  query.delete("ws_token");
  return verdict(await fetch(withQuery(check, query)));
};

/**
 * A URL for GatewaySocket that fetches a fresh connect token for each handshake.
 * @param {string} url of the socket
 * @param {{endpoint?: string, csrfToken?: string | (() => string)}} [options]
 */
export const tokenUrl =
  (url, { endpoint = "/ws-token/", csrfToken } = {}) =>
  async () => {
    const csrf = csrfToken?.call?.() ?? csrfToken ?? document.cookie.match(/csrftoken=(\w+)/)?.[1];
    const response = await fetch(endpoint, { method: "POST", headers: { "X-CSRFToken": csrf } });
    if (!response.ok) throw await verdict(response);
    const { token, window } = await response.json();
    return { url: withQuery(url, "ws_token=" + encodeURIComponent(token)), window };
  };
