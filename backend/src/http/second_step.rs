//! The pages of second steps, recovery codes and remembered browsers, and those of new contacts. The gate has demanded
//! that whoever changes something has signed in lately.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::{Asker, Id, Owner};
use super::dates::day;
use super::done::Done;
use super::errand::Errand;
use super::fields::{Form, Query};
use super::page::{
    BrowserRow, Browsers, Confirm, DonePage, EmailChangePage, Errors, FieldError, ProveContact, RecoveryCodesPage,
    RecoveryCodesShown, SecondStepApp, SecondStepPage, SecondStepPhone, StepRow,
};
use super::problem::{Problem, Shown};
use super::wrong::{bad_email, code_refused, too_many};
use crate::fault::NotDone;
use crate::journey::{
    AddingApp, Caller, Contact, EnrolRefused, Journey, ProofRefused, ProvingContact, ResendRefused, Stage, StepKept,
};
use crate::model::EmailAddress;
use crate::model::second_step::{SecondStep, SecondSteps, StepKind};
use crate::model::telephone::{BadPhoneNumber, PhoneNumber};
use crate::recovery_code::RecoveryCode;
use crate::words::Words;
use askama::Template;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::str::FromStr;

const HOME: &str = "/account/second-step";
const APP: &str = "/account/second-step/app";
const PROVE: &str = "/account/prove";
const BROWSERS: &str = "/account/browsers";

/// A kind of second step in a path.
pub(super) struct Kind(StepKind);

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        StepKind::ALL.into_iter().find(|kind| slug(*kind) == text).map(Self).ok_or(())
    }
}

const fn slug(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Mobile => "mobile",
        StepKind::Landline => "landline",
        StepKind::App => "app",
    }
}

/// A remembered browser in a path.
pub(super) struct BrowserId([u8; 32]);

impl FromStr for BrowserId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

/// `GET /account/second-step`.
pub(super) async fn show(words: Words, State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let account = owner.identity.account();
    let steps = front.journeys.second_steps(&account).await?;
    answer::page(&SecondStepPage {
        words,
        rows: [StepKind::Mobile, StepKind::Landline, StepKind::App].map(|kind| row(kind, &steps, words)).into(),
        codes: front.journeys.recovery_codes_left(&owner.identity).await?,
        browsers: front.journeys.remembered_browsers(&account, owner.caller.now).await?.len(),
        notice: Done::notice(&query, words),
    })
}

fn row(kind: StepKind, steps: &SecondSteps, words: Words) -> StepRow {
    let (name, of) = match kind {
        StepKind::Mobile => (words.mobile_phone(), words.of_mobile_phone()),
        StepKind::Landline => (words.landline(), words.of_landline()),
        StepKind::App => (words.authenticator_app(), words.of_authenticator_app()),
    };
    let step = steps.of(kind);
    let value = match step {
        None => words.no_second_step().to_owned(),
        Some(SecondStep::App(_)) => words.set_up().to_owned(),
        Some(SecondStep::Phone(number)) => words.ending_in(number.ending()),
    };
    StepRow { name, of, value, remove: format!("{HOME}/{}/remove", slug(kind)), set: step.is_some() }
}

/// `GET /account/second-step/phone`.
pub(super) async fn show_phone(words: Words, _: Owner) -> Answer {
    answer::page(&SecondStepPhone { words, phone: "", errors: Errors::none() })
}

/// `POST /account/second-step/phone`.
pub(super) async fn take_phone(words: Words, State(front): State<Shared>, owner: Owner, form: Form) -> Answer {
    let typed = form.text("phone")?;
    let page = |errors| SecondStepPhone { words, phone: typed, errors };
    let number = match PhoneNumber::parse(typed) {
        Ok(number) => number,
        Err(bad) => return answer::page_as(Shown::WithErrors, &page(bad_phone(bad, words))),
    };
    begin_contact(&front, &owner, Contact::Phone(number), "phone", page).await
}

