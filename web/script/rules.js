// The program that runs a login's rules, one after the other, in a fresh context. Its value is called with the host's
// functions and the input:
//   user, context, configuration   what rules get
//   rules                          [{source: hash, id, name}], in order
//   domain, base_url               of `auth0`
//   clock_ms                       how far the server's clock is from the machine's (tests move it)
// It ends with host.finish(JSON): {user, id_token, access_token, multifactor, redirect, primary_user, saml, error, runs}.
// Rules may change any built-in object under its feet: what it needs is taken here, before the first of them runs.
(function (host, input) {
    'use strict';

    const {stringify, parse} = JSON;
    const {create, defineProperty, setPrototypeOf, keys} = Object;
    const ObjectPrototype = Object.prototype;
    const hasOwn = ObjectPrototype.hasOwnProperty;
    const {apply} = Reflect;
    const {Promise, Error, TypeError, Proxy, String} = globalThis;
    const then = Promise.prototype.then;
    const indexOf = String.prototype.indexOf;
    const match = String.prototype.match;
    const InternalError = globalThis.InternalError;
    const rules = input.rules;
    const runs = [];

    let user = input.user;
    let context = input.context;
    // As the last rule left them, in plain copies that no rule can reach.
    const known = {user: host.copy(user), context: host.copy(context)};
    let current = -1;
    let isDone = false;
    let settleCurrent = null;

    const OVER_TIME = 'Request to Webtask exceeded allowed execution time';

    // --- errors ---

    function read(object, name) {
        try {
            return object[name];
        } catch (ignored) {
            return undefined;
        }
    }

    // An engine's own messages, in the words that people know from Node.
    function familiar(message) {
        const found = apply(match, message, [/^cannot (read|set) property '(.*)' of (undefined|null)$/]);
        if (found)
            return `Cannot ${found[1]} properties of ${found[3]} (${found[1] === 'read' ? 'reading' : 'setting'} '${found[2]}')`;
        return message === 'stack overflow' ? 'Maximum call stack size exceeded' : message;
    }

    // What is told of anything that was thrown, or given to callback as an error.
    function describe(fault) {
        const isObject = (typeof fault === 'object' && fault !== null) || typeof fault === 'function';
        const told = {name: 'Error', message: '', kind: 'error'};
        try {
            if (!isObject) {
                told.message = String(fault);
                return told;
            }
            const name = read(fault, 'name');
            const message = read(fault, 'message');
            told.name = typeof name === 'string' ? name : 'Error';
            told.message = message === undefined || message === '' ? String(fault) : familiar(String(message));
            if (told.name === 'UnauthorizedError' || fault instanceof UnauthorizedError)
                told.kind = 'unauthorized';
            if (fault instanceof InternalError && message === 'out of memory')
                told.kind = 'memory';
            locate(told, read(fault, 'stack'));
        } catch (ignored) {
            told.message = told.message || 'The rule failed with an error that can not be shown';
            // Where memory is out, reading the fault fails for the same reason.
            if (host.isFull())
                told.kind = 'memory';
        }
        return told;
    }

    // Line and column in the author's own text: the host wraps it with a line of its own before it.
    function locate(told, stack) {
        if (typeof stack !== 'string' || current < 0)
            return;
        const name = rules[current].name;
        const at = apply(indexOf, stack, [name + ':']);
        if (at < 0)
            return;
        const found = apply(match, stack.slice(at + name.length), [/^:(\d+)(?::(\d+))?/]);
        if (!found)
            return;
        told.line = found[1] - 1;
        if (found[2] !== undefined)
            told.column = +found[2];
    }

    class UnauthorizedError extends Error {
        constructor(message) {
            super(message);
            this.description = message;
        }
    }
    const ownName = (name) => ({value: name, writable: true, configurable: true});
    defineProperty(UnauthorizedError.prototype, 'name', ownName('UnauthorizedError'));
    defineProperty(UnauthorizedError.prototype, 'statusCode', {value: 401, writable: true, configurable: true});

    // --- the pipeline ---

    function finish(error) {
        if (isDone)
            return;
        isDone = true;
        keepShelf();
        const result = {error, runs};
        try {
            if (!error) {
                result.user = user;
                result.id_token = context.idToken;
                result.access_token = context.accessToken;
                result.multifactor = context.multifactor;
                result.redirect = context.redirect;
                result.primary_user = context.primaryUser;
                result.jwt_configuration = context.jwtConfiguration;
            }
            host.finish(stringify(result));
        } catch (fault) {
            const told = describe(fault);
            told.rule = current;
            host.finish(stringify({error: told, runs}));
        }
    }

    function isObject(value) {
        return typeof value === 'object' && value !== null;
    }

    // Runs rule `index`; its value is true where the rule has called back already.
    function runRule(index) {
        let isSettled = false;
        let isInside = true;
        const started = host.now();
        const run = {rule: index, ms: 0};
        current = index;
        host.stage(index);

        function settle(fault, hasFailed, nextUser, nextContext) {
            // Another login may have been handed this callback.
            if (!host.mine())
                return;
            if (isSettled) {
                host.log('w', index, 'callback was called again; the first call counts');
                return;
            }
            isSettled = true;
            run.ms = host.now() - started;
            runs[index] = run;
            if (hasFailed) {
                run.error = describe(fault);
                run.error.rule = index;
                finish(run.error);
                return;
            }
            if (isObject(nextUser))
                user = nextUser;
            if (isObject(nextContext))
                context = nextContext;
            run.changes = host.changes(known, {user, context});
            if (!isInside)
                apply(then, Promise.resolve(), [() => runFrom(index + 1)]);
        }
        const callback = (fault, nextUser, nextContext) => settle(fault, !!fault, nextUser, nextContext);
        const fail = (fault) => {
            if (isSettled)
                host.log('w', index, 'after callback: ' + describe(fault).message);
            else
                settle(fault, true);
        };
        settleCurrent = fail;

        try {
            const rule = host.source(rules[index].source);
            if (typeof rule !== 'function')
                throw new TypeError('The rule is not a function');
            if (input.check)
                return finish();
            const result = rule(user, context, callback);
            if (isObject(result) && typeof result.then === 'function')
                apply(then, Promise.resolve(result), [undefined, fail]);
        } catch (fault) {
            fail(fault);
        }
        isInside = false;
        return isSettled;
    }

    function runFrom(index) {
        while (index < rules.length) {
            if (!runRule(index) || isDone)
                return;
            index++;
        }
        finish();
    }

    // Nothing is left that could call back: no need to wait for the time limit. Where a promise was rejected and nobody
    // listened, that is the reason.
    host.onStalled((rejection) => {
        if (rejection !== undefined)
            settleCurrent(rejection);
        else
            settleCurrent(new Error(OVER_TIME));
    });

    // A timer's or reply's function of the current rule.
    function guarded(run) {
        return (...values) => {
            try {
                run(...values);
            } catch (fault) {
                settleCurrent(fault);
            }
        };
    }

    // --- what rules find in their world ---

    function provide(name, value) {
        defineProperty(globalThis, name, {value, writable: true, configurable: true, enumerable: false});
    }

    // Made when it is first touched: most rules touch none.
    function provideLater(name, make) {
        defineProperty(globalThis, name, {
            configurable: true,
            enumerable: false,
            get() {
                const value = make();
                if (value !== undefined)
                    provide(name, value);
                return value;
            },
            set(value) {
                provide(name, value);
            },
        });
    }

    const note = (text) => host.log('w', current < 0 ? 0 : current, text);

    const loading = {depth: 0};
    let loaded = null;
    function library() {
        if (loaded === null)
            loaded = host.load('library')({host, guarded, describe, note, loading, complete, place: input});
        return loaded;
    }

    // What is required may look for any name.
    let isComplete = false;
    function complete() {
        if (!isComplete)
            provideNames(host.mentions());
        isComplete = true;
    }

    function requirer() {
        complete();
        return library().require;
    }

    function request(name, argument) {
        return new Promise((resolve, reject) => {
            host.call(name, stringify(argument), (json, fault) => {
                if (fault !== undefined)
                    reject(new Error(fault));
                else
                    resolve(parse(json));
            });
        });
    }

    function management() {
        // Promise and node-style callback, as node-auth0 2.x had both.
        const updater = (name) => function (id, patch, done) {
            const answer = request(name, {user_id: typeof id === 'object' && id !== null ? id.id : id, patch});
            if (typeof done !== 'function')
                return answer;
            apply(then, answer, [guarded((value) => done(null, value)), guarded((fault) => done(fault))]);
            return undefined;
        };
        const auth0 = {
            domain: input.domain,
            baseUrl: input.base_url,
            users: {
                updateAppMetadata: updater('users.updateAppMetadata'),
                updateUserMetadata: updater('users.updateUserMetadata'),
            },
        };
        // The rest of the ManagementClient, with what that token may.
        let client = null;
        const rest = (part) => setPrototypeOf(part(auth0), new Proxy({}, {
            get(target, name) {
                if (typeof name !== 'string' || name === 'then' || name === 'toJSON')
                    return Object.prototype[name];
                client = client || new (requirer()('auth0').ManagementClient)({domain: auth0.domain, token: () => auth0.accessToken});
                return part(client)[name];
            },
        }));
        rest((whole) => whole.users);
        rest((whole) => whole);
        defineProperty(auth0, 'accessToken', {
            configurable: true,
            enumerable: true,
            get() {
                const value = parse(host.ask('accessToken', '{}'));
                defineProperty(auth0, 'accessToken', {value, writable: true, enumerable: true, configurable: true});
                return value;
            },
        });
        return auth0;
    }

    // What a rule keeps in `global` is there for later logins on this worker, by its bare name too; what it does not find
    // there is the context's. A login works on a shelf of its own, and what it changed there is kept when it ends: so
    // nothing leads from `global` into the world of a login that is still under way beside this one.
    let shelf = null;
    const found = create(null);

    function place(object, name, value) {
        defineProperty(object, name, {value, writable: true, enumerable: true, configurable: true});
    }

    function takeShelf() {
        if (shelf !== null)
            return;
        const names = keys(host.store);
        shelf = create(ObjectPrototype);
        for (let i = 0; i < names.length; i++) {
            found[names[i]] = host.store[names[i]];
            place(shelf, names[i], found[names[i]]);
        }
        setPrototypeOf(globalThis, shelf);
    }

    function keepShelf() {
        if (shelf === null)
            return;
        const names = keys(shelf);
        for (let i = 0; i < names.length; i++) {
            const value = read(shelf, names[i]);
            if (!(names[i] in found) || found[names[i]] !== value)
                host.store[names[i]] = value;
        }
        for (const name in found)
            if (!apply(hasOwn, shelf, [name]))
                delete host.store[name];
    }

    function keeper() {
        takeShelf();
        return new Proxy(shelf, {
            get: (target, name) => (name in target ? target[name] : globalThis[name]),
            has: (target, name) => name in target || name in globalThis,
        });
    }

    const write = (level) => (...values) => {
        const text = values.length === 1 && typeof values[0] === 'string' ? values[0] : library().line(values);
        host.log(level, current < 0 ? 0 : current, text);
    };

    // As V8 has it, and packages use it.
    defineProperty(Error, 'captureStackTrace', {
        value: (target) => defineProperty(target, 'stack', {value: new Error().stack, writable: true, configurable: true}),
        writable: true,
        configurable: true,
    });
    provide('UnauthorizedError', UnauthorizedError);
    provide('configuration', input.configuration);
    provideLater('auth0', management);
    provideLater('global', keeper);
    provideLater('console', () => ({
        log: write('l'), info: write('i'), warn: write('w'), error: write('e'), debug: write('d'), trace: write('d'),
        dir: write('l'),
    }));
    // As in Node, a timer is an object that becomes its number where one is asked for.
    let Timer = null;
    function timer(ms, run, values, repeats) {
        Timer = Timer || class Timeout {
            constructor(id) {
                defineProperty(this, 'id', {value: id});
            }

            [Symbol.toPrimitive]() {
                return this.id;
            }

            ref() {
                return this;
            }

            unref() {
                return this;
            }

            hasRef() {
                return true;
            }
        };
        if (typeof run !== 'function')
            throw new TypeError('The "callback" argument must be of type function. Received ' + typeof run);
        return new Timer(host.timer(ms, guarded(() => run(...values)), repeats));
    }
    globalThis.setTimeout = (run, ms, ...values) => timer(+ms, run, values, false);
    globalThis.setInterval = (run, ms, ...values) => timer(+ms, run, values, true);
    globalThis.setImmediate = (run, ...values) => timer(0, run, values, false);
    globalThis.clearTimeout = (id) => host.clear(+id);
    globalThis.clearInterval = (id) => host.clear(+id);
    globalThis.clearImmediate = (id) => host.clear(+id);
    provideLater('require', requirer);
    // Names that rules find without require: the first generation of Auth0's sandbox had these packages so.
    const packages = {
        request: 'request', _: '_', jwt: 'jsonwebtoken', querystring: 'querystring', uuid: 'uuid', async: 'async', bcrypt: 'bcrypt', q: 'q', Q: 'q',
        ip: 'ip', pbkdf2: 'pbkdf2', xml2js: 'xml2js', xmldom: 'xmldom', xpath: 'xpath', xtend: 'xtend', mongo: 'mongodb', mysql: 'mysql', pg: 'pg',
        postgres: 'pg', sqlserver: 'tedious', couchbase: 'couchbase', cql: 'cql', Knex: 'knex', azure_storage: 'azure-storage', pubnub: 'pubnub',
    };
    const provided = create(null);

    // A package that looks for such a name while it loads finds no other package.
    function provideNames(names) {
        for (let i = 0; i < names.length; i++) {
            const name = names[i];
            if (name in provided)
                continue;
            provided[name] = true;
            const isPackage = apply(hasOwn, packages, [name]);
            provideLater(name, isPackage
                ? () => (loading.depth > 0 ? undefined : requirer()(packages[name])) : () => library()[name]);
        }
    }

    // Most rules name none of them, and each costs: they are there where the text of a rule has the word. What is required may
    // look for any.
    for (let i = 0; i < rules.length; i++) {
        const names = host.mentions(rules[i].source);
        if (names !== undefined)
            provideNames(names);
    }

    if (keys(host.store).length > 0)
        takeShelf();
    if (input.clock_ms)
        library().moveClock(input.clock_ms);

    runFrom(0);
})
