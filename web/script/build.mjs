// node build.mjs OUTPUT.c: what the script workers run, as one C file. Liquid comes from npm and is bundled; `npm ci` runs
// only where the lock file is another than that of the last time.
import {readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {install} from '../install.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2];

// QuickJS 2025-04-26 miscompiles a generator's `for (x of yield …)`: the value is taken out of the loop's head.
const yieldInLoopHead = {
    name: 'yield-in-loop-head',
    setup(build) {
        build.onLoad({filter: /liquid\.browser\.mjs$/}, ({path}) => {
            let count = 0;
            const contents = readFileSync(path, 'utf8').replace(
                /for \(const (\w+) of \((yield [^;{]*)\)\) \{/g,
                (_, name, value) => `const list${++count} = ${value}; for (const ${name} of list${count}) {`);
            if (/for \([^;)]* of \(?yield/.test(contents))
                throw new Error('a loop over a yielded value is left');
            return {contents, loader: 'js'};
        });
    },
};

// A program whose value is the entry's exports, or where it has one its default.
async function bundle(entry, value) {
    const {build} = await import('esbuild');
    const result = await build({
        entryPoints: [join(here, entry)],
        bundle: true,
        write: false,
        format: 'iife',
        globalName: 'program',
        platform: 'browser',
        target: 'es2022',
        legalComments: 'none',
        minify: true,
        plugins: [yieldInLoopHead],
        logLevel: 'error',
    });
    return `(function () {${result.outputFiles[0].text}\nreturn ${value};})()`;
}

function literal(text) {
    const escaped = {'\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t', '?': '\\?'};
    const parts = [];
    let line = '';
    for (const byte of Buffer.from(text, 'utf8')) {
        const c = String.fromCharCode(byte);
        line += escaped[c] ?? (byte < 32 || byte > 126 ? '\\' + byte.toString(8).padStart(3, '0') : c);
        if (line.length > 100 || byte === 10) {
            parts.push(`    "${line}"`);
            line = '';
        }
    }
    parts.push(`    "${line}"`);
    return parts.join('\n');
}

install(here);
const programs = {
    rules: readFileSync(join(here, 'rules.js'), 'utf8'),
    library: await bundle('library/index.js', 'program.default'),
    liquid: await bundle('liquid.js', 'program.default'),
};
for (const name of ['buffer', 'events', 'legacy-url', 'querystring', 'url'])
    programs[name] = await bundle(`packages/${name}.js`, 'program');
const rows = Object.entries(programs).map(([name, text]) => `    {"${name}",\n${literal(text)}},`);
writeFileSync(output, `#include "script/programs.h"

const struct script_program script_programs[] = {
${rows.join('\n')}
};

const size_t script_program_count = sizeof script_programs / sizeof script_programs[0];
`);
