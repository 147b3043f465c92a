// Pictures of every screen: node tests/browser/screenshots.mjs OUT [language…] [--only NAME]
// 360 and 1280 px wide, light and dark.

import { mkdir } from 'node:fs/promises';
import { launch } from '../harness/chromium.mjs';
import { render, serve } from './rendered.mjs';
import { mails, screens } from './screens.mjs';

const [out = 'build/screenshots', ...rest] = process.argv.slice(2);
const only = rest.includes('--only') ? rest.splice(rest.indexOf('--only'), 2)[1] : '';
const languages = rest.length > 0 ? rest : ['en', 'de', 'ar'];
const sizes = [
  { name: '360', width: 360, height: 740 },
  { name: '1280', width: 1280, height: 800 },
];

const wanted = languages.flatMap((language) =>
  [...screens, ...mails].filter((screen) => screen.name.includes(only)).map((screen) => ({ ...screen, language })),
);
const rendered = await render(wanted);
await mkdir(out, { recursive: true });
const browser = await launch();
for (const colorScheme of ['light', 'dark']) {
  for (const size of sizes) {
    const context = await browser.newContext({ viewport: size, colorScheme, javaScriptEnabled: false });
    const address = await serve(context, rendered);
    const page = await context.newPage();
    for (const [number, { name, language }] of wanted.entries()) {
      await page.goto(address(number));
      await page.screenshot({ path: `${out}/${name}.${language}.${size.name}.${colorScheme}.png`, fullPage: true });
    }
    await context.close();
  }
}
await browser.close();
console.log(`${wanted.length * 4} pictures in ${out}`);
