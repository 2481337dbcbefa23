//! A real Chromium, driven over the DevTools protocol, in the words of a person: open, fill, press, arrive.
//!
//! Nothing here sleeps for a time and hopes: every step waits for what it needs, and gives up after [`PATIENCE`] with
//! the state of the page in its message and a picture of it in `target/screenshots/`. A browser is killed when it is
//! dropped, and what its pages complained about (broken policy, script errors) then fails the test.

use chromiumoxide::browser::BrowserConfig;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams, SetFocusEmulationEnabledParams,
    SetScriptExecutionDisabledParams,
};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType, InsertTextParams,
    MouseButton,
};
use chromiumoxide::cdp::browser_protocol::log::{EventEntryAdded, LogEntryLevel, LogEntrySource};
use chromiumoxide::cdp::browser_protocol::network::{Cookie, DeleteCookiesParams, GetCookiesParams};
use chromiumoxide::cdp::browser_protocol::page::{
    AddScriptToEvaluateOnNewDocumentParams, CaptureScreenshotFormat, NavigateParams,
};
use chromiumoxide::cdp::browser_protocol::target::{CreateBrowserContextParams, CreateTargetParams};
use chromiumoxide::cdp::browser_protocol::web_authn::{
    AddVirtualAuthenticatorParams, AuthenticatorId, AuthenticatorProtocol, AuthenticatorTransport,
    ClearCredentialsParams, Credential, EnableParams, GetCredentialsParams, RemoveVirtualAuthenticatorParams,
    SetAutomaticPresenceSimulationParams, SetResponseOverrideBitsParams, SetUserVerifiedParams,
    VirtualAuthenticatorOptions,
};
use chromiumoxide::cdp::js_protocol::runtime::{
    ConsoleApiCalledType, EvaluateParams, EventConsoleApiCalled, EventExceptionThrown,
};
use chromiumoxide::page::ScreenshotParams;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// How long anything may take: two cores may be building something else at the same time.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often a page is asked whether it is there yet.
const POLL: Duration = Duration::from_millis(20);

/// Switches: a profile of its own, nothing in the background, nothing to the network but our own instance.
const SWITCHES: [&str; 4] = ["disable-gpu", "disable-quic", "disable-component-update", "ignore-certificate-errors"];

/// What every question to a page may use.
const WORDS: &str = r#"
const words = (e) => e.textContent.replace(/\s+/g, " ").trim();
const shown = (selector, within = document) =>
  [...within.querySelectorAll(selector)].filter((e) => e.checkVisibility());
"#;

/// What pages complained about.
type Noise = Arc<Mutex<Vec<String>>>;

/// The workspace's directory for build output.
pub fn target(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(path)
}

fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join("chromium")).find(|file| file.is_file());
    found.expect("there is no `chromium` here: run scripts/test, which installs it")
}

/// One Chromium.
pub struct Browser {
    inner: chromiumoxide::Browser,
    noise: Noise,
    profile: TempDir,
}

impl Browser {
    pub async fn launch() -> Self {
        let profile = tempfile::Builder::new().prefix("aldgate-chromium-").tempdir().expect("a directory");
        let config = BrowserConfig::builder()
            .chrome_executable(chromium())
            .new_headless_mode()
            .no_sandbox()
            .user_data_dir(profile.path())
            .launch_timeout(PATIENCE)
            .request_timeout(PATIENCE)
            .viewport(None)
            .window_size(1200, 900)
            .args(SWITCHES);
        let config = config.build().expect("a configuration");
        let (inner, mut events) = chromiumoxide::Browser::launch(config).await.expect("Chromium starts");
        tokio::spawn(async move { while events.next().await.is_some() {} });
        Self { inner, noise: Noise::default(), profile }
    }

    /// A window of its own: it shares no cookie with any other.
    pub async fn page(&self, origin: &str) -> Page {
        let context = self.inner.create_browser_context(CreateBrowserContextParams::default());
        let context = within("a browser context", context).await;
        let mut blank = CreateTargetParams::new("about:blank");
        blank.browser_context_id = Some(context);
        let inner = within("a page", self.inner.new_page(blank)).await;
        let page = Page { inner, origin: origin.to_owned() };
        page.listen(&self.noise).await;
        page.command(SetFocusEmulationEnabledParams::new(true)).await;
        page
    }

