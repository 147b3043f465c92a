// Node's `assert`.

export default function (world) {
    const {isDeepStrictEqual, isDeepEqual, inspect} = world.require('util');

    class AssertionError extends Error {
        constructor({message, actual, expected, operator}) {
            super(message === undefined ? `${inspect(actual)} ${operator} ${inspect(expected)}` : String(message));
            Object.assign(this, {name: 'AssertionError', code: 'ERR_ASSERTION', actual, expected, operator, generatedMessage: message === undefined});
        }
    }

    function check(holds, actual, expected, message, operator) {
        if (holds)
            return;
        throw message instanceof Error ? message : new AssertionError({message, actual, expected, operator});
    }

    function fits(fault, expected) {
        if (expected === undefined)
            return true;
        if (expected instanceof RegExp)
            return expected.test(String(fault));
        if (typeof expected === 'object')
            return Object.entries(expected).every(([name, value]) =>
                (value instanceof RegExp ? value.test(fault[name]) : isDeepStrictEqual(fault[name], value)));
        if (expected.prototype !== undefined && fault instanceof expected)
            return true;
        return !Error.isPrototypeOf(expected) && expected.call({}, fault) === true;
    }

    function mustFail(fault, hasFailed, expected, message) {
        const [wanted, said] = typeof expected === 'string' ? [undefined, expected] : [expected, message];
        check(hasFailed, undefined, wanted, said === undefined ? 'Missing expected exception.' : said, 'throws');
        if (!fits(fault, wanted))
            throw fault;
    }

    const assert = (value, message) => check(value, value, true, message, '==');
    return Object.assign(assert, {
        AssertionError,
        ok: assert,
        fail(message = 'Failed') {
            check(false, undefined, undefined, message, 'fail');
        },
        // eslint-disable-next-line eqeqeq
        equal: (a, b, message) => check(a == b || (a !== a && b !== b), a, b, message, '=='),
        // eslint-disable-next-line eqeqeq
        notEqual: (a, b, message) => check(a != b, a, b, message, '!='),
        strictEqual: (a, b, message) => check(Object.is(a, b), a, b, message, 'strictEqual'),
        notStrictEqual: (a, b, message) => check(!Object.is(a, b), a, b, message, 'notStrictEqual'),
        deepEqual: (a, b, message) => check(isDeepEqual(a, b), a, b, message, 'deepEqual'),
        notDeepEqual: (a, b, message) => check(!isDeepEqual(a, b), a, b, message, 'notDeepEqual'),
        deepStrictEqual: (a, b, message) => check(isDeepStrictEqual(a, b), a, b, message, 'deepStrictEqual'),
        notDeepStrictEqual: (a, b, message) => check(!isDeepStrictEqual(a, b), a, b, message, 'notDeepStrictEqual'),
        match: (text, pattern, message) => check(pattern.test(text), text, pattern, message, 'match'),
        doesNotMatch: (text, pattern, message) => check(!pattern.test(text), text, pattern, message, 'doesNotMatch'),
        ifError(fault) {
            if (fault !== null && fault !== undefined)
                throw fault;
        },
        throws(run, expected, message) {
            let outcome = [undefined, false];
            try {
                run();
            } catch (fault) {
                outcome = [fault, true];
            }
            mustFail(...outcome, expected, message);
        },
        async rejects(run, expected, message) {
            const outcome = await (typeof run === 'function' ? run() : run).then(() => [undefined, false], (fault) => [fault, true]);
            mustFail(...outcome, expected, message);
        },
        doesNotThrow(run) {
            run();
        },
        get strict() {
            return Object.assign((...values) => assert(...values), assert,
                {equal: assert.strictEqual, notEqual: assert.notStrictEqual, deepEqual: assert.deepStrictEqual, notDeepEqual: assert.notDeepStrictEqual});
        },
    });
}
