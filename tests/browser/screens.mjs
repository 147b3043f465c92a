// Every screen as people meet it, with what a controller gives it; one entry a state worth looking at.

const login = { state: 'hKFo2SBf3f', clientName: 'Meadow Notes', companyName: 'Meadow Bank' };
const app = {
  ...login,
  otpauthUri:
    'otpauth://totp/Meadow%20Bank:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Meadow%20Bank&algorithm=SHA1&digits=6&period=30',
  textCode: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
  canPick: true,
};
const ticketUri =
  'otpauth://totp/Meadow%20Bank:ada%40example.com?enrollment_tx_id=pX2mLr8Kd0VnQ5sYtB7cHw3ZeJ4aGu9F&base_url=https%3A%2F%2Flogin.example.com%2Fappliance-mfa';
const waits = { waits: true, events: '/u/mfa-events?state=hKFo2SBf3f&version=1', seconds: 300 };
const phone = {
  ...login,
  ...waits,
  otpauthUri: ticketUri,
  phoneUrl: `/phone#${encodeURIComponent(ticketUri)}`,
  textCode: 'pX2mLr8Kd0VnQ5sYtB7cHw3ZeJ4aGu9F',
  canPick: true,
};
const question = {
  ...login,
  deviceName: "Ada's phone",
  details: { place: 'Lund, SE', browser: 'Firefox / Linux', time: '2026-01-02T09:41:00.000Z', timeText: '09:41 UTC' },
  canEnterCode: true,
  showRememberDevice: true,
  canPick: true,
};
const rules = {
  items: [
    { text: 'At least 8 characters' },
    {
      text: 'At least 3 of these:',
      choices: {
        items: [
          { text: 'lower-case letters (a–z)' },
          { text: 'upper-case letters (A–Z)' },
          { text: 'digits (0–9)' },
          { text: 'special characters (such as !@#$%^&*)' },
        ],
      },
    },
  ],
};
const factors = [
  { action: 'push-notification', name: 'Push', detail: "Ada's phone" },
  { action: 'sms', name: 'SMS', detail: 'XXXXXXXX4567' },
  { action: 'otp', name: 'OTP' },
  { action: 'recovery-code', name: 'RecoveryCode' },
];
const ticket = { ...login, ticket: 'T', backUrl: 'https://app.test/', clientName: 'Meadow Notes' };