    /// What pages complained about since the last time; nobody else will hear of it.
    pub fn take_noise(&self) -> Vec<String> {
        std::mem::take(&mut *self.noise.lock().expect("a lock"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(child) = self.inner.get_mut_child() {
            let child = child.as_mut_inner();
            let _ = child.start_kill();
            wait_until(|| !matches!(child.try_wait(), Ok(None)));
        }
        // Its helpers end a moment after it, and until then they may write.
        let profile = self.profile.path();
        wait_until(|| std::fs::remove_dir_all(profile).is_ok() || !profile.exists());
        let noise = self.take_noise();
        assert!(noise.is_empty() || std::thread::panicking(), "pages complained:\n{}", noise.join("\n"));
    }
}

/// Waits where nothing can be awaited, for two seconds at most.
fn wait_until(mut done: impl FnMut() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "`drop` cannot await")]
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn within<T, E: std::fmt::Display>(what: &str, doing: impl Future<Output = Result<T, E>>) -> T {
    match tokio::time::timeout(PATIENCE, doing).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => panic!("{what}: {error}"),
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// A page in a window, and the person in front of it.
#[derive(Clone)]
pub struct Page {
    inner: chromiumoxide::Page,
    pub origin: String,
}

impl Page {
    /// Runs a command of the DevTools protocol.
    async fn command<C: chromiumoxide::Command>(&self, command: C) -> C::Response {
        let name = command.identifier();
        within(&name, self.inner.execute(command)).await.result
    }

    async fn listen(&self, noise: &Noise) {
        let mut entries = within("a listener", self.inner.event_listener::<EventEntryAdded>()).await;
        let mut calls = within("a listener", self.inner.event_listener::<EventConsoleApiCalled>()).await;
        let mut exceptions = within("a listener", self.inner.event_listener::<EventExceptionThrown>()).await;
        within("the log", self.inner.enable_log()).await;
        let kept = noise.clone();
        tokio::spawn(async move {
            while let Some(event) = entries.next().await {
                let entry = &event.entry;
                let heard = matches!(entry.level, LogEntryLevel::Error | LogEntryLevel::Warning);
                // An answer with a 4xx status is the network's affair, and often what a test wants.
                if heard && entry.source != LogEntrySource::Network {
                    let address = entry.url.as_deref().unwrap_or_default();
                    kept.lock().expect("a lock").push(format!("{:?}: {} {address}", entry.source, entry.text));
                }
            }
        });
        let kept = noise.clone();
        tokio::spawn(async move {
            while let Some(event) = calls.next().await {
                if matches!(event.r#type, ConsoleApiCalledType::Error | ConsoleApiCalledType::Warning) {
                    kept.lock().expect("a lock").push(format!("console: {:?}", event.args));
                }
            }
        });
        let kept = noise.clone();
        tokio::spawn(async move {
            while let Some(event) = exceptions.next().await {
                let details = &event.exception_details;
                let text = details.exception.as_ref().and_then(|thrown| thrown.description.clone());
                kept.lock().expect("a lock").push(format!("exception: {} {text:?}", details.text));
            }
        });
    }

    /// Runs a script as the developer's console would; promises are awaited.
    pub async fn try_eval(&self, script: &str) -> Result<Value, String> {
        let mut params = EvaluateParams::new(format!("{{{WORDS}\n{script}\n}}"));
        (params.await_promise, params.return_by_value) = (Some(true), Some(true));
        let done = tokio::time::timeout(PATIENCE, self.inner.execute(params)).await;
        let done = done.map_err(|_| format!("no answer within {PATIENCE:?}"))?.map_err(|error| error.to_string())?;
        match done.result.exception_details {
            Some(details) => Err(format!("{} {:?}", details.text, details.exception.and_then(|e| e.description))),
            None => Ok(done.result.result.value.unwrap_or(Value::Null)),
        }
    }

    pub async fn eval(&self, script: &str) -> Value {
        match self.try_eval(script).await {
            Ok(value) => value,
            Err(error) => panic!("{error}\nin {script}"),
        }
    }

    async fn text(&self, script: &str) -> String {
        self.eval(script).await.as_str().unwrap_or_default().to_owned()
    }

    /// Asks again and again until the answer is `{found: …}`; a page that is just being left gives none.
    async fn wait_for(&self, what: &str, script: &str) -> Value {
        let mut last = Err(String::new());
        let asking = async {
            loop {
                last = self.try_eval(script).await;
                if let Ok(Value::Object(answer)) = &last
                    && let Some(found) = answer.get("found")
                {
                    return found.clone();
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(PATIENCE, asking).await {
            Ok(found) => found,
            Err(_) => {
                let state = self.state().await;
                panic!("{what}: not within {PATIENCE:?}; the last answer was {last:?}\n{state}")
            }
        }
    }

    /// Where it stands, for the message of a test that failed.
    async fn state(&self) -> String {
        static FAILURES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = FAILURES.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let name = format!("failure-{}-{number}", std::process::id());
        let picture = tokio::time::timeout(PATIENCE, self.screenshot(&name)).await;
        let page = self.try_eval("`${location.href}\n${document.title}\n${document.body.innerText}`").await;
        format!("{}\npicture: {picture:?}", page.map_or_else(|error| error, |page| page.as_str().unwrap_or("").into()))
    }

    /// Notes that this document is about to be left: [`Page::arrive`] waits for another.
    async fn leave(&self) {
        let _ = self.try_eval("window.isBeingLeft = true").await;
    }

    /// Goes to an address as from the address bar, and waits until a page is there; it may be another one.
    pub async fn open(&self, path: &str) {
        let address = if path.starts_with('/') { format!("{}{path}", self.origin) } else { path.to_owned() };
        self.leave().await;
        // The library waits in its own way for the end of a navigation; we wait in ours.
        let page = self.inner.clone();
        tokio::spawn(async move { page.execute(NavigateParams::new(address)).await });
        self.wait_for(
            &format!("a page at {path}"),
            "window.isBeingLeft || document.readyState !== 'complete' ? {} : {found: true}",
        )
        .await;
    }

    /// Presses the browser's back button some times.
    pub async fn go_back(&self, times: usize) {
        self.leave().await;
        self.eval(&format!("history.go(-{times})")).await;
    }

    /// Waits for a new page with this heading.
    pub async fn arrive(&self, h1: &str) {
        let script = format!(
            "const h1 = document.querySelector('h1');
             const there = !window.isBeingLeft && document.readyState === 'complete' && h1 && words(h1) === {};
             there ? {{found: true}} : {{h1: h1 && words(h1)}}",
            json!(h1)
        );
        self.wait_for(&format!("a page with the heading {h1:?}"), &script).await;
    }

    /// Opens an address and expects this heading.
    pub async fn open_at(&self, path: &str, h1: &str) {
        self.open(path).await;
        self.arrive(h1).await;
    }

    /// Waits until an element can be seen.
    pub async fn see(&self, selector: &str) {
        let script = format!("shown({}).length ? {{found: true}} : {{}}", json!(selector));
        self.wait_for(&format!("something like {selector}"), &script).await;
    }

    /// Waits until some script gives true.
    pub async fn until(&self, what: &str, condition: &str) {
        self.wait_for(what, &format!("({condition}) ? {{found: true}} : {{}}")).await;
    }

    pub async fn h1(&self) -> String {
        self.text("words(document.querySelector('h1'))").await
    }

    pub async fn title(&self) -> String {
        self.text("document.title").await
    }

    /// Path and query.
    pub async fn path(&self) -> String {
        self.text("location.pathname + location.search").await
    }

    /// Where it is, with the origin.
    pub async fn address(&self) -> String {
        self.text("location.href").await
    }

    /// The cookies that the browser would send to an address.
    pub async fn cookies_for(&self, address: &str) -> Vec<Cookie> {
        self.command(GetCookiesParams { urls: Some(vec![address.to_owned()]) }).await.cookies
    }

    /// Forgets a cookie of this origin.
    pub async fn forget_cookie(&self, name: &str) {
        let mut cookie = DeleteCookiesParams::new(name);
        cookie.url = Some(self.origin.clone());
        self.command(cookie).await;
    }

    /// What can be read in the main part.
    pub async fn main(&self) -> String {
        self.text("document.querySelector('main').innerText").await
    }

    pub async fn assert_says(&self, words: &str) {
        let main = self.main().await;
        assert!(main.contains(words), "{words:?} is not in {main:?}");
    }

    /// The values of a summary list, by their keys.
    pub async fn summary(&self, key: &str) -> String {
        self.text(&format!(
            "const row = shown('.summary-row').find((row) => words(row.querySelector('dt')) === {});
             words(row.querySelector('dd'))",
            json!(key)
        ))
        .await
    }

    /// The lines of the error summary; none if there is no summary.
    pub async fn errors(&self) -> Vec<String> {
        let lines = self.eval("shown('.error-summary li').map(words)").await;
        serde_json::from_value(lines).expect("texts")
    }

    /// Asserts that this page came back with one error: the summary has the focus and leads to the field, the field
    /// says the same, the title begins with "Error: ".
    pub async fn assert_error(&self, field: &str, message: &str) {
        assert_eq!(self.errors().await, [message]);
        let found = self
            .eval(&format!(
                "const field = document.getElementById({0});
                 ({{
                   focused: document.activeElement?.className,
                   link: document.querySelector('.error-summary a').getAttribute('href'),
                   title: document.title.startsWith('Error: '),
                   invalid: field.getAttribute('aria-invalid'),
                   described: field.getAttribute('aria-describedby').split(' ')
                     .map((id) => words(document.getElementById(id))).at(-1),
                 }})",
                json!(field)
            ))
            .await;
        let wanted = json!({
            "focused": "error-summary", "link": format!("#{field}"), "title": true, "invalid": "true",
            "described": format!("Error: {message}"),
        });
        assert_eq!(found, wanted);
        self.eval("document.querySelector('.error-summary a').click()").await;
        assert_eq!(self.text("document.activeElement.id").await, field, "the link leads into the field");
    }

    /// Writes into the field with this label or name, in the place of what is there.
    pub async fn fill(&self, label: &str, text: &str) {
        let script = format!(
            "const fields = shown('input').filter((e) =>
               e.id === {0} || [...e.labels].some((label) => words(label) === {0}));
             const [field, ...others] = fields;
             !field || others.length ? {{fields: fields.length}} : (field.focus(), field.select(), {{found: true}})",
            json!(label)
        );
        self.wait_for(&format!("a field {label:?}"), &script).await;
        if text.is_empty() {
            self.eval("document.activeElement.value = ''").await;
        } else {
            self.command(InsertTextParams::new(text)).await;
        }
    }

    /// Presses the link or button with these words, or with the only words that begin so, with the mouse.
    pub async fn press(&self, text: &str) {
        let script = format!(
            "const wanted = {};
             const places = [document.querySelector('main') ?? document, document];
             const fits = [(e) => words(e) === wanted, (e) => words(e).startsWith(wanted)];
             const tried = fits.flatMap((fit) => places.map((place) => shown('a[href], button', place).filter(fit)));
             const [hit, ...others] = tried.find((found) => found.length) ?? [];
             const aim = () => {{
               hit.scrollIntoView({{block: 'center', behavior: 'instant'}});
               const {{x, y, width, height}} = hit.getClientRects()[0];
               const at = {{x: x + width / 2, y: y + height / 2}};
               return hit.contains(document.elementFromPoint(at.x, at.y)) ? {{found: at}} : {{covered: at}};
             }};
             !hit || others.length || hit.disabled
               ? {{others: others.length, disabled: hit?.disabled, all: shown('a[href], button').map(words)}}
               : aim()",
            json!(text)
        );
        let at = self.wait_for(&format!("something to press that says {text:?}"), &script).await;
        self.leave().await;
        for kind in [
            DispatchMouseEventType::MouseMoved,
            DispatchMouseEventType::MousePressed,
            DispatchMouseEventType::MouseReleased,
        ] {
            let moved = kind == DispatchMouseEventType::MouseMoved;
            let coordinate = |axis: &str| at[axis].as_f64().expect("a coordinate");
            let mut event = DispatchMouseEventParams::new(kind, coordinate("x"), coordinate("y"));
            if !moved {
                (event.button, event.click_count) = (Some(MouseButton::Left), Some(1));
            }
            self.command(event).await;
        }
    }

    /// Presses Tab or Enter.
    pub async fn key(&self, name: &str) {
        let (code, text) = match name {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            other => panic!("no key {other}"),
        };
        if name == "Enter" {
            self.leave().await;
        }
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let text = text.filter(|_| kind == DispatchKeyEventType::KeyDown);
            let mut event = DispatchKeyEventParams::new(kind);
            (event.key, event.code) = (Some(name.into()), Some(name.into()));
            event.windows_virtual_key_code = Some(code);
            event.text = text.map(str::to_owned);
            self.command(event).await;
        }
    }

    /// Types where the focus is.
    pub async fn type_text(&self, text: &str) {
        self.command(InsertTextParams::new(text)).await;
    }

    /// Who is signed in here, as the gate says; nothing if nobody is.
    pub async fn session(&self) -> Option<Value> {
        let answer = self
            .eval("fetch('/session').then(async (answer) => ({status: answer.status, body: await answer.json()}))")
            .await;
        match answer["status"].as_u64() {
            Some(200) => Some(answer["body"].clone()),
            Some(401) => None,
            _ => panic!("{answer}"),
        }
    }

    /// A script that runs before any of a page's own, on each page from now on.
    async fn init_script(&self, script: &str) {
        self.command(AddScriptToEvaluateOnNewDocumentParams::new(script)).await;
    }

    /// As in a browser without autofill for passkeys: the button alone begins a ceremony.
    pub async fn without_autofill(&self) {
        self.init_script(
            "if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;",
        )
        .await;
    }

    /// As in a browser that says that no passkey can be made in it: none is offered after a password.
    pub async fn without_offers(&self) {
        self.init_script(
            "if (window.PublicKeyCredential) {
               PublicKeyCredential.getClientCapabilities = async () => ({});
               PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable = async () => false;
             }",
        )
        .await;
    }

    /// As in a browser that makes passkeys only when it is asked to, on a device that knows its user.
    pub async fn making_passkeys_when_asked(&self) {
        self.init_script(
            "PublicKeyCredential.getClientCapabilities = async () => ({ userVerifyingPlatformAuthenticator: true });",
        )
        .await;
    }

    /// As in a browser that has just filled in a password, and makes a passkey by itself. (This one wants to have seen that
    /// it did, which no virtual authenticator brings about: what is asked for in silence is asked for aloud here.)
    pub async fn making_passkeys_by_itself(&self) {
        self.init_script(
            "PublicKeyCredential.getClientCapabilities = async () => ({ conditionalCreate: true });
             const create = CredentialsContainer.prototype.create;
             CredentialsContainer.prototype.create = function ({ mediation, ...options }) {
               sessionStorage.setItem('made', mediation ?? 'when asked');
               return create.call(this, options);
             };",
        )
        .await;
    }

    /// As in a browser that knows nothing of passkeys.
    pub async fn without_passkeys(&self) {
        self.init_script("delete window.PublicKeyCredential;").await;
    }

    /// Shortens how long the browser waits for somebody to use their passkey: the server allows minutes.
    pub async fn with_passkey_timeout(&self, ms: u64) {
        self.init_script(&format!(
            "const get = CredentialsContainer.prototype.get;
             CredentialsContainer.prototype.get = function (options) {{
               return get.call(this, {{...options, publicKey: {{...options.publicKey, timeout: {ms}}}}});
             }};"
        ))
        .await;
    }

    /// Keeps a note of each call for a passkey, in the tab's storage: "conditional asked", "button answered".
    pub async fn note_passkey_calls(&self) {
        self.init_script(
            "const get = CredentialsContainer.prototype.get;
             CredentialsContainer.prototype.get = async function (options) {
               const way = options.mediation ?? 'button';
               const notes = () => sessionStorage.getItem('calls') ?? '';
               const note = (what) => sessionStorage.setItem('calls', `${notes()}${way} ${what};`);
               const answer = get.call(this, options);
               note('asked');
               try { const got = await answer; note('answered'); return got; }
               catch (error) { note(error.name); throw error; }
             };",
        )
        .await;
    }

    /// The notes since the last time.
    pub async fn take_passkey_calls(&self) -> String {
        self.text("const calls = sessionStorage.getItem('calls') ?? ''; sessionStorage.removeItem('calls'); calls")
            .await
    }

    /// Switches scripts off, or on again, for pages from now on.
    pub async fn set_script(&self, on: bool) {
        self.command(SetScriptExecutionDisabledParams::new(!on)).await;
    }

    /// Sets the window's width and the scheme of colours. Motion is off: a colour on its way is no colour.
    pub async fn look(&self, width: i64, scheme: &str) {
        self.command(SetDeviceMetricsOverrideParams::new(width, 800, 1.0, false)).await;
        let feature = |name: &str, value: &str| MediaFeature::new(name, value);
        let features = vec![feature("prefers-color-scheme", scheme), feature("prefers-reduced-motion", "reduce")];
        self.command(SetEmulatedMediaParams { media: None, features: Some(features) }).await;
    }

    /// A picture of the whole page: `target/screenshots/NAME.png`.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let directory = target("screenshots");
        std::fs::create_dir_all(&directory).expect("a directory");
        let file = directory.join(format!("{name}.png"));
        let params = ScreenshotParams::builder().format(CaptureScreenshotFormat::Png).full_page(true).build();
        within("a picture", self.inner.save_screenshot(params, &file)).await;
        file
    }
}

/// An authenticator that the browser believes in: user verification and presence are given at once, until told
/// otherwise. Add it only when a page may use it: autofill (conditional mediation) is answered at once too.
pub struct Authenticator {
    page: Page,
    id: AuthenticatorId,
}

impl Authenticator {
    /// One that is built into the device.
    pub async fn add(page: &Page) -> Self {
        Self::add_by(page, AuthenticatorTransport::Internal).await
    }

