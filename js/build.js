/** Bundles src/ into the app's static files, or with --check compares them. */
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const STATIC = new URL("../src/django_aws_api_gateway_websockets/static/django_aws_api_gateway_websockets/", import.meta.url);

/** Each bundle with its source, and the most bytes that it may have, gzipped. */
export const BUNDLES = {
  "gateway-socket.core.js": { source: "core.js", limit: 3200 },
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

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const [name, { source, limit }] of Object.entries(BUNDLES)) {
    const code = await bundle(source);
    const file = new URL(name, STATIC);
    if (process.argv.includes("--check")) {
      const built = await readFile(file).catch(() => Buffer.alloc(0));
      if (!built.equals(code)) {
        console.error(`${name} is not what js/src makes: run make js`);
        process.exitCode = 1;
      }
    } else {
      await writeFile(file, code);
      console.log(`${name}: ${code.length} bytes, ${gzipSync(code, { level: 9 }).length} gzipped, at most ${limit}`);
    }
  }
}
