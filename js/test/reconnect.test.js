import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { GatewaySocket } from "../src/core.js";
import { World, json, record } from "./world.js";

const URL_ = "wss://ws.example.com?channel=lobby";
let world;
beforeEach(() => (world = new World()));

const connected = async (options) => {
  const socket = new GatewaySocket(URL_, options);
  await world.advance(1);
  assert.equal(socket.state, "open");
  return socket;
};

/** The seconds that a waiting socket still has. */
const ahead = (socket) => (socket.nextAttempt - Date.now()) / 1000;

test("it connects at once, sends, and hears", async () => {
  const socket = new GatewaySocket(URL_);
  const messages = record(socket, "message");
  assert.equal(socket.readyState, socket.CONNECTING);
  await world.advance(0.1);
  assert.equal(socket.readyState, GatewaySocket.OPEN);
  assert.equal(world.socket.url, URL_ + "&ws_v=1");

  assert.equal(socket.send('{"action":"say","text":"é"}'), true);
  assert.equal(socket.send({ action: "bye" }), true);
  assert.deepEqual(world.socket.sent, [{ action: "say", text: "é" }, { action: "bye" }]);

  world.socket.say({ type: "said", text: "hi" });
  world.socket.say("<p>no JSON</p>");
  assert.deepEqual(messages.map(({ data }) => data), ['{"type":"said","text":"hi"}', "<p>no JSON</p>"]);
});

test("handlers set as properties are called", async () => {
  const socket = new GatewaySocket(URL_);
  const seen = [];
  for (const type of ["open", "message", "close"]) socket["on" + type] = (event) => seen.push(event.type);
  await world.advance(1);
  world.socket.say("x");
  socket.close();
  assert.deepEqual(seen, ["open", "message", "close"]);
});

for (const code of [1001, 1005, 1006, 1011, 1012, 1013, 1014]) {
  test(`close code ${code} reconnects`, async () => {
    const socket = await connected();
    const events = record(socket, "close", "state");
    world.socket.end(code);
    assert.equal(socket.state, "waiting");
    await world.advance(0.6);
    assert.equal(socket.state, "open");
    assert.deepEqual([events[1].code, events[1].again], [code, true]);
    assert.deepEqual([events[0], ...events.slice(2)], ["waiting", "connecting", "open"]);
  });
}

for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 1010, 1015, 3000, 4001]) {
  test(`close code ${code} stops`, async () => {
    const socket = await connected();
    const closes = record(socket, "close");
    world.socket.end(code, "why");
    await world.advance(3600);
    assert.equal(world.attempts.length, 1);
    assert.equal(socket.state, "closed");
    assert.deepEqual(socket.reason, { status: code, message: "why" });
    assert.deepEqual(closes.map((event) => [event.code, event.again]), [[code, false]]);
  });
}

test("the first window is the server's, jittered in full", async () => {
  const waits = [];
  for (let seed = 0; seed < 400; seed++) {
    world = new World(seed);
    const socket = await connected({ window: 20 });
    world.socket.end(1006);
    waits.push(ahead(socket));
  }
  assert.ok(Math.min(...waits) < 0.5 && Math.max(...waits) > 19.5 && Math.max(...waits) <= 20);
  const mean = waits.reduce((sum, wait) => sum + wait) / waits.length;
  assert.ok(Math.abs(mean - 10) < 1, `mean ${mean}`);
});

test("the window doubles up to 30 s beyond the server's", async () => {
  Math.random = () => 1;
  world.answer = () => 1006;
  const socket = new GatewaySocket(URL_, { window: 4 });
  const waits = [];
  for (let attempt = 0; attempt < 6; attempt++) {
    await world.advance(0.06);
    waits.push(Math.round(ahead(socket)));
    await world.advance(ahead(socket));
  }
  assert.deepEqual(waits, [4, 8, 16, 32, 34, 34]);
});

test("a reply of the server widens the window", async () => {
  Math.random = () => 1;
  const socket = await connected();
  world.socket.say({ _ws: { beat: true, window: 25 } });
  world.socket.end(1006);
  assert.equal(ahead(socket), 25);
});

