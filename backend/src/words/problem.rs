//! What goes wrong outside a form.

words! {
    go_to_start: "Go to the start page", "Mynd i'r dudalen gychwyn";
    go_back_and_try_again: "Go back and try again.", "Ewch yn ôl a rhowch gynnig arall arni.";
    try_again_later: "Try again in a few minutes.", "Rhowch gynnig arall arni ymhen ychydig funudau.";
    could_not_read: "We could not read what was sent", "Nid oeddem yn gallu darllen yr hyn a anfonwyd";
    could_not_read_why: "Something was missing from the request, or had a form that we do not know.",
        "Roedd rhywbeth ar goll o'r cais, neu roedd ganddo ffurf nad ydym yn ei hadnabod.";
    too_much: "Too much was sent", "Anfonwyd gormod";
    too_much_why: "The request was longer than anything that we ask for.",
        "Roedd y cais yn hirach nag unrhyw beth rydym yn gofyn amdano.";
    no_form_why: "The request did not come from a form of ours.", "Ni ddaeth y cais o un o'n ffurflenni ni.";
    not_from_us: "This did not come from our pages", "Ni ddaeth hwn o'n tudalennau ni";
    not_from_us_why: "Another website may have tried to do something in your name. Nothing was done.",
        "Efallai fod gwefan arall wedi ceisio gwneud rhywbeth yn eich enw chi. Ni wnaed dim.";
    not_from_us_next: "If you wanted to do this, start again from our start page.",
        "Os oeddech am wneud hyn, dechreuwch eto o'n tudalen gychwyn.";
    need_to_sign_in: "You need to sign in", "Mae angen i chi fewngofnodi";
    need_to_sign_in_why: "You are not signed in, or it is too long ago for this.",
        "Nid ydych wedi mewngofnodi, neu mae gormod o amser ers hynny.";
    need_to_sign_in_next: "Sign in and try again.", "Mewngofnodwch a rhowch gynnig arall arni.";
    page_not_found: "Page not found", "Heb ddod o hyd i'r dudalen";
    page_not_found_why: "There is nothing at this address.", "Nid oes dim yn y cyfeiriad hwn.";
    page_not_found_next: "Check that you entered the address correctly.",
        "Gwiriwch eich bod wedi rhoi'r cyfeiriad yn gywir.";
    cannot_be_done_here: "This cannot be done here", "Ni ellir gwneud hyn yma";
    cannot_be_done_here_why: "The request does not fit this address.",
        "Nid yw'r cais yn addas i'r cyfeiriad hwn.";
    account_exists: "You already have an account", "Mae gennych gyfrif yn barod";
    account_exists_why: "An account with this email address was created in the meantime.",
        "Cafodd cyfrif gyda'r cyfeiriad e-bost hwn ei greu yn y cyfamser.";
    account_exists_next: "Sign in to use it.", "Mewngofnodwch i'w ddefnyddio.";
    passkey_taken: "This passkey is already registered", "Mae'r allwedd mynediad hon wedi'i chofrestru yn barod";
    passkey_taken_why: "The passkey belongs to an account already.",
        "Mae'r allwedd mynediad yn perthyn i gyfrif yn barod.";
    passkey_taken_next: "Use another device or security key.",
        "Defnyddiwch ddyfais neu allwedd ddiogelwch arall.";
    passkey_refused_why: "Your device offered a passkey that we cannot accept. Nothing has changed.",
        "Cynigiodd eich dyfais allwedd mynediad na allwn ei derbyn. Nid oes dim wedi newid.";
    took_too_long: "This took too long", "Cymerodd hyn ormod o amser";
    took_too_long_why: "For your security, a request to create a passkey lasts 5 minutes.",
        "Er eich diogelwch, mae cais i greu allwedd mynediad yn para 5 munud.";
    creation_used_why: "For your security, each request to create a passkey works only once.",
        "Er eich diogelwch, dim ond unwaith y mae pob cais i greu allwedd mynediad yn gweithio.";
    undeliverable: "We could not send a message there", "Nid oeddem yn gallu anfon neges yno";
    undeliverable_why: "The email address or telephone number was refused by those who deliver our messages.",
        "Gwrthodwyd y cyfeiriad e-bost neu'r rhif ffôn gan y rhai sy'n danfon ein negeseuon.";
    undeliverable_next: "Go back and check it, or use another one.", "Ewch yn ôl a'i wirio, neu defnyddiwch un arall.";
    not_working: "Sorry, this is not working right now", "Mae'n ddrwg gennym, nid yw hyn yn gweithio ar hyn o bryd";
    not_working_why: "There is a problem with our service, or many people are using it.",
        "Mae problem gyda'n gwasanaeth, neu mae llawer o bobl yn ei ddefnyddio.";
    broken: "Sorry, there is a problem with our service", "Mae'n ddrwg gennym, mae problem gyda'n gwasanaeth";
    broken_why: "Something went wrong on our side.", "Aeth rhywbeth o'i le ar ein hochr ni.";
}
