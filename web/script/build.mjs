// node build.mjs OUTPUT LICENSES DEPFILE: the texts of what the script workers run, for compile.c, and the licences of the
// packages in them. Packages come from npm and are bundled;
// `npm ci` runs only where the lock file is another than that of the last time.
import {readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {install} from '../install.mjs';
import {bundlePackage, bundleProgram} from './bundle.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [output, licenses, depfile] = process.argv.slice(2);

install(here);
const esbuild = await import('esbuild');
const packages = JSON.parse(readFileSync(join(here, 'modules.json'), 'utf8'));
const table = Object.fromEntries(Object.entries(packages).map(([name, {default: usual, versions, members}]) =>
    [name, members ? [versions, usual, 1] : [versions, usual]]));

const programs = {};
const read = new Set([join(here, 'rules.js'), join(here, 'modules.json'), join(here, 'bundle.mjs')]);
const folders = new Set();
function add(name, {text, inputs}) {
    programs[name] = text;
    for (const path of inputs) {
        const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path) || [];
        if (folder)
            folders.add(folder);
        else
            read.add(path);
    }
}

// What its licence asks to go along with a package.
function licenseOf(folder) {
    const {name, version, license, licenses: older = [], author} = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const kind = license && license.type ? license.type : license || [].concat(older).map((one) => one.type || one).join(', ');
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `${kind || 'see the package'}; ${(author && author.name) || author || ''}`;
    return `${name} ${version} (${kind || file})\n\n${text}\n`;
}

programs.rules = readFileSync(join(here, 'rules.js'), 'utf8');
add('library', await bundleProgram(esbuild, join(here, 'library/index.js'), 'program.default'));
for (const [part, value] of Object.entries({text: 'makeText', bytes: 'makeBytes', buffer: 'quicken', clock: 'makeClock',
    process: 'makeProcess', amend: 'makeAmend', modules: 'makeModules'}))
    add('part/' + part, await bundleProgram(esbuild, join(here, 'library', part + '.js'), 'program.' + value, table));
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
const told = new Set([...folders].sort().map(licenseOf));
writeFileSync(licenses, 'The modules of rules contain these packages.\n\n' + [...told].join(`\n${'-'.repeat(80)}\n\n`));
const relative = [...read].map((path) => path.replaceAll(' ', '\\ '));
writeFileSync(depfile, `${output}: ${relative.join(' ')}\n`);
