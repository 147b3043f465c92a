/* What a rule finds in its world: Node's and the browser's globals, and the modules that need neither files nor sockets. */
#include "harness.h"

static int start(void **state)
{
    (void)state;
    return start_pool(1, 30000, 10000);
}

/* Checks that the expression, evaluated in a rule, gives that text. */
static void check(const char *expression, const char *expected)
{
    const char *rule = arena_printf(
        arena, "async function (user, c, cb) {\n c.idToken.c = String(%s);\n cb(null, user, c); }",
        expression);
    enum script_outcome outcome = run_rule(rule);
    const char *got = json_text(json_member(report.answer, "id_token"), "c");
    if (outcome != SCRIPT_DONE || got == NULL || strcmp(got, expected) != 0)
        print_error("%s: outcome %d, %s, error %s\n", expression, outcome, got, rule_error());
    assert_int_equal(outcome, SCRIPT_DONE);
    assert_non_null(got);
    assert_string_equal(got, expected);
}

static void buffers(void **state)
{
    (void)state;
    check("Buffer.from('häh€').toString('base64')", "aMOkaOKCrA==");
    check("new Buffer('aMOkaOKCrA==', 'base64').toString()", "häh€");
    check("Buffer.from('ff00', 'hex').toString('hex') + Buffer.isBuffer(Buffer.alloc(2)) + "
          "Buffer.byteLength('€')",
          "ff00true3");
    check("Buffer.concat([Buffer.from('a'), Buffer.from('b')]).toString()", "ab");
    check("Buffer.from('a_-b', 'base64url').toString('hex')", "6bff9b");
    check("require('buffer').Buffer.from([1,2]).equals(Buffer.from([1,2]))", "true");
}

static void texts_and_bytes(void **state)
{
    (void)state;
    check("new TextDecoder().decode(new TextEncoder().encode('h\\u00e4\\ud83d\\ude00')) + new "
          "TextEncoder().encode('€').length",
          "hä😀3");
    check("btoa('hello') + atob('aGVsbG8=') + atob(' aGk ')", "aGVsbG8=hellohi");
    check("(function () { try { atob('a'); } catch (e) { return 'refused'; } })()", "refused");
    check("new TextDecoder('utf-8').decode(new Uint8Array([0xff, 0x61]))", "\xEF\xBF\xBD"
                                                                           "a");
    check("JSON.stringify(structuredClone({ a: [1, { b: new Date(0) }] }))",
          "{\"a\":[1,{\"b\":\"1970-01-01T00:00:00.000Z\"}]}");
}

static void addresses(void **state)
{
    (void)state;
    check("new URL('../x?y=1#z', 'https://u:p@App.TEST:443/a/b/').href", "https://u:p@app.test/a/x?y=1#z");
    check("new URL('https://bücher.test/ä').href", "https://xn--bcher-kva.test/%C3%A4");
    check("new URL('https://a.test/?x=1&y=a%20b').searchParams.get('y')", "a b");
    check("new URLSearchParams({ a: '1 2', b: '&' }).toString()", "a=1+2&b=%26");
    check("(function () { try { new URL('nonsense'); } catch (e) { return e.name; } })()", "TypeError");
    check("require('url').parse('https://a.test/p?q=1', true).query.q", "1");
    check("require('url').format({ protocol: 'https', host: 'a.test', pathname: '/x', query: { a: 1 } })",
          "https://a.test/x?a=1");
    check("require('url@0.10.3').resolve('https://a.test/b/c', '../d')", "https://a.test/d");
    check("require('querystring').stringify({ a: [1, 2], b: 'x y' })", "a=1&a=2&b=x%20y");
}

