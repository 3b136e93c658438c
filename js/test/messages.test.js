import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { GatewaySocket, RequestError, tokenUrl } from "../src/core.js";
import { World, json, record } from "./world.js";

let world;
beforeEach(() => (world = new World()));

const connected = async (options, url = "wss://ws.example.com") => {
  const socket = new GatewaySocket(url, options);
  await world.advance(1);
  assert.equal(socket.state, "open");
  return socket;
};
const texts = (frames) => frames.map(({ text }) => text);

// --- Sending

test("what is sent while away is kept in order", async () => {
  const socket = new GatewaySocket("wss://ws.example.com");
  assert.equal(socket.send({ text: 1 }), false);
  socket.addEventListener("open", () => socket.send({ text: "hello" }));
  assert.equal(socket.send({ text: 2 }), false);
  await world.advance(1);
  assert.deepEqual(texts(world.socket.sent), ["hello", 1, 2]);
  world.socket.end(1006);
  socket.send({ text: 3 });
  await world.advance(1);
  assert.deepEqual(texts(world.socket.sent), ["hello", 3]);
});

test("a full buffer drops the oldest and says so", async () => {
  const socket = new GatewaySocket("wss://ws.example.com", { bufferSize: 2 });
  const drops = record(socket, "drop");
  for (const text of [1, 2, 3, 4]) socket.send({ text });
  assert.deepEqual(drops.map(({ data }) => data), ['{"text":1}', '{"text":2}']);
  await world.advance(1);
  assert.deepEqual(texts(world.socket.sent), [3, 4]);
});

test("a full buffer refuses where asked to", async () => {
  const socket = new GatewaySocket("wss://ws.example.com", { bufferSize: 1, bufferFull: "refuse" });
  socket.send({ text: 1 });
  assert.throws(() => socket.send({ text: 2 }), /wait for the connection/);
  await world.advance(1);
  assert.deepEqual(texts(world.socket.sent), [1]);
});

test("32 KB are counted in bytes", async () => {
  const socket = await connected();
  socket.send(JSON.stringify("x".repeat(32 * 1024 - 2)));
  for (const data of ["x".repeat(32 * 1024 + 1), "é".repeat(16 * 1024 + 1), "😀".repeat(8 * 1024) + "x"]) {
    assert.throws(() => socket.send(data), RangeError);
  }
  await assert.rejects(socket.request("say", { text: "x".repeat(32 * 1024) }), RangeError);
  assert.equal(world.socket.sent.length, 1);
});

for (const data of [new Uint8Array(2), new ArrayBuffer(2), new Blob(["x"])]) {
  test(`${data.constructor.name} is refused, since API Gateway takes text`, async () => {
    const socket = await connected();
    assert.throws(() => socket.send(data), TypeError);
  });
}

test("nothing can be sent on a closed socket", async () => {
  const socket = await connected();
  socket.close();
  assert.throws(() => socket.send("{}"), /closed/);
  await assert.rejects(socket.request("say", {}), /closed/);
});

test("a socket that is closing keeps what is sent", async () => {
  const socket = await connected();
  world.socket.readyState = 2;
  assert.equal(socket.send("{}"), false);
});

// --- Hearing

test("on() hears messages of one type, until it is told to stop", async () => {
  const socket = await connected();
  const seen = [];
  const stop = socket.on("said", ({ text }, event) => seen.push([text, event.type]));
  socket.on("said", ({ text }) => seen.push(text));
  for (const message of [{ type: "said", text: "a" }, { type: "other" }, { text: "no type" }, "null", "5", "[]"]) {
    world.socket.say(message);
  }
  stop();
  world.socket.say({ type: "said", text: "b" });
  assert.deepEqual(seen, [["a", "on:said"], "a", "b"]);
});

test("the field that names the type can be another one", async () => {
  const socket = await connected({ type: "event" });
  const seen = [];
  socket.on("said", (message) => seen.push(message.text));
  world.socket.say({ event: "said", text: "a" });
  assert.deepEqual(seen, ["a"]);
});

test("error frames of the gateway become error events", async () => {
  const socket = await connected();
  const events = record(socket, "error", "message");
  world.socket.say({ message: "Internal server error", connectionId: "abc=", requestId: "xyz=" });
  world.socket.say({ message: "mine", connectionId: "abc=", requestId: "xyz=", type: "more" });
  assert.deepEqual(events.map((event) => event.type), ["error", "message"]);
  const [{ message, connectionId, requestId }] = events;
  assert.deepEqual([message, connectionId, requestId], ["Internal server error", "abc=", "xyz="]);
});

