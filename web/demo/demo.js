import {createAuth0Client} from '@auth0/auth0-spa-js';

const element = (id) => document.getElementById(id);
const page = `${location.origin}/demo`;

let auth0;
let idToken = null;
let claims = null;

function alertWith(text) {
    const alert = element('alert');
    alert.textContent = text;
    alert.hidden = !text;
}

function pretty(value) {
    return JSON.stringify(value, null, 2);
}

/** Header and claims of a JWT, or the token itself where it is opaque. */
function decoded(token) {
    const parts = token.split('.');
    if (parts.length !== 3)
        return `${token}\n\n(opaque: for /userinfo)`;
    const read = (part) => JSON.parse(new TextDecoder().decode(
        Uint8Array.from(atob(part.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))));
    return pretty({header: read(parts[0]), payload: read(parts[1])});
}

function showCall(call) {
    const entry = document.createElement('div');
    entry.className = 'call';
    const line = document.createElement('p');
    line.className = 'call-line';
    const method = document.createElement('strong');
    method.textContent = call.method;
    const url = document.createElement('code');
    url.textContent = new URL(call.url).pathname;
    const status = document.createElement('span');
    status.textContent = call.status ? `answered ${call.status}` : 'was not answered';
    if (!(call.status >= 200 && call.status < 300))
        status.className = 'bad';
    line.append(method, url, status);
    entry.append(line);
    for (const [title, value] of [['sent', call.request], ['answer', call.response ?? call.error]]) {
        if (value === undefined || value === null)
            continue;
        const details = document.createElement('details');
        details.open = title === 'sent' && !call.url.endsWith('/oauth/token');
        const summary = document.createElement('summary');
        summary.textContent = title === 'sent' ? 'Request' : 'Answer';
        const text = document.createElement('pre');
        text.tabIndex = 0;
        text.textContent = typeof value === 'string' ? value : pretty(value);
        details.append(summary, text);
        entry.append(details);
    }
    return entry;
}

function showCalls(calls) {
    for (const token of element('tokens').querySelectorAll('details'))
        token.open = false;
    element('calls').replaceChildren(...calls.map(showCall));
}

async function ask(path, body) {
    const headers = {};
    if (idToken)
        headers.authorization = `Bearer ${idToken}`;
    if (body)
        headers['content-type'] = 'application/json';
    const response = await fetch(`/demo/${path}`,
        {method: body ? 'POST' : 'GET', headers, body: body ? JSON.stringify(body) : undefined});
    return {status: response.status, body: await response.json()};
}

/** Marks each step as done, next, or waiting. */
function mark(done) {
    let next = false;
    for (const [id, isDone] of Object.entries(done)) {
        const step = element(id);
        const isNext = !isDone && !next;
        next ||= isNext;
        step.classList.toggle('is-done', isDone);
        step.classList.toggle('is-next', isNext);
        if (isNext)
            step.setAttribute('aria-current', 'step');
        else
            step.removeAttribute('aria-current');
    }
}

const FACTORS = {otp: 'one-time codes', phone: 'text messages', 'recovery-code': 'a recovery code'};

async function refresh() {
    const {status, body: state} = await ask('state');
    if (status === 401) {
        await auth0.logout({openUrl: false});
        location.replace(page);
        return;
    }
    const signedIn = claims !== null;
    const withMfa = signedIn && (claims.amr ?? []).includes('mfa');
    const enrolled = (state.enrolled ?? []).filter((kind) => kind !== 'recovery-code');
    mark({
        'step-sign-in': signedIn,
        'step-factors': Boolean(state.factors && state.rule),
        'step-flag': Boolean(state.use_mfa),
        'step-enroll': enrolled.length > 0,
        'step-again': withMfa,
    });
    element('by-mfa').textContent = withMfa ? ', with a second factor' : '';
    element('enrolled').textContent = enrolled.map((kind) => FACTORS[kind] ?? kind).join(', ');
    element('sign-up').hidden = element('sign-in').hidden = signedIn;
    element('turn-on-factors').hidden = Boolean(state.factors && state.rule);
    element('turn-on-mfa').hidden = Boolean(state.use_mfa);
    element('turn-off-mfa').hidden = !state.use_mfa;
    element('make-ticket').hidden = enrolled.length > 0;
    for (const id of ['turn-on-factors', 'turn-on-mfa', 'turn-off-mfa', 'make-ticket', 'sign-in-again'])
        element(id).disabled = !signedIn;
}

/** A button that runs a step and shows what was said. */
function onStep(id, path, body, after) {
    element(id).addEventListener('click', async () => {
        const button = element(id);
        button.disabled = true;
        alertWith('');
        try {
            const {status, body: answer} = await ask(`steps/${path}`, body);
            showCalls(answer.calls ?? []);
            if (status !== 200)
                alertWith('That did not work. The answer beside the steps says why.');
            else
                after?.(answer);
        } catch (error) {
            alertWith(`The server could not be reached: ${error.message}`);
        }
        button.disabled = false;
        await refresh();
    });
}

function signIn(more = {}) {
    return auth0.loginWithRedirect({authorizationParams: {redirect_uri: page, ...more}});
}

async function showSignedIn() {
    claims = (await auth0.getIdTokenClaims()) ?? null;
    if (!claims)
        return;
    idToken = claims.__raw;
    element('who').textContent = claims.email ?? claims.sub;
    element('who').hidden = element('sign-out').hidden = element('tokens').hidden = false;
    element('id-token').textContent = decoded(idToken);
    element('access-token').textContent = decoded(await auth0.getTokenSilently());
    element('calls').replaceChildren();
}

async function finishRedirect() {
    const query = new URLSearchParams(location.search);
    if (!query.has('state') || !(query.has('code') || query.has('error')))
        return;
    history.replaceState({}, '', page);
    if (query.has('error'))
        alertWith(`You were not signed in: ${query.get('error_description') ?? query.get('error')}`);
    else
        await auth0.handleRedirectCallback(`${page}?${query}`);
}

async function start() {
    const {body: config} = await ask('config');
    auth0 = await createAuth0Client({
        domain: config.domain,
        clientId: config.client_id,
        cacheLocation: 'localstorage',
        authorizationParams: {redirect_uri: page},
    });
    await finishRedirect();
    await showSignedIn();
    await refresh();
}

element('sign-up').addEventListener('click', () => signIn({screen_hint: 'signup'}));
element('sign-in').addEventListener('click', () => signIn());
element('sign-in-again').addEventListener('click', () => signIn({prompt: 'login', login_hint: claims.email}));
element('sign-out').addEventListener('click', () => auth0.logout({logoutParams: {returnTo: page}}));
onStep('turn-on-factors', 'factors', {});
onStep('turn-on-mfa', 'flag', {on: true});
onStep('turn-off-mfa', 'flag', {on: false});
onStep('make-ticket', 'ticket', {}, (answer) => {
    const ticket = answer.calls.at(-1).response;
    element('ticket').href = ticket.ticket_url;
    element('ticket').hidden = false;
});

start().catch((error) => alertWith(`The demo could not start: ${error.message}`));
