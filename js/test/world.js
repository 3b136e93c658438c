/** What a page runs in: a clock that tests turn, a network that they cut, events of the window that they fire. */

/** Timers in a heap, so that 18,000 clients are no matter. */
class Clock {
  constructor() {
    this.time = 1_700_000_000_000;
    this.heap = [];
    this.count = 0;
    this.cleared = new Set();
  }

  setTimeout = (run, after = 0, ...args) => {
    const timer = { at: this.time + Math.max(0, after), id: ++this.count, run, args };
    this.heap.push(timer);
    let index = this.heap.length - 1;
    while (index && before(timer, this.heap[(index - 1) >> 1])) {
      this.heap[index] = this.heap[(index - 1) >> 1];
      index = (index - 1) >> 1;
    }
    this.heap[index] = timer;
    return timer.id;
  };

  clearTimeout = (id) => {
    if (id) this.cleared.add(id);
  };

  next() {
    const [first] = this.heap;
    const last = this.heap.pop();
    if (this.heap.length) {
      let index = 0;
      for (;;) {
        let child = 2 * index + 1;
        if (child >= this.heap.length) break;
        if (child + 1 < this.heap.length && before(this.heap[child + 1], this.heap[child])) child++;
        if (!before(this.heap[child], last)) break;
        this.heap[index] = this.heap[child];
        index = child;
      }
      this.heap[index] = last;
    }
    return first;
  }

  /** Let so many seconds go by. */
  async advance(seconds) {
    const until = this.time + seconds * 1000;
    await settled();
    while (this.heap.length && this.heap[0].at <= until) {
      const { at, id, run, args } = this.next();
      if (this.cleared.delete(id)) continue;
      this.time = at;
      run(...args);
      await settled();
    }
    this.time = until;
  }
}

const before = (one, other) => one.at < other.at || (one.at === other.at && one.id < other.id);
const immediate = globalThis.setImmediate;
/** All promises that can go on have done so. */
export const settled = () => new Promise((resolve) => immediate(resolve));

class FakeWebSocket {
  static world;

  constructor(url, protocols) {
    if (!/^wss?:/.test(url)) throw new DOMException(`The URL '${url}' is invalid.`, "SyntaxError");
    Object.assign(this, { url, protocols, readyState: 0, sent: [], world: FakeWebSocket.world });
    this.world.attempt(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
    this.world.received(this, JSON.parse(text));
  }

  close(code = 1005, reason = "") {
    if (this.readyState < 2) this.world.gone(this);
    this.end(code, reason, true);
  }

  // What the other end does.
  accept() {
    if (this.readyState) return;
    this.readyState = 1;
    this.onopen?.({});
  }
  say(message) {
    const data = typeof message === "string" ? message : JSON.stringify(message);
    if (this.readyState === 1) this.onmessage?.({ data });
  }
  end(code, reason = "", wasClean = false) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code, reason, wasClean });
  }
}

export class World {
  sockets = [];
  attempts = [];
  /** What happens with a handshake: true, or the code that it is closed with; undefined leaves it waiting. */
  answer = () => true;
  /** Seconds that a handshake takes. */
  latency = 0.05;
  received = () => {};
  gone = () => {};
  fetched = [];
  /** @type {(url: string, options: object) => Response | Promise<Response>} */
  site = () => Promise.reject(new TypeError("Failed to fetch"));

  constructor(seed = 1) {
    this.clock = new Clock();
    FakeWebSocket.world = this;
    this.page = new EventTarget();
    this.document = { hidden: false, cookie: "", querySelectorAll: () => [] };
    Object.assign(globalThis, {
      setTimeout: this.clock.setTimeout,
      clearTimeout: this.clock.clearTimeout,
      WebSocket: FakeWebSocket,
      document: this.document,
      fetch: async (url, options) => {
        this.fetched.push({ url, ...options });
        return this.site(url, options);
      },
      addEventListener: this.page.addEventListener.bind(this.page),
      removeEventListener: this.page.removeEventListener.bind(this.page),
    });
    Date.now = () => this.clock.time;
    Math.random = random(seed);
  }

  get socket() {
    return this.sockets.at(-1);
  }

  get open() {
    return this.sockets.filter((socket) => socket.readyState === 1);
  }

  attempt(socket) {
    this.sockets.push(socket);
    this.attempts.push(this.clock.time);
    const answer = this.answer(socket);
    if (answer === undefined) return;
    this.clock.setTimeout(() => (answer === true ? socket.accept() : socket.end(answer)), this.latency * 1000);
  }

  fire(type) {
    this.page.dispatchEvent(new Event(type));
  }

  advance(seconds) {
    return this.clock.advance(seconds);
  }
}

/** Repeatable numbers from 0 to 1 (mulberry32). */
export const random = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};

export const json = (body, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });

/** Keeps what a socket emits: `[type, detail]`, where detail picks what the test is about. */
export const record = (socket, ...types) => {
  const events = [];
  for (const type of types) {
    socket.addEventListener(type, (event) => events.push(type === "state" ? event.state : event));
  }
  return events;
};
