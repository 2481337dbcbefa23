// Aldgate's only script: it runs passkey ceremonies. A page loads it where it has a button with `data-passkey`:
//
//   data-passkey="sign-in"   sign in, then go to the button's `data-return-to`; also offers passkeys in the e-mail field
//   data-passkey="register"  create the first passkey of a new account
//   data-passkey="add"       create one more passkey
//
// A page that lists an account's passkeys has an element with `data-passkeys-accepted`: what the device keeps beyond
// that list is out of date, and is told so (WebAuthn Level 3, section 5.1.10, the Signal API).
//
// Nothing is decided here. The server makes the challenge, checks the answer and says where to go; whatever fails
// leads to /sign-in/problem, a page of the server's that says what to do. Without this module the buttons stay hidden.

/** A challenge lasts five minutes. One that is older than four is not begun with, to leave time to answer it. */
const CHALLENGE_AGE_MAX_MS = 4 * 60 * 1000;

/** How long the server may take to answer. */
const ANSWER_WAIT_MAX_MS = 15 * 1000;

/** Why a ceremony did not succeed, as a slug that /sign-in/problem knows. */
class Failure extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

// ---- Talking to the server

/** Posts `body` as JSON and gives the answer's JSON, or throws a Failure with the problem document's slug. */
async function post(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json, application/problem+json" },
      body: JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_WAIT_MAX_MS),
    });
  } catch {
    throw new Failure("unavailable");
  }
  // Some answers have no body: that is not a fault, so whatever is not JSON counts as an empty object.
  const answer = (await response.json().catch(() => null)) ?? {};
  if (response.ok) return answer;
  throw new Failure(slugOf(answer.type) ?? (response.status >= 500 ? "unavailable" : "refused"));
}

/** The last part of `urn:aldgate:problem:<slug>`. */
function slugOf(type) {
  return /^urn:aldgate:problem:([a-z0-9-]{1,64})$/.exec(type ?? "")?.[1];
}

/** `path` if it leads to a page of this site, else `otherwise`. */
function ownPath(path, otherwise) {
  return typeof path === "string" && /^\/(?![/\\])/.test(path) ? path : otherwise;
}

// ---- The JSON forms of Web Authentication Level 3, section 5.1.8 to 5.1.10, for browsers that lack them

function bytesOf(base64url) {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0)).buffer;
}

function base64urlOf(buffer) {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

const withIdBytes = (descriptor) => ({ ...descriptor, id: bytesOf(descriptor.id) });

function requestOptions(json) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(json);
  return {
    ...json,
    challenge: bytesOf(json.challenge),
    allowCredentials: (json.allowCredentials ?? []).map(withIdBytes),
  };
}

function creationOptions(json) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(json);
  return {
    ...json,
    challenge: bytesOf(json.challenge),
    user: withIdBytes(json.user),
    excludeCredentials: (json.excludeCredentials ?? []).map(withIdBytes),
  };
}

