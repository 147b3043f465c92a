// node build.mjs OUTPUT DEPFILE: the texts of what the script workers run, for compile.c. Packages come from npm and are bundled;
// `npm ci` runs only where the lock file is another than that of the last time.
import {readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {install} from '../install.mjs';
import {bundlePackage, bundleProgram} from './bundle.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [output, depfile] = process.argv.slice(2);

install(here);
const esbuild = await import('esbuild');
const packages = JSON.parse(readFileSync(join(here, 'modules.json'), 'utf8'));
const table = Object.fromEntries(Object.entries(packages).map(([name, {default: usual, versions, members}]) =>
    [name, members ? [versions, usual, 1] : [versions, usual]]));

const programs = {};
const read = new Set([join(here, 'rules.js'), join(here, 'modules.json'), join(here, 'bundle.mjs')]);
function add(name, {text, inputs}) {
    programs[name] = text;
    inputs.forEach((path) => path.includes('node_modules') || read.add(path));
}

programs.rules = readFileSync(join(here, 'rules.js'), 'utf8');
add('library', await bundleProgram(esbuild, join(here, 'library/index.js'), 'program.default', table));
add('liquid', await bundleProgram(esbuild, join(here, 'liquid.js'), 'program.default'));
for (const file of readdirSync(join(here, 'packages')))
    add(file.replace('.js', ''), await bundleProgram(esbuild, join(here, 'packages', file), 'program'));
for (const file of readdirSync(join(here, 'own')))
    add('own/' + file.replace('.js', ''), await bundleProgram(esbuild, join(here, 'own', file), 'program.default'));
for (const [name, {package: source, versions, entry, browser}] of Object.entries(packages))
    for (const version of versions) {
        const flat = (source || name).replace(/^@/, '').replace('/', '-');
        add(`${name}@${version}`, await bundlePackage(esbuild, {
            folder: here,
            name: versions.length > 1 ? `${flat}-${version}` : source || name,
            entry,
            browser,
            peers: name === 'moment-timezone' ? ['moment'] : [],
            adapter: name === 'axios' ? join(here, 'axios-adapter.cjs') : undefined,
        }));
    }

const records = Object.entries(programs).map(([name, text]) => `${name} ${Buffer.byteLength(text)}\n${text}\n`);
writeFileSync(output, records.join(''));
const relative = [...read].map((path) => path.replaceAll(' ', '\\ '));
writeFileSync(depfile, `${output}: ${relative.join(' ')}\n`);
