// Every screen in every language as a browser shows it, made by build/tests/browser/render_pages with the policy of the server:
// axe finds nothing, nothing overflows, nothing comes from elsewhere, and the keyboard reaches everything in reading order.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test as define } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from '../harness/chromium.mjs';
import { render, serve } from './rendered.mjs';
import { screens } from './screens.mjs';

const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const languages = ['en', 'es', 'fr', 'de', 'ja', 'ar'];
const looks = [
  { width: 360, height: 740, colorScheme: 'light', languages: ['de', 'ar'] },
  { width: 360, height: 740, colorScheme: 'dark', languages: ['en', 'ar'] },
  { width: 1280, height: 800, colorScheme: 'light', languages: ['en', 'ja'] },
  { width: 1280, height: 800, colorScheme: 'dark', languages: ['de', 'ar'] },
];

// The store changes nothing here: once is enough.
const test = (name, body) => define(name, { skip: process.env.COUNTERSIGN_TEST_DATABASE === 'postgres' }, body);

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const wantedIn = (these) => these.flatMap((language) => screens.map((screen) => ({ ...screen, language })));

/** Opens each screen in its languages and calls `look` on it; gives what it complains of. */
async function complaints(these, options, look) {
  const wanted = wantedIn(these);
  const rendered = await render(wanted);
  const context = await browser.newContext(options);
  const address = await serve(context, rendered);
  const page = await context.newPage();
  const found = [];
  // What the policy refused, and the like. That a field got no focus, as another page had it, is none of it.
  page.on('console', (message) => {
    if (!message.text().startsWith('Autofocus processing was blocked')) found.push(`${page.url()}: ${message.text()}`);
  });
  for (const [number, { name, language }] of wanted.entries()) {
    await page.goto(address(number));
    for (const complaint of await look(page, wanted[number])) found.push(`${name} (${language}): ${complaint}`);
  }
  await context.close();
  return found;
}

for (const { languages: these, ...size } of looks) {
  test(`axe finds nothing at ${size.width} px, ${size.colorScheme}, in ${these.join(' and ')}`, async () => {
    const options = { viewport: size, colorScheme: size.colorScheme, bypassCSP: true };
    const found = await complaints(these, options, async (page) => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document));
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id} ${html} ${failureSummary}`));
    });
    assert.deepEqual(found, []);
  });
}

test('no screen is wider than a phone, in any language', async () => {
  const found = await complaints(languages, { viewport: { width: 320, height: 640 } }, async (page) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    return wide > 0 ? [`${wide} px too wide`] : [];
  });
  assert.deepEqual(found, []);
});

test('touch targets are at least 44 px high, but for links within sentences', async () => {
  const found = await complaints(['en', 'de'], { viewport: { width: 360, height: 740 } }, (page) =>
    page.evaluate(() =>
      [...document.querySelectorAll('button, input:not([type=hidden]):not([type=checkbox]):not([hidden]), a, .check')]
        .filter((node) => node.getBoundingClientRect().height < 43.5)
        .map((node) => `${node.outerHTML.slice(0, 80)} is ${node.getBoundingClientRect().height} px high`),
    ),
  );
  assert.deepEqual(found, []);
});

test('the keyboard reaches every control, in reading order, and its place is seen', async () => {
  const found = await complaints(['en', 'ar'], { viewport: { width: 360, height: 740 } }, async (page) => {
    const count = await page.evaluate(() => {
      const controls = [...document.querySelectorAll('a[href], button, input:not([type=hidden]):not([hidden])')];
      controls.forEach((node, i) => node.setAttribute('data-order', i));
      return controls.length;
    });
    // Some screens begin in their field. Tab goes on from there, leaves the page after the last control, and comes back.
    const visited = [];
    const complaints = [];
    for (let i = 0; i < count + 2 && visited.length < count; i++) {
      await page.keyboard.press('Tab');
      const { order, ring } = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement);
        return {
          order: document.activeElement.getAttribute('data-order'),
          ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 3,
        };
      });
      if (order === null) continue;
      visited.push(Number(order));
      if (!ring) complaints.push(`control ${order} shows no ring`);
    }
    const first = visited[0] ?? 0;
    const wanted = Array.from({ length: count }, (_, i) => (first + i) % count);
    if (String(visited) !== String(wanted)) complaints.push(`Tab went ${visited} instead of ${wanted}`);
    return complaints;
  });
  assert.deepEqual(found, []);
});

test('Enter in a field does what the main button does', async () => {
  const found = await complaints(['en'], {}, async (page, { template }) => {
    const first = await page.evaluate(() => {
      const field = document.querySelector('form input:not([type=hidden]):not([hidden]):not([type=checkbox])');
      return field?.form.querySelector('button[type=submit]')?.value ?? 'default';
    });
    return first === 'default' ? [] : [`${template}: Enter would press ${first}`];
  });
  assert.deepEqual(found, []);
});

test('a key is copied without gaps by one click on it', async () => {
  const [wanted] = screens.filter(({ template }) => template === 'mfa-otp-enrollment-qr');
  const rendered = await render([{ ...wanted, language: 'en' }]);
  const context = await browser.newContext({ bypassCSP: true });
  const address = await serve(context, rendered);
  const page = await context.newPage();
  await page.goto(address(0));
  await page.click('.secret');
  assert.equal(await page.evaluate(() => getSelection().toString()), wanted.variables.textCode);
  await context.close();
});

test('a QR code is dark on light in dark mode too', async () => {
  const [wanted] = screens.filter(({ template }) => template === 'mfa-otp-enrollment-qr');
  const rendered = await render([{ ...wanted, language: 'en' }]);
  const context = await browser.newContext({ colorScheme: 'dark' });
  const address = await serve(context, rendered);
  const page = await context.newPage();
  await page.goto(address(0));
  const fills = await page.evaluate(() => [
    getComputedStyle(document.querySelector('.qr rect')).fill,
    getComputedStyle(document.querySelector('.qr path')).fill,
  ]);
  assert.deepEqual(fills, ['rgb(255, 255, 255)', 'rgb(0, 0, 0)']);
  await context.close();
});
