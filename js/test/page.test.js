/** The bundle of the template tag `gateway_socket`: the settings come from the page. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";

import { STATIC } from "../build.js";
import { World, json } from "./world.js";

await import(new URL("gateway-socket.page.js", STATIC));
const EXAMPLE = new URL("../../docs/examples/gateway_socket_tag.js", import.meta.url);
let world, elements;

beforeEach(() => {
  world = new World();
  elements = { "gateway-socket": { url: "wss://ws.example.com?channel=lobby", window: 7, action: "verb" } };
  world.document.getElementById = (id) => elements[id] && { textContent: JSON.stringify(elements[id]) };
});

test("the socket of the page has the settings of the tag", async () => {
  const socket = globalThis.gatewaySocket({ beat: 60 });
  await world.advance(61);
  assert.equal(world.socket.url, "wss://ws.example.com?channel=lobby&ws_v=1");
  assert.deepEqual(world.socket.sent, [{ verb: "_ws", _ws: { beat: true } }]);
  Math.random = () => 0.5;
  world.socket.end(1001);
  assert.equal(socket.nextAttempt - world.clock.time, 3500);
});

test("a token is fetched with the page's own CSRF token", async () => {
  elements.feed = { url: "wss://ws.example.com", token: { endpoint: "/token/", csrfToken: "c" } };
  world.site = (url, { headers }) => json({ token: `${url}${headers["X-CSRFToken"]}` });
  globalThis.gatewaySocket({}, "feed");
  await world.advance(1);
  assert.match(world.socket.url, /ws_token=%2Ftoken%2Fc/);
});

test("the example says what it hears", async () => {
  const texts = [];
  world.document.querySelector = () => ({ append: (text) => texts.push(text) });
  world.document.createElement = () => "\n";
  new Function(await readFile(EXAMPLE, "utf8"))();
  await world.advance(1);
  world.socket.say({ type: "said", text: "Hello" });
  assert.deepEqual(texts, ["Hello"]);
});
