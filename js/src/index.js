/** GatewaySocket with all that it can: hand-over, channels with a history, one connection for all tabs. */

import { channels } from "./channels.js";
import { connection } from "./connection.js";
import { GatewaySocket as Core } from "./core.js";
import { handOver } from "./handover.js";
import { sharedConnection } from "./tabs.js";

export { RequestError, tokenUrl } from "./core.js";

export class GatewaySocket extends Core {
  join(name, options) {
    return this.channels_.join(name, options);
  }

  leave(name) {
    this.channels_.leave(name);
  }

  connect_(url, options, on) {
    this.channels_ = channels(
      (ws) => this.link_?.transmit_(JSON.stringify({ [options.action ?? "action"]: "_ws", _ws: ws })),
      this.requests_.newId,
      (type, details) => this.emit_(type, details),
      (...message) => this.deliver_(...message),
      () => this.link_ ?? {},
    );
    const open = (on) => {
      const mover = handOver(options, () => this.requests_.repeat(), this.requests_.newId);
      const frame = (text, message) => {
        mover.token(message?._ws?.move);
        on.frame(text, message);
      };
      return connection(url, options, { ...on, frame }, mover.opened);
    };
    const canShare = options.share && navigator.locks && globalThis.BroadcastChannel;
    return canShare ? sharedConnection(options.share, open, on) : open(on);
  }

  open_() {
    this.channels_.open();
  }

  receive_(text, message) {
    if (!message?._ws || !this.channels_.take(text, message)) super.receive_(text, message);
  }
}
