/**
 * A new connection in the place of one that API Gateway will close at the age of 2 hours. The memberships move in one
 * step, and until the old connection has said all that was under way both are heard: nothing is lost or doubled.
 */

import { decode } from "./frames.js";
import { withQuery } from "./http.js";

/** Seconds: ten minutes before the end, give or take five. */
const AGE = 6600;
/** Milliseconds: a handshake and a handler may each take 29 s. */
const PATIENCE = 35_000;

/**
 * @param {import("../types/index.js").Options} options
 * @param {() => void} repeat asks again what the old connection did not answer
 * @param {() => string} newId
 */
export const handOver = ({ handover = AGE, action = "action", protocols }, repeat, newId) => {
  let timer, tools, isDue;

  const start = () => {
    isDue = false;
    clearTimeout(timer);
    // Five minutes of the default.
    const jitter = (Math.random() * 2 - 1) / 22;
    if (handover) timer = setTimeout(ask, handover * (1 + jitter) * 1000);
  };
  /** Each answer to a beat brings a token. */
  const ask = () => {
    isDue = true;
    tools.pulse(PATIENCE);
  };

  const move = async (token) => {
    const { own, target, receive, lose, adopt, old } = tools;
    // Until it has moved the new connection gets nothing: what is for both would come twice.
    const next = new WebSocket(withQuery(await target(), "ws_wait=1"), protocols);
    const id = newId();
    let asked;
    const giveUp = () => {
      clearTimeout(limit);
      next.onclose = null;
      next.close();
      // Without an answer nobody knows whether the memberships have moved.
      if (asked) own(lose)({ code: 1006, reason: "The hand-over failed" });
    };
    const limit = setTimeout(giveUp, PATIENCE);
    next.onclose = giveUp;
    next.onopen = () => {
      next.send(JSON.stringify({ [action]: "_ws", _ws: { id, move: token } }));
      asked = true;
    };
    next.onmessage = (event) => {
      const { reply, status } = decode(event.data)?._ws ?? {};
      // Pushes, and answers to requests on the old connection, may overtake the answer to the move.
      if (reply !== id) return own(receive)(event);
      clearTimeout(limit);
      if (status > 299) {
        // The server may have failed after the memberships had moved.
        asked = status > 499;
        return giveUp();
      }
      own(() => {
        const before = old();
        adopt(next);
        before.onclose = own(repeat);
        setTimeout(() => before.close(), PATIENCE);
        start();
        receive(event);
      })();
      if (next !== old()) next.close();
    };
  };

  return {
    opened: (given) => {
      tools = given;
      start();
    },
    /** @param {string | undefined} token as it came with the answer to a beat */
    token: (token) => {
      if (!token || !isDue) return;
      isDue = false;
      clearTimeout(timer);
      move(token).catch(() => {});
    },
  };
};
