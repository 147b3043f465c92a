// node embed.mjs OUTPUT.c: what `countersign module add` runs on the operator's machine, as one C file.
import {readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const read = (name) => readFileSync(join(here, name), 'utf8');
const escaped = (text) => text.replace(/[\\"?]/g, '\\$&').replace(/[^\x00-\x7f]/gu, (c) =>
    [...Buffer.from(c)].map((byte) => '\\' + byte.toString(8)).join('')).split('\n').map((line) => `    "${line}\\n"`).join('\n');
const {devDependencies: {esbuild}} = JSON.parse(read('package.json'));
writeFileSync(process.argv[2], `#include "cli/module_tools.h"

const char module_tool_bundle[] =
${escaped(read('bundle.mjs'))};

const char module_tool_add[] =
${escaped(read('add.mjs'))};

const char module_tool_esbuild[] = "esbuild@${esbuild}";
`);
