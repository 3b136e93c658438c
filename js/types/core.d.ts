/** Why a socket waits, was refused or is closed. */
export interface Reason {
  /** An HTTP status of the site, or a close code. */
  status?: number;
  /** What the site says; for a `bye`, its reason, such as "logout". */
  message?: string;
}

export type State = "connecting" | "open" | "waiting" | "refused" | "closed";

/** A URL, or what gives one for each handshake; with the seconds of the first window of a reconnect. */
export type Url = string | (() => Target | Promise<Target>);
export type Target = string | { url: string; window?: number };

export interface Options {
  /** Seconds within which the first attempt after a drop is made; the server's replies change it. 0.5 */
  window?: number;
  /** The endpoint that says why a handshake was refused. */
  check?: string;
  /** Seconds without a message of ours before a beat; 0 for none. 480 */
  beat?: number;
  /** The key of a message that picks the route or the handler. "action" */
  action?: string;
  /** The key of a message that `on()` looks at. "type" */
  type?: string;
  /** How many messages to keep while there is no connection. 100 */
  bufferSize?: number;
  /** What a full buffer does with another message. "drop-oldest" */
  bufferFull?: "drop-oldest" | "refuse";
  /** Sub-protocols, as of WebSocket. */
  protocols?: string | string[];
}

export interface SocketMessageEvent extends Event {
  /** The text as it came. */
  data: string;
  /** The text as JSON; undefined where it is none. */
  message: any;
  /** The channel and the position, of messages of a channel with a history. */
  channel?: string;
  at?: string;
  /** Whether it was said while the page was away. */
  missed?: boolean;
}

export interface SocketCloseEvent extends Event {
  code: number;
  reason: string;
  wasClean: boolean;
  /** Whether the socket comes back by itself. */
  again: boolean;
}

/** An error frame of API Gateway. */
export interface SocketErrorEvent extends Event {
  message: string;
  connectionId: string;
  requestId: string;
}

export interface SocketStateEvent extends Event {
  state: State;
  nextAttempt: number | null;
  reason: Reason | null;
}

export interface SocketEventMap {
  open: Event;
  message: SocketMessageEvent;
  close: SocketCloseEvent;
  error: SocketErrorEvent;
  state: SocketStateEvent;
  /** The oldest kept message was dropped from a full buffer. */
  drop: Event & { data: string };
}

/** A request that was refused, failed, or got no answer in time (`status` is 0). */
export class RequestError extends Error {
  constructor(message: string, status: number, body?: any);
  status: number;
  body?: any;
}

export class GatewaySocket<Events = SocketEventMap> extends EventTarget {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  constructor(url: Url, options?: Options);

  readonly readyState: 0 | 1 | 3;
  readonly state: State;
  /** When the next attempt is made, as of Date.now(); null unless waiting. */
  readonly nextAttempt: number | null;
  readonly reason: Reason | null;

  onopen: ((event: Event) => void) | null;
  onmessage: ((event: SocketMessageEvent) => void) | null;
  onclose: ((event: SocketCloseEvent) => void) | null;
  onerror: ((event: SocketErrorEvent) => void) | null;
  onstate: ((event: SocketStateEvent) => void) | null;

  /**
   * Send a text, or an object as JSON.
   * @returns true where it was handed to the connection, false where it is kept until there is one
   * @throws RangeError beyond 32 KB, TypeError for binary data, Error on a closed socket or with a full buffer
   */
  send(data: string | object): boolean;
  /** Send a message and wait for its answer. The handler runs once, whatever happens to the connection. */
  request<Answer = any>(action: string, message?: object, options?: { timeout?: number }): Promise<Answer>;
  /** Hear the messages of one type. Returns what stops it. */
  on<Message = any>(type: string, handler: (message: Message, event: SocketMessageEvent) => void): () => void;
  /** Try now: a waiting socket, or one that was refused or closed. */
  reconnect(): void;
  close(code?: number, reason?: string): void;

  addEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: ((event: Events[Type]) => void) | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** A URL that fetches a fresh connect token for each handshake, from WebSocketTokenView. */
export function tokenUrl(
  url: string,
  options?: {
    /** Where WebSocketTokenView is. "/ws-token/" */
    endpoint?: string;
    /** By default that of the cookie `csrftoken`. */
    csrfToken?: string | (() => string);
  },
): () => Promise<Target>;
