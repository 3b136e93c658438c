/**
 * One connection for all tabs: the tab that holds a Web Lock has it, the others speak through it by BroadcastChannel.
 * When that tab goes the browser gives the lock to the next.
 */

import { decode } from "./frames.js";
import { wakeups } from "./wakeups.js";

/**
 * @param {string} name what is shared
 * @param {(on: object) => any} open makes a connection
 * @param {{state: Function, open: Function, frame: Function, close: Function}} on
 */
export const sharedConnection = (name, open, on) => {
  const key = "gateway-socket:" + name;
  const id = Math.random();
  /** The channels of each other tab. A tab that crashed is forgotten with the next connection. */
  const others = new Map();
  let mine = [];
  let state, details, post, link, leads, retire, deafen;

  const tell = (message) => post?.(message);
  const become = (next, more) => {
    if (next === state && !more) return;
    const was = state;
    state = next;
    details = more;
    if (was === "open" && next !== "open" && next !== "closed") {
      on.close({ code: 1006, reason: "", wasClean: false, again: true });
    }
    on.state(next, more);
    if (next === "open" && was !== "open") on.open();
  };
  const report = () => tell({ state, details });

  const lead = () => {
    const turn = (leads = {});
    // What a connection says at its end is not for a tab that goes on without it.
    const own = (listener) => (...said) => leads === turn && listener(...said);
    link = open({
      state: own((next, more) => {
        tell({ state: next, details: more });
        become(next, more);
      }),
      open: () => {},
      close: own((event) => event.again || on.close(event)),
      frame: own((text, message) => {
        tell({ frame: text });
        on.frame(text, message);
      }),
    });
  };

  const hear = ({ data: { from, state: next, details: more, frame, send, has, ask, wake } }) => {
    if (has) others.set(from, has);
    if (link) {
      if (send) link.transmit_(send);
      if (ask) report();
      if (wake) link.reconnect();
    } else if (next && (next !== state || next === "waiting")) {
      become(next, more);
      if (next === "closed" || next === "refused") on.close({ code: 1006, reason: "", wasClean: false, again: false });
    } else if (frame) on.frame(frame, decode(frame));
    if (ask) tell({ has: mine });
  };

  const enlist = () => {
    if (retire) return;
    const channel = new BroadcastChannel(key);
    const patience = new AbortController();
    let release;
    deafen ??= wakeups(enlist, () => {}, sleep);
    post = (message) => channel.postMessage({ from: id, ...message });
    channel.onmessage = hear;
    navigator.locks
      .request(key, { signal: patience.signal }, () => {
        lead();
        return new Promise((resolve) => (release = resolve));
      })
      .catch(() => {});
    retire = () => {
      tell({ has: [] });
      const old = link;
      link = leads = retire = post = null;
      channel.close();
      patience.abort();
      old?.close();
      release?.();
    };
    become("connecting");
    tell({ ask: true, has: mine });
  };
  const sleep = () => {
    retire?.();
    become("waiting");
  };

  enlist();
  return {
    transmit_: (text) => {
      if (link) return link.transmit_(text);
      if (state === "open") tell({ send: text });
      return state === "open";
    },
    reconnect: () => {
      enlist();
      link ? link.reconnect() : tell({ wake: true });
    },
    close: (code, reason) => {
      if (!retire) return;
      deafen();
      deafen = null;
      retire();
      become("closed", { reason: { status: code, message: reason } });
      on.close({ code: code ?? 1005, reason, wasClean: true, again: false });
    },
    has: (names) => tell({ has: (mine = names) }),
    elsewhere_: (channel) => [...others.values()].some((names) => names.includes(channel)),
  };
};
