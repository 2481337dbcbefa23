// Signing people in at Aldgate with openid-client (npm) by the rules of the profile "fapi2": the request is pushed, each
// token is bound to a key of the service's (DPoP), ES256 throughout. The three functions are as in appointments.mjs.
import * as client from "openid-client";
import { createPrivateKey, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

const key = await webcrypto.subtle.importKey(
  "pkcs8",
  createPrivateKey(readFileSync("/etc/service/record-store.key")).export({ type: "pkcs8", format: "der" }),
  { name: "ECDSA", namedCurve: "P-256" },
  false,
  ["sign"],
);

// As long as this key lives, so long are its tokens of use: keep it with them if they shall outlive the process.
const bindingKey = await client.randomDPoPKeyPair("ES256");

export const discover = (options) =>
  client.discovery(
    new URL("https://login.example.org"),
    "record-store",
    { id_token_signed_response_alg: "ES256" },
    client.PrivateKeyJwt(key),
    options,
  );

// What each request sends along: the proof of the key to which its token is bound.
export const proof = (config) => ({ DPoP: client.getDPoPHandle(config, bindingKey) });

export async function begin(config, more = {}) {
  const checks = {
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    idTokenExpected: true,
  };
  const parameters = {
    redirect_uri: "https://service.example.org/callback",
    scope: "openid email",
    vtr: '["P0.Cm","P0.Cp"]',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    ...more,
  };
  return { address: await client.buildAuthorizationUrlWithPAR(config, parameters, proof(config)), checks };
}

export const finish = (config, url, checks) => client.authorizationCodeGrant(config, url, checks, {}, proof(config));
