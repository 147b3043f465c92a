// node add.mjs FOLDER ESBUILD ENTRY OUTPUT: bundles the one package that package.json of FOLDER depends on into a module for rules,
// and prints its name and version. For `countersign module add`, which holds this text.
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {bundlePackage} from './bundle.mjs';

const [folder, tool, entry, output] = process.argv.slice(2);
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const [name, ...others] = Object.keys(read(join(folder, 'package.json')).dependencies || {});
if (!name || others.length > 0)
    throw new Error('npm installed not one package but ' + (1 + others.length));
const esbuild = await import(pathToFileURL(join(tool, 'lib', 'main.js')).href);
const {text} = await bundlePackage(esbuild, {folder, name, part: entry || undefined});
writeFileSync(output, text);
process.stdout.write(`${name}@${read(join(folder, 'node_modules', name, 'package.json')).version}`);
