// The accounts with their codes, and what waits for an answer.

import { useState } from 'preact/hooks';
import { renewCredentials, canPush } from '../push';
import type { Account, LoginRequest } from '../store';
import { fill } from '../texts';
import { Code } from './code';
import { titleOf, useApp, useNow } from './context';
import { Icon, Mark, Notice, Page } from './parts';

function Waiting({ request }: { request: LoginRequest }) {
  const { t, accounts, go } = useApp();
  const account = accounts.find(({ id }) => id === request.accountId);
  return (
    <button type="button" class="waiting" onClick={() => go({ name: 'request', id: request.id })}>
      <Icon name="bell" />
      <span>
        <strong>{t.waiting}</strong>
        <span class="detail">
          <bdi>{account ? titleOf(account, t) : ''}</bdi>
          {request.place && <bdi>{request.place}</bdi>}
        </span>
      </span>
      <Icon name="forward" />
    </button>
  );
}

function Row({ account }: { account: Account }) {
  const { t, go } = useApp();
  const title = titleOf(account, t);
  return (
    <li class="account">
      <button type="button" class="account-name" onClick={() => go({ name: 'account', id: account.id })}>
        <span class="monogram" aria-hidden="true">
          {Array.from(title)[0]?.toLocaleUpperCase()}
        </span>
        <span class="names">
          <bdi class="title">{title}</bdi>
          {account.account !== title && <bdi class="detail">{account.account}</bdi>}
          {account.push && (
            <span class={account.push.gone ? 'badge badge-danger' : 'badge'}>
              <Icon name={account.push.gone ? 'alert' : 'phone'} />
              {account.push.gone ? t.gone_short : t.answers_here}
            </span>
          )}
        </span>
        <Icon name="forward" />
      </button>
      <Code account={account} />
    </li>
  );
}

function Notifications() {
  const { t, accounts, say } = useApp();
  const [state, setState] = useState(canPush() ? Notification.permission : 'denied');
  if (state !== 'default' || !accounts.some(({ push }) => push)) return null;
  const ask = async () => {
    setState(await Notification.requestPermission());
    if (Notification.permission === 'granted') {
      await renewCredentials();
      say(t.notifications_on);
    }
  };
  return (
    <Notice icon="bell">
      <p>{t.notifications_why}</p>
      <button type="button" class="link" onClick={ask}>
        {t.notifications_turn_on}
      </button>
    </Notice>
  );
}

function Drift() {
  const { t, drift } = useApp();
  if (Math.abs(drift) < 20) return null;
  const minutes = Math.round(Math.abs(drift) / 60);
  const amount = minutes > 0 ? fill(t.minutes, { number: minutes }) : fill(t.seconds, { number: Math.abs(drift) });
  return <Notice icon="clock">{fill(drift > 0 ? t.clock_fast : t.clock_slow, { amount })}</Notice>;
}

export function Home() {
  const { t, accounts, requests, online, go } = useApp();
  const now = useNow();
  const waiting = requests.filter(({ state, until }) => state === 'pending' && until > now);
  if (accounts.length === 0)
    return (
      <Page title={t.welcome} back={false}>
        <div class="empty">
          <Mark />
          <p class="lead">{t.welcome_lead}</p>
          <button type="button" class="main" onClick={() => go({ name: 'add' })}>
            {t.add_account}
          </button>
          <button type="button" class="quiet" onClick={() => go({ name: 'backup' })}>
            {t.import_backup}
          </button>
        </div>
      </Page>
    );
  return (
    <Page title={t.accounts} back={false}>
      <p class="status">{online ? '' : t.offline}</p>
      <div aria-live="polite">{waiting.map((request) => <Waiting key={request.id} request={request} />)}</div>
      <Drift />
      <Notifications />
      <ul class="accounts">{accounts.map((account) => <Row key={account.id} account={account} />)}</ul>
      <button type="button" class="main add" onClick={() => go({ name: 'add' })}>
        <Icon name="plus" />
        {t.add_account}
      </button>
    </Page>
  );
}
