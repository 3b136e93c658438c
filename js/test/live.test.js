/** Live parts of a page: joined from their position, and fetched again after a gap. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { STATIC } from "../build.js";
import { Server } from "./server.js";
import { World } from "./world.js";

await import(new URL("gateway-socket.page.js", STATIC));
let world, server, page, times;

/** A part as the tag writes it. Pages are lists of parts here. */
const part = (live, at, rows) => ({
  dataset: { live, at },
  rows,
  replaceWith(next) {
    page[page.indexOf(this)] = next;
  },
});

beforeEach(() => {
  world = new World();
  times = [];
  server = new Server(world);
  server.histories.set("room-1", []);
  page = [part("room-1", "e1:0:t", 0)];
  world.document.querySelectorAll = () => page;
  world.document.getElementById = () => ({ textContent: JSON.stringify({ url: "wss://ws.example.com" }) });
  globalThis.location = { href: "https://example.com/room/" };
  globalThis.DOMParser = class {
    parseFromString = (text) => ({ querySelectorAll: () => eval(text) });
  };
  globalThis.part_ = part;
});

const open = async () => {
  const socket = globalThis.gatewaySocket({ handover: 0 });
  socket.seen = [];
  socket.addEventListener("message", ({ message }) => socket.seen.push(message.n));
  await world.advance(1);
  return socket;
};
const say = (first, last) => {
  for (let n = first; n <= last; n++) server.broadcast("room-1", { n });
};
/** The site's answer: the page with all rows so far and their position. */
const render = () => new Response(`[part_("room-1", "${server.position("room-1")}", ${server.histories.get("room-1").length})]`);
const away = async (run) => {
  server.drop(world.socket);
  world.socket.end(1001);
  run();
  await world.advance(2);
};

test("a live part is joined from its position", async () => {
  say(1, 3);
  assert.deepEqual((await open()).seen, [1, 2, 3]);
});

test("after a gap the part is fetched again, once, and goes on from there", async () => {
  const socket = await open();
  const renewed = [];
  socket.addEventListener("live", ({ channel, element }) => renewed.push([channel, element.rows]));
  world.site = render;
  await away(() => say(1, 60));
  say(61, 62);
  await world.advance(1);
  assert.deepEqual(world.fetched.map(({ url }) => url), ["https://example.com/room/"]);
  assert.deepEqual(renewed, [["room-1", 60]]);
  assert.equal(page[0].rows, 60);
  assert.deepEqual(socket.seen, [61, 62]);
});

/** The seconds between the fetches so far. */
const pauses = () => times.slice(1).map((time, index) => (time - times[index]) / 1000);
const within = (pause, longest) => assert.ok(longest / 2 <= pause && pause <= longest + 1, `${pause} of ${longest}`);

test("a part whose position is a gap again is fetched with longer and longer pauses", async () => {
  say(1, 3);
  page = [part("room-1", "other:3:t", 0)];
  let at = "other:3:t";
  world.site = () => {
    times.push(Date.now());
    return new Response(`[part_("room-1", "${at}", 3)]`);
  };
  const start = Date.now();
  const socket = await open();
  await world.advance(400);
  assert.ok(times[0] - start < 300);
  [1, 2, 4, 8, 16, 32, 60, 60].forEach((longest, index) => within(pauses()[index], longest));
  at = server.position("room-1");
  await world.advance(61);
  const count = times.length;
  await world.advance(200);
  assert.equal(times.length, count);
  // The join succeeded, so the next gap is a first one.
  await away(() => {
    say(4, 90);
    at = server.position("room-1");
  });
  assert.equal(times.length, count + 1);
  socket.close();
});

test("a site that fails is asked again after a second", async () => {
  const socket = await open();
  world.site = () => new Response("", { status: 503 });
  await away(() => say(1, 60));
  world.site = render;
  assert.equal(page[0].rows, 0);
  await world.advance(3);
  say(61, 61);
  await world.advance(1);
  assert.deepEqual([page[0].rows, socket.seen], [60, [61]]);
});

test("a page that the user may no longer see is not asked for again", async () => {
  await open();
  world.site = () => new Response("", { status: 403 });
  await away(() => say(1, 60));
  await world.advance(20);
  assert.deepEqual([world.fetched.length, world.fetched[0].cache, page[0].rows], [1, "no-store", 0]);
});

test("a page without the part is left alone", async () => {
  await open();
  world.site = () => new Response("[]");
  await away(() => say(1, 60));
  await world.advance(20);
  assert.deepEqual([world.fetched.length, page[0].rows], [1, 0]);
});
