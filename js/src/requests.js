/** Requests that wait for their answer. Each has an id, under which the server runs it once, however often it comes. */

import { encode } from "./frames.js";

/** The server refused a request or failed, or no answer came in time (then `status` is 0). */
export class RequestError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {any} [body]
   */
  constructor(message, status, body) {
    super(message);
    this.name = "RequestError";
    this.status = status;
    this.body = body;
  }
}

/** @param {(text: string) => boolean} transmit sends, or returns false while there is no connection */
export const requests = (transmit) => {
  /** @type {Map<string, {text: string, settle: (error?: Error, answer?: any) => void}>} */
  const waiting = new Map();
  // Who knows an id gets its answer, so ids must not be guessed.
  const prefix = [...crypto.getRandomValues(new Uint32Array(3))].map((part) => part.toString(36)).join("");
  let count = 0;
  const newId = () => `${prefix}-${++count}`;
  const again = (id) => waiting.has(id) && transmit(waiting.get(id).text);

  return {
    newId,

    /**
     * @param {object} message
     * @param {number} seconds
     */
    ask: (message, seconds) =>
      new Promise((resolve, reject) => {
        const id = newId();
        const text = encode({ ...message, _ws: { id } });
        const settle = (error, answer) => {
          clearTimeout(timer);
          waiting.delete(id);
          error ? reject(error) : resolve(answer);
        };
        const timer = setTimeout(() => settle(new RequestError("No answer in time", 0)), seconds * 1000);
        waiting.set(id, { text, settle });
        transmit(text);
      }),

    /** Take a reply: its part for us, and what the handler said. */
    settle: ({ reply, status }, answer) => {
      // 202: an earlier try is still running.
      if (status === 202) return setTimeout(again, 1000, reply);
      const error = status > 399 && new RequestError(answer.message ?? `Status ${status}`, status, answer);
      waiting.get(reply)?.settle(error, answer);
    },

    /** After a reconnect: nobody knows what became of the first try. */
    repeat: () => waiting.forEach((_, id) => again(id)),

    /** There will be no answer any more. */
    fail: (message) => waiting.forEach(({ settle }) => settle(new RequestError(message, 0))),
  };
};
