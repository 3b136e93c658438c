/** Bundles src/ into the app's static files. */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const ROOT = new URL("../", import.meta.url);
const APP = "django_aws_api_gateway_websockets";
export const STATIC = new URL(`src/${APP}/static/${APP}/`, ROOT);

/** Each bundle with its source, and the most bytes that it may have, gzipped. */
export const BUNDLES = {
  "gateway-socket.core.js": { source: "core.js", limit: 3200 },
  "gateway-socket.js": { source: "index.js", limit: 6000 },
  "gateway-socket.page.js": { source: "page.js", limit: 6000 },
  "gateway-socket.htmx2.js": { source: "htmx2.js", limit: 3600 },
  "gateway-socket.htmx4.js": { source: "htmx4.js", limit: 3600 },
};

/** @param {string} source a file of src/ */
export const bundle = async (source) => {
  const { outputFiles } = await build({
    absWorkingDir: new URL(".", import.meta.url).pathname,
    entryPoints: ["src/" + source],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    // Names that end in an underscore are nobody else's.
    mangleProps: /_$/,
  });
  return Buffer.from(outputFiles[0].contents);
};

/** In the format of sha256sum: what was built, and from what. A test of the Python side reads it, without node. */
const checksums = async () => {
  const sources = (await readdir(new URL("src/", import.meta.url))).sort().map((name) => `js/src/${name}`);
  const built = Object.keys(BUNDLES).map((name) => STATIC.pathname.slice(ROOT.pathname.length) + name);
  const lines = [...sources, ...built].map(async (path) => {
    const hash = createHash("sha256").update(await readFile(new URL(path, ROOT)));
    return `${hash.digest("hex")}  ${path}\n`;
  });
  return (await Promise.all(lines)).join("");
};

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const [name, { source, limit }] of Object.entries(BUNDLES)) {
    const code = await bundle(source);
    await writeFile(new URL(name, STATIC), code);
    console.log(`${name}: ${code.length} bytes, ${gzipSync(code, { level: 9 }).length} gzipped, at most ${limit}`);
  }
  await writeFile(new URL("bundles.sha256", import.meta.url), await checksums());
}
