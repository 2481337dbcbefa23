//! What is sent to people. No message asks for anything but what its reader has begun; a link leads to our own pages.

words! {
    your_code_subject: "Your Aldgate code", "Eich cod Aldgate";
    your_code(code: &str, minutes: u64):
        "Your code is {code}.\n\nEnter it on the page where you asked for it. It lasts {minutes} minutes and works once.\n\nIf you did not ask for a code, you do not need to do anything. Never give this code to anyone: we will not ask you for it.",
        "Eich cod yw {code}.\n\nRhowch ef ar y dudalen lle gwnaethoch ofyn amdano. Mae'n para {minutes} munud ac yn gweithio unwaith.\n\nOs na wnaethoch ofyn am god, nid oes angen i chi wneud dim. Peidiwch byth â rhoi'r cod hwn i neb: ni fyddwn yn gofyn i chi amdano.";
    your_code_as_text(code: &str, minutes: u64):
        "{code} is your Aldgate code. It lasts {minutes} minutes. Never give it to anyone.",
        "{code} yw eich cod Aldgate. Mae'n para {minutes} munud. Peidiwch byth a'i roi i neb.";
    your_code_spoken(digits: &str):
        "This is Aldgate. Your code is: {digits}. Once more: {digits}. Never give it to anyone.",
        "Aldgate sydd yma. Eich cod yw: {digits}. Unwaith eto: {digits}. Peidiwch byth â'i roi i neb.";
    already_registered_subject: "You already have an Aldgate account", "Mae gennych gyfrif Aldgate eisoes";
    already_registered_body:
        "Someone, probably you, tried to create an account with this email address. You already have one.\n\nTo use it, choose \"Sign in\" and enter this email address, or use your passkey.\n\nIf this was not you, you do not need to do anything.",
        "Ceisiodd rhywun, chi fwy na thebyg, greu cyfrif gyda'r cyfeiriad e-bost hwn. Mae gennych un yn barod.\n\nI'w ddefnyddio, dewiswch \"Mewngofnodi\" a rhowch y cyfeiriad e-bost hwn, neu defnyddiwch eich allwedd mynediad.\n\nOs nad chi oedd yno, nid oes angen i chi wneud dim.";
    reset_subject: "Choose a new Aldgate password", "Dewiswch gyfrinair Aldgate newydd";
    reset_body(link: &str):
        "To choose a new password, open this page:\n\n{link}\n\nThe link lasts 1 hour and works once.\n\nIf you did not ask for this, you do not need to do anything: your password has not changed.",
        "I ddewis cyfrinair newydd, agorwch y dudalen hon:\n\n{link}\n\nMae'r ddolen yn para 1 awr ac yn gweithio unwaith.\n\nOs na wnaethoch ofyn am hyn, nid oes angen i chi wneud dim: nid yw eich cyfrinair wedi newid.";
    no_account_subject: "You do not have an Aldgate account", "Nid oes gennych gyfrif Aldgate";
    no_account_body:
        "Someone, probably you, asked to choose a new password for this email address. It has no Aldgate account.\n\nYou may have used another email address. If this was not you, you do not need to do anything.",
        "Gofynnodd rhywun, chi fwy na thebyg, am gael dewis cyfrinair newydd ar gyfer y cyfeiriad e-bost hwn. Nid oes ganddo gyfrif Aldgate.\n\nEfallai eich bod wedi defnyddio cyfeiriad e-bost arall. Os nad chi oedd yno, nid oes angen i chi wneud dim.";
    passkey_added_subject: "A passkey was added to your account", "Ychwanegwyd allwedd mynediad at eich cyfrif";
    passkey_added_body: "Your account can be opened with a new passkey.",
        "Gellir agor eich cyfrif gydag allwedd mynediad newydd.";
    passkey_removed_subject: "A passkey was removed from your account", "Dilëwyd allwedd mynediad o'ch cyfrif";
    passkey_removed_body: "One of your passkeys no longer opens your account.",
        "Nid yw un o'ch allweddi mynediad yn agor eich cyfrif mwyach.";
    password_changed_subject: "Your password was changed", "Newidiwyd eich cyfrinair";
    password_changed_body: "Your account has a new password. You are signed out in all other places.",
        "Mae gan eich cyfrif gyfrinair newydd. Rydych wedi allgofnodi ym mhob lle arall.";
    new_browser_subject: "New sign-in to your account", "Mewngofnodi newydd i'ch cyfrif";
    new_browser_body: "Someone, probably you, signed in to your account in a browser that had not been used for it before.",
        "Mewngofnododd rhywun, chi fwy na thebyg, i'ch cyfrif mewn porwr nad oedd wedi'i ddefnyddio ar ei gyfer o'r blaen.";
    second_step_set_subject: "Signing in to your account has changed", "Mae mewngofnodi i'ch cyfrif wedi newid";
    second_step_set_body: "Your account now asks for a new second step after your password.",
        "Mae eich cyfrif bellach yn gofyn am ail gam newydd ar ôl eich cyfrinair.";
    second_step_removed_subject: "A second step was removed from your account", "Dilëwyd ail gam o'ch cyfrif";
    second_step_removed_body: "Your account asks for one second step less after your password.",
        "Mae eich cyfrif yn gofyn am un ail gam yn llai ar ôl eich cyfrinair.";
    recovery_codes_subject: "You have new recovery codes", "Mae gennych godau adfer newydd";
    recovery_codes_body: "New recovery codes were made for your account. Older ones no longer work.",
        "Crëwyd codau adfer newydd ar gyfer eich cyfrif. Nid yw'r rhai hŷn yn gweithio mwyach.";
    recovery_code_used_subject: "A recovery code was used", "Defnyddiwyd cod adfer";
    recovery_code_used_body: "Someone, probably you, signed in to your account with a recovery code.",
        "Mewngofnododd rhywun, chi fwy na thebyg, i'ch cyfrif gyda chod adfer.";
    email_changed_subject: "Your email address was changed", "Newidiwyd eich cyfeiriad e-bost";
    email_changed_body: "Your account now has this email address.",
        "Mae gan eich cyfrif y cyfeiriad e-bost hwn bellach.";
    if_not_you(link: &str):
        "If this was not you, tell us on this page. We will sign everyone out of your account and help you to get it back:\n\n{link}",
        "Os nad chi wnaeth hyn, dywedwch wrthym ar y dudalen hon. Byddwn yn allgofnodi pawb o'ch cyfrif ac yn eich helpu i'w gael yn ôl:\n\n{link}";
    contact_changed_subject: "Your contact details were changed", "Newidiwyd eich manylion cyswllt";
    contact_changed_body(link: &str):
        "The email address or telephone number of your Aldgate account was changed or removed. If this was not you, take that back within 24 hours on this page:\n\n{link}",
        "Newidiwyd neu dilëwyd cyfeiriad e-bost neu rif ffôn eich cyfrif Aldgate. Os nad chi wnaeth hyn, dadwnewch hynny o fewn 24 awr ar y dudalen hon:\n\n{link}";
    locked_subject: "Your account is locked", "Mae eich cyfrif wedi'i gloi";
    locked_body(link: &str):
        "You told us that something on your account was not done by you. Everyone is signed out of it, and its password no longer works.\n\nTo get your account back, choose a new password within 1 hour on this page:\n\n{link}\n\nIf that time is over, choose \"Forgotten your password?\" where you sign in.",
        "Dywedoch wrthym nad chi wnaeth rhywbeth ar eich cyfrif. Mae pawb wedi'u hallgofnodi ohono, ac nid yw ei gyfrinair yn gweithio mwyach.\n\nI gael eich cyfrif yn ôl, dewiswch gyfrinair newydd o fewn 1 awr ar y dudalen hon:\n\n{link}\n\nOs yw'r amser hwnnw wedi dod i ben, dewiswch \"Wedi anghofio eich cyfrinair?\" lle rydych yn mewngofnodi.";
    closed_subject: "Your account is closed", "Mae eich cyfrif wedi'i gau";
    closed_body:
        "Your Aldgate account is closed, and what we kept about it is deleted. You can create a new one with this email address at any time.",
        "Mae eich cyfrif Aldgate wedi'i gau, ac mae'r hyn roeddem yn ei gadw amdano wedi'i ddileu. Gallwch greu un newydd gyda'r cyfeiriad e-bost hwn unrhyw bryd.";
}
