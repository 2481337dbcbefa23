//! The pages of the second step of signing in. Who has not given a right password is led to where it is asked for.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Asker;
use super::done::Done;
use super::fields::{Form, Query};
use super::offer;
use super::page::{Errors, FieldError, SignInCode, SignInOther, SignInRecovery};
use super::problem::{Problem, Shown};
use super::sign_in;
use super::wrong::{too_many, too_many_passwords};
use crate::fault::NotDone;
use crate::journey::{AwaitingStep, Caller, Journey, ReturnTo, SendingRefused, Stage, StepRefused, SteppedIn};
use crate::model::second_step::{SecondStep, StepKind};
use crate::words::Words;
use axum::extract::State;

const CODE: &str = "/sign-in/code";
const BEGIN_AGAIN: &str = "/sign-in?why=step-up";

/// A sign-in that waits for its second step.
struct Waiting {
    stage: AwaitingStep,
    return_to: ReturnTo,
    caller: Caller,
}

fn waiting(asker: Asker) -> Option<Waiting> {
    match asker.journey {
        Some(Journey { return_to, stage: Stage::SecondStep(stage) }) => {
            Some(Waiting { stage, return_to, caller: asker.caller })
        }
        _ => None,
    }
}

/// The page for the code, which says as much of the telephone as its owner needs.
async fn code_page(front: &Shared, stage: &AwaitingStep, page: CodePage<'_>) -> Answer {
    let CodePage { words, errors, notice, shown } = page;
    let steps = front.journeys.second_steps(stage.account()).await?;
    let ending = match steps.of(stage.kind()) {
        Some(SecondStep::Phone(number)) => number.ending(),
        _ => "",
    };
    answer::page_as(shown, &SignInCode { words, kind: stage.kind(), ending, errors, notice })
}

struct CodePage<'a> {
    words: Words,
    errors: Errors,
    notice: Option<&'a str>,
    shown: Shown,
}

/// `GET /sign-in/code`.
pub(super) async fn show_code(words: Words, State(front): State<Shared>, asker: Asker, query: Query) -> Answer {
    let Some(waiting) = waiting(asker) else { return answer::see_other(BEGIN_AGAIN) };
    let notice = Done::notice(&query, words);
    let page = CodePage { words, errors: Errors::none(), notice, shown: Shown::Fine };
    let shown = code_page(&front, &waiting.stage, page).await;
    answer::leading_back(shown, &front, &waiting.return_to, waiting.caller.now)
}

