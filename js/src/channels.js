/**
 * The channels that a page has joined. Those with a history number their messages: what comes early waits for what is
 * missing, and after a drop the page asks from its position.
 */

import { RequestError } from "./requests.js";

/** Milliseconds that a missing message has to arrive by itself: pushes overtake each other. */
const HOLE = 3_000;

/** Milliseconds until a join is sent again that was not answered: the server was busy, restarted, or failed. */
const LOST = 30_000;

/** The channels of one frame: the server takes 100, and API Gateway takes 32 KB. */
const AT_ONCE = 50;

/** A position is `EPOCH:OFFSET:TAG`; the rest of it is the server's own. */
const parts = (at) => at.split(":");
const offsetOf = (at) => +parts(at)[1];

/**
 * Whether a position is of another history: it has another epoch, or its message has the offset of the last one here, but
 * another tag. At offset 0, the page has seen no message, so any history fits.
 */
const differs = (at, channel) =>
  channel.offset_ &&
  (offsetOf(at) === channel.offset_ ? at !== channel.at : parts(at)[0] !== parts(channel.at)[0]);

/**
 * @param {(ws: object) => boolean} send what goes under the reserved key
 * @param {() => string} newId
 * @param {(type: string, details: object) => void} emit
 * @param {(text: string, message: any, details: object) => void} deliver
 * @param {{has?: (names: string[]) => void, elsewhere_?: (name: string) => boolean}} tabs
 */
