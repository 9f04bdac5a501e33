// An OpenID provider (npm's oidc-provider) for one client, on a free port of this machine. It prints
// {"issuer": …} and serves until it is killed. Any login signs in;
// the address of "unverified" is not verified. With BYTES, ID tokens have a claim
// of that length.
//
//   node oidc.mjs ORIGIN CLIENT SECRET [BYTES]
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

console.info = console.warn = () => {}; // it warns that this is only for tests
const { default: Provider } = await import('oidc-provider');

const [origin, id, secret, bytes] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: id,
      client_secret: secret,
      redirect_uris: [`${origin}/callback`],
      post_logout_redirect_uris: [`${origin}/`],
    }],
    pkce: { required: () => true },
    claims: { email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name', 'groups'] },
    conformIdTokenClaims: !bytes, // otherwise the claims of scopes are only at the userinfo endpoint
    findAccount: (_, login) => ({
      accountId: login,
      claims: () => ({
        sub: login, given_name: 'Ada', family_name: 'Lovelace', email: `${login}@example.org`, email_verified: login !== 'unverified',
        groups: bytes && 'x'.repeat(Number(bytes)),
      }),
    }),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'key', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
  server.on('request', provider.callback());
  console.log(JSON.stringify({ issuer }));
});
