// TypeScript of web/ for tests: bundled as the build does it, and imported.

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** The module at `path`, from the root of the repository. */
export async function load(path) {
  const entry = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: 'esm', platform: 'neutral', target: 'es2022' });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
