/** The examples of docs/gateway-socket.md, run as they stand but for where they find the module. */

import assert from "node:assert/strict";
import { readFile, writeFile, rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, test } from "node:test";

import { GatewaySocket } from "../src/index.js";
import { Server } from "./server.js";
import { World, json } from "./world.js";

const MODULE = new URL("../src/index.js", import.meta.url).href;
let world, page;

beforeEach(() => {
  world = new World();
  page = {};
  world.document.querySelector = (selector) => (page[selector] ??= Object.assign(new EventTarget(), {
    texts: [],
    append: (text) => page[selector].texts.push(text),
  }));
  world.document.createElement = () => "\n";
});

const run = async (name, globals = {}) => {
  const code = await readFile(new URL(`../../docs/examples/${name}`, import.meta.url), "utf8");
  const folder = await mkdtemp(join(tmpdir(), "example-"));
  const file = join(folder, "example.mjs");
  const head = `const { ${Object.keys(globals).join(", ")} } = globalThis.given;\n`;
  globalThis.given = globals;
  const path = "/static/django_aws_api_gateway_websockets/gateway-socket.js";
  await writeFile(file, `${head}${code.replace(path, MODULE)}\nexport { socket };`);
  try {
    return await import(pathToFileURL(file));
  } finally {
    await rm(folder, { recursive: true });
  }
};

test("the first example says and hears", async () => {
  const server = new Server(world);
  await run("gateway_socket.js");
  await world.advance(1);
  const text = { value: "Hello" };
  const submit = new Event("submit", { cancelable: true });
  Object.defineProperty(submit, "target", { value: { elements: { text } } });
  page["#say"].dispatchEvent(submit);
  await world.advance(1);
  assert.deepEqual([server.runs, text.value], [[{ action: "say", text: "Hello" }], ""]);
  world.socket.say({ type: "said", text: "<b>Hello</b>" });
  assert.deepEqual(page["#log"].texts, ["<b>Hello</b>"]);
});

test("the state is shown", async () => {
  globalThis.setInterval = () => {};
  const socket = new GatewaySocket("wss://ws.example.com", { window: 60 });
  await run("gateway_socket_state.js", { socket });
  await world.advance(1);
  const line = page["#state"];
  assert.equal(line.textContent, "Connected");
  Math.random = () => 0.5;
  world.socket.end(1006);
  assert.equal(line.textContent, "Not connected. Next attempt in 30 s");
  page["#retry"].dispatchEvent(new Event("click"));
  assert.equal(line.textContent, "Connecting …");
  await world.advance(1);
  world.socket.say({ _ws: { bye: "logout", again: false } });
  assert.equal(line.textContent, "You have logged out.");
});

test("a token is fetched", async () => {
  world.site = () => json({ token: "abc", expires_in: 60 });
  await run("gateway_socket_token.js");
  await world.advance(1);
  assert.equal(world.socket.url, "wss://ws.example.com?channel=lobby&ws_token=abc&ws_v=1");
});

test("a channel is joined, and joined again after a gap", async () => {
  const server = new Server(world);
  server.histories.set("room-1", []);
  const socket = new GatewaySocket("wss://ws.example.com");
  const shown = [];
  const read = [];
  const readState = async (channel) => (read.push(channel), { at: server.position(channel) });
  const running = run("gateway_socket_channels.js", { socket, readState, show: ({ n }) => shown.push(n) });
  while (!server.members.has("room-1")) await world.advance(0.1);
  await world.advance(1);
  await running;
  server.broadcast("room-1", { n: 1 });
  await world.advance(1);
  server.drop(world.socket);
  world.socket.end(1001);
  for (let n = 2; n <= 70; n++) server.broadcast("room-1", { n });
  await world.advance(2);
  server.broadcast("room-1", { n: 71 });
  await world.advance(1);
  assert.deepEqual([read, shown], [["room-1"], [1, 71]]);
});

test("the people in a channel are shown", async () => {
  const server = new Server(world);
  const socket = new GatewaySocket("wss://ws.example.com");
  let shown;
  world.document.createElement = () => ({});
  page["#people"] = { replaceChildren: (...items) => (shown = items.map((item) => item.textContent)) };
  await run("howto/who_is_online/room.js", { gatewaySocket: () => socket });
  while (!server.members.has("room-1")) await world.advance(0.1);
  const tell = (presence) => (world.socket.say({ _ws: { channel: "room-1", presence } }), shown);
  const [ann, ben] = ["Ann", "<b>Ben</b>"].map((name, id) => ({ id, name }));
  assert.deepEqual(tell({ list: [ann] }), ["Ann"]);
  assert.deepEqual(tell({ joined: [ben] }), ["Ann", "<b>Ben</b>"]);
  assert.deepEqual(tell({ left: [ann] }), ["<b>Ben</b>"]);
  assert.deepEqual(tell({ list: [] }), []);
});

test("a message that the page shows already is not added again", async () => {
  globalThis.gatewaySocket = () => new GatewaySocket("wss://ws.example.com");
  const shown = new Map([["entry-1", {}], ["log", { append: (item) => shown.set(item.id, item) }]]);
  world.document.getElementById = (id) => shown.get(id);
  world.document.createElement = () => ({});
  await run("history_page.js");
  await world.advance(1);
  for (const pk of [1, 2, 2]) world.socket.say({ type: "said", pk, text: `row ${pk}` });
  assert.deepEqual([...shown.keys()], ["entry-1", "log", "entry-2"]);
  assert.equal(shown.get("entry-2").textContent, "row 2");
});
