/** GatewaySocket: a WebSocket for pages whose other end is API Gateway and a Django view. */

import { connection } from "./connection.js";
import { encode, isGatewayError } from "./frames.js";
import { requests } from "./requests.js";
import { seenIds } from "./seen.js";

export { tokenUrl } from "./http.js";
export { RequestError } from "./requests.js";

const READY = { connecting: 0, waiting: 0, open: 1 };

export class GatewaySocket extends EventTarget {
  /**
   * @param {string | (() => any)} url
   * @param {import("../types/core.js").Options} [options]
   */
  constructor(url, options = {}) {
    super();
    this.options_ = options;
    this.kept_ = [];
    this.seen_ = seenIds(1000);
    this.requests_ = requests((text) => this.link_?.transmit_(text));
    this.state = "connecting";
    this.nextAttempt = this.reason = null;
    this.link_ = this.connect_(url, options, {
      state: (state, { nextAttempt = null, reason = null } = {}) => {
        Object.assign(this, { state, nextAttempt, reason });
        if (this.readyState > 1) this.requests_.fail(`The socket is ${state}`);
        this.emit_("state", { state, nextAttempt, reason });
      },
      open: () => {
        this.open_();
        this.requests_.repeat();
        this.emit_("open");
        while (this.kept_.length && this.link_.transmit_(this.kept_[0])) this.kept_.shift();
      },
      frame: (text, message) => this.receive_(text, message),
      close: (event) => this.emit_("close", event),
    });
  }

  get readyState() {
    return READY[this.state] ?? 3;
  }

  send(data) {
    const text = encode(data);
    if (this.link_.transmit_(text)) return true;
    if (this.readyState > 1) throw Error(`The socket is ${this.state}`);
    const { bufferSize = 100, bufferFull } = this.options_;
    if (this.kept_.length >= bufferSize) {
      if (bufferFull === "refuse") throw Error("Too many messages wait for the connection");
      this.emit_("drop", { data: this.kept_.shift() });
    }
    this.kept_.push(text);
    return false;
  }

  async request(action, message, { timeout = 60 } = {}) {
    if (this.readyState > 1) throw Error(`The socket is ${this.state}`);
    const { _ws, ...answer } = await this.requests_.ask({ [this.options_.action ?? "action"]: action, ...message }, timeout);
    return answer;
  }

  on(type, handler) {
    const listener = (event) => handler(event.message, event);
    this.addEventListener("on:" + type, listener);
    return () => this.removeEventListener("on:" + type, listener);
  }

  reconnect() {
    this.link_.reconnect();
  }

  close(code, reason) {
    this.link_.close(code, reason);
  }

  /** The full version shares and hands over. */
  connect_(url, options, on) {
    return connection(url, options, on);
  }

  /** The full version joins its channels. */
  open_() {}

  receive_(text, message) {
    const ws = message?._ws ?? {};
    if (ws.reply) return this.requests_.settle(ws, message);
    if (ws.id && this.seen_(ws.id)) return;
    if (isGatewayError(message)) return this.emit_("error", message);
    // What holds nothing but the reserved key is for this module alone.
    if (message?._ws && Object.keys(message).length === 1) return;
    this.deliver_(text, message);
  }

  deliver_(data, message, details) {
    this.emit_("message", { data, message, ...details });
    const type = message?.[this.options_.type ?? "type"];
    if (type) this.emit_("on:" + type, { data, message, ...details });
  }

  emit_(type, details) {
    const event = Object.assign(new Event(type, { cancelable: true }), details);
    if (this.dispatchEvent(event)) this["on" + type]?.(event);
  }
}

for (const target of [GatewaySocket, GatewaySocket.prototype]) {
  Object.assign(target, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
}