function credentialJson(credential) {
  if (typeof credential.toJSON === "function") return credential.toJSON();
  const { response } = credential;
  const json = { clientDataJSON: base64urlOf(response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[part]) json[part] = base64urlOf(response[part]);
  }
  if (response.getTransports) json.transports = response.getTransports();
  return {
    id: credential.id,
    rawId: base64urlOf(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: json,
  };
}

/** Why the browser gave up, as a slug. */
function browserReason(error) {
  switch (error?.name) {
    case "NotAllowedError": // Cancelled, timed out, or not permitted: the browser does not say which.
    case "AbortError":
      return "cancelled";
    case "InvalidStateError":
      return "already-registered";
    case "NotSupportedError":
      return "not-supported";
    default:
      return "refused";
  }
}

/** Runs one call of the browser's and turns its exceptions into Failures. */
async function asked(ceremony) {
  try {
    const credential = await ceremony();
    if (credential) return credential;
  } catch (error) {
    throw new Failure(browserReason(error));
  }
  throw new Failure("refused");
}

// ---- Signing in

/** The options fetched last, kept until they are used or too old. The server stores nothing for them. */
let kept = null;

async function loginOptions() {
  // A clock that was set back makes the age negative: that is no age to trust either.
  if (!kept || Math.abs(Date.now() - kept.fetchedAt) >= CHALLENGE_AGE_MAX_MS) {
    const fetchedAt = Date.now();
    kept = { fetchedAt, json: await post("/passkey/login/options", {}) };
  }
  return requestOptions(kept.json);
}

/** Gives an assertion to the server. Its challenge is spent, whatever the answer. */
async function login(credential, button) {
  const rpId = kept?.json.rpId;
  kept = null;
  try {
    await post("/passkey/login", credentialJson(credential));
  } catch (error) {
    // A passkey that no account has is not offered again.
    if (error.reason === "unknown-credential" && rpId) {
      await signal("signalUnknownCredential", { rpId, credentialId: credential.id });
    }
    throw error;
  }
  location.assign(ownPath(button.dataset.returnTo, "/"));
}

async function signIn(button) {
  await autofill.stop();
  const publicKey = await loginOptions();
  const credential = await asked(() => navigator.credentials.get({ publicKey }));
  say(button, button.dataset.signingIn);
  await login(credential, button);
}

/** Conditional mediation: passkeys offered by the browser inside the e-mail field, for as long as the page is open. */
const autofill = {
  controller: null,
  running: null,

  start(button) {
    this.controller = new AbortController();
    this.running = this.run(button, this.controller);
  },

  /** Ends the request that is open; a browser allows only one at a time, so this waits until it is really gone. */
  async stop() {
    this.controller?.abort();
    await this.running;
  },

  async run(button, controller) {
    const credential = await this.offer(controller).catch(() => null); // Nobody asked for it, so it fails in silence.
    if (!credential || controller.signal.aborted) return;
    // From here on somebody chose a passkey, and hears how it ends.
    await whileBusy(button, button.dataset.signingIn, () => login(credential, button));
  },

  /** A passkey that was chosen, or null. The challenge is renewed before it grows too old. */
  async offer(controller) {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return null;
    while (!controller.signal.aborted) {
      const publicKey = await loginOptions();
      const renewal = new AbortController();
      const endOffer = () => renewal.abort();
      if (controller.signal.aborted) return null;
      controller.signal.addEventListener("abort", endOffer);
      const timer = setTimeout(endOffer, kept.fetchedAt + CHALLENGE_AGE_MAX_MS - Date.now());
      try {
        return await navigator.credentials.get({ publicKey, mediation: "conditional", signal: renewal.signal });
      } catch (error) {
        if (!renewal.signal.aborted) throw error;
      } finally {
        clearTimeout(timer);
        controller.signal.removeEventListener("abort", endOffer);
      }
    }
    return null;
  },
};

// ---- Telling the device what has changed (only where the browser can)

async function signal(method, what) {
  try {
    await PublicKeyCredential[method]?.(what);
  } catch {
    // It is a hint, and nothing depends on it.
  }
}

async function tellWhatIsAccepted(list) {
  const { rpId, userId, name, passkeysAccepted } = list.dataset;
  const allAcceptedCredentialIds = passkeysAccepted.split(" ").filter(Boolean);
  await signal("signalAllAcceptedCredentials", { rpId, userId, allAcceptedCredentialIds });
  await signal("signalCurrentUserDetails", { rpId, userId, name, displayName: name });
}

// ---- Creating a passkey

async function create(button) {
  const publicKey = creationOptions(await post("/passkey/register/options", {}));
  const credential = await asked(() => navigator.credentials.create({ publicKey }));
  say(button, button.dataset.saving);
  const { next } = await post("/passkey/register", credentialJson(credential));
  location.assign(ownPath(next, button.dataset.passkey === "add" ? "/account/passkeys" : "/register/done"));
}

/** Where a password manager has just filled in a password, it may make a passkey by itself (mediation `conditional`). */
async function createUnasked() {
  const capabilities = await PublicKeyCredential.getClientCapabilities?.().catch(() => null);
  if (!capabilities?.conditionalCreate) return;
  try {
    const publicKey = creationOptions(await post("/passkey/register/options", { mediation: "conditional" }));
    const credential = await navigator.credentials.create({ publicKey, mediation: "conditional" });
    if (!credential) return;
    const { next } = await post("/passkey/register", { ...credentialJson(credential), mediation: "conditional" });
    location.assign(ownPath(next, "/account/passkeys"));
  } catch {
    // Nobody asked for it, so it fails in silence; the button beside it stays.
  }
}

// ---- The buttons

const ceremonies = { "sign-in": signIn, register: create, add: create };

/** Says what is happening, beside the button and to screen readers. */
function say(button, text) {
  const status = button.parentElement?.querySelector("[data-passkey-status]");
  if (status) status.textContent = text;
}

function free(button) {
  button.disabled = false;
  button.removeAttribute("aria-busy");
  say(button, "");
}

/** Runs `work` with the button held, and goes to the problem page if it fails. */
async function whileBusy(button, text, work) {
  if (button.disabled) return;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  say(button, text);
  try {
    await work();
  } catch (error) {
    const query = new URLSearchParams({
      reason: error instanceof Failure ? error.reason : "refused",
      during: button.dataset.passkey,
      return_to: ownPath(button.dataset.returnTo, "/"),
    });
    location.assign(`/sign-in/problem?${query}`);
  }
}

function show(selector) {
  for (const element of document.querySelectorAll(selector)) element.hidden = false;
}

function begin() {
  const buttons = document.querySelectorAll("[data-passkey]");
  if (!window.PublicKeyCredential || !navigator.credentials) {
    show("[data-passkey-unsupported]");
    return;
  }
  for (const button of buttons) {
    const ceremony = ceremonies[button.dataset.passkey];
    if (!ceremony) continue;
    button.addEventListener("click", () => whileBusy(button, button.dataset.waiting, () => ceremony(button)));
    free(button); // A reloaded page may remember that it was held.
    button.hidden = false;
    if (ceremony === signIn) autofill.start(button);
  }
  show("[data-passkey-only]");
  if (document.querySelector("[data-passkey-conditional]")) createUnasked();
  for (const list of document.querySelectorAll("[data-passkeys-accepted]")) tellWhatIsAccepted(list);

  // "Back" may bring the page as it was left, with a button held and an old challenge: begin afresh.
  window.addEventListener("pageshow", async (event) => {
    if (!event.persisted) return;
    kept = null;
    await autofill.stop();
    for (const button of buttons) {
      free(button);
      if (button.dataset.passkey === "sign-in") autofill.start(button);
    }
  });
}

begin();