/// Sends a code to a new contact and leads to where it is asked for; else shows the page that asked for the contact, with
/// what is wrong at its field.
async fn begin_contact<P: Template>(
    front: &Shared,
    owner: &Owner,
    contact: Contact,
    field: &'static str,
    page: impl FnOnce(Errors) -> P,
) -> Answer {
    match front.journeys.begin_contact(&owner.identity, contact, &owner.caller).await {
        Ok(journey) => answer::with_journey(answer::see_other(PROVE)?, front, &journey, owner.caller.now),
        Err(NotDone::Refused(refusal)) => {
            let (errors, shown) = enrol_refused(field, refusal, &owner.caller);
            answer::page_as(shown, &page(errors))
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

fn bad_phone(bad: BadPhoneNumber, words: Words) -> Errors {
    let message = match bad {
        BadPhoneNumber::Empty => words.enter_number(),
        BadPhoneNumber::NotDigits => words.number_not_digits(),
        BadPhoneNumber::Length => words.number_length(),
        BadPhoneNumber::NotAPersons => words.number_not_a_persons(),
    };
    FieldError::new("phone", message).into()
}

fn enrol_refused(field: &'static str, refusal: EnrolRefused, caller: &Caller) -> (Errors, Shown) {
    match refusal {
        EnrolRefused::Exhausted(refusal) => (too_many(field, refusal, caller), Shown::Exhausted),
        EnrolRefused::NotServed => {
            (FieldError::new(field, caller.words().number_not_served()).into(), Shown::WithErrors)
        }
        EnrolRefused::Stronger => (FieldError::new(field, caller.words().stronger_first()).into(), Shown::WithErrors),
    }
}

/// `GET /account/email`.
pub(super) async fn show_email(words: Words, _: Owner) -> Answer {
    answer::page(&EmailChangePage { words, email: "", errors: Errors::none() })
}

/// `POST /account/email`.
pub(super) async fn take_email(words: Words, State(front): State<Shared>, owner: Owner, form: Form) -> Answer {
    let typed = form.text("email")?;
    let page = |errors| EmailChangePage { words, email: typed, errors };
    let email = match EmailAddress::parse(typed) {
        Ok(email) => email,
        Err(bad) => return answer::page_as(Shown::WithErrors, &page(bad_email(bad, words))),
    };
    begin_contact(&front, &owner, Contact::Email(email), "email", page).await
}

/// The stage of whoever is signed in and proves a contact.
fn proving(asker: &Asker) -> Option<&ProvingContact> {
    match &asker.journey {
        Some(Journey { stage: Stage::ProvingContact(stage), .. }) => Some(stage),
        _ => None,
    }
}

/// `GET /account/prove`.
pub(super) async fn show_prove(words: Words, _: Owner, asker: Asker, query: Query) -> Answer {
    let Some(stage) = proving(&asker) else { return answer::see_other(HOME) };
    let notice = Done::notice(&query, words);
    answer::page(&ProveContact::of_contact(words, stage.contact(), Errors::none(), notice))
}

/// `POST /account/prove`.
pub(super) async fn take_prove(
    words: Words,
    State(front): State<Shared>,
    owner: Owner,
    asker: Asker,
    errand: Errand,
    form: Form,
) -> Answer {
    let Some(stage) = proving(&asker) else { return answer::see_other(HOME) };
    match front.journeys.prove_contact(stage, &owner.identity, form.text("code")?, &owner.caller).await {
        Ok(()) => match stage.contact() {
            Contact::Email(_) => answer::without_journey(answer::see_other(&Done::EmailChanged.after("/account"))?),
            Contact::Phone(_) => step_set(&errand),
        },
        Err(NotDone::Refused(ProofRefused::NotTheirs)) => answer::without_journey(answer::see_other(HOME)?),
        Err(NotDone::Refused(ProofRefused::Code(refusal))) => {
            let (errors, shown) = code_refused(refusal, words.step_code_wrong(), &owner.caller);
            answer::page_as(shown, &ProveContact::of_contact(words, stage.contact(), errors, None))
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// On from a second step that stands: back to the service that wanted it, if one did.
fn step_set(errand: &Errand) -> Answer {
    let next = answer::see_other(errand.or(&Done::SecondStepSet.after(HOME)))?;
    errand.leading_on(answer::without_journey(next)?)
}

/// `POST /account/prove/resend`.
pub(super) async fn resend(words: Words, State(front): State<Shared>, owner: Owner, asker: Asker) -> Answer {
    let Some(stage) = proving(&asker) else { return answer::see_other(HOME) };
    match front.journeys.resend_proof(stage.clone(), &owner.caller).await {
        Ok(stage) => {
            let journey = Journey { return_to: Default::default(), stage: Stage::ProvingContact(stage) };
            let next = answer::see_other(&Done::CodeSent.after(PROVE))?;
            answer::with_journey(next, &front, &journey, owner.caller.now)
        }
        Err(NotDone::Refused(refusal)) => {
            let errors = match refusal {
                ResendRefused::Enough => FieldError::new("code", words.no_more_step_codes()).into(),
                ResendRefused::Exhausted(refusal) => too_many("code", refusal, &owner.caller),
            };
            answer::page_as(Shown::Exhausted, &ProveContact::of_contact(words, stage.contact(), errors, None))
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /account/second-step/app`: each visit begins anew, with another key.
pub(super) async fn show_app(words: Words, State(front): State<Shared>, owner: Owner) -> Answer {
    match front.journeys.begin_app(&owner.identity).await {
        Ok(journey) => {
            let Stage::AddingApp(stage) = &journey.stage else { return Err(Problem::Broken) };
            let page = app_page(words, &front, stage, Errors::none(), Shown::Fine).await?;
            answer::with_journey(page, &front, &journey, owner.caller.now)
        }
        Err(NotDone::Refused(_)) => answer::see_other("/sign-in?return_to=%2Faccount%2Fsecond-step&why=step-up"),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

async fn app_page(words: Words, front: &Shared, stage: &AddingApp, errors: Errors, shown: Shown) -> Answer {
    let given = front.journeys.given_to_app(stage).await?;
    let (side, path) = (given.picture.side, given.picture.path.as_str());
    answer::page_as(shown, &SecondStepApp { words, secret: &given.text, side, path, errors })
}

/// `POST /account/second-step/app`.
pub(super) async fn take_app(
    words: Words,
    State(front): State<Shared>,
    owner: Owner,
    asker: Asker,
    errand: Errand,
    form: Form,
) -> Answer {
    let Some(Journey { stage: Stage::AddingApp(stage), .. }) = &asker.journey else { return answer::see_other(APP) };
    match front.journeys.prove_app(stage, &owner.identity, form.text("code")?, &owner.caller).await {
        Ok(()) => step_set(&errand),
        Err(NotDone::Refused(ProofRefused::NotTheirs)) => answer::without_journey(answer::see_other(HOME)?),
        Err(NotDone::Refused(ProofRefused::Code(refusal))) => {
            let (errors, shown) = code_refused(refusal, words.step_code_wrong(), &owner.caller);
            app_page(words, &front, stage, errors, shown).await
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /account/second-step/{kind}/remove`.
pub(super) async fn show_remove(words: Words, _: Owner, kind: Id<Kind>) -> Answer {
    answer::page(&Confirm {
        words,
        heading: words.remove_second_step(),
        explanation: words.remove_second_step_why(),
        button: words.remove(),
        action: &format!("{HOME}/{}/remove", slug(kind.0.0)),
        token: "",
        cancel: HOME,
    })
}

/// `POST /account/second-step/{kind}/remove`.
pub(super) async fn remove(words: Words, State(front): State<Shared>, owner: Owner, kind: Id<Kind>) -> Answer {
    match front.journeys.remove_second_step(&owner.identity, kind.0.0, &owner.caller).await {
        Ok(()) => answer::see_other(&Done::SecondStepRemoved.after(HOME)),
        Err(NotDone::Refused(StepKept::Stronger)) => Err(Problem::NotSignedIn),
        Err(NotDone::Refused(StepKept::ShortPassword(least))) => longer_password_first(words, least),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

fn longer_password_first(words: Words, least: usize) -> Answer {
    let page = DonePage {
        words,
        heading: words.longer_password_first(),
        explanation: &words.longer_password_first_why(least),
        href: "/account/password",
        link: words.change_your_password(),
    };
    answer::page_as(Shown::Conflict, &page)
}

/// `GET /account/recovery-codes`.
pub(super) async fn show_codes(words: Words, State(front): State<Shared>, owner: Owner) -> Answer {
    let left = front.journeys.recovery_codes_left(&owner.identity).await?;
    answer::page(&RecoveryCodesPage { words, left })
}

/// `POST /account/recovery-codes`.
pub(super) async fn new_codes(words: Words, State(front): State<Shared>, owner: Owner) -> Answer {
    match front.journeys.new_recovery_codes(&owner.identity, &owner.caller).await {
        Ok(codes) => {
            let codes = codes.iter().map(RecoveryCode::shown).collect();
            answer::page(&RecoveryCodesShown { words, codes })
        }
        Err(NotDone::Refused(_)) => Err(Problem::NotSignedIn),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /account/browsers`.
pub(super) async fn show_browsers(words: Words, State(front): State<Shared>, owner: Owner, query: Query) -> Answer {
    let browsers = front.journeys.remembered_browsers(&owner.identity.account(), owner.caller.now).await?;
    let rows = browsers.iter().map(|browser| BrowserRow {
        id: URL_SAFE_NO_PAD.encode(browser.id),
        device: words.device(browser.device),
        created: day(browser.created, words),
        used: day(browser.used, words),
    });
    answer::page(&Browsers { words, rows: rows.collect(), notice: Done::notice(&query, words) })
}

/// `POST /account/browsers/{id}/forget`.
pub(super) async fn forget(State(front): State<Shared>, owner: Owner, id: Id<BrowserId>) -> Answer {
    front.journeys.forget_browser(&owner.identity.account(), id.0.0, owner.caller.now).await?;
    answer::see_other(&Done::BrowserForgotten.after(BROWSERS))
}
