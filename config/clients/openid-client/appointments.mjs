// Signing people in at Aldgate with openid-client (npm) by the rules of the profile "nhs": RS512, vectors of trust.
//
// `discover` once, when your service starts. `begin` for each sign-in: send the browser to `address` and keep `checks` in
// its session. `finish` when it comes back.
import * as client from "openid-client";
import { createPrivateKey, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

const key = await webcrypto.subtle.importKey(
  "pkcs8",
  createPrivateKey(readFileSync("/etc/service/appointments.key")).export({ type: "pkcs8", format: "der" }),
  { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  false,
  ["sign"],
);

export const discover = (options) =>
  client.discovery(
    new URL("https://login.example.org"),
    "appointments",
    { id_token_signed_response_alg: "RS512" },
    client.PrivateKeyJwt(key),
    options,
  );

// What each request sends along: nothing but the client's assertion, which the library makes by itself.
export const proof = () => ({});

export async function begin(config, more = {}) {
  const checks = {
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    idTokenExpected: true,
  };
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: "https://service.example.org/callback",
    scope: "openid profile email",
    vtr: '["P0.Cm","P0.Cp"]',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    ...more,
  });
  return { address, checks };
}

export const finish = (config, url, checks) => client.authorizationCodeGrant(config, url, checks);
