// All words of the app, one file a language.

import ar from '../texts/ar.json';
import de from '../texts/de.json';
import en from '../texts/en.json';
import es from '../texts/es.json';
import fr from '../texts/fr.json';
import ja from '../texts/ja.json';

export type Texts = typeof en;

const books: Record<string, Texts> = { en, es, fr, de, ja, ar };

/** The words of a language that languageOf gave. */
export const textsOf = (language: string): Texts => books[language] ?? en;

export const languageNames: Record<string, string> = {
  en: 'English',
  es: 'Español',
  fr: 'Français',
  de: 'Deutsch',
  ja: '日本語',
  ar: 'العربية',
};

/** The language that was chosen, else the first of the browser's that exists here. */
export function languageOf(chosen: string, preferred: readonly string[]): string {
  for (const language of [chosen, ...preferred]) {
    const short = language.toLowerCase().split('-')[0]!;
    if (Object.hasOwn(books, short)) return short;
  }
  return 'en';
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, key) => String(values[key] ?? whole));
}
