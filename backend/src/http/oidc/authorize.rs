//! `/authorize`: where a service sends a person, where they come back to after a sign-in, and where they agree.

use crate::fault::NotDone;
use crate::http::Shared;
use crate::http::answer::{self, Answer};
use crate::http::asker::Asker;
use crate::http::errand;
use crate::http::fields::{self, Form, Query, read_body};
use crate::http::guard::FormsLeadTo;
use crate::http::page::{AddAWay, Consent, ServiceProblem, facts};
use crate::http::problem::Problem;
use crate::http::render::rendered;
use crate::journey::ReturnTo;
use crate::oidc::authorize::{ErrorCode, Lacking, Next, Present, Unaddressed, Unserved, Why};
use crate::oidc::on_the_way::path_to;
use crate::oidc::parameters::Parameters;
use crate::words::Words;
use aldgate_core::language::Language;
use axum::extract::{FromRequestParts as _, RawQuery, Request, State};
use axum::http::StatusCode;

/// The longest query that is read; the gate takes no longer one.
const QUERY_BYTES_MAX: usize = 16 * 1024;

impl Asker {
    fn present(&self) -> Option<Present> {
        self.identity.as_ref().map(|identity| Present { account: identity.account(), session: identity.session() })
    }
}

/// `GET /authorize`.
pub(super) async fn begin(State(front): State<Shared>, asker: Asker, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        return Err(Problem::TooLong);
    }
    judge(&front, &asker, query.as_bytes(), true).await
}

/// `POST /authorize`. A browser that another site sends shows no cookie here, and would look as if nobody were signed in.
pub(super) async fn begin_posted(State(front): State<Shared>, request: Request) -> Answer {
    let (mut parts, body) = request.into_parts();
    let asker = Asker::from_request_parts(&mut parts, &front).await?;
    if !fields::is_form(&parts.headers) {
        return Err(Problem::ContentType);
    }
    let body = read_body(Request::from_parts(parts, body), &front).await?;
    judge(&front, &asker, &body, asker.identity.is_some()).await
}

async fn judge(front: &Shared, asker: &Asker, encoded: &[u8], cookies: bool) -> Answer {
    let words = asker.caller.words();
    let parameters = match Parameters::read(fields::pairs(encoded)) {
        Ok(parameters) => parameters,
        Err(bad) => return told(words, &Unaddressed::Parameters(bad.to_string())),
    };
    let next = front.provider.begin(&parameters, asker.present(), cookies, asker.caller.now).await;
    lead(asker.caller.words(), next)
}

/// `GET /authorize/resume`: a request that has waited for a sign-in.
pub(super) async fn resume(State(front): State<Shared>, asker: Asker, query: Query) -> Answer {
    let waiting = query.text("request").unwrap_or_default();
    lead(asker.caller.words(), front.provider.resume(waiting, asker.present(), asker.caller.now).await)
}

/// `POST /authorize/consent`: what the person has decided. Anything but a clear yes is a no.
pub(super) async fn answer(State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let (question, allowed) = (form.text("question")?, form.text("decision")? == "agree");
    lead(asker.caller.words(), front.provider.answer(question, allowed, asker.present(), asker.caller.now).await)
}

/// `POST /authorize/without`: the person adds nothing to their account, and goes back to the service.
pub(super) async fn without(State(front): State<Shared>, asker: Asker, form: Form) -> Answer {
    let next = front.provider.without(form.text("request")?, asker.caller.now);
    errand::ended(lead(asker.caller.words(), next.map_err(NotDone::Refused))?)
}

/// Leads a browser on.
fn lead(words: Words, next: Result<Next, NotDone<Unaddressed>>) -> Answer {
    match next {
        Ok(Next::Leave(address)) => answer::see_other(&address),
        Ok(Next::Fail(unserved)) => answer::see_other(&failed(*unserved)),
        Ok(Next::Again(waiting)) => answer::see_other(&path_to(&waiting)),
        Ok(Next::SignIn(why, waiting, language)) => answer::see_other(&sign_in(why, &waiting, language)),
        Ok(Next::Add(lacking)) => add(words, &lacking),
        Ok(Next::Ask(question)) => {
            let words = question.language.map_or(words, Words);
            let page = Consent {
                words,
                client: &question.client,
                facts: facts(words, question.scopes, question.claims, question.level),
                question: &question.sealed,
            };
            let mut response = rendered(StatusCode::OK, &page);
            response.extensions_mut().insert(FormsLeadTo(question.target));
            if let Some(language) = question.language {
                response.extensions_mut().insert(language);
            }
            Ok(response)
        }
        Err(NotDone::Refused(why)) => told(words, &why),
        Err(NotDone::Failed(fault)) => Err(fault.into()),
    }
}

