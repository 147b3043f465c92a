// The browser widget's package, auth0-guardian-js, as a page would use it.

import { createRequire } from 'node:module';

const guardian = createRequire(import.meta.url)('auth0-guardian-js');

/** Calls something that takes a Node callback, and gives its result; a failure is thrown. */
export function done(work) {
  return new Promise((resolve, reject) => {
    Promise.resolve(work((error, result) => (error ? reject(error) : resolve(result)))).catch(reject);
  });
}

/** The same, where a failure is what is wanted. */
export async function attempt(work) {
  try {
    await done(work);
  } catch (error) {
    return error;
  }
  throw new Error('it succeeded');
}

/** The next event of that name; an error event fails it. */
export function until(transaction, event, ms = 20_000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} came`)), ms);
    const settle = (end) => (value) => {
      clearTimeout(timer);
      end(value);
    };
    transaction.once(event, settle(resolve));
    if (event !== 'error') transaction.once('error', settle(reject));
  });
}

/** A page's transaction: by `ticket` or `requestToken`. */
export async function startWidget(server, { mechanism = 'polling', serviceUrl, ...credentials }) {
  const widget = guardian({
    serviceUrl: serviceUrl ?? server.url('appliance-mfa'),
    issuer: { label: 'Test tenant', name: 'test' },
    accountLabel: 'ada@example.test',
    stateCheckingMechanism: mechanism,
    ...credentials,
  });
  const transaction = await done((callback) => widget.start(callback));
  // As a page must: the package also emits what it hands to callbacks.
  transaction.on('error', () => {});
  return { widget, transaction };
}

export { guardian };

/** An operator's page that does nothing by itself: what a page is given, and the form that it posts. */
const PLAIN_PAGE = `<!doctype html><title>Own page</title>
<script id="given" type="application/json">{"mfaServerUrl":"{{mfaServerUrl}}","requestToken":"{{requestToken}}","ticket":"{{ticket}}",
"postActionURL":"{{postActionURL}}","userId":"{{userData.userId}}","friendlyUserId":"{{userData.friendlyUserId}}","tenant":"{{userData.tenant}}",
"errors":"{{errors | join: ' '}}"}</script>
<form method="post" action="{{postActionURL}}"><input name="signature"><input name="rememberBrowser"><button>OK</button></form>`;

export function setOwnPage(server, html = PLAIN_PAGE, enabled = true) {
  return server.apiOk('PATCH', 'tenants/settings', { guardian_mfa_page: { enabled, html } });
}

/** What the plain page was given. */
export const givenTo = (page) => JSON.parse(page.html.querySelector('#given').text);

const require = createRequire(import.meta.url);
const fromPackage = createRequire(require.resolve('auth0-guardian-js'));
/** The socket.io client that the package uses. */
export const { io } = fromPackage('socket.io-client');

/**
 * The package's own client of its socket transport. It leaves the port out of the address that it connects to (version 1.4.1);
 * a test has no port 80, so just that is put right.
 */
export function socketClient(server, options = {}) {
  const client = fromPackage('./lib/utils/socket_client')(server.url('appliance-mfa'));
  const { path, reconnectionDelay } = client.socket.io.opts;
  client.socket = io(server.baseUrl, { autoConnect: false, forceNew: true, path, reconnectionDelay, ...options });
  return client;
}