for (const [uptime, code, expected] of [[6, 1006, 0.5], [4, 1006, 4], [4, 1001, 0.5]]) {
  test(`after ${uptime} s of uptime and ${code} the next window is ${expected} s`, async () => {
    Math.random = () => 1;
    let failures = 3;
    world.answer = () => failures-- > 0 ? 1006 : true;
    const socket = new GatewaySocket(URL_);
    while (socket.state !== "open") await world.advance(0.01);
    await world.advance(uptime);
    world.socket.end(code);
    assert.equal(ahead(socket), expected);
  });
}

test("a lone client is back in under a second", async () => {
  for (let seed = 0; seed < 100; seed++) {
    world = new World(seed);
    const socket = await connected();
    world.socket.end(1006);
    await world.advance(0.999);
    assert.equal(socket.state, "open");
  }
});

test("a handshake that nobody answers ends after 35 s", async () => {
  world.answer = () => undefined;
  const socket = new GatewaySocket(URL_);
  await world.advance(34.9);
  assert.equal(socket.state, "connecting");
  await world.advance(0.2);
  assert.equal(socket.state, "waiting");
});

test("a URL that is none is refused, not tried again", async () => {
  const socket = new GatewaySocket("nonsense");
  await world.advance(3600);
  assert.equal(socket.state, "refused");
  assert.match(socket.reason.message, /nonsense/);
});

test("the app closes it, and opens it again", async () => {
  const socket = await connected();
  const events = record(socket, "close", "state");
  socket.close(3001, "enough");
  socket.close();
  await world.advance(3600);
  assert.deepEqual([world.socket.readyState, socket.readyState, socket.state], [3, 3, "closed"]);
  assert.deepEqual([events.length, events[1].code, events[1].reason, events[1].again], [2, 3001, "enough", false]);
  assert.equal(world.attempts.length, 1);
  world.fire("online");
  await world.advance(1);
  assert.equal(world.attempts.length, 1);

  socket.reconnect();
  await world.advance(1);
  assert.equal(socket.state, "open");
});

// --- Why a handshake failed

for (const status of [400, 401, 403]) {
  test(`a handshake refused with ${status} stops and says why`, async () => {
    world.answer = () => 1006;
    world.site = () => json({ message: "You may not join 'staff'." }, status);
    const socket = new GatewaySocket("wss://ws.example.com?channel=staff&ws_token=used", { check: "/ws-check/" });
    const closes = record(socket, "close");
    await world.advance(3600);
    assert.equal(world.fetched[0].url, "/ws-check/?channel=staff&ws_v=1");
    assert.equal(socket.state, "refused");
    assert.deepEqual(socket.reason, { status, message: "You may not join 'staff'." });
    assert.equal(world.attempts.length, 1);
    assert.deepEqual(closes.map(({ code, again }) => [code, again]), [[1006, false]]);
  });
}

for (const [status, after] of [[429, "40"], [503, "40"], [503, new Date(1_700_000_040_050).toUTCString()]]) {
  test(`${status} with Retry-After ${after} waits that long, whoever looks`, async () => {
    world.answer = () => (world.attempts.length > 1 ? true : 1006);
    world.site = () => json({ message: "Too many" }, status, { "Retry-After": after });
    const socket = new GatewaySocket(URL_, { check: "/ws-check/" });
    await world.advance(0.1);
    assert.equal(socket.state, "waiting");
    assert.deepEqual(socket.reason, { status, message: "Too many" });
    world.fire("online");
    await world.advance(38.8);
    assert.equal(world.attempts.length, 1);
    await world.advance(2);
    assert.equal(socket.state, "open");
  });
}

for (const site of [() => json({ window: 8 }), () => new Response("", { status: 404 }), () => json({}, 502), undefined]) {
  test(`where the site sees no reason the socket goes on trying: ${site}`, async () => {
    if (site) world.site = site;
    world.answer = () => 1006;
    const socket = new GatewaySocket(URL_, { check: "/ws-check/" });
    await world.advance(120);
    assert.ok(world.attempts.length > 4);
    assert.notEqual(socket.state, "refused");
  });
}

test("nobody asks why an open socket was dropped", async () => {
  const socket = await connected({ check: "/ws-check/" });
  world.socket.end(1006);
  await world.advance(1);
  assert.deepEqual([socket.state, world.fetched.length], ["open", 0]);
});

