//! The edge's own refusals in Welsh: title, explanation, and what to do next.
//!
//! **It has not been reviewed by a native speaker yet.** It must be before it is shown to the public.

use super::Problem;

const TRY_AGAIN: &str = "Rhowch gynnig arall arni ymhen ychydig funudau.";
const START_AGAIN: &str = "Ewch yn ôl i'r dudalen fewngofnodi a rhowch gynnig arall arni.";

/// What a page says of a problem.
pub(super) const fn told(problem: Problem) -> [&'static str; 3] {
    match problem {
        Problem::BadRequest => [
            "Mae problem gyda'r cais hwn",
            "Nid oedd modd deall y cais.",
            "Gwiriwch yr hyn a anfonwyd a rhowch gynnig arall arni.",
        ],
        Problem::AmbiguousPath => [
            "Mae problem gyda'r cyfeiriad hwn",
            "Gellir darllen y cyfeiriad mewn mwy nag un ffordd.",
            "Gwiriwch y cyfeiriad a rhowch gynnig arall arni.",
        ],
        Problem::NotSignedIn => [
            "Mae angen i chi fewngofnodi",
            "Dim ond ar gyfer pobl sydd wedi mewngofnodi y mae'r dudalen hon.",
            "Mewngofnodwch a rhowch gynnig arall arni.",
        ],
        Problem::StepUp => [
            "Mae angen i chi fewngofnodi eto",
            "Mae angen mewngofnodi mwy diweddar neu gryfach na'r un sydd gennych nawr ar y dudalen hon.",
            "Mewngofnodwch eto i barhau.",
        ],
        Problem::IdentityTooLow => [
            "Mae angen i chi brofi pwy ydych chi",
            "Dim ond ar gyfer pobl sydd wedi profi pwy ydyn nhw y mae'r dudalen hon.",
            "Gofynnwch i'r gwasanaeth sut y gallwch brofi pwy ydych chi.",
        ],
        Problem::DelegationForbidden => [
            "Ni allwch wneud hyn ar ran rhywun arall",
            "Dim ond ar gyfer pobl sy'n gweithredu drostyn nhw eu hunain y mae'r dudalen hon.",
            "Peidiwch â gweithredu ar ran rhywun arall mwyach, yna rhowch gynnig arall arni.",
        ],
        Problem::DelegationRequired => [
            "Dim ond ar ran rhywun arall y gallwch wneud hyn",
            "Dim ond ar gyfer pobl sy'n gweithredu ar ran rhywun arall y mae'r dudalen hon.",
            "Gofynnwch i'r gwasanaeth sut y gallwch weithredu ar ran rhywun arall.",
        ],
        Problem::CertificateRequired => [
            "Nid yw'r dudalen hon ar gyfer eich dyfais",
            "Dim ond ar gyfer dyfeisiau sy'n dangos tystysgrif y mae'n ei hadnabod y mae'r cyfeiriad hwn.",
            "Defnyddiwch ddyfais a osodwyd ar gyfer y gwasanaeth hwn.",
        ],
        Problem::TokenInvalid => [
            "Mae angen i chi fewngofnodi",
            "Ni ellir defnyddio'r tocyn mynediad yma.",
            "Mynnwch docyn mynediad newydd a rhowch gynnig arall arni.",
        ],
        Problem::ScopeMissing => [
            "Ni chaniateir hyn",
            "Ni roddwyd y tocyn mynediad ar gyfer hyn.",
            "Mynnwch docyn mynediad gyda'r cwmpas a enwir, a rhowch gynnig arall arni.",
        ],
        Problem::CrossOrigin => [
            "Ni ellir defnyddio'r dudalen hon o wefan arall",
            "Daeth y cais o dudalen gwefan arall, nad yw'n cael gwneud hyn yma.",
            "Ewch i'r gwasanaeth ei hun a rhowch gynnig arall arni.",
        ],
        Problem::NotFound => [
            "Heb ddod o hyd i'r dudalen",
            "Nid oes dim yn y cyfeiriad hwn.",
            "Os teipioch y cyfeiriad, gwiriwch ei fod yn gywir.",
        ],
        Problem::MethodNotAllowed => [
            "Ni ellir gwneud hyn yma",
            "Nid yw'r cyfeiriad hwn yn derbyn y math hwnnw o gais.",
            "Ewch yn ôl a rhowch gynnig arall arni.",
        ],
        Problem::Timeout => [
            "Cymerodd y cais ormod o amser",
            "Ni chyrhaeddodd eich cais mewn pryd.",
            "Gwiriwch eich cysylltiad a rhowch gynnig arall arni.",
        ],
        Problem::TooLarge => [
            "Mae'r cais yn rhy fawr",
            "Anfonwyd mwy nag y mae'r cyfeiriad hwn yn ei dderbyn.",
            "Anfonwch lai a rhowch gynnig arall arni.",
        ],
        Problem::UnsupportedMediaType => [
            "Mae problem gyda'r cais hwn",
            "Dim ond application/json y mae'r cyfeiriad hwn yn ei dderbyn.",
            "Anfonwch JSON gyda'r pennyn Content-Type: application/json.",
        ],
        Problem::TooManyRequests => [
            "Rydych wedi rhoi cynnig arni'n rhy aml",
            "Daeth gormod o geisiadau o'ch cysylltiad rhyngrwyd mewn amser byr.",
            "Arhoswch funud, yna rhowch gynnig arall arni.",
        ],
        Problem::HeadersTooLarge => [
            "Mae'r cais yn rhy fawr",
            "Mae penynnau'r cais yn rhy fawr.",
            "Cliriwch gwcis y wefan hon a rhowch gynnig arall arni.",
        ],
        Problem::ChallengeInvalid => [
            "Ni ellid defnyddio eich allwedd mynediad",
            "Dechreuwyd mewngofnodi yn rhywle arall, neu mae gormod o amser wedi mynd heibio.",
            START_AGAIN,
        ],
        Problem::ChallengeExpired => {
            ["Cymerodd mewngofnodi ormod o amser", "Rhaid gorffen mewngofnodi o fewn 5 munud.", START_AGAIN]
        }
        Problem::ChallengeUsed => [
            "Defnyddiwyd y mewngofnodi hwn yn barod",
            "Dim ond unwaith y gellir defnyddio pob mewngofnodi.",
            START_AGAIN,
        ],
        Problem::UnknownCredential => [
            "Nid oeddem yn adnabod eich allwedd mynediad",
            "Nid yw'r allwedd mynediad hon yn perthyn i unrhyw gyfrif yma.",
            "Defnyddiwch allwedd mynediad arall neu ffordd arall o fewngofnodi.",
        ],
        Problem::AccountDisabled => [
            "Mae eich cyfrif wedi'i atal",
            "Mae eich allwedd mynediad yn gywir, ond ni all neb fewngofnodi i'r cyfrif hwn.",
            "Gofynnwch i ddesg gymorth y gwasanaeth rydych am ei ddefnyddio.",
        ],
        Problem::BadSignature => {
            ["Ni ellid gwirio eich allwedd mynediad", "Nid oedd ateb eich allwedd mynediad yn gywir.", START_AGAIN]
        }
        Problem::UserNotVerified => [
            "Ni wiriodd eich dyfais mai chi oedd yno",
            "Mae angen i chi ddatgloi eich allwedd mynediad, er enghraifft gyda'ch wyneb, eich ôl bys neu PIN.",
            START_AGAIN,
        ],
        Problem::UserNotPresent => [
            "Ni wiriodd eich dyfais eich bod yno",
            "Mae angen i chi gyffwrdd â'ch allwedd mynediad neu ei datgloi eich hun.",
            START_AGAIN,
        ],
        Problem::CounterRegressed => [
            "Efallai fod eich allwedd mynediad wedi'i chopïo",
            "Efallai fod rhywun arall yn defnyddio copi o'r allwedd mynediad hon.",
            "Mewngofnodwch mewn ffordd arall, yna dilëwch yr allwedd mynediad hon o'ch cyfrif.",
        ],
        Problem::AssertionRefused => {
            ["Ni ellid defnyddio eich allwedd mynediad", "Gwrthodwyd y mewngofnodi.", START_AGAIN]
        }
        Problem::HandOffInvalid => [
            "Nid oeddem yn gallu eich mewngofnodi yma",
            "Ni ddechreuwyd mewngofnodi i'r wefan hon yn y porwr hwn, neu nid yw eich porwr yn cadw ein cwcis.",
            "Rhowch gynnig arall arni. Os gwelwch y dudalen hon eto, caniatewch gwcis ar gyfer y wefan hon.",
        ],
        Problem::HandOffExpired => [
            "Cymerodd mewngofnodi ormod o amser",
            "Nid oeddem yn gallu mynd â chi i'r wefan hon mewn pryd.",
            "Rhowch gynnig arall arni. Efallai na fydd angen i chi fewngofnodi eto.",
        ],
        Problem::HandOffUsed => [
            "Defnyddiwyd y ddolen hon yn barod",
            "Dim ond unwaith y mae'r ddolen sy'n eich mewngofnodi i'r wefan hon yn gweithio.",
            "Rhowch gynnig arall arni. Efallai na fydd angen i chi fewngofnodi eto.",
        ],
        Problem::HandOffEndless => [
            "Nid oeddem yn gallu eich cadw wedi mewngofnodi yma",
            "Rydym wedi eich mewngofnodi i'r wefan hon sawl gwaith, ond ni ddangosodd eich porwr erioed eich bod wedi mewngofnodi.",
            "Caniatewch gwcis ar gyfer y wefan hon, yna rhowch gynnig arall arni.",
        ],
        Problem::Internal => ["Mae'n ddrwg gennym, mae problem", "Aeth rhywbeth o'i le ar ein hochr ni.", TRY_AGAIN],
        Problem::BadGateway => [
            "Mae'n ddrwg gennym, nid yw'r gwasanaeth hwn yn gweithio",
            "Ni roddodd y gwasanaeth y tu ôl i'r dudalen hon ateb priodol.",
            TRY_AGAIN,
        ],
        Problem::Unavailable => [
            "Mae'n ddrwg gennym, nid yw hyn ar gael ar hyn o bryd",
            "Nid yw rhan sydd ei hangen ar gyfer hyn yn ateb.",
            TRY_AGAIN,
        ],
        Problem::Busy => [
            "Mae llawer o bobl yn defnyddio'r gwasanaeth hwn",
            "Mae mwy o bobl yma ar hyn o bryd nag y gallwn eu helpu ar yr un pryd. Nid oes dim wedi'i golli.",
            "Arhoswch ychydig eiliadau, yna rhowch gynnig arall arni. Os oes gennych allwedd mynediad, gallwch fewngofnodi gyda hi ar unwaith.",
        ],
        Problem::Waiting => [
            "Rydych mewn ciw",
            "Mae llawer o bobl yn mewngofnodi ar hyn o bryd. Caiff pawb fynd i mewn pan ddaw eu tro.",
            "Gofynnwch eto'n nes ymlaen gyda'r cwci a ddaeth gyda'r ateb hwn: mae'n cadw eich lle.",
        ],
        Problem::GatewayTimeout => [
            "Mae'n ddrwg gennym, mae'r gwasanaeth hwn yn rhy araf",
            "Cymerodd y gwasanaeth y tu ôl i'r dudalen hon ormod o amser.",
            TRY_AGAIN,
        ],
    }
}
