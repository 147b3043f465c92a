// Pages made by build/render_pages, served to a browser at an address that nobody has.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = process.env.COUNTERSIGN_RENDER_PAGES ?? fileURLToPath(new URL('../../build/tests/browser/render_pages', import.meta.url));
const ORIGIN = 'https://login.test';

export const POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

// Pages that wait run our own script, and listen.
const WAITING = POLICY.replace("img-src 'self'; ", "img-src 'self'; script-src 'self'; connect-src 'self'; ");

/** Renders all: [{template, language, variables}] → {pages: [html], assets}. */
export function render(wanted) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(JSON.parse(Buffer.concat(chunks).toString())) : reject(new Error(`render_pages: ${code}`)),
    );
    child.stdin.end(JSON.stringify(wanted));
  });
}

/** Lets `context` find the pages at ORIGIN/0, /1 …, with the policy that the server sends. */
export async function serve(context, { pages, assets }) {
  await context.route(`${ORIGIN}/**`, (route) => {
    const path = new URL(route.request().url()).pathname;
    const asset = assets[path];
    if (asset) return route.fulfill({ contentType: asset.type, body: asset.text });
    if (path === '/u/mfa-events') return route.fulfill({ contentType: 'text/event-stream', body: ': quiet\n\n' });
    const body = pages[Number(path.slice(1))] ?? '';
    // Mails have no policy, and their style in themselves: mail programs want it so.
    const headers = body.includes('/u/assets/') ? { 'content-security-policy': body.includes('data-events=') ? WAITING : POLICY } : {};
    return route.fulfill({ contentType: 'text/html; charset=utf-8', headers, body });
  });
  return (number) => `${ORIGIN}/${number}`;
}