test("a message id is heard once, also after a reconnect", async () => {
  const socket = await connected();
  const messages = record(socket, "message");
  const say = (text, id) => world.socket.say({ text, _ws: { id } });
  say("a", "1"), say("a", "1"), say("b", "2");
  world.socket.end(1006);
  await world.advance(1);
  say("b", "2"), say("c", "3");
  assert.deepEqual(messages.map(({ message }) => message.text), ["a", "b", "c"]);
});

test("a thousand message ids are remembered", async () => {
  const socket = await connected();
  const messages = record(socket, "message");
  for (let id = 0; id < 1001; id++) world.socket.say({ id, _ws: { id: `m${id}` } });
  world.socket.say({ id: "again", _ws: { id: "m1" } });
  assert.equal(messages.length, 1001);
  world.socket.say({ id: "forgotten", _ws: { id: "m0" } });
  assert.equal(messages.length, 1002);
});

test("what holds nothing but the reserved key is not for the app", async () => {
  const socket = await connected();
  const messages = record(socket, "message");
  world.socket.say({ _ws: { beat: true } });
  world.socket.say({ _ws: { something: "new" } });
  assert.equal(messages.length, 0);
});

// --- Asking

const reply = (socket, { _ws, action }, status = 200, more = { said: action }) =>
  socket.say({ ...more, _ws: { reply: _ws.id, status } });

test("a request settles with its own reply", async () => {
  const socket = await connected();
  const messages = record(socket, "message");
  const one = socket.request("one", { x: 1 });
  const two = socket.request("two");
  const [first, second] = world.socket.sent;
  assert.equal(first.x, 1);
  reply(world.socket, second);
  reply(world.socket, first);
  reply(world.socket, first, 500);
  world.socket.say({ _ws: { reply: "unknown", status: 200 } });
  assert.deepEqual([await one, await two], [{ said: "one" }, { said: "two" }]);
  assert.equal(messages.length, 0);
});

test("ids cannot be guessed and differ between sockets", async () => {
  const ids = new Set();
  for (let round = 0; round < 50; round++) {
    const socket = await connected();
    socket.request("say").catch(() => {});
    ids.add(world.socket.sent[0]._ws.id);
  }
  assert.equal(ids.size, 50);
  for (const id of ids) assert.match(id, /^[0-9a-z]{12,21}-1$/);
});

for (const status of [400, 403, 404, 429, 500]) {
  test(`a request that is answered ${status} is rejected with what the server says`, async () => {
    const socket = await connected();
    const request = socket.request("say");
    reply(world.socket, world.socket.sent[0], status, { message: "You may not do this." });
    await assert.rejects(request, (error) => {
      assert.ok(error instanceof RequestError);
      assert.deepEqual([error.message, error.status], ["You may not do this.", status]);
      return true;
    });
  });
}

test("a request waits its timeout and no longer", async () => {
  const socket = await connected();
  const request = socket.request("say", {}, { timeout: 5 });
  const rejected = assert.rejects(request, { name: "RequestError", status: 0, message: "No answer in time" });
  await world.advance(5);
  await rejected;
  world.socket.end(1006);
  await world.advance(1);
  assert.equal(world.socket.sent.length, 0);
});

test("202 means ask again", async () => {
  const socket = await connected();
  const request = socket.request("say");
  reply(world.socket, world.socket.sent[0], 202, {});
  await world.advance(0.9);
  assert.equal(world.socket.sent.length, 1);
  await world.advance(0.2);
  assert.deepEqual(world.socket.sent[0], world.socket.sent[1]);
  reply(world.socket, world.socket.sent[1]);
  assert.deepEqual(await request, { said: "say" });
});

test("a request is asked again after a reconnect, under its id", async () => {
  const socket = await connected();
  const request = socket.request("say", { text: "a" });
  const [first] = world.socket.sent;
  world.socket.end(1006);
  const waiting = socket.request("say", { text: "b" });
  await world.advance(1);
  assert.deepEqual(world.socket.sent[0], first);
  assert.deepEqual(texts(world.socket.sent), ["a", "b"]);
  world.socket.sent.forEach((frame) => reply(world.socket, frame));
  await Promise.all([request, waiting]);
});