// --- What the server says before it closes

for (const again of [false, true, 20]) {
  test(`bye with again: ${again}`, async () => {
    Math.random = () => 0.5;
    const socket = await connected();
    const closes = record(socket, "close");
    world.socket.say({ _ws: { bye: "logout", again } });
    assert.deepEqual(closes.map((event) => [event.reason, event.again]), [["logout", again !== false]]);
    assert.equal(world.sockets[0].readyState, 3);
    if (again === false) {
      await world.advance(3600);
      assert.equal(world.attempts.length, 1);
      assert.deepEqual([socket.state, socket.reason.message], ["closed", "logout"]);
    } else {
      assert.equal(ahead(socket), again === true ? 0.25 : 10);
      await world.advance(11);
      assert.equal(socket.state, "open");
    }
  });
}

// --- Wake-ups

for (const type of ["online", "visibilitychange", "resume", "pageshow"]) {
  test(`${type} ends the waiting`, async () => {
    Math.random = () => 1;
    const socket = await connected({ window: 30 });
    world.socket.end(1006);
    await world.advance(1);
    world.fire(type);
    await world.advance(0.1);
    assert.equal(socket.state, "open");
  });
}

test("a page that gets hidden wakes nobody", async () => {
  Math.random = () => 1;
  const socket = await connected({ window: 30 });
  world.socket.end(1006);
  world.document.hidden = true;
  world.fire("visibilitychange");
  await world.advance(0.1);
  assert.equal(socket.state, "waiting");
});

for (const [off, on] of [["pagehide", "pageshow"], ["freeze", "resume"]]) {
  test(`${off} closes the socket, ${on} opens it`, async () => {
    const socket = await connected();
    world.fire(off);
    assert.deepEqual([world.socket.readyState, socket.state, socket.nextAttempt], [3, "waiting", null]);
    await world.advance(3600);
    assert.equal(world.attempts.length, 1);
    world.fire(on);
    await world.advance(0.1);
    assert.equal(socket.state, "open");
  });
}

test("a page that is looked at after a minute of silence asks whether the network is there", async () => {
  const socket = await connected();
  world.fire("visibilitychange");
  assert.equal(world.socket.sent.length, 0);
  await world.advance(61);
  world.fire("visibilitychange");
  assert.deepEqual(world.socket.sent, [{ action: "_ws", _ws: { beat: true } }]);
  await world.advance(7.9);
  assert.equal(socket.state, "open");
  await world.advance(0.2);
  assert.equal(socket.state, "waiting");
});

test("a network that goes is noticed within 10 s, unless something is heard", async () => {
  const socket = await connected();
  world.fire("offline");
  await world.advance(5);
  world.socket.say({ type: "anything" });
  await world.advance(60);
  assert.equal(socket.state, "open");
  world.fire("offline");
  await world.advance(10);
  assert.notEqual(world.sockets[0].readyState, 1);
});

// --- Beats

test("it beats after 8 idle minutes only", async () => {
  const socket = await connected();
  world.received = (other, { _ws }) => _ws && other.say({ _ws: { beat: true } });
  const messages = record(socket, "message");
  await world.advance(400);
  socket.send("{}");
  await world.advance(470);
  assert.equal(world.socket.sent.length, 1);
  await world.advance(20);
  assert.deepEqual(world.socket.sent[1], { action: "_ws", _ws: { beat: true } });
  await world.advance(485);
  assert.equal(world.socket.sent.length, 3);
  assert.deepEqual([socket.state, messages.length], ["open", 0]);
});

test("an unanswered beat ends the connection after 30 s", async () => {
  const socket = await connected({ beat: 60, action: "do" });
  await world.advance(60);
  assert.deepEqual(world.socket.sent, [{ do: "_ws", _ws: { beat: true } }]);
  await world.advance(29);
  assert.equal(world.sockets.length, 1);
  await world.advance(1);
  assert.equal(world.sockets.length, 2);
});

test("beats can be turned off", async () => {
  await connected({ beat: 0 });
  await world.advance(599);
  assert.equal(world.socket.sent.length, 0);
});