export const screens = [
  ['login-id', { ...login, signupUrl: '#' }],
  ['login-id', { ...login, signupUrl: '#', username: 'ada@example', error: 'invalid-email-format' }, 'error'],
  ['login-password', { ...login, username: 'ada.lovelace@example.com', editUrl: '#', resetUrl: '#', signupUrl: '#' }],
  [
    'login-password',
    { ...login, username: 'ada@example.com', editUrl: '#', resetUrl: '#', signupUrl: '#', error: 'wrong-email-credentials' },
    'error',
  ],
  ['login-password', { ...login, username: 'ada@example.com', editUrl: '#', resetUrl: '#', error: 'user-blocked' }, 'blocked'],
  ['signup-id', { ...login, loginUrl: '#' }],
  ['signup-id', { ...login, loginUrl: '#', usernames: true, email: 'ada@example.com', emailError: true, error: 'email-in-use' }, 'error'],
  ['signup-password', { ...login, username: 'ada@example.com', editUrl: '#', loginUrl: '#', passwordRules: rules }],
  [
    'signup-password',
    { ...login, username: 'ada@example.com', editUrl: '#', loginUrl: '#', passwordRules: rules, error: 'password-too-weak' },
    'error',
  ],
  ['reset-password-request', { ...login, email: 'ada@example.com', backUrl: '#' }],
  ['reset-password-email', { ...login, email: 'ada@example.com', backUrl: '#' }],
  ['reset-password', { ...ticket, email: 'ada@example.com', passwordRules: rules }],
  ['reset-password', { ...ticket, email: 'ada@example.com', passwordRules: rules, againError: true, error: 'password-mismatch' }, 'error'],
  ['reset-password-success', ticket],
  ['reset-password-error', { ...ticket, kind: 'Expired' }],
  ['email-verification-result', { ...ticket, verified: true, kind: 'verified' }],
  ['email-verification-result', { ...ticket, verified: false, kind: 'invalidAccountOrCode' }, 'error'],
  ['brute-force-protection-unblock', ticket],
  ['brute-force-protection-unblock-success', ticket],
  ['brute-force-protection-unblock-failure', ticket],
  ['mfa-login-options', { ...login, factors, canGoBack: true }],
  ['mfa-begin-enroll-options', { ...login, factors: [{ action: 'push-notification', name: 'Push' }, { action: 'sms', name: 'SMS' }, { action: 'otp', name: 'OTP' }] }],
  ['mfa-otp-enrollment-qr', app],
  ['mfa-otp-enrollment-qr', { ...app, error: 'invalid-code' }, 'error'],
  ['mfa-otp-enrollment-code', app],
  ['mfa-otp-challenge', { ...login, showRememberDevice: true, canPick: true }],
  ['mfa-otp-challenge', { ...login, showRememberDevice: true, canPick: true, error: 'invalid-code' }, 'error'],
  ['mfa-otp-challenge', { ...login, showRememberDevice: true, canPick: true, backUrl: '#' }, 'of-phone'],
  ['mfa-push-enrollment-qr', phone],
  ['mfa-push-enrollment-qr', { ...phone, pending: true }, 'pending'],
  ['mfa-push-challenge-push', { ...question, ...waits, waiting: true, number: '42' }],
  ['mfa-push-challenge-push', { ...question, ...waits, waiting: true, resent: true }, 'resent'],
  ['mfa-push-challenge-push', { ...question, approved: true }, 'approved'],
  ['mfa-push-challenge-push', { ...question, details: null, error: 'rejected' }, 'rejected'],
  ['mfa-sms-enrollment', { ...login, canPick: true }],
  ['mfa-sms-enrollment', { ...login, canPick: true, phone: '0151 23456789', error: 'invalid-phone-format' }, 'error'],
  ['mfa-sms-challenge', { ...login, phoneNumber: 'XXXXXXXX4567', showRememberDevice: true, canPick: true }],
  ['mfa-sms-challenge', { ...login, phoneNumber: 'XXXXXXXX4567', editUrl: '#', resent: true, canPick: true }, 'resent'],
  ['mfa-recovery-code-enrollment', { ...login, textCode: 'R4KX7PQ2M9ZT3WLD8HFC5YNB' }],
  ['mfa-recovery-code-enrollment', { ...login, textCode: 'R4KX7PQ2M9ZT3WLD8HFC5YNB', error: 'no-confirmation' }, 'error'],
  ['mfa-recovery-code-challenge', { ...login, canPick: true }],
  ['mfa-recovery-code-challenge-new-code', { ...login, textCode: 'H8D2V6KQ4XJW9TPM3ZRC7LFA' }],
  ['mfa-enroll-result', { ...login, success: true, status: 'enrolled' }],
  ['mfa-enroll-result', { ...login, status: 'expiredTicket' }, 'expired'],
  ['admin-first', { ...ticket, passwordRules: rules }],
  ['admin-first', { ...ticket, passwordRules: rules, email: 'ada@example.com', againError: true, error: 'password-mismatch' }, 'error'],
  ['admin-first-done', ticket],
  ['logout', login],
  ['logout-complete', login],
  ['logout-aborted', login],
  ['error', { ...login, problem: 'expired', details: { code: 'invalid_request', description: 'You may have pressed the back button.', requestId: '4f1c20b7' } }],
  ['error', { ...login, problem: 'callbackMismatch', details: { code: 'invalid_request', description: 'https://evil.test/cb' } }, 'callback'],
].map(([template, variables, state]) => ({ template, variables, name: state ? `${template}.${state}` : template }));

export const mails = ['verify_email', 'reset_email', 'blocked_account', 'enrollment_email'].map((template) => ({
  template,
  name: `mail.${template}`,
  variables: { companyName: 'Meadow Bank', ip: '192.0.2.7', url: 'https://login.example.com/u/reset-verify?ticket=Bk3vT9fQ2mXz7LrW5sHd8NcJ4pYg6Ka1' },
}));
