import { GatewaySocket as Core, Options as CoreOptions, SocketEventMap as CoreEventMap, Url } from "./core.js";

export { RequestError, tokenUrl } from "./core.js";
export type {
  Reason,
  SocketCloseEvent,
  SocketErrorEvent,
  SocketMessageEvent,
  SocketStateEvent,
  State,
  Target,
  Url,
} from "./core.js";

export interface Options extends CoreOptions {
  /** Seconds after which a new connection takes the place of the old one, give or take 1/22; 0 for never. 6600 */
  handover?: number;
  /** A name under which all tabs of the site share one connection. */
  share?: string;
}

export interface SocketEventMap extends CoreEventMap {
  /** What a channel's history no longer has was missed: read your state anew, and join from `at`. */
  gap: Event & { channel: string; status: number; at?: string };
  /** A channel could not be joined, or not again. */
  left: Event & { channel: string; status: number };
  /** A live part of the page was fetched again after a gap. `element` is in its place now. */
  live: Event & { channel: string; element: Element };
  /** Who is in a channel (`list`), or who came and went. */
  presence: Event & { channel: string; list?: any[]; joined?: any[]; left?: any[] };
}

export class GatewaySocket extends Core<SocketEventMap> {
  constructor(url: Url, options?: Options);

  /**
   * Join a channel, also after each reconnect, until leave().
   * @param options `at`: the position after which messages are wanted
   * @returns the position of the channel, or null where it has no history; rejected with a RequestError, whose message
   *   has the server's reason
   * @throws TypeError for a channel that is empty, no string, or holds NUL or half of a surrogate pair, and for a position
   *   that is not given as `{at}`
   */
  join(channel: string, options?: { at?: string | null }): Promise<string | null>;
  /** Leave a channel. A join() of it that was not answered yet is rejected. */
  leave(channel: string): void;
}
