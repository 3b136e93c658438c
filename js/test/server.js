/** The other end as docs/protocol.md has it, small and in memory: memberships, histories, moves, requests, beats. */

export class Server {
  members = new Map();
  histories = new Map();
  tokens = new Map();
  runs = [];
  answers = new Map();
  moved = new Set();
  /** The new connection of each old one: it gets the answers to what arrives late. */
  successors = new Map();
  /** Channels that a hand-over leaves. */
  barred = new Set();
  /** Milliseconds that a message or a push takes. */
  lag = () => 10 + Math.random() * 30;

  constructor(world, { epoch = "e1" } = {}) {
    Object.assign(this, { world, epoch });
    world.received = (socket, frame) => this.later(() => this.take(socket, frame));
    world.gone = (socket) => this.drop(socket);
  }

  later(run) {
    this.world.clock.setTimeout(run, this.lag());
  }

  push(socket, message) {
    this.later(() => socket.say(message));
  }

  drop(socket) {
    for (const sockets of this.members.values()) sockets.delete(socket);
  }

  position(channel) {
    const history = this.histories.get(channel);
    return history ? `${this.epoch}:${history.length}:t` : null;
  }

  broadcast(channel, message, lost = () => false) {
    const history = this.histories.get(channel);
    history?.push(message);
    const at = this.position(channel);
    for (const socket of this.members.get(channel) ?? []) {
      if (!lost(socket)) this.push(socket, { ...message, _ws: { channel, ...(at && { at }) } });
    }
  }

  take(socket, { _ws: ws, action, ...message }) {
    while (this.successors.has(socket)) socket = this.successors.get(socket);
    if (ws?.beat) {
      const token = `token-${this.tokens.size}`;
      this.tokens.set(token, socket);
      const joined = [...this.members].filter(([, sockets]) => sockets.has(socket)).map(([name]) => name);
      const at = Object.fromEntries(joined.map((name) => [name, this.position(name)]).filter(([, at]) => at));
      return this.push(socket, { _ws: { beat: true, at, move: token } });
    }
    if (ws?.move) return this.move(socket, ws);
    if (ws?.join) return this.join(socket, ws);
    if (!ws?.id) return this.runs.push({ action, ...message });
    if (!this.answers.has(ws.id)) {
      this.runs.push({ action, ...message });
      this.answers.set(ws.id, { ran: this.runs.length });
    }
    return this.push(socket, { ...this.answers.get(ws.id), _ws: { reply: ws.id, status: 200 } });
  }

  move(socket, { id, move }) {
    const from = this.tokens.get(move);
    this.tokens.delete(move);
    const status = from ? 200 : 403;
    for (const sockets of this.members.values()) if (from && sockets.delete(from)) sockets.add(socket);
    if (from) this.moved.add(from), this.successors.set(from, socket);
    const lost = Object.fromEntries([...this.barred].map((name) => [name, 403]));
    for (const name of this.barred) this.members.get(name)?.delete(socket);
    this.push(socket, { _ws: { reply: id, status, ...(this.barred.size && { lost }) } });
  }

  join(socket, { id, join, leave }) {
    const [joined, refused, reasons, gap, missed] = [{}, {}, {}, {}, []];
    for (const name of leave ?? []) this.members.get(name)?.delete(socket);
    for (const [name, at] of Object.entries(join)) {
      const history = this.histories.get(name);
      const [epoch, offset] = (at ?? `${this.epoch}:0`).split(":");
      if (this.barred.has(name)) refused[name] = 403;
      else if (name === "staff") {
        refused[name] = 403;
        reasons[name] = "Only staff may join.";
      } else if (name === "closed") refused[name] = 404;
      else if (at && (epoch !== this.epoch || +offset < history.length - 50 || +offset > history.length)) {
        refused[name] = 409;
        gap[name] = this.position(name);
      } else {
        if (!this.members.has(name)) this.members.set(name, new Set());
        this.members.get(name).add(socket);
        joined[name] = this.position(name);
        const behind = history?.slice(+offset, +offset + 5);
        if (at && behind.length) {
          const entries = behind.map((message, index) => ({ at: `${epoch}:${+offset + index + 1}:t`, message }));
          const last = +offset + behind.length;
          missed.push({ channel: name, since: at, missed: entries, at: `${epoch}:${last}:t`, more: last < history.length });
        }
      }
    }
    this.push(socket, { _ws: { reply: id, status: 200, joined, refused, reasons, gap } });
    for (const ws of missed) this.push(socket, { _ws: ws });
  }
}
