import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import * as core from "../src/core.js";
import * as full from "../src/index.js";
import { World } from "./world.js";

for (const [name, module] of Object.entries({ core, index: full })) {
  test(`the types of ${name} name what there is`, async () => {
    new World();
    const text = await readFile(new URL(`../types/${name}.d.ts`, import.meta.url), "utf8");
    for (const exported of Object.keys(module)) assert.match(text, new RegExp(`\\b${exported}\\b`));
    const { prototype } = module.GatewaySocket;
    for (const member of Object.getOwnPropertyNames(prototype).filter((one) => !/_$|constructor/.test(one))) {
      assert.match(text, new RegExp(`\\b${member}\\b`));
    }
  });
}