static void hashes_and_randomness(void **state)
{
    (void)state;
    check("require('crypto').createHash('sha256').update('abc').digest('hex')",
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("crypto.createHash('md5').update('a').update('bc').digest('base64')", "kAFQmDzST7DWlj99KOF/cg==");
    check("crypto.createHmac('sha1', 'key').update('The quick brown fox jumps over the lazy "
          "dog').digest('hex')",
          "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9");
    check("crypto.createHash('sha512').update('').digest().length", "64");
    check("crypto.randomBytes(16).length + crypto.randomUUID().length", "52");
    check("/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())",
          "true");
    check("crypto.randomUUID() === crypto.randomUUID()", "false");
    check("(function () { try { crypto.createHash('nope'); } catch (e) { return e.message; } })()",
          "Digest method not supported");
    check("crypto.getRandomValues(new Uint8Array(4)).length", "4");
}

static void timers_and_promises(void **state)
{
    (void)state;
    check("await new Promise(function (done) { var s = ''; setTimeout(function (x) { done(s + x); }, 5, "
          "'late');"
          "setImmediate(function () { s += 'soon '; }); process.nextTick(function () { s += 'next '; });"
          "queueMicrotask(function () { s += 'micro '; }); })",
          "next micro soon late");
    check("await new Promise(function (done) { var n = 0; var t = setInterval(function () { if (++n === 3) {"
          "clearInterval(t); done(n); } }, 1); })",
          "3");
    check("await new Promise(function (done) { clearTimeout(setTimeout(done, 1, 'no')); setTimeout(done, 3, "
          "'yes'); })",
          "yes");
    check("await require('util').promisify(function (x, cb) { cb(null, x + 1); })(1)", "2");
    check("(function () { var e = new (require('events'))(); var r; e.on('x', function (v) { r = v; }); "
          "e.emit('x', 5); return r; })()",
          "5");
    check("require('util').format('%s %d %j', 'a', 1, { b: 2 })", "a 1 {\"b\":2}");
    check("process.version.slice(0, 3) + typeof process.hrtime()[1] + typeof process.env.HOME",
          "v18numberundefined");
}

static void modules_that_are_missing_are_named(void **state)
{
    (void)state;
    check("(function () { try { require('mongodb@3.1.4'); } catch (e) { return e.code + ': ' + e.message; } "
          "})()",
          "MODULE_NOT_FOUND: Cannot find module 'mongodb@3.1.4'. Rules can not open connections to a "
          "database. Put an "
          "HTTP API in front of it and call that (axios, fetch, request), or keep what logins need in "
          "app_metadata.");
    check(
        "(function () { try { require('@octokit/rest'); } catch (e) { return e.message; } })()",
        "Cannot find module '@octokit/rest'. The operator of this server can add it: countersign module add "
        "@octokit/rest@VERSION");
    check("(function () { try { require('constructor'); } catch (e) { return e.code; } })()",
          "MODULE_NOT_FOUND");
    check("(function () { try { require(); } catch (e) { return e.code; } })()", "MODULE_NOT_FOUND");
}

/* The server's HTTP, played by the test. */
static const char *play_http(void *context, struct arena *a, yyjson_val *arguments, const char **error)
{
    (void)error;
    *(const char **)context = json_write(a, arguments);
    if (strstr(json_text(arguments, "url"), "down") != NULL)
        return "{\"error\":\"could not connect\",\"code\":\"ECONNREFUSED\"}";
    return "{\"status\":201,\"headers\":[[\"content-type\",\"application/"
           "json\"],[\"x-a\",\"1\"]],\"body\":\"eyJhIjoxfQ==\"}";
}

static void check_http(const char *body, const char *expected, const char *sent)
{
    const char *seen = "";
    const struct script_call call = {"http", 10, play_http};
    const char *rule =
        arena_printf(arena,
                     "async function (user, c, cb) { var done = function (x) { c.idToken.c = String(x);"
                     "cb(null, user, c); }; %s }",
                     body);
    enum script_outcome outcome = run_rules_with(arena, "{}", &rule, 1, &call, 1, &seen, &report);
    const char *got = json_text(json_member(report.answer, "id_token"), "c");
    if (got == NULL || strcmp(got, expected) != 0 || strcmp(seen, sent) != 0)
        print_error("%s: outcome %d, %s, sent %s, error %s\n", body, outcome, got, seen, rule_error());
    assert_non_null(got);
    assert_string_equal(got, expected);
    assert_string_equal(seen, sent);
}

static void calling_out(void **state)
{
    (void)state;
    check_http("var r = await fetch('https://api.test/x', { method: 'post', headers: { 'X-Key': 'k' }, body: "
               "'hi' });"
               "done([r.status, r.ok, r.headers.get('X-A'), (await r.json()).a].join(''));",
               "201true11",
               "{\"method\":\"POST\",\"url\":\"https://api.test/x\",\"headers\":[[\"x-key\",\"k\"],"
               "[\"content-type\",\"text/plain;charset=UTF-8\"]],\"body\":\"aGk=\",\"redirects\":20}");
    check_http("request.post({ url: 'https://api.test/y', json: { b: 2 }, qs: { q: 'a b' }, timeout: 500 },"
               "function (e, res, body) { done(res.statusCode + res.headers['x-a'] + body.a); });",
               "20111",
               "{\"method\":\"POST\",\"url\":\"https://api.test/"
               "y?q=a%20b\",\"headers\":[[\"accept\",\"application/json\"],"
               "[\"content-type\",\"application/"
               "json\"]],\"body\":\"eyJiIjoyfQ==\",\"timeout_ms\":500,\"redirects\":0}");
    check_http("require('request')('https://down.test/', function (e, res, body) { done(e.message + e.code + "
               "res); });",
               "could not connectECONNREFUSEDundefined",
               "{\"method\":\"GET\",\"url\":\"https://down.test/\",\"headers\":[],\"redirects\":10}");
    check_http("request({}, function (e) { try { request({}); } catch (again) { done(e.message === "
               "again.message ? e.message : again.message); } });",
               "options.uri is a required argument", "");
    check_http(
        "request.get({ uri: 'https://api.test/', auth: { user: 'u', pass: 'p' }, form: { a: 1 } },"
        "function (e, res, body) { done(typeof body); });",
        "string",
        "{\"method\":\"GET\",\"url\":\"https://api.test/\",\"headers\":[[\"authorization\",\"Basic dTpw\"],"
        "[\"content-type\",\"application/x-www-form-urlencoded\"]],\"body\":\"YT0x\",\"redirects\":10}");
}

static void the_clock_of_a_test_moves_dates(void **state)
{
    (void)state;
    const char *rule = "function (u, c, cb) { c.idToken.c = String(new Date().getFullYear() - 2026 > 50 && "
                       "Date.now() > 4e12 && "
                       "new Date(0).getTime() === 0 && new Date() instanceof Date); cb(null, u, c); }";
    struct script_source source = {.hash = source_hash(arena, rule), .name = "Rule", .text = rule};
    struct script_job job = {
        .program = "rules",
        .input = arena_printf(
            arena,
            "{\"user\":{},\"context\":{\"idToken\":{}},\"configuration\":{},\"clock_ms\":3155760000000,"
            "\"rules\":[{\"source\":\"%s\",\"id\":\"r\",\"name\":\"Rule\"}]}",
            source.hash),
        .sources = &source,
        .source_count = 1};
    assert_int_equal(script_run_job(pool, arena, &job, &report), SCRIPT_DONE);
    assert_string_equal(json_text(json_member(report.answer, "id_token"), "c"), "true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers),
        cmocka_unit_test(texts_and_bytes),
        cmocka_unit_test(addresses),
        cmocka_unit_test(hashes_and_randomness),
        cmocka_unit_test(timers_and_promises),
        cmocka_unit_test(modules_that_are_missing_are_named),
        cmocka_unit_test(calling_out),
        cmocka_unit_test(the_clock_of_a_test_moves_dates),
    };
    return cmocka_run_group_tests(tests, start, stop_pool);
}
