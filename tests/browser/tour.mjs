// The README's pictures, taken while the demo's tour is walked: node tests/browser/tour.mjs OUT

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { launch } from '../harness/chromium.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

const [out = 'docs/pictures'] = process.argv.slice(2);
const WIDE = { width: 1120, height: 760 };
const PHONE = { width: 400, height: 720 };

await mkdir(out, { recursive: true });
const server = await startServer();
const browser = await launch();
const page = await browser.newPage({ viewport: WIDE, locale: 'en' });

const picture = async (name, viewport) => {
  await page.setViewportSize(viewport);
  await page.screenshot({ path: join(out, `${name}.png`) });
};
const main = () => page.locator('form button[type=submit]').first().click();

const signInAgain = async () => {
  await page.getByRole('button', { name: 'Sign in again' }).click();
  await page.waitForURL(/\/u\/login\/identifier/);
  await main();
  await page.locator('[name=password]').fill('a long walk by the River 7');
};

try {
  await page.goto(server.url('demo'));
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.locator('[name=email]').fill('ada@example.com');
  await main();
  await page.locator('[name=password]').fill('a long walk by the River 7');
  await main();
  await page.getByRole('button', { name: 'Turn them on' }).click();
  await page.locator('#step-factors.is-done').waitFor();
  await page.getByRole('button', { name: 'Turn on MFA for me' }).click();
  await page.locator('#step-flag.is-done').waitFor();
  await picture('demo', WIDE);

  await signInAgain();
  await picture('password', PHONE);
  await main();
  await page.locator('[value=otp]').first().click();
  await page.locator('svg').first().waitFor();
  await picture('enroll', PHONE);
  const seed = (await page.content()).match(/secret=([A-Z2-7]+)/)[1];
  await page.locator('[name=code]').fill(totp(seed, server.now()));
  await main();
  await page.locator('#step-again.is-done').waitFor();

  await server.advanceClock(60_000);
  await signInAgain();
  await main();
  await page.locator('[name=code]').fill(totp(seed, server.now()));
  await picture('challenge', PHONE);
} finally {
  await browser.close();
  await server.stop();
}
