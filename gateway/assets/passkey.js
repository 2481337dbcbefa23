// Aldgate's only script: it runs passkey ceremonies. A page loads it where it has a button with `data-passkey`:
//
//   data-passkey="sign-in"   sign in, then go to the button's `data-return-to`; also offers passkeys in the e-mail field
//   data-passkey="register"  create the first passkey of a new account
//   data-passkey="add"       create one more passkey, then go to the button's `data-return-to`, if it has one
//
// A page that knows an account's passkeys has an element with `data-passkeys-accepted`: what the device keeps beyond
// that list is out of date, and is told so (WebAuthn Level 3, section 5.1.10, the Signal API). After a log-in with a
// passkey, which may lead to any page, the list is fetched for that, once a day.
//
// A form field with `data-passkeys-made-here` gets that value where a passkey can be made in this browser.
//
// Nothing is decided here. The server makes the challenge, checks the answer and says where to go; whatever fails
// leads to /sign-in/problem, a page of the server's that says what to do, or is said beside the button (`data-failed`).
// Without this module the buttons stay hidden.

/** A challenge lasts five minutes. One that is older than four is not begun with, to leave time to answer it. */
const CHALLENGE_AGE_MAX_MS = 4 * 60 * 1000;

/** How long somebody who has just signed in waits, once a day, for their device to be told what has changed. */
const TELL_WAIT_MAX_MS = 800;

/** How often it is told after a log-in. */
const TELL_AGAIN_MS = 24 * 60 * 60 * 1000;

/** When it was told last, in this browser: a time, and nothing about whom. */
const TOLD_AT = "passkeys-told-at";

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
function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function call(path, { headers, ...request }) {
  let response;
  try {
    response = await fetch(path, {
      ...request,
      headers: { ...headers, Accept: "application/json, application/problem+json" },
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
  await tellAfterLogin();
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

async function tellWhatIsAccepted({ rpId, userId, name, accepted }) {
  const allAcceptedCredentialIds = accepted.split(" ").filter(Boolean);
  await signal("signalAllAcceptedCredentials", { rpId, userId, allAcceptedCredentialIds });
  await signal("signalCurrentUserDetails", { rpId, userId, name, displayName: name });
}

/** Of the lists that the page holds. */
async function tellWhatThePageKnows() {
  for (const list of document.querySelectorAll("[data-passkeys-accepted]")) {
    await tellWhatIsAccepted({ ...list.dataset, accepted: list.dataset.passkeysAccepted });
  }
}

/** Of the account that has just signed in; nobody waits long for that, and most not at all. */
async function tellAfterLogin() {
  if (!PublicKeyCredential.signalAllAcceptedCredentials || !isTimeToTell()) return;
  const telling = call("/account/passkeys.json", { method: "GET" }).then(tellWhatIsAccepted).catch(() => {});
  await Promise.race([telling, new Promise((resolve) => setTimeout(resolve, TELL_WAIT_MAX_MS))]);
}

/** Whether the last time was long ago; this one counts from now on, however it ends. */
function isTimeToTell() {
  try {
    const since = Date.now() - Number(localStorage.getItem(TOLD_AT) ?? 0);
    if (since >= 0 && since < TELL_AGAIN_MS) return false;
    localStorage.setItem(TOLD_AT, String(Date.now()));
    return true;
  } catch {
    return false; // A browser that keeps nothing would be asked at every log-in.
  }
}

// ---- Creating a passkey

/** Done when the device knows what the page knows. */
let told = null;

/** What the server says of a passkey that is no account's. Other refusals may be of one that is somebody's by now. */
const NOT_TAKEN = ["registration-refused", "challenge-expired", "not-signed-in"];

/** Gives a new passkey to the server, and where to go then. A device does not keep one that is not taken. */
async function register(credential, rpId, more = {}) {
  try {
    return (await post("/passkey/register", { ...credentialJson(credential), ...more })).next;
  } catch (error) {
    if (NOT_TAKEN.includes(error.reason)) {
      await signal("signalUnknownCredential", { rpId, credentialId: credential.id });
    }
    throw error;
  }
}

async function create(button) {
  if (await unasked.stop()) return;
  const publicKey = creationOptions(await post("/passkey/register/options", {}));
  const credential = await asked(() => navigator.credentials.create({ publicKey }));
  say(button, button.dataset.saving);
  const next = await register(credential, publicKey.rp.id);
  const otherwise = button.dataset.passkey === "add" ? "/account/passkeys" : "/register/done";
  location.assign(ownPath(button.dataset.returnTo, ownPath(next, otherwise)));
}

const capabilities = async () => (await PublicKeyCredential.getClientCapabilities?.().catch(() => null)) ?? {};

/** Where a password manager has just filled in a password, it may make a passkey by itself (mediation `conditional`). */
const unasked = {
  controller: null,
  running: null,

  start(place) {
    this.controller = new AbortController();
    this.running = this.run(place, this.controller.signal).catch(() => false); // Nobody asked for it.
  },

  /** Ends the request that is open. True if it has made a passkey all the same; the page is being left then. */
  async stop() {
    this.controller?.abort();
    return (await this.running) ?? false;
  },

  async run(place, signal) {
    await told; // Before there is one more than the page knows of.
    if (!(await capabilities()).conditionalCreate) return false;
    const publicKey = creationOptions(await post("/passkey/register/options", { mediation: "conditional" }));
    const credential = await navigator.credentials.create({ publicKey, mediation: "conditional", signal });
    if (!credential) return false;
    const next = await register(credential, publicKey.rp.id, { mediation: "conditional" });
    location.assign(ownPath(place.dataset.returnTo, ownPath(next, "/account/passkeys")));
    return true;
  },
};

/** Whether a passkey can be made here: by the browser itself, or on a device that knows its user. */
async function makesPasskeys() {
  const { conditionalCreate, userVerifyingPlatformAuthenticator } = await capabilities();
  if (conditionalCreate || userVerifyingPlatformAuthenticator) return true;
  return (await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable?.().catch(() => false)) ?? false;
}

async function sayWhatIsMadeHere(field) {
  if (await makesPasskeys()) field.value = field.dataset.passkeysMadeHere;
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

/** Runs `work` with the button held. If it fails, the button says so, or the problem page. */
async function whileBusy(button, text, work) {
  if (button.disabled) return;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  say(button, text);
  try {
    await work();
  } catch (error) {
    if (button.dataset.failed) {
      free(button);
      say(button, button.dataset.failed);
      return;
    }
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
  for (const field of document.querySelectorAll("[data-passkeys-made-here]")) sayWhatIsMadeHere(field);
  told = tellWhatThePageKnows();
  const place = document.querySelector("[data-passkey-conditional]");
  if (place) unasked.start(place);

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
