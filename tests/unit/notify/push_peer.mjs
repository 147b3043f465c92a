// Apple's push service and Amazon SNS as this server meets them, on 127.0.0.1: HTTP/2 over TLS, client certificates, ES256
// provider tokens; Signature Version 4. Prints its port, then a line of JSON for every request; ends with its standard input.
//   node push_peer.mjs apns CERTIFICATE KEY [PUBLIC_KEY_OF_TOKENS]
//   node push_peer.mjs sns SECRET

import { createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createSecureServer } from 'node:http2';

const [kind, ...options] = process.argv.slice(2);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
process.stdin.resume().on('end', () => process.exit(0));

function bodyOf(stream) {
  return new Promise((resolve) => {
    let body = '';
    stream.setEncoding('utf8').on('data', (text) => (body += text));
    stream.on('end', () => resolve(body));
  });
}

/** Answers by the first characters of the device's token. */
const apple = {
  '00': [200],
  dd: [410, 'Unregistered'],
  bd: [400, 'BadDeviceToken'],
  ec: [403, 'ExpiredProviderToken'],
  f0: [429, 'TooManyRequests'],
  ff: [503, 'ServiceUnavailable'],
  aa: [400, 'PayloadEmpty'],
};

function tokenIsGood(authorization, publicKey) {
  const [header, claims, signature] = authorization.replace(/^bearer /, '').split('.');
  const key = { key: createPublicKey(readFileSync(publicKey)), dsaEncoding: 'ieee-p1363' };
  const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url'));
  const { iss } = JSON.parse(Buffer.from(claims, 'base64url'));
  const signed = verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'));
  return signed && alg === 'ES256' && kid === 'KEY1234567' && iss === 'TEAM123456';
}

function startApple(certificate, key, publicKey) {
  const server = createSecureServer({
    cert: readFileSync(certificate),
    key: readFileSync(key),
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  });
  server.on('stream', async (stream, headers) => {
    const body = await bodyOf(stream);
    const token = headers[':path'].replace('/3/device/', '');
    const subject = stream.session.socket.getPeerCertificate()?.subject?.CN ?? null;
    const authorized = publicKey ? tokenIsGood(headers.authorization ?? '', publicKey) : subject === 'Apple Push';
    say({ version: 2, method: headers[':method'], path: headers[':path'], headers, subject, authorized, body });
    const [status, reason] = authorized ? apple[token.slice(0, 2)] : [403, 'MissingProviderToken'];
    stream.respond({ ':status': status, 'apns-id': '1', ...(status === 429 ? { 'retry-after': '7' } : {}) });
    stream.end(reason ? JSON.stringify({ reason }) : undefined);
  });
  return server;
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

/** Whether the request is signed as AWS want it, by what the request itself says was signed. */
function signatureIsGood(request, body, secret) {
  const [, credential, names, signature] = request.headers.authorization.match(
    /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/,
  );
  const [id, day, region, service, end] = credential.split('/');
  const headers = names.split(';').map((name) => `${name}:${request.headers[name].trim()}\n`);
  const canonical = [request.method, request.url, '', headers.join(''), names, sha256(body)].join('\n');
  const scope = [day, region, service, end].join('/');
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = [region, service, end].reduce(hmac, hmac(`AWS4${secret}`, day));
  return id === 'AKIDEXAMPLE' && service === 'sns' && hmac(key, text).toString('hex') === signature;
}

const error = (code, message) =>
  `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code>` +
  `<Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`;

function startSns(secret) {
  return createHttpServer(async (request, response) => {
    const body = await bodyOf(request);
    const form = Object.fromEntries(new URLSearchParams(body));
    const authorized = signatureIsGood(request, body, secret);
    say({ authorized, form });
    const reply = (status, text) => response.writeHead(status, { 'content-type': 'text/xml' }).end(text);
    if (!authorized) return reply(403, error('SignatureDoesNotMatch', 'no'));
    const target = form.Token ?? form.TargetArn.split('/').at(-1);
    if (form.Action === 'CreatePlatformEndpoint') {
      if (target.startsWith('bad')) return reply(400, error('InvalidParameter', 'Invalid parameter: Token Reason: bad'));
      const arn = form.PlatformApplicationArn.replace(':app/', ':endpoint/');
      return reply(200, `<CreatePlatformEndpointResponse><CreatePlatformEndpointResult><EndpointArn>${arn}/${target}` +
        '</EndpointArn></CreatePlatformEndpointResult></CreatePlatformEndpointResponse>');
    }
    if (target.startsWith('disabled')) return reply(400, error('EndpointDisabled', 'Endpoint is disabled'));
    if (target.startsWith('slow')) return reply(400, error('Throttling', 'Rate exceeded'));
    if (target.startsWith('broken')) return reply(500, error('InternalError', ''));
    return reply(200, '<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>');
  });
}

const server = kind === 'apns' ? startApple(...options) : startSns(...options);
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
