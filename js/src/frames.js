/** What is in a frame. */

/** The most that API Gateway takes in one frame, in bytes. A browser sends each message as one frame. */
export const FRAME = 32 * 1024;

/**
 * The text of a message, refused here where API Gateway would close the connection with 1009 or 1003.
 * @param {unknown} data
 * @returns {string}
 */
export const encode = (data) => {
  if (data instanceof Blob || data?.byteLength >= 0) throw TypeError("API Gateway takes text only");
  const text = typeof data === "string" ? data : JSON.stringify(data);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > FRAME) throw RangeError(`The message has ${bytes} bytes, API Gateway takes ${FRAME}`);
  return text;
};

/**
 * @param {string} text
 * @returns {any} undefined where it is not JSON
 */
export const decode = (text) => {
  try {
    return JSON.parse(text);
  } catch {}
};

/** API Gateway's own error frames, as in `{"message": "Forbidden", "connectionId": "…", "requestId": "…"}`. */
export const isGatewayError = (message) =>
  message?.connectionId && message.requestId && message.message && Object.keys(message).length === 3;
