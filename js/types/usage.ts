/** Compiled by `npm test`, never run: the types take what the documentation shows, and nothing else. */
import { GatewaySocket, RequestError, tokenUrl } from "django-aws-api-gateway-websockets";
import { GatewaySocket as Core } from "django-aws-api-gateway-websockets/core";

const socket = new GatewaySocket(tokenUrl("wss://ws.example.com"), { share: "chat", handover: 0, bufferFull: "refuse" });
const kept: boolean = !socket.send({ action: "say" });
const stop: () => void = socket.on<{ text: string }>("said", ({ text }, event) => text + event.data);
socket.addEventListener("close", ({ code, again }) => code === 1001 && again);
socket.addEventListener("gap", ({ channel, at }) => socket.join(channel, { at }).catch((e: RequestError) => e.status));
socket.addEventListener("state", ({ state, nextAttempt }) => state === "waiting" && nextAttempt);
socket.onmessage = ({ data }) => JSON.parse(data);
const answer: Promise<{ ok: boolean }> = socket.request<{ ok: boolean }>("say", {}, { timeout: 5 });

const core = new Core(async () => ({ url: "wss://ws.example.com", window: 2 }));
core.reconnect();
// @ts-expect-error The core joins no channels.
core.join("lobby");
// @ts-expect-error There is no such option.
new GatewaySocket("wss://ws.example.com", { retries: 3 });
// @ts-expect-error The state is read, not set.
socket.state = "open";

export { answer, kept, stop };
