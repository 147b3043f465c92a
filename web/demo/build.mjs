// node build.mjs OUTPUT.c: the demo application and the outbox page as one C file, their scripts bundled.
import {readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {install} from '../install.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2];

async function bundle(entry, more = {}) {
    const {build} = await import('esbuild');
    const result = await build({
        entryPoints: [join(here, entry)],
        bundle: true,
        write: false,
        format: 'iife',
        platform: 'browser',
        target: 'es2020',
        legalComments: 'none',
        minify: true,
        ...more,
    });
    return Buffer.from(result.outputFiles[0].contents);
}

function row(name, type, content) {
    const bytes = Array.from(content).join(',');
    return `    {"${name}", "${type}", (const unsigned char[]){${bytes}}, ${content.length}},`;
}

install(here);
const rows = [
    row('index.html', 'text/html', readFileSync(join(here, 'index.html'))),
    row('demo.css', 'text/css', await bundle('demo.css', {target: undefined, format: undefined})),
    row('demo.js', 'text/javascript', await bundle('demo.js')),
    row('rule.js', 'text/javascript', readFileSync(join(here, 'rule.js'))),
    row('mark.svg', 'image/svg+xml', readFileSync(join(here, '../login/assets/mark.svg'))),
    row('outbox.html', 'text/html', readFileSync(join(here, 'outbox.html'))),
    row('outbox.js', 'text/javascript', await bundle('outbox.js')),
];
writeFileSync(output, `#include "cli/demo_assets.h"

const struct demo_asset demo_assets[] = {
${rows.join('\n')}
};

const size_t demo_assets_count = sizeof demo_assets / sizeof demo_assets[0];
`);
