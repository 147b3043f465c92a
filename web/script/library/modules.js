// require: what Node itself offered, packages from npm (modules.json), our own over the server's HTTP and OpenSSL, and what
// the operator added.
import {choose} from './versions.js';

/* global PACKAGES */

// Our own modules stand for all the versions that are named here (a whole major version each), by one implementation.
const OWN = {
    '_': ['4.17.21'],
    'request': ['2.88.2'],
    'request-promise': ['4.2.6', '3.0.0', '2.0.1', '1.0.2', '0.4.3'],
    'request-promise-native': ['1.0.9'],
    'node-fetch': ['2.7.0', '1.7.3'],
    'superagent': ['3.8.3', '4.1.0', '5.3.1', '6.1.0', '7.1.6', '8.1.2'],
    'got': ['11.8.6', '10.7.0', '9.6.0'],
    'auth0': ['2.44.1', '3.7.2'],
    '@auth0/rule-utilities': ['0.2.0', '0.1.0'],
    'jwks-rsa': ['1.12.3', '2.1.5', '3.1.0'],
    'bcrypt': ['5.1.1', '4.0.1', '3.0.8', '2.0.1', '1.0.3', '0.8.7'],
    'bcryptjs': ['2.4.3'],
    'pbkdf2': ['3.1.2'],
    'native-or-bluebird': ['1.2.0'],
};

// What Node has of its own, from our programs of that name.
const BUILTIN = ['assert', 'crypto', 'https', 'util', 'zlib'];
const WITHOUT = ['fs', 'child_process', 'cluster', 'dgram', 'diagnostics_channel', 'dns', 'http2', 'inspector', 'net',
    'readline', 'repl', 'tls', 'tty', 'v8', 'vm', 'worker_threads'];

const INSTEAD = 'Rules can not open connections to a database. Put an HTTP API in front of it and call that (axios, fetch, '
    + 'request), or keep what logins need in app_metadata.';
const DATABASES = ['mongodb', 'mongo', 'mongoose', 'monk', 'mongo-getdb', 'mysql', 'mysql2', 'pg', 'postgres', 'pg-promise', 'pg-native', 'mssql',
    'tedious', 'sqlserver', 'node-sqlserver', 'redis', 'ioredis', 'couchbase', 'cassandra', 'cassandra-driver',
    'node-cassandra-cql', 'cql', 'cql-driver',
    'knex', 'Knex', 'sequelize', 'oracledb', 'ibm_db', 'nano', 'cradle', 'riak-js', 'neo4j-driver', 'memcached', 'ldapjs', 'sqlite3'];

class AsyncResource {
    runInAsyncScope(run, self, ...values) {
        return run.apply(self, values);
    }
}

