// A service that people sign in to, made with openid-client and nothing of ours.
//
//   node openid_client.mjs ISSUER CLIENT_ID KEY_FILE PORT SCOPE VTR [TOOLS]
//
// /          leads a browser to the provider (?prompt=… and the like are sent along)
// /callback  takes the answer, redeems the code, asks for userinfo, refreshes, and shows what it has learnt as JSON
//
// It says "listening" once it is ready.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createPrivateKey, webcrypto } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [issuer, clientId, keyFile, port, scope, vtr, tools] = process.argv.slice(2);
const require = createRequire(`${tools}/package.json`);
const client = await import(pathToFileURL(require.resolve("openid-client")).href);

const key = await webcrypto.subtle.importKey(
  "pkcs8",
  createPrivateKey(readFileSync(keyFile)).export({ type: "pkcs8", format: "der" }),
  { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  false,
  ["sign"],
);
const config = await client.discovery(
  new URL(issuer),
  clientId,
  { id_token_signed_response_alg: "RS512" },
  client.PrivateKeyJwt(key),
  { execute: [client.allowInsecureRequests] },
);
const redirectUri = `http://localhost:${port}/callback`;
const waiting = new Map(); // By state, what was sent.

async function begin(query) {
  const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()];
  waiting.set(state, { nonce, verifier });
  return client.buildAuthorizationUrl(config, {
    ...Object.fromEntries(query),
    redirect_uri: redirectUri,
    scope,
    state,
    nonce,
    vtr,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
}

async function finish(url) {
  const state = url.searchParams.get("state");
  const { nonce, verifier } = waiting.get(state);
  waiting.delete(state);
  const tokens = await client.authorizationCodeGrant(config, url, {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  const again = await client.fetchUserInfo(config, refreshed.access_token, claims.sub);
  const replaced = await client.refreshTokenGrant(config, tokens.refresh_token).then(
    () => "taken twice",
    (error) => error.error,
  );
  return { claims, userinfo, again, replaced, scope: tokens.scope };
}

const page = (title, learnt) =>
  `<!DOCTYPE html><html lang="en"><title>${title}</title><h1>${title}</h1><pre id="learnt">${JSON.stringify(learnt)}</pre>`;

createServer(async (request, response) => {
  const url = new URL(request.url, `http://localhost:${port}`);
  try {
    if (url.pathname === "/") {
      response.writeHead(302, { location: (await begin(url.searchParams)).href }).end();
    } else if (url.pathname === "/callback") {
      response.setHeader("content-type", "text/html");
      const learnt = await finish(url);
      response.end(page("Welcome to the service", learnt));
    } else {
      response.writeHead(204).end();
    }
  } catch (error) {
    const learnt = { error: error.error ?? String(error), description: error.error_description };
    response.writeHead(200, { "content-type": "text/html" }).end(page("You did not get in", learnt));
  }
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