/// Where a client hears that we have failed. That is all it hears: the rest is in the log.
fn failed(unserved: Unserved) -> String {
    let Unserved { fault, told } = unserved;
    let error = match Problem::from(fault) {
        Problem::Unavailable => ErrorCode::TemporarilyUnavailable,
        _ => ErrorCode::ServerError,
    };
    told.address(error)
}

/// Tells a person what their account lacks, and keeps what they came for until they have added it.
fn add(words: Words, lacking: &Lacking) -> Answer {
    let Lacking { client, ways, waiting, target } = lacking;
    let mut response = rendered(StatusCode::OK, &AddAWay { words, client, ways: *ways, waiting });
    response.extensions_mut().insert(FormsLeadTo(target.clone()));
    errand::begun(response, waiting)
}

/// The sign-in page, in the language in which the client has spoken with the person.
fn sign_in(why: Why, waiting: &str, language: Option<Language>) -> String {
    let why = match why {
        Why::Nobody => "",
        Why::Again => "&why=step-up",
        Why::Passkey => "&why=passkey",
        Why::Password => "&why=password",
    };
    let return_to = ReturnTo::parse(Some(&path_to(waiting)));
    let language = language.map(|language| format!("&ui_locales={}", language.tag())).unwrap_or_default();
    format!("/sign-in?return_to={}{language}{why}", return_to.query_value())
}

/// Tells the person what their service did wrong: it cannot be told itself.
#[expect(clippy::unnecessary_wraps, reason = "a handler's last line")]
fn told(words: Words, why: &Unaddressed) -> Answer {
    let reason = why.to_string();
    Ok(rendered(
        StatusCode::BAD_REQUEST,
        &ServiceProblem { words, expired: *why == Unaddressed::Expired, reason: &reason },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::oidc::registration::tests::provider;
    use crate::store::tests::Home;
    use aldgate_core::id::{AccountId, SessionId};
    use aldgate_core::testing::world::NOW;
    use aldgate_core::warm::memory::MemoryWarm;
    use axum::http::header::LOCATION;
    use std::sync::Arc;

    /// Where a client is told that its request could not be served.
    async fn failing(with: Option<Fault>) -> String {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let provider = provider(home.store.clone(), warm.clone(), 1);
        let pairs = [
            ("client_id", "configured"),
            ("redirect_uri", "https://configured.example/cb"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "s"),
            ("nonce", "n"),
            ("vtr", r#"["P9.Cm"]"#),
        ];
        let pairs = pairs.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        let parameters = Parameters::read(pairs).expect("parameters");
        let present = Present { account: AccountId::from_bytes([1; 16]), session: SessionId::from_bytes([2; 16]) };
        warm.set_down(true);
        let next = provider.begin(&parameters, Some(present), true, NOW).await.expect("led");
        let Next::Fail(unserved) = next else { panic!("{next:?}") };
        let unserved = match with {
            Some(fault) => Unserved { fault, ..*unserved },
            None => *unserved,
        };
        let answer = lead(Words::ENGLISH, Ok(Next::Fail(Box::new(unserved)))).expect("an answer");
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        answer.headers()[LOCATION].to_str().expect("an address").to_owned()
    }

    #[tokio::test]
    async fn a_client_is_told_whether_it_may_come_again() {
        let passing = failing(None).await;
        assert!(passing.starts_with("https://configured.example/cb?error=temporarily_unavailable&"), "{passing}");
        assert!(passing.contains("&state=s&iss=https%3A%2F%2Flogin.example"), "{passing}");
        let broken = failing(Some(Fault::Invariant("x"))).await;
        assert!(broken.starts_with("https://configured.example/cb?error=server_error&"), "{broken}");
    }
}
