// A one-time code as it counts down.

import { useEffect, useState } from 'preact/hooks';
import { grouped, hotp, secondsLeft, step, totp, type Otp } from '../otp';
import { changeAccount, type Account } from '../store';
import { fill } from '../texts';
import { titleOf, useApp, useNow } from './context';
import { Icon, useCopy } from './parts';

const RADIUS = 9;
const AROUND = 2 * Math.PI * RADIUS;

function Ring({ left, of }: { left: number; of: number }) {
  return (
    <svg class={left <= 5 ? 'ring ring-late' : 'ring'} viewBox="0 0 24 24" aria-hidden="true">
      <circle class="ring-ground" cx="12" cy="12" r={RADIUS} />
      <circle cx="12" cy="12" r={RADIUS} stroke-dasharray={`${(AROUND * left) / of} ${AROUND}`} transform="rotate(-90 12 12)" />
    </svg>
  );
}

function CodeButton({ code, account }: { code: string; account: Account }) {
  const { t } = useApp();
  const copy = useCopy();
  return (
    <button type="button" class="code-button" onClick={() => copy(code)} disabled={code === ''}>
      <bdi class="code" dir="ltr">
        {code === '' ? '··· ···' : grouped(code)}
      </bdi>
      <Icon name="copy" />
      <span class="unseen">{fill(t.copy_code, { name: titleOf(account, t) })}</span>
    </button>
  );
}

function Totp({ account, otp }: { account: Account; otp: Otp }) {
  const { t } = useApp();
  const now = useNow();
  const [code, setCode] = useState('');
  const current = step(otp, now);
  useEffect(() => {
    let stale = false;
    totp(otp, now).then((made) => stale || setCode(made), () => setCode(''));
    return () => void (stale = true);
  }, [current, otp.secret]);
  const left = secondsLeft(otp, now);
  return (
    <div class="code-line">
      <CodeButton code={code} account={account} />
      <span class="left">
        <Ring left={left} of={otp.period} />
        <span aria-hidden="true">{left}</span>
        <span class="unseen">{fill(t.seconds_left, { seconds: left })}</span>
      </span>
    </div>
  );
}

function Hotp({ account, otp }: { account: Account; otp: Otp }) {
  const { t, reload, say } = useApp();
  const [code, setCode] = useState('');
  const next = async () => {
    // Moved on before it is shown: no counter is ever used twice.
    let used = otp.counter;
    await changeAccount(account.id, (old) => {
      used = old.otp!.counter;
      return { ...old, otp: { ...old.otp!, counter: used + 1 } };
    });
    setCode(await hotp(otp, used));
    say(t.new_code);
    await reload();
  };
  return (
    <div class="code-line">
      <CodeButton code={code} account={account} />
      <button type="button" class="small" onClick={next}>
        {t.next_code}
      </button>
    </div>
  );
}

export function Code({ account }: { account: Account }) {
  if (!account.otp) return null;
  return account.otp.type === 'hotp' ? <Hotp account={account} otp={account.otp} /> : <Totp account={account} otp={account.otp} />;
}
