/** The events of a page after which a socket may be gone, or can come back. */

const EVENTS = ["online", "offline", "visibilitychange", "pageshow", "resume", "pagehide", "freeze"];

/**
 * @param {() => void} wake the page is looked at or online again
 * @param {() => void} doubt the network may be gone
 * @param {() => void} sleep the page goes, or freezes: a socket left open would be billed, and its messages lost
 * @returns {() => void} stops listening
 */
export const wakeups = (wake, doubt, sleep) => {
  const react = ({ type }) => {
    if (type === "pagehide" || type === "freeze") sleep();
    else if (type === "offline") doubt();
    else if (type !== "visibilitychange" || !document.hidden) wake();
  };
  // In the capture phase: `freeze` and `resume` do not bubble from the document.
  const each = (method) => EVENTS.forEach((type) => globalThis[method]?.(type, react, { capture: true }));
  each("addEventListener");
  return () => each("removeEventListener");
};
