// A service that people sign in to, made with openid-client and the settings of a sample in `config/clients`, beside
// which it stands; nothing of ours.
//
//   node openid_client.mjs SAMPLE PORT
//
// /            leads a browser to the provider (?prompt=… and the like are sent along); ?hold: its code is kept
// /callback    takes the answer, redeems the code, asks for userinfo
// /redeem      redeems the code that was held
// /use         asks what the tokens are worth, replaces them, shows the replaced one again
// /revoke      ends the tokens, and asks what they are worth
// /machine     gets a token for the service itself
// /sign-out    leads a browser to the provider to be signed out; /signed-out is where it comes back
//
// What it has learnt stands in its pages as JSON. It says "listening" once it is ready.
import { createServer } from "node:http";
import * as client from "openid-client";

const [sample, port] = process.argv.slice(2);
const { discover, begin, finish, proof } = await import(`./${sample}`);

const origin = `http://localhost:${port}`;
// Only since the provider under test is on this machine, without TLS.
const config = await discover({ execute: [client.allowInsecureRequests] });
const waiting = new Map(); // By state, what was sent.
let held; // An answer that is not redeemed yet.
let tokens;
let claims;

const told = (error) => ({
  error: error.error ?? error.cause?.[0]?.parameters?.error ?? String(error),
  description: error.error_description,
});
const attempt = (promise) => promise.catch(told);
const userinfo = (token) => attempt(client.fetchUserInfo(config, token, claims.sub, proof(config)));
const introspect = (token) => attempt(client.tokenIntrospection(config, token));
const refresh = (token) => client.refreshTokenGrant(config, token, {}, proof(config));

async function redeem(url) {
  const state = url.searchParams.get("state");
  const checks = waiting.get(state);
  waiting.delete(state);
  tokens = await finish(config, url, checks);
  claims = tokens.claims();
  const { token_type, scope } = tokens;
  return { claims, token_type, scope, userinfo: await userinfo(tokens.access_token) };
}

async function use() {
  const before = tokens.refresh_token;
  const worth = await introspect(tokens.access_token);
  const refreshed = await attempt(refresh(before));
  const learnt = { worth, refreshed: refreshed.error ?? "refreshed" };
  if (refreshed.error) {
    return { ...learnt, userinfo: await userinfo(tokens.access_token) };
  }
  tokens = refreshed;
  learnt.userinfo = await userinfo(tokens.access_token);
  learnt.replaced = (await attempt(refresh(before))).error ?? "taken twice";
  learnt.afterwards = await introspect(tokens.access_token);
  return learnt;
}

async function revoke() {
  const before = await introspect(tokens.refresh_token);
  await client.tokenRevocation(config, tokens.refresh_token);
  const after = { refresh: await introspect(tokens.refresh_token), access: await introspect(tokens.access_token) };
  return { before, after, userinfo: await userinfo(tokens.access_token) };
}

async function machine(scope) {
  const own = await client.clientCredentialsGrant(config, { scope }, proof(config));
  return { token_type: own.token_type, scope: own.scope, worth: await introspect(own.access_token) };
}

const page = (title, learnt) => {
  const head = `<!DOCTYPE html><html lang="en"><title>${title}</title><h1>${title}</h1>`;
  return `${head}<pre id="learnt">${JSON.stringify(learnt)}</pre>`;
};

const pages = {
  "/callback": async (url) => {
    if (held !== "next") return ["Welcome to the service", await redeem(url)];
    held = url;
    return ["We will see to it later", {}];
  },
  "/redeem": async () => ["Welcome to the service", await redeem(held)],
  "/use": async () => ["What it is worth", await use()],
  "/revoke": async () => ["What it was worth", await revoke()],
  "/machine": async (url) => ["The service itself", await machine(url.searchParams.get("scope"))],
  "/signed-out": async (url) => ["You have left the service", Object.fromEntries(url.searchParams)],
};

async function lead(url) {
  if (url.pathname === "/sign-out") {
    return client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: `${origin}/signed-out`,
      state: "goodbye",
    });
  }
  const { hold, ...more } = Object.fromEntries(url.searchParams);
  held = hold === undefined ? undefined : "next";
  const { address, checks } = await begin(config, more);
  waiting.set(checks.expectedState, checks);
  return address;
}

createServer(async (request, response) => {
  const url = new URL(request.url, origin);
  const answer = pages[url.pathname];
  try {
    if (answer) {
      response.setHeader("content-type", "text/html").end(page(...(await answer(url))));
    } else if (["/", "/sign-out"].includes(url.pathname)) {
      response.writeHead(302, { location: (await lead(url)).href }).end();
    } else {
      response.writeHead(204).end();
    }
  } catch (error) {
    response.setHeader("content-type", "text/html").end(page("You did not get in", told(error)));
  }
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
