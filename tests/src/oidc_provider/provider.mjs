// An OpenID provider with one client for each tenant, whose access tokens are JWTs. Its first argument says how it is to be, in JSON:
//
//   modules     where oidc-provider is
//   port        where to listen on loopback; 0 takes a free one
//   cert, key   its certificate, in PEM
//   audience    the API that the tokens are for
//   secret      of every client; a client's id is its tenant's
//   tenants     who has a client
//   scope       the scopes that there are
//   algorithm   of its first key
//
// Each line on standard input is the algorithm of a new key, by which tokens are signed from then on; the key before it is kept, those
// before that one are not. Each line on standard output is the issuer, said once it works by the newest key.

import { createServer } from 'node:https';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const options = JSON.parse(process.argv[2]);
const { Provider } = await import(pathToFileURL(join(options.modules, 'oidc-provider/lib/index.js')));

const pairs = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

function newKey(alg) {
  return { ...pairs[alg]().privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg };
}

function provider(issuer, keys) {
  const [{ alg, kid }] = keys;
  return new Provider(issuer, {
    jwks: { keys },
    clients: options.tenants.map((tenant) => ({
      client_id: tenant,
      client_secret: options.secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: alg,
    })),
    clientDefaults: { id_token_signed_response_alg: alg },
    scopes: options.scope.split(' '),
    extraTokenClaims: (_, token) => ({ tenant: token.clientId }),
    enabledJWA: { idTokenSigningAlgValues: Object.keys(pairs) },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          audience,
          scope: options.scope,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg, kid } },
        }),
      },
    },
  });
}

let keys = [newKey(options.algorithm)];
let answer;
const server = createServer({ cert: options.cert, key: options.key }, (request, response) => answer(request, response));
server.listen(options.port, '127.0.0.1', () => {
  const issuer = `https://127.0.0.1:${server.address().port}`;
  const start = () => {
    answer = provider(issuer, keys).callback();
    console.log(issuer);
  };
  start();
  createInterface({ input: process.stdin })
    .on('line', (algorithm) => {
      keys = [newKey(algorithm), keys[0]];
      start();
    })
    .on('close', () => process.exit());
});
