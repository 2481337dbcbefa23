// A service that registers itself at Aldgate when it starts (RFC 7591), with a token that an administrator has handed on
// (docs/running.md), and then signs people in as appointments.mjs does. Keep what it is told (`config.clientMetadata()`,
// with `registration_access_token`) and start with it the next time: the token is good once.
import * as client from "openid-client";
import { createPrivateKey, createPublicKey, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

const pem = createPrivateKey(readFileSync("/etc/service/letters.key"));
const key = await webcrypto.subtle.importKey(
  "pkcs8",
  pem.export({ type: "pkcs8", format: "der" }),
  { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  false,
  ["sign"],
);
const publicKey = { ...createPublicKey(pem).export({ format: "jwk" }), alg: "RS512", use: "sig", kid: "letters" };

export const discover = (options) =>
  client.dynamicClientRegistration(
    new URL("https://login.example.org"),
    {
      client_name: "Read your letters",
      redirect_uris: ["https://service.example.org/callback"],
      post_logout_redirect_uris: ["https://service.example.org/signed-out"],
      token_endpoint_auth_method: "private_key_jwt",
      id_token_signed_response_alg: "RS512",
      jwks: { keys: [publicKey] },
    },
    client.PrivateKeyJwt({ key, kid: "letters" }),
    { initialAccessToken: process.env.INITIAL_ACCESS_TOKEN, ...options },
  );

export { begin, finish, proof } from "./appointments.mjs";