test("1,000 requests across 50 drops run once and are answered once each", async () => {
  Math.random = () => 0.1;
  const runs = new Map();
  let replies = 0;
  // The server remembers ids. A frame or a reply that is under way when the connection drops is lost.
  world.received = (socket, frame) =>
    world.clock.setTimeout(() => {
      if (socket.readyState !== 1) return;
      if (!runs.has(frame._ws.id)) runs.set(frame._ws.id, frame.n);
      world.clock.setTimeout(() => reply(socket, frame, 200, { n: frame.n }), 20);
    }, 20);
  const socket = await connected();
  const answers = [];
  for (let n = 0; n < 1000; n++) {
    socket.request("count", { n }).then((answer) => (answers.push(answer.n), replies++));
    await world.advance(0.01);
    if (n % 20 === 10) world.socket.end(1001);
  }
  await world.advance(60);
  const all = Array.from({ length: 1000 }, (_, n) => n);
  const sorted = (numbers) => [...numbers].sort((one, other) => one - other);
  assert.deepEqual([sorted(answers), sorted(runs.values()), replies], [all, all, 1000]);
  assert.ok(world.sockets.length > 50);
});

test("a socket that stops tells its requests", async () => {
  const socket = await connected();
  const request = socket.request("say");
  world.socket.say({ _ws: { bye: "kicked", again: false } });
  await assert.rejects(request, { status: 0, message: "The socket is closed" });
});

// --- Where the URL comes from

test("an async function gives a new URL for each handshake", async () => {
  let count = 0;
  const socket = await connected({}, async () => `wss://ws.example.com?n=${++count}`);
  world.socket.end(1006);
  await world.advance(1);
  assert.deepEqual(world.sockets.map(({ url }) => url.split(/[?&]/)[1]), ["n=1", "n=2"]);
  socket.close();
});

test("a URL that arrives after close() opens nothing", async () => {
  let give;
  const socket = new GatewaySocket(() => new Promise((resolve) => (give = resolve)));
  socket.close();
  give("wss://ws.example.com");
  await world.advance(10);
  assert.deepEqual([world.sockets.length, socket.state], [0, "closed"]);
});

test("each handshake has a fresh connect token", async () => {
  Math.random = () => 1;
  let count = 0;
  world.site = () => json({ token: `a+b:${++count}`, expires_in: 60, window: 12 });
  world.document.cookie = "a=b; csrftoken=abc123";
  const socket = await connected({}, tokenUrl("wss://ws.example.com?channel=x"));
  assert.deepEqual(world.fetched[0], { url: "/ws-token/", method: "POST", headers: { "X-CSRFToken": "abc123" } });
  world.socket.end(1006);
  assert.equal(socket.nextAttempt - Date.now(), 12_000);
  await world.advance(13);
  const ends = world.sockets.map(({ url }) => url.split("?")[1]);
  assert.deepEqual(ends, ["a%2Bb%3A1", "a%2Bb%3A2"].map((token) => `channel=x&ws_token=${token}&ws_v=1`));
});

for (const csrfToken of ["given", () => "given"]) {
  test(`the CSRF token can be given as a ${typeof csrfToken}`, async () => {
    world.site = () => json({ token: "t", expires_in: 60 });
    await connected({}, tokenUrl("wss://ws.example.com", { endpoint: "/t/", csrfToken }));
    assert.deepEqual([world.fetched[0].url, world.fetched[0].headers["X-CSRFToken"]], ["/t/", "given"]);
    assert.equal(world.socket.url, "wss://ws.example.com?ws_token=t&ws_v=1");
  });
}

test("no token for a logged-out user is a refusal", async () => {
  world.site = () => json({ message: "Log in first." }, 403);
  const socket = new GatewaySocket(tokenUrl("wss://ws.example.com"));
  await world.advance(60);
  assert.deepEqual([socket.state, socket.reason], ["refused", { status: 403, message: "Log in first." }]);
  assert.equal(world.fetched.length, 1);
});

test("a token endpoint that is down is asked again", async () => {
  const socket = new GatewaySocket(tokenUrl("wss://ws.example.com"));
  await world.advance(5);
  assert.equal(socket.state, "waiting");
  world.site = () => json({ token: "t", expires_in: 60 });
  world.fire("online");
  await world.advance(1);
  assert.equal(socket.state, "open");
});
