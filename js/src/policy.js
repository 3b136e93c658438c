/** When to try again, and after what. Pure: the caller brings the numbers. */

/** Uptime in milliseconds after which a connection counts as good, and backing off begins anew. */
export const GOOD = 5_000;

/** The close code of API Gateway's own limits, 10 idle minutes and 2 hours: it says nothing bad about the server. */
export const GOING_AWAY = 1001;

/**
 * Whether a connection that ended with this code is worth another attempt. The others say that the page or the server
 * meant it: 1000 is DeleteConnection, 1003 and 1009 are frames that would be refused again.
 * @param {number} code
 */
export const comesBack = (code) => [GOING_AWAY, 1005, 1006, 1011, 1012, 1013, 1014].includes(code);

/**
 * Full jitter: a random moment within the window that the server gives, doubled for each failure up to 30 s beyond it.
 * @param {number} attempt 0 for the first one after a drop
 * @param {number} spread the server's window, in seconds
 * @returns {number} seconds
 */
export const delay = (attempt, spread) => Math.random() * Math.min(spread * 2 ** attempt, spread + 30);

/**
 * Whether this HTTP status means that the same attempt will be refused again.
 * @param {number | undefined} status
 */
export const isFinal = (status) => status > 399 && status < 404;
