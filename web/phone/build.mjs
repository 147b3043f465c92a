// node build.mjs OUTPUT.c DEPFILE: the phone app as one C file: page, scripts, style, service worker, manifest and icons.
import {createHash} from 'node:crypto';
import {readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';
import {install} from '../install.mjs';
import {icons} from './icons.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [output, depfile] = process.argv.slice(2);
install(here);
const {build} = await import('esbuild');

const common = {
    bundle: true,
    write: false,
    platform: 'browser',
    target: ['es2022'],
    legalComments: 'none',
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
};
const text = (path) => readFileSync(join(here, 'src', path), 'utf8');

/** Scripts and style, by names that hold a hash of their content; the QR decoder is a part of its own, loaded when needed. */
async function bundles() {
    const {outputFiles, metafile} = await build({
        ...common,
        entryPoints: [join(here, 'src/main.tsx'), join(here, 'src/app.css')],
        format: 'esm',
        splitting: true,
        outdir: 'out',
        entryNames: '[name].[hash]',
        chunkNames: '[name].[hash]',
        metafile: true,
    });
    const files = outputFiles.map(({path, contents}) => ({name: basename(path), content: Buffer.from(contents)}));
    const entry = (ending) => basename(Object.entries(metafile.outputs).find(([path, {entryPoint}]) => entryPoint && path.endsWith(ending))[0]);
    return {files, script: entry('.js'), style: entry('.css')};
}

async function worker(assets, version) {
    const {outputFiles} = await build({
        ...common,
        entryPoints: [join(here, 'src/sw.ts')],
        format: 'iife',
        define: {ASSETS: JSON.stringify(assets), VERSION: JSON.stringify(version)},
    });
    return Buffer.from(outputFiles[0].contents);
}

const TYPES = {html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', png: 'image/png',
    webmanifest: 'application/manifest+json'};
const typeOf = (name) => TYPES[name.split('.').pop()];

function row({name, content, unchanging = false}) {
    const bytes = (data) => `(const uint8_t[]){${Array.from(data).join(',')}}`;
    const packed = typeOf(name) === 'image/png' ? null : gzipSync(content, {level: 9});
    return `    {"${name}", "${typeOf(name)}", ${unchanging}, ${bytes(content)}, ${content.length}, ` +
        `${packed ? bytes(packed) : 'NULL'}, ${packed ? packed.length : 0}},`;
}

/** For ninja: made anew when a source changes, or one comes or goes. */
function depend() {
    const folders = ['src', 'src/ui', 'texts'].map((name) => join(here, name));
    const files = folders.flatMap((folder) =>
        readdirSync(folder, {withFileTypes: true}).filter((entry) => entry.isFile()).map(({name}) => join(folder, name)));
    writeFileSync(depfile, `${output}: ${[...folders, ...files, join(here, '../colours.css')].join(' ')}\n`);
}

const {files, script, style} = await bundles();
const page = text('index.html').replace('@script@', script).replace('@style@', style);
const others = [
    {name: 'manifest.webmanifest', content: Buffer.from(JSON.stringify(JSON.parse(text('manifest.json'))))},
    {name: 'mark.svg', content: readFileSync(join(here, '../login/assets/mark.svg'))},
    ...Object.entries(icons()).map(([name, content]) => ({name, content})),
];
const kept = [...files, ...others];
const hash = createHash('sha256').update(page);
for (const {name, content} of kept)
    hash.update(name).update(content);
const rows = [
    row({name: 'index.html', content: Buffer.from(page)}),
    row({name: 'sw.js', content: await worker(kept.map(({name}) => name), hash.digest('hex').slice(0, 16))}),
    ...files.map((file) => row({...file, unchanging: true})),
    ...others.map(row),
];
writeFileSync(output, `#include "phone/assets.h"

const struct phone_asset phone_assets[] = {
${rows.join('\n')}
};

const size_t phone_assets_count = sizeof phone_assets / sizeof phone_assets[0];
`);
depend();