export const channels = (send, newId, emit, deliver, tabs) => {
  /** @type {Map<string, any>} */
  const wanted = new Map();
  const asked = new Set();
  /** Channels that were refused with a gap. Their messages are ignored until they are joined again. */
  const stale = new Set();
  let joining = new Set();
  let leaving = new Set();

  const ask = (names, leave) => {
    const id = newId();
    const join = {};
    for (const name of names) {
      const channel = wanted.get(name);
      channel.asked_ = Date.now();
      channel.id = id;
      join[name] = channel.at;
    }
    if (!send({ id, join, leave })) return;
    asked.add(id);
    setTimeout(() => asked.delete(id) && names.forEach((name) => plan(joining, name)), LOST);
  };
  const flush = () => {
    const names = [...joining].filter((name) => wanted.has(name));
    const left = [...leaving];
    joining = new Set();
    leaving = new Set();
    while (names.length || left.length) ask(names.splice(0, AT_ONCE), left.splice(0, AT_ONCE));
  };
  /** Tell the other tabs. A tab leaves a channel only if no other tab has it. */
  const tell = () => tabs().has?.([...wanted.keys()]);
  const plan = (names, name) => {
    if (!joining.size && !leaving.size) queueMicrotask(flush);
    names.add(name);
    tell();
  };
  /** Something is missing: ask, unless it comes. */
  const miss = (name, channel) => {
    channel.timer_ ??= setTimeout(() => {
      channel.timer_ = plan(joining, name);
    }, HOLE);
  };

  /** Deliver what has become next in line. */
  const drain = (name, channel) => {
    const held = channel.held_;
    for (const [offset, one] of [...held].sort((one, other) => one[0] - other[0])) {
      if (offset > channel.offset_ + 1) break;
      held.delete(offset);
      if (offset > channel.offset_ && !differs(one[0], channel)) advance(name, channel, ...one);
    }
    if (held.size) miss(name, channel);
    else channel.timer_ = clearTimeout(channel.timer_);
  };
  const advance = (name, channel, at, text, message, missed = false) => {
    channel.at = at;
    channel.offset_ = offsetOf(at);
    if (text) deliver(text, message, { channel: name, at, missed });
  };

  const forget = (name) => {
    const channel = wanted.get(name);
    clearTimeout(channel?.timer_);
    wanted.delete(name);
    return channel;
  };
  /** Forget a channel that the connection is not in. Tell the application. */
  const lose = (name, status, at) => {
    const channel = forget(name);
    tell();
    emit(status === 409 ? "gap" : "left", { channel: name, status, at });
    return channel;
  };

  const answered = ({ reply, status, joined = {}, refused = {}, reasons = {}, gap = {}, lost = {} }) => {
    // A hand-over has left these channels. With a shared connection, each tab gets events only for its own channels.
    for (const [name, why] of Object.entries(lost)) {
      // The server may have handled a recent join after the move. The answer to another join tells, and settles join().
      if (Date.now() - wanted.get(name)?.asked_ < LOST) plan(joining, name);
      else if (wanted.has(name) || !tabs().elsewhere_?.(name)) lose(name, why);
    }
    if (status > 399 || !asked.delete(reply)) return;
    for (const [name, at] of Object.entries(joined)) {
      const channel = wanted.get(name);
      channel?.resolve(at);
      if (!channel || !at) continue;
      const first = !channel.at;
      channel.offset_ = offsetOf((channel.at ||= at));
      if (first) {
        // What was pushed before this answer came is not to be lost, unless it is of another history.
        for (const [offset, one] of [...channel.held_]) {
          if (differs(one[0], channel)) channel.held_.delete(offset);
        }
        channel.offset_ = Math.min(channel.offset_ + 1, ...channel.held_.keys()) - 1;
        drain(name, channel);
      }
      // The missed messages come in a separate frame, which can be lost.
      if (offsetOf(at) > channel.offset_) miss(name, channel);
    }
    for (const [name, status] of Object.entries(refused)) {
      // The page has left it meanwhile, or has joined it again: the answer to the last question decides.
      if (wanted.get(name)?.id !== reply) continue;
      if (status === 409) stale.add(name);
      const channel = lose(name, status, gap[name]);
      const error = new RequestError(`'${name}' cannot be joined: ${reasons[name] ?? status}`, status, gap[name]);
      // Most pages do not await the join, so the refusal would be silent.
      if (status !== 409) console.warn(error.message);
      channel.reject(error);
    }
  };

  return {
    join: (name, options = {}) => {
      const at = options?.at || null;
      // The server refuses every message with NUL or half of a surrogate pair.
      if (!name?.trim?.() || /[\0\ud800-\udfff]/u.test(name) || Object(options) !== options || (at && !at.split)) {
        throw TypeError("join(channel, {at: position})");
      }
      const channel = { at, offset_: at ? offsetOf(at) : NaN, held_: new Map() };
      const promise = new Promise((resolve, reject) => Object.assign(channel, { resolve, reject }));
      // Who does not wait for it hears of a refusal by an event.
      promise.catch(() => {});
      // An earlier join() of the channel gets the answer to this one.
      forget(name)?.resolve(promise);
      wanted.set(name, channel);
      stale.delete(name);
      plan(joining, name);
      return promise;
    },

    leave: (name) => {
      stale.delete(name);
      const channel = forget(name);
      if (!channel) return;
      channel.reject(new RequestError(`'${name}' was left`, 0));
      plan(tabs().elsewhere_?.(name) ? joining : leaving, name);
    },

    /** A new connection: one message joins all. */
    open: () => {
      asked.clear();
      joining = new Set(wanted.keys());
      flush();
    },

    /**
     * Take what concerns channels.
     * @returns {boolean | void} whether it is not for the page
     */
    take: (text, message) => {
      const ws = message._ws;
      const { channel: name, at, reply, missed, presence, since, more } = ws;
      // Many lost channels need further frames, without `reply`.
      if (reply || ws.lost) return answered(ws);
      if (ws.beat) {
        for (const [name, now] of Object.entries(at ?? {})) {
          const channel = wanted.get(name);
          // Also an earlier offset: the history may have begun anew, or its table was restored from a copy.
          if (channel && now !== channel.at) miss(name, channel);
        }
      }
      const channel = wanted.get(name);
      if (!channel) return stale.has(name) || !!tabs().elsewhere_?.(name);
      if (presence) emit("presence", { channel: name, ...presence });
      else if (missed) {
        // What another tab asked for may begin later. What was asked for before a gap has another epoch.
        if (!(offsetOf(since) <= channel.offset_) || differs(at, channel)) return true;
        for (const entry of missed) {
          if (offsetOf(entry.at) > channel.offset_) {
            advance(name, channel, entry.at, JSON.stringify(entry.message), entry.message, true);
          }
        }
        if (offsetOf(at) > channel.offset_) advance(name, channel, at);
        if (more) plan(joining, name);
        else drain(name, channel);
      } else if (!at) return;
      else if (differs(at, channel)) {
        // Hold back all that follows, until the answer to a join shows that the position still counts.
        channel.offset_ = -1;
        miss(name, channel);
      } else if (!(offsetOf(at) <= channel.offset_)) {
        channel.held_.set(offsetOf(at), [at, Object.keys(message).length > 1 && text, message]);
        // Without a position of our own, the answer to the join decides.
        if (channel.at) drain(name, channel);
      }
      return true;
    },
  };
};
