import assert from "node:assert/strict";
import { test } from "node:test";

import { crowd } from "./crowd.js";

for (const [count, seed] of [[10_000, 1], [10_000, 2], [18_000, 1], [18_000, 2]]) {
  test(`${count} clients dropped at once, seed ${seed}`, async () => {
    const { attempts, busiest, back, p95 } = await crowd(count, seed);
    assert.equal(attempts.length, count);
    assert.equal(back, count);
    assert.ok(busiest <= 500, `${busiest} attempts in a second`);
    assert.ok(p95 <= 45, `95% back after ${p95} s`);
  });
}
