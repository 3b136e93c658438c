import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { BUNDLES, STATIC, bundle } from "../build.js";
import { World } from "./world.js";

for (const [name, { source, limit }] of Object.entries(BUNDLES)) {
  const file = new URL(name, STATIC);

  test(`${name} is what its source makes`, async () => {
    assert.ok((await readFile(file)).equals(await bundle(source)), "run make js");
  });

  test(`${name} has at most ${limit} bytes, gzipped`, async () => {
    const size = gzipSync(await readFile(file), { level: 9 }).length;
    assert.ok(size <= limit, `${size} bytes`);
  });

  test(`${name} stands alone, without eval`, async () => {
    const code = await readFile(file, "utf8");
    assert.doesNotMatch(code, /\bimport\b|\bfrom\s*["']|\beval\b|\bFunction\(|innerHTML|sourceMappingURL/);
  });
}

for (const name of ["gateway-socket.core.js", "gateway-socket.js"]) {
  test(`${name} works as its source does`, async () => {
    const world = new World();
    const { GatewaySocket, RequestError, tokenUrl } = await import(new URL(name, STATIC));
    assert.ok(RequestError && tokenUrl);
    const socket = new GatewaySocket("wss://ws.example.com", { beat: 60 });
    await world.advance(61);
    assert.deepEqual(world.socket.sent, [{ action: "_ws", _ws: { beat: true } }]);
    const request = socket.request("say", { text: "a" });
    const { id } = world.socket.sent[1]._ws;
    world.socket.say({ ok: true, _ws: { reply: id, status: 200 } });
    assert.deepEqual(await request, { ok: true });
    const joined = socket.join?.("room-1");
    await world.advance(0.1);
    if (joined) assert.deepEqual(world.socket.sent[2]._ws.join, { "room-1": null });
    world.socket.end(1001);
    await world.advance(1);
    assert.equal(socket.state, "open");
  });
}
