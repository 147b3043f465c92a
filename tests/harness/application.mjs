// The application that a login leads back to, for browsers: a page on this machine that shows what it was sent. (A redirect
// to a host that does not exist ends on the browser's own error page, and routes of Playwright do not see redirects.)

import { createServer } from 'node:http';

/** Starts it: { callback, close }. */
export function startApplication() {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>The app</title><h1>The app</h1>');
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        callback: `http://127.0.0.1:${server.address().port}/cb`,
        close: () => new Promise((closed) => server.close(closed) && server.closeAllConnections()),
      }),
    );
  });
}
