// One account: its name, its place in the list, and how it is removed.

import { useState } from 'preact/hooks';
import { GuardianError, removeDevice } from '../guardian';
import { changeAccount, moveAccount, removeAccount, type Account as Kept } from '../store';
import { name as tidyName } from '../otpauth';
import { fill } from '../texts';
import { Code } from './code';
import { titleOf, useApp } from './context';
import { Field, Form, Icon, Notice, Page } from './parts';

function Place({ account }: { account: Kept }) {
  const { t, accounts, reload, say } = useApp();
  const at = accounts.findIndex(({ id }) => id === account.id);
  const move = async (by: -1 | 1) => {
    await moveAccount(account.id, by);
    await reload();
    say(fill(t.moved, { place: at + by + 1, of: accounts.length }));
  };
  return (
    <div class="pair">
      <button type="button" class="quiet" disabled={at <= 0} onClick={() => move(-1)}>
        <Icon name="up" />
        {t.move_up}
      </button>
      <button type="button" class="quiet" disabled={at >= accounts.length - 1} onClick={() => move(1)}>
        <Icon name="down" />
        {t.move_down}
      </button>
    </div>
  );
}

function Removal({ account }: { account: Kept }) {
  const { t, reload, home, say } = useApp();
  const [step, setStep] = useState<'closed' | 'asking' | 'busy' | 'unreachable'>('closed');
  const remove = async (alsoAtServer: boolean) => {
    setStep('busy');
    try {
      if (account.push && alsoAtServer) await removeDevice(account.push);
    } catch (error) {
      if (error instanceof GuardianError) return setStep('unreachable');
      throw error;
    }
    await removeAccount(account.id);
    await reload();
    say(t.removed);
    home();
  };
  if (step === 'closed')
    return (
      <button type="button" class="link danger" onClick={() => setStep('asking')}>
        {t.remove}
      </button>
    );
  return (
    <section class="danger-box" aria-live="polite">
      <h2>{fill(t.remove_title, { name: titleOf(account, t) })}</h2>
      <p>{step === 'unreachable' ? t.remove_unreachable : account.push ? t.remove_push : t.remove_codes}</p>
      <button type="button" class="main main-danger" disabled={step === 'busy'} onClick={() => remove(step !== 'unreachable')}>
        {step === 'unreachable' ? t.remove_here : t.remove_yes}
      </button>
      <button type="button" class="quiet" disabled={step === 'busy'} onClick={() => setStep('closed')}>
        {t.keep}
      </button>
    </section>
  );
}

export function AccountPage({ id }: { id: string }) {
  const { t, accounts, reload, say, go } = useApp();
  const account = accounts.find((each) => each.id === id);
  const [name, setName] = useState(account?.name || account?.issuer || '');
  if (!account) return <Page title={t.removed}>{null}</Page>;
  const save = async () => {
    await changeAccount(id, (old) => ({ ...old, name: tidyName(name) }));
    await reload();
    say(t.saved);
  };
  return (
    <Page title={titleOf(account, t)}>
      {account.account && (
        <p class="lead">
          <bdi>{account.account}</bdi>
        </p>
      )}
      <Code account={account} />
      {account.push && (
        <Notice icon={account.push.gone ? 'alert' : 'phone'} danger={account.push.gone ?? false}>
          {account.push.gone ? t.gone : fill(account.push.service === 'WEBPUSH' ? t.asks_always : t.asks_open, { server: new URL(account.push.base).host })}
        </Notice>
      )}
      <Form onSubmit={save}>
        <Field label={t.name_label} value={name} onValue={setName} maxLength={64} />
        <button type="submit" class="quiet">
          {t.save}
        </button>
      </Form>
      <Place account={account} />
      <p class="ways">
        <button type="button" class="link" onClick={() => go({ name: 'lost' })}>
          {t.lost_link}
        </button>
      </p>
      <Removal account={account} />
    </Page>
  );
}