export function makeModules(world) {
    const {host} = world;
    const {parse, stringify} = JSON;
    const made = {};
    // What packages see as `global`: what they write there is not the rule's.
    const ground = Object.create(globalThis);
    ground.global = ground;

    const promisedTimers = {
        setTimeout: (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value)),
        setImmediate: (value) => new Promise((resolve) => setImmediate(resolve, value)),
    };

    const makers = {
        buffer: () => ({...world.load('buffer'), SlowBuffer: world.Buffer}),
        async_hooks: () => ({AsyncResource}),
        constants: () => ({}),
        domain: () => ({active: null}),
        http: () => world.own('https').plain,
        events: () => world.load('events').default,
        module: () => ({builtinModules: []}),
        os: () => ({EOL: '\n', platform: () => 'linux', type: () => 'Linux', hostname: () => 'localhost', arch: () => 'x64', release: () => '',
            tmpdir: () => '/tmp', homedir: () => '/', cpus: () => [], totalmem: () => 0, freemem: () => 0, networkInterfaces: () => ({})}),
        perf_hooks: () => ({performance: world.performance}),
        process: () => world.process,
        querystring: () => ({escape: encodeURIComponent, unescape: decodeURIComponent, ...world.load('querystring').default}),
        sys: () => require('util'),
        timers: () => ({setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises: promisedTimers}),
        url: () => {
            const url = {...world.load('legacy-url'), fileURLToPath: (address) => new world.URL(address).pathname};
            // Most want url.parse; the WHATWG's take a millisecond to load.
            for (const name of ['URL', 'URLSearchParams'])
                Object.defineProperty(url, name, {get: () => world[name], enumerable: true, configurable: true});
            return url;
        },
        'native-or-bluebird': () => Promise,
        'countersign:http': () => world.own('http'),
    };

    function fault(code, message) {
        return Object.assign(new Error(message), {code});
    }

    function missing(text, name) {
        if (DATABASES.includes(name))
            return fault('MODULE_NOT_FOUND', `Cannot find module '${text}'. ${INSTEAD}`);
        const known = /^((?:@[^/@]+\/)?[^/@]+)(@[^/]+)?(\/.*)?$/.exec(text) || [text, name];
        return fault('MODULE_NOT_FOUND', `Cannot find module '${text}'. The operator of this server can add it: `
            + `countersign module add ${known[1]}${known[2] || '@VERSION'}${known[3] || ''}`);
    }

    // A module of Node's whose purpose is outside the sandbox: there to be loaded, not to be used.
    function withoutUse(name) {
        return new Proxy({}, {
            get(target, member) {
                if (typeof member === 'symbol' || member === '__esModule' || member === 'default' || member === 'then' || member in target)
                    return target[member];
                return () => {
                    throw fault('ERR_NOT_AVAILABLE', `${name}.${member} is not offered in rules`);
                };
            },
        });
    }

    function runFunction(key, run) {
        const module = {exports: {}};
        made[key] = module.exports;
        world.loading.depth++;
        try {
            run.call(module.exports, require, module, module.exports, ground);
        } catch (failed) {
            delete made[key];
            throw failed;
        } finally {
            world.loading.depth--;
        }
        return module.exports;
    }

    const runPackage = (program) => runFunction(program, host.load(program));

    function keep(key, make) {
        if (!Object.hasOwn(made, key))
            made[key] = make();
        return made[key];
    }

    function note(text, name, chosen) {
        world.note(`${text} is not here: ${name}@${chosen.version} takes its place`);
    }

    // The operator's modules of a name: [{version, key}].
    const added = {};
    function addedVersions(name, entry) {
        const place = entry === undefined ? name : `${name}/${entry}`;
        if (!Object.hasOwn(added, place))
            added[place] = parse(host.ask('module.versions', stringify({name, entry})));
        return added[place];
    }

    const runAdded = ({key}) => runFunction(key, host.module(key));

    // One of the operator's, where it is the very version, or nearer to it than what is built in.
    function requireAdded(text, name, version, entry, builtIn) {
        const versions = addedVersions(name, entry);
        if (versions.length === 0)
            return undefined;
        const chosen = choose([...builtIn, ...versions.map((one) => one.version)], version === undefined ? 'latest' : version);
        const found = versions.find((one) => one.version === chosen.version);
        if (!found)
            return undefined;
        if (!chosen.isExact)
            note(text, name, chosen);
        return {exported: keep(found.key, () => runAdded(found))};
    }

    function requirePackage(text, name, version) {
        const [versions, usual] = PACKAGES[name];
        const chosen = version === undefined ? {version: usual, isExact: true} : choose(versions, version);
        if (!chosen.isExact) {
            const other = requireAdded(text, name, version, undefined, versions);
            if (other)
                return other.exported;
            note(text, name, chosen);
        }
        const program = `${name}@${chosen.version}`;
        const whole = keep(program, () => runPackage(program));
        return version === undefined ? keep(name, () => world.amend(name, whole)) : whole;
    }

    function requireOwn(text, name, version) {
        const chosen = version === undefined ? {isExact: true} : choose(OWN[name], version);
        if (!chosen.isExact) {
            const other = requireAdded(text, name, version, undefined, OWN[name]);
            if (other)
                return other.exported;
            if (!chosen.isCompatible)
                note(text, name, chosen);
        }
        const program = name.replace(/^.*\//, '');
        return keep(program, () => (makers[name] ? makers[name]() : world.own(program)));
    }

    // Parts of Node's own modules that are modules too.
    const nodeParts = {
        'timers/promises': () => promisedTimers,
        'util/types': () => require('util').types,
        'path/posix': () => require('path'),
        'assert/strict': () => require('assert').strict,
        'dns/promises': () => withoutUse('dns'),
        'fs/promises': () => withoutUse('fs'),
    };

    function requireWhole(text, name, version) {
        if (Object.hasOwn(PACKAGES, name))
            return requirePackage(text, name, version);
        if (Object.hasOwn(OWN, name))
            return requireOwn(text, name, version);
        if (Object.hasOwn(makers, name))
            return keep(name, makers[name]);
        if (BUILTIN.includes(name))
            return keep(name, () => world.own(name));
        if (WITHOUT.includes(name))
            return keep(name, () => withoutUse(name));
        const other = DATABASES.includes(name) ? undefined : requireAdded(text, name, version, undefined, []);
        if (!other)
            throw missing(text, name);
        return other.exported;
    }

    // NAME/PATH: a file of a package, of which many are a member of the whole too.
    function requirePart(text, name, version, path) {
        const entry = path.replace(/\.js$/, '');
        if (Object.hasOwn(nodeParts, `${name}/${entry}`))
            return keep(`${name}/${entry}`, nodeParts[`${name}/${entry}`]);
        const last = entry.split('/').pop();
        const hasMembers = (Object.hasOwn(PACKAGES, name) && PACKAGES[name][2]) || ['request-promise', 'request-promise-native'].includes(name);
        const part = hasMembers ? requireWhole(text, name, version)[last] : undefined;
        if (part !== undefined && part !== null)
            return part;
        const other = requireAdded(text, name, version, entry, []);
        if (!other)
            throw missing(text, name);
        return other.exported;
    }

    function require(specifier) {
        const text = String(specifier);
        const found = /^(?:node:)?((?:@[^/@]+\/)?[^/@]+)(?:@([^/]*))?(?:\/(.+?))?\/?$/.exec(text);
        if (!found)
            throw missing(text, text);
        const [, name, version, path] = found;
        return path === undefined ? requireWhole(text, name, version || undefined) : requirePart(text, name, version || undefined, path);
    }
    require.resolve = (specifier) => String(specifier);
    require.cache = {};

    class ValidationError extends Error {
        constructor(code, message) {
            super(message);
            this.name = 'ValidationError';
            this.code = code;
        }
    }
    return {require, ValidationError};
}
