//! What stands on every page, or on many.

words! {
    language_name: "English", "Cymraeg";
    language_switch: "Language", "Iaith";
    skip_to_content: "Skip to main content", "Neidio i'r prif gynnwys";
    footer: "Aldgate is one account for signing in to public services.",
        "Mae Aldgate yn un cyfrif ar gyfer mewngofnodi i wasanaethau cyhoeddus.";
    account_navigation: "Account", "Cyfrif";
    your_account: "Your account", "Eich cyfrif";
    sign_out: "Sign out", "Allgofnodi";
    sign_in: "Sign in", "Mewngofnodi";
    create_an_account: "Create an account", "Creu cyfrif";
    back: "Back", "Yn ôl";
    error: "Error:", "Gwall:";
    there_is_a_problem: "There is a problem", "Mae problem";
    success: "Success", "Llwyddiant";
    go_on: "Continue", "Parhau";
    cancel: "Cancel", "Canslo";
    change: "Change", "Newid";
    manage: "Manage", "Rheoli";
    add: "Add", "Ychwanegu";
    save: "Save", "Cadw";
    remove: "Remove", "Dileu";
    try_again: "Try again", "Rhoi cynnig arall arni";
    email_address: "Email address", "Cyfeiriad e-bost";
    password: "Password", "Cyfrinair";
    code: "Code", "Cod";
    code_hint: "6 digits, for example 123456", "6 digid, er enghraifft 123456";
    or_else: "or", "neu";

    one_account: "One account for public services", "Un cyfrif ar gyfer gwasanaethau cyhoeddus";
    home_lead: "Use Aldgate to prove it is you when you use a public service online.",
        "Defnyddiwch Aldgate i brofi mai chi sydd yno pan fyddwch yn defnyddio gwasanaeth cyhoeddus ar-lein.";
    signed_in_as: "You are signed in as {}.", "Rydych wedi mewngofnodi fel {}.";
    what_you_can_do: "What you can do", "Beth allwch chi ei wneud";
    can_sign_in_to_many: "sign in to many services with one account",
        "mewngofnodi i lawer o wasanaethau gydag un cyfrif";
    can_use_a_passkey: "use a passkey: your fingerprint, face or PIN instead of a password",
        "defnyddio allwedd mynediad: eich ôl bys, eich wyneb neu'ch PIN yn lle cyfrinair";
    can_see_where: "see where you are signed in, and sign out of places you do not know",
        "gweld ble rydych wedi mewngofnodi, ac allgofnodi o leoedd nad ydych yn eu hadnabod";
}