    /// One more, on a key ring.
    pub async fn add_security_key(page: &Page) -> Self {
        Self::add_by(page, AuthenticatorTransport::Usb).await
    }

    async fn add_by(page: &Page, transport: AuthenticatorTransport) -> Self {
        page.command(EnableParams { enable_ui: Some(false) }).await;
        let options = VirtualAuthenticatorOptions::builder()
            .protocol(AuthenticatorProtocol::Ctap2)
            .transport(transport)
            .has_resident_key(true)
            .has_user_verification(true)
            .is_user_verified(true)
            .automatic_presence_simulation(true);
        let options = options.build().expect("options");
        let added = page.command(AddVirtualAuthenticatorParams::new(options)).await;
        Self { page: page.clone(), id: added.authenticator_id }
    }

    pub async fn credentials(&self) -> Vec<Credential> {
        self.page.command(GetCredentialsParams::new(self.id.clone())).await.credentials
    }

    /// Whether somebody touches it whenever it asks.
    pub async fn set_presence(&self, present: bool) {
        self.page.command(SetAutomaticPresenceSimulationParams::new(self.id.clone(), present)).await;
    }

    /// Whether it recognises the person.
    pub async fn set_user_verified(&self, verified: bool) {
        self.page.command(SetUserVerifiedParams::new(self.id.clone(), verified)).await;
    }

    /// Breaks the signature, the flag "user verified" or the flag "user present" of each answer.
    pub async fn set_response_override_bits(&self, signature: bool, uv: bool, up: bool) {
        let mut bits = SetResponseOverrideBitsParams::new(self.id.clone());
        (bits.is_bogus_signature, bits.is_bad_uv, bits.is_bad_up) = (Some(signature), Some(uv), Some(up));
        self.page.command(bits).await;
    }

    /// Forgets all passkeys.
    pub async fn clear(&self) {
        self.page.command(ClearCredentialsParams::new(self.id.clone())).await;
    }

    pub async fn remove(self) {
        self.page.command(RemoveVirtualAuthenticatorParams::new(self.id.clone())).await;
    }
}
