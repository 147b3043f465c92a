// A login that asks: who, where, which application, when; the number it shows; and the answer.

import { useEffect, useState } from 'preact/hooks';
import { closeNotification } from '../push';
import { answer, withConsent, type Outcome } from '../requests';
import type { Account, LoginRequest } from '../store';
import { fill } from '../texts';
import { titleOf, useApp, useNow } from './context';
import { Emblem, Field, Form, Icon, Notice, Page } from './parts';

function ago(request: LoginRequest, now: number, language: string): string {
  const seconds = Math.max(0, Math.round((now - request.heard) / 1000));
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  return seconds < 60 ? format.format(0, 'second') : format.format(-Math.floor(seconds / 60), 'minute');
}

function Facts({ request, account, now }: { request: LoginRequest; account: Account; now: number }) {
  const { t, language } = useApp();
  const browser = request.browser && request.system ? fill(t.browser_on, { browser: request.browser, system: request.system }) : request.browser || request.system;
  const facts: [string, string][] = [
    [t.fact_account, account.account || account.name],
    [t.fact_issuer, account.issuer],
    [t.fact_application, request.application],
    [t.fact_place, [request.place || (request.ip ? '' : t.place_unknown), request.ip].filter(Boolean).join(' · ')],
    [t.fact_browser, browser],
    [t.fact_time, ago(request, now, language)],
  ];
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== '')
        .map(([label, value]) => (
          <>
            <dt>{label}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </>
        ))}
    </dl>
  );
}

const ENDS = {
  allowed: ['check', false],
  denied: ['cross', false],
  reported: ['alert', true],
  wrong: ['cross', true],
  expired: ['clock', false],
  elsewhere: ['check', false],
} as const;

function End({ state }: { state: keyof typeof ENDS }) {
  const { t, home } = useApp();
  const [icon, danger] = ENDS[state];
  return (
    <Page title={t[`end_${state}`]} back={false}>
      <div class="end">
        <Emblem icon={icon} danger={danger} />
        <p class="lead">{t[`end_${state}_lead`]}</p>
        <button type="button" class="main" onClick={home}>
          {t.done}
        </button>
      </div>
    </Page>
  );
}

function remaining(request: LoginRequest, now: number): string {
  const seconds = Math.max(0, Math.ceil((request.until - now) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

interface Answering {
  busy: boolean;
  error: Outcome | 'empty' | null;
  give(accepted: boolean, more?: { number?: string; report?: boolean }): Promise<void>;
  refuse(error: 'empty'): void;
}

function useAnswer(request: LoginRequest): Answering {
  const { reload, say, t } = useApp();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Answering['error']>(null);
  const give: Answering['give'] = async (accepted, more) => {
    setBusy(true);
    setError(null);
    const outcome = await answer(request.id, { accepted, ...more });
    void closeNotification(request.id);
    setBusy(false);
    if (outcome === 'network' || outcome === 'unknown') setError(outcome);
    else if (outcome !== 'pending' && outcome !== 'gone') say(t[`end_${outcome}`]);
    await reload();
  };
  return { busy, error, give, refuse: setError };
}

function Question({ request, account, now }: { request: LoginRequest; account: Account; now: number }) {
  const { t, reload } = useApp();
  const [number, setNumber] = useState('');
  const { busy, error, give, refuse } = useAnswer(request);
  useEffect(() => {
    withConsent(request).then(reload, () => undefined);
  }, [request.id]);
  const allow = () => {
    if (!request.asksNumber) return give(true);
    return /^\d{2}$/.test(number) ? give(true, { number }) : refuse('empty');
  };
  return (
    <Page title={t.question}>
      {request.bindingMessage && (
        <p class="message">
          <bdi>{request.bindingMessage}</bdi>
        </p>
      )}
      <Facts request={request} account={account} now={now} />
      <Form onSubmit={allow}>
        {request.asksNumber && (
          <Field
            label={t.number_label}
            hint={t.number_hint}
            error={error === 'empty' ? t.number_empty : undefined}
            value={number}
            class="number"
            inputMode="numeric"
            pattern="[0-9]*"
            maxLength={2}
            dir="ltr"
            onValue={(value) => setNumber(latinDigits(value))}
          />
        )}
        {(error === 'network' || error === 'unknown') && (
          <p class="error" role="alert">
            <Icon name="alert" />
            {error === 'network' ? t.answer_network : t.answer_failed}
          </p>
        )}
        <div class="answers">
          <button type="button" class="quiet" disabled={busy} onClick={() => give(false)}>
            {t.deny}
          </button>
          <button type="submit" class="main" disabled={busy} aria-busy={busy}>
            {t.allow}
          </button>
        </div>
      </Form>
      <button type="button" class="link danger" disabled={busy} onClick={() => give(false, { report: true })}>
        {t.deny_report}
      </button>
      <p class="hint" aria-live="off">
        {fill(t.ends_in, { time: remaining(request, now) })}
      </p>
    </Page>
  );
}

/** What an Arabic or full-width keyboard types, as the digits that the login shows. */
function latinDigits(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) - 0x660))
    .replace(/[\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) - 0x6f0))
    .replace(/\D/g, '')
    .slice(0, 2);
}

export function Request({ id }: { id: string }) {
  const { requests, accounts } = useApp();
  const now = useNow();
  const request = requests.find((each) => each.id === id);
  const account = accounts.find((each) => each.id === request?.accountId);
  if (!request || !account) return <End state="expired" />;
  if (request.state !== 'pending') return <End state={request.state} />;
  if (request.until <= now) return <End state="expired" />;
  return <Question key={id} request={request} account={account} now={now} />;
}
