/** One connection that comes back: opens, waits, hears why it was closed, and stops where trying again is wrong. */

import { decode } from "./frames.js";
import { askWhy, withQuery } from "./http.js";
import { GOING_AWAY, GOOD, comesBack, delay, isFinal } from "./policy.js";
import { wakeups } from "./wakeups.js";

/** Milliseconds without an answer after which a handshake has failed: $connect may take 29 s. */
const HANDSHAKE = 35_000;
/** The same for a beat, sent because nothing else was, and for one that asks whether the network is there. */
const BEAT = 30_000;
const DOUBT = 8_000;
/** Milliseconds of silence after which a page that is looked at again asks. */
const QUIET = 60_000;

/**
 * @param {string | (() => any)} source the URL
 * @param {import("../types/core.js").Options} options
 * @param {{state: Function, open: Function, frame: Function, close: Function}} on
 * @param {(tools: object) => void} [opened] is given what it takes to change the socket under way
 */
export const connection = (source, options, on, opened) => {
  const { check, beat = 480, action = "action" } = options;
  let spread = options.window ?? 0.5;
  let attempts = 0;
  let notBefore = 0;
  let openedAt = 0;
  let heardAt = 0;
  /** The attempt under way: an answer to an earlier one comes too late. */
  let turn;
  /** @type {WebSocket | undefined} */
  let socket;
  let state, bye, url, deafen, retryTimer, beatTimer, answerTimer;

  const set = (name, details) => on.state((state = name), details);
  const widen = (seconds) => (spread = seconds > 0 ? seconds : spread);
  const expire = (milliseconds) => {
    clearTimeout(answerTimer);
    answerTimer = setTimeout(() => lose({ code: 1006, reason: "No answer" }), milliseconds);
  };
  const heard = () => {
    clearTimeout(answerTimer);
    heardAt = Date.now();
  };

  /**
   * Let go of the socket; what it says later is not heard.
   * @returns {number} the milliseconds for which it was open, at least 1; 0 where it was not
   */
  const release = (code, reason) => {
    [retryTimer, beatTimer, answerTimer].forEach(clearTimeout);
    turn = null;
    const old = socket;
    socket = null;
    old?.close(code, reason);
    const uptime = openedAt && Date.now() - openedAt + 1;
    openedAt = 0;
    return uptime;
  };

  const wait = (seconds, reason) => {
    retryTimer = setTimeout(connect, seconds * 1000);
    set("waiting", { nextAttempt: Date.now() + seconds * 1000, reason });
  };

  const stop = (name, reason, close) => {
    deafen();
    deafen = null;
    set(name, { reason });
    on.close({ wasClean: false, again: false, ...close });
  };

  /** An attempt came to nothing: the site said why, or nobody knows. */
  const fail = ({ name, status, message, retryAfter = 0, window }) => {
    const reason = { status, message };
    // A URL that is none, or ws: from a page of https.
    if (isFinal(status) || name === "SyntaxError" || name === "SecurityError") {
      return stop("refused", reason, { code: 1006, reason: message });
    }
    widen(window);
    notBefore = Date.now() + retryAfter * 1000;
    wait(retryAfter + delay(attempts++, spread), reason);
  };

  /** The socket is gone without our doing. */
  const lose = async ({ code, reason, wasClean }) => {
    const uptime = release();
    if (code === GOING_AWAY || uptime >= GOOD) attempts = 0;
    const { again = comesBack(code), bye: why } = bye ?? {};
    bye = null;
    if (again === false) {
      stop("closed", { status: code, message: why ?? reason }, { code, reason, wasClean });
    } else if (uptime || !check) {
      wait(again > 1 ? Math.random() * again : delay(attempts++, spread));
      if (uptime) on.close({ code, reason, wasClean, again: true });
    } else {
      const mine = (turn = {});
      const refusal = await askWhy(check, url).catch(() => ({}));
      if (turn === mine) fail(refusal);
    }
  };

  const receive = ({ data }) => {
    heard();
    const message = decode(data);
    const ws = message?._ws;
    widen(ws?.window);
    if (ws?.bye) {
      bye = ws;
      return lose({ code: 1000, reason: ws.bye, wasClean: true });
    }
    on.frame(data, message);
  };

  const transmit = (text) => {
    if (!openedAt || socket.readyState > 1) return false;
    socket.send(text);
    rest();
    return true;
  };
  const rest = () => {
    clearTimeout(beatTimer);
    if (beat) beatTimer = setTimeout(pulse, beat * 1000, BEAT);
  };
  const pulse = (milliseconds) => {
    expire(milliseconds);
    transmit(JSON.stringify({ [action]: "_ws", _ws: { beat: true } }));
  };

  const target = async () => {
    const answer = await (source.call ? source() : source);
    widen(answer.window);
    // The version of the protocol: the site then says goodbye.
    return (url = withQuery(answer.url ?? answer, "ws_v=1"));
  };

  const connect = async () => {
    release();
    deafen ??= wakeups(reconnect, doubt, sleep);
    const mine = (turn = {});
    const own = (listener) => (event) => turn === mine && listener(event);
    /** From now on `next` is the socket. */
    const adopt = (next) => {
      socket = next;
      next.onmessage = own(receive);
      next.onclose = own(lose);
      openedAt = Date.now();
      rest();
    };
    set("connecting");
    try {
      const address = await target();
      if (turn !== mine) return;
      socket = new WebSocket(address, options.protocols);
    } catch (error) {
      return turn === mine && fail(error);
    }
    socket.onopen = own(() => {
      heard();
      adopt(socket);
      opened?.({ own, target, receive, lose, adopt, pulse, old: () => socket });
      set("open");
      on.open();
    });
    socket.onclose = own(lose);
    expire(HANDSHAKE);
  };

  const doubt = () => openedAt && pulse(DOUBT);
  const sleep = () => {
    if (release()) on.close({ code: 1001, reason: "The page sleeps", wasClean: true, again: true });
    set("waiting");
  };
  /** Try now instead of later, or make sure that the connection is there. */
  const reconnect = () => {
    if (openedAt) return Date.now() - heardAt > QUIET && doubt();
    if (state !== "connecting" && Date.now() >= notBefore) connect();
  };

  connect();
  return {
    transmit_: transmit,
    reconnect,
    close: (code, reason) => {
      if (!deafen) return;
      release(code, reason);
      stop("closed", { status: code, message: reason }, { code: code ?? 1005, reason, wasClean: true });
    },
  };
};