/// `POST /sign-in/code`.
pub(super) async fn take_code(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let Some(Waiting { stage, return_to, caller }) = waiting(asker) else { return answer::see_other(BEGIN_AGAIN) };
    let remember = form.optional("remember")? == Some("yes");
    match front.journeys.enter_step(&stage, form.text("code")?, remember, &caller).await {
        Ok(done) => stepped_in(&front, &stage, &return_to, &done, &caller).await,
        Err(NotDone::Refused(StepRefused::BeginAgain)) => begin_again(),
        Err(NotDone::Refused(StepRefused::Disabled)) => sign_in::disabled(&return_to),
        Err(NotDone::Refused(refusal)) => {
            let (errors, shown) = code_refused("code", refusal, &caller);
            let again = code_page(&front, &stage, CodePage { words, errors, notice: None, shown }).await;
            answer::leading_back(again, &front, &return_to, caller.now)
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

async fn stepped_in(
    front: &Shared,
    stage: &AwaitingStep,
    return_to: &ReturnTo,
    done: &SteppedIn,
    caller: &Caller,
) -> Answer {
    let next = offer::on_the_way_to(return_to, stage.makes_passkeys(), &done.session, front, caller).await;
    let next = answer::with_session(answer::see_other(&next)?, &done.session)?;
    let next = answer::with_known_device(next, front, stage.email(), caller.now)?;
    let next = answer::with_remembered(next, done.remembered.as_deref())?;
    answer::without_journey(next)
}

fn begin_again() -> Answer {
    answer::without_journey(answer::see_other(BEGIN_AGAIN)?)
}

fn code_refused(field: &'static str, refusal: StepRefused, caller: &Caller) -> (Errors, Shown) {
    let words = caller.words();
    let message = match refusal {
        StepRefused::Exhausted(refusal) => return (too_many_passwords(field, refusal, caller), Shown::Exhausted),
        StepRefused::Malformed => words.enter_the_code(),
        StepRefused::Wrong => words.step_code_wrong(),
        StepRefused::Spent | StepRefused::BeginAgain | StepRefused::Disabled => words.code_spent(),
    };
    (FieldError::new(field, message).into(), Shown::WithErrors)
}

/// `POST /sign-in/code/resend`.
pub(super) async fn resend_code(words: Words, State(front): State<Shared>, asker: Asker) -> Answer {
    let Some(Waiting { stage, return_to, caller }) = waiting(asker) else { return answer::see_other(BEGIN_AGAIN) };
    let (before, kind) = (stage.clone(), stage.kind());
    match front.journeys.ask_for_step(stage, kind, &caller).await {
        Ok(stage) => asked(&front, stage, return_to.clone(), &Done::CodeSent.after(CODE), &caller),
        Err(NotDone::Refused(refusal)) => {
            let (errors, shown) = not_sent("code", refusal, &caller);
            let again = code_page(&front, &before, CodePage { words, errors, notice: None, shown }).await;
            answer::leading_back(again, &front, &return_to, caller.now)
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

fn asked(front: &Shared, stage: AwaitingStep, return_to: ReturnTo, next: &str, caller: &Caller) -> Answer {
    let journey = Journey { return_to, stage: Stage::SecondStep(stage) };
    answer::with_journey(answer::see_other(next)?, front, &journey, caller.now)
}

fn not_sent(field: &'static str, refusal: SendingRefused, caller: &Caller) -> (Errors, Shown) {
    let words = caller.words();
    match refusal {
        SendingRefused::Exhausted(refusal) => (too_many(field, refusal, caller), Shown::Exhausted),
        SendingRefused::Enough => (FieldError::new(field, words.no_more_step_codes()).into(), Shown::Exhausted),
        SendingRefused::NotTaken => (FieldError::new(field, words.step_code_not_sent()).into(), Shown::Unavailable),
        SendingRefused::NoSuchStep => (FieldError::new(field, words.choose_a_way()).into(), Shown::WithErrors),
    }
}

async fn other_page(words: Words, front: &Shared, stage: &AwaitingStep, errors: Errors, shown: Shown) -> Answer {
    let steps = front.journeys.second_steps(stage.account()).await?;
    let kinds: Vec<StepKind> = steps.kinds().collect();
    answer::page_as(shown, &SignInOther { words, kinds, errors })
}

/// After a right password for whose second step no code could be sent: what else there is, and why.
pub(super) async fn not_asked(
    front: &Shared,
    stage: AwaitingStep,
    return_to: ReturnTo,
    refusal: SendingRefused,
    caller: &Caller,
) -> Answer {
    let (errors, shown) = not_sent("way", refusal, caller);
    let page = other_page(caller.words(), front, &stage, errors, shown).await?;
    let journey = Journey { return_to, stage: Stage::SecondStep(stage) };
    answer::with_journey(page, front, &journey, caller.now)
}

/// `GET /sign-in/other`.
pub(super) async fn show_other(words: Words, State(front): State<Shared>, asker: Asker) -> Answer {
    let Some(waiting) = waiting(asker) else { return answer::see_other(BEGIN_AGAIN) };
    other_page(words, &front, &waiting.stage, Errors::none(), Shown::Fine).await
}

/// `POST /sign-in/other`.
pub(super) async fn take_other(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let Some(Waiting { stage, return_to, caller }) = waiting(asker) else { return answer::see_other(BEGIN_AGAIN) };
    let kind = SignInOther::of_slug(form.text("way")?).ok_or(Problem::BadField("way"))?;
    let before = stage.clone();
    match front.journeys.ask_for_step(stage, kind, &caller).await {
        Ok(stage) => asked(&front, stage, return_to, CODE, &caller),
        Err(NotDone::Refused(refusal)) => {
            let (errors, shown) = not_sent("way", refusal, &caller);
            other_page(words, &front, &before, errors, shown).await
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// `GET /sign-in/recovery-code`.
pub(super) async fn show_recovery(words: Words, State(front): State<Shared>, asker: Asker) -> Answer {
    let Some(Waiting { return_to, caller, .. }) = waiting(asker) else { return answer::see_other(BEGIN_AGAIN) };
    let page = answer::page(&SignInRecovery { words, errors: Errors::none() });
    answer::leading_back(page, &front, &return_to, caller.now)
}

/// `POST /sign-in/recovery-code`.
pub(super) async fn take_recovery(words: Words, State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let Some(Waiting { stage, return_to, caller }) = waiting(asker) else { return answer::see_other(BEGIN_AGAIN) };
    match front.journeys.enter_recovery_code(&stage, form.text("recovery_code")?, &caller).await {
        Ok(done) => stepped_in(&front, &stage, &return_to, &done, &caller).await,
        Err(NotDone::Refused(StepRefused::BeginAgain)) => begin_again(),
        Err(NotDone::Refused(StepRefused::Disabled)) => sign_in::disabled(&return_to),
        Err(NotDone::Refused(refusal)) => {
            let (errors, shown) = recovery_refused(refusal, &caller);
            let again = answer::page_as(shown, &SignInRecovery { words, errors });
            answer::leading_back(again, &front, &return_to, caller.now)
        }
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

fn recovery_refused(refusal: StepRefused, caller: &Caller) -> (Errors, Shown) {
    let words = caller.words();
    let field = "recovery_code";
    let message = match refusal {
        StepRefused::Exhausted(_) => return code_refused(field, refusal, caller),
        StepRefused::Malformed => words.recovery_code_malformed(),
        StepRefused::Wrong | StepRefused::Spent | StepRefused::BeginAgain | StepRefused::Disabled => {
            words.recovery_code_wrong()
        }
    };
    (FieldError::new(field, message).into(), Shown::WithErrors)
}
