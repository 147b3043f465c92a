// How a package from npm becomes the text of one function (require, module, exports, global), with all that it depends on inside.
// What Node itself offers stays outside: the rule's own `require` has it.
import {existsSync, readFileSync} from 'node:fs';
import {builtinModules} from 'node:module';
import {dirname, join, sep} from 'node:path';

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

// axios' adapters are those of Node and of browsers: both give way to one over the server's HTTP.
function axiosAdapter(adapter) {
    const isAxios = ({importer}) => importer.includes(`${sep}axios`);
    return {
        name: 'axios-adapter',
        setup(build) {
            build.onResolve({filter: /\/http(\.js)?$/}, (found) => (isAxios(found) && !found.path.includes(':')
                ? {path: found.importer.slice(0, found.importer.lastIndexOf('/lib/') + 4), namespace: 'axios-adapter'} : undefined));
            build.onResolve({filter: /\/(xhr|fetch)(\.js)?$|classes\/FormData\.js$|^form-data$/}, (found) =>
                (isAxios(found) ? {path: 'nothing', namespace: 'nothing'} : undefined));
            build.onLoad({filter: /.*/, namespace: 'nothing'}, () => ({contents: 'module.exports = false;', loader: 'js'}));
            build.onLoad({filter: /.*/, namespace: 'axios-adapter'}, ({path: lib}) => {
                const get = (name) => `require(${JSON.stringify(join(lib, name))})`;
                const hasErrorClass = existsSync(join(lib, 'core/AxiosError.js'));
                const makeError = hasErrorClass
                    ? '(message, config, code, request) => new Error_(message, code, config, request)'
                    : 'Error_';
                const contents = `
                    const usual = (exported) => exported.default || exported;
                    const Error_ = usual(${get(hasErrorClass ? 'core/AxiosError.js' : 'core/createError.js')});
                    module.exports = require(${JSON.stringify(adapter)})({
                        settle: usual(${get('core/settle.js')}),
                        buildURL: usual(${get('helpers/buildURL.js')}),
                        buildFullPath: usual(${get('core/buildFullPath.js')}),
                        makeError: ${makeError},
                        version: ${JSON.stringify(JSON.parse(readFileSync(join(lib, '../package.json'), 'utf8')).version)},
                    });`;
                return {contents, loader: 'js', resolveDir: lib};
            });
        },
    };
}

// What packages load only for the file system, the network or a terminal is empty.
const absent = {
    name: 'absent',
    setup(build) {
        build.onResolve({filter: /^(tmp|yamlparser)$/}, () => ({path: 'empty', namespace: 'empty'}));
        build.onLoad({filter: /.*/, namespace: 'empty'}, () => ({contents: 'module.exports = {};', loader: 'js'}));
    },
};

const common = {
    bundle: true,
    write: false,
    target: 'es2022',
    legalComments: 'none',
    minify: true,
    logLevel: 'error',
    define: {'process.env.NODE_ENV': '"production"'},
    metafile: true,
};

const inputs = (result) => Object.keys(result.metafile.inputs).filter((path) => !path.includes(':') && !path.startsWith('<'));

// A program whose value is the entry's exports, or where it has one its default.
export async function bundleProgram(esbuild, entry, value, packages) {
    const result = await esbuild.build({
        ...common,
        entryPoints: [entry],
        absWorkingDir: dirname(entry),
        format: 'iife',
        globalName: 'program',
        platform: 'browser',
        plugins: [yieldInLoopHead],
        ...packages && {define: {...common.define, PACKAGES: JSON.stringify(packages)}},
    });
    return {text: `(function () {${result.outputFiles[0].text}\nreturn ${value};})()`, inputs: inputs(result).map((path) => join(dirname(entry), path))};
}

// `part` is a file beside the package's main one, as require names it; `entry` a file that its own names do not reach.
// `peers` are packages that stay outside, so that both sides share one: moment-timezone changes moment itself.
export async function bundlePackage(esbuild, {folder, name, part, entry, browser, peers = [], adapter}) {
    const from = part ? `${name}/${part}` : entry || builtinModules.includes(name) ? './' + join('node_modules', name, entry || '.') + (entry ? '' : '/') : name;
    const result = await esbuild.build({
        ...common,
        stdin: {
            contents: `const exported = require(${JSON.stringify(from)});
                module.exports = exported.__esModule && typeof exported.default === 'function' ? exported.default : exported;`,
            resolveDir: folder,
        },
        absWorkingDir: folder,
        format: 'cjs',
        platform: browser ? 'browser' : 'node',
        mainFields: browser ? ['browser', 'main', 'module'] : ['main', 'module'],
        external: [...builtinModules.flatMap((builtin) => [builtin, `node:${builtin}`]), 'request', 'countersign:http', ...peers],
        plugins: [absent, ...adapter ? [axiosAdapter(adapter)] : []],
    });
    return {
        text: `(function (require, module, exports, global) {${result.outputFiles[0].text}\n})`,
        inputs: inputs(result).map((path) => join(folder, path)),
    };
}
