//! Creating an account.

words! {
    what_is_your_email: "What is your email address?", "Beth yw eich cyfeiriad e-bost?";
    what_is_your_email_hint: "We will send a code to this address to check that it is yours.",
        "Byddwn yn anfon cod i'r cyfeiriad hwn i wirio mai chi sydd biau'r cyfeiriad.";
    already_have_an_account: "Already have an account?", "Oes gennych chi gyfrif yn barod?";
    check_your_email: "Check your email", "Edrychwch ar eich e-bost";
    code_sent_to: "We have sent a 6-digit code to {}.", "Rydym wedi anfon cod 6 digid i {}.";
    of_your_email_address: "your email address", "eich cyfeiriad e-bost";
    code_lasts_minutes(minutes: u64): "The code lasts {minutes} minutes.", "Mae'r cod yn para {minutes} munud.";
    if_no_code: "If you did not get a code", "Os na chawsoch god";
    if_no_code_email: "It can take a few minutes. Check your spam or junk folder.",
        "Gall gymryd ychydig funudau. Edrychwch yn eich ffolder sbam neu sothach.";
    send_a_new_code: "Send a new code", "Anfon cod newydd";
    new_code_sent: "We have sent a new code", "Rydym wedi anfon cod newydd";
    create_a_passkey: "Create a passkey", "Creu allwedd mynediad";
    passkey_stands_for: "A passkey lets you sign in as {} with your fingerprint, your face or the PIN of your device.",
        "Mae allwedd mynediad yn gadael i chi fewngofnodi fel {} gyda'ch ôl bys, eich wyneb neu PIN eich dyfais.";
    nothing_to_remember: "There is nothing to remember.", "Does dim byd i'w gofio.";
    safer_than_a_password:
        "It is safer than a password, because nobody can guess it or trick you into giving it away.",
        "Mae'n fwy diogel na chyfrinair, oherwydd ni all neb ei ddyfalu na'ch twyllo i'w roi i ffwrdd.";
    stays_on_your_device: "Your fingerprint and face stay on your device. We never see them.",
        "Mae eich ôl bys a'ch wyneb yn aros ar eich dyfais. Ni fyddwn byth yn eu gweld.";
    use_a_password_instead: "Use a password instead", "Defnyddio cyfrinair yn lle hynny";
    create_a_password: "Create a password", "Creu cyfrinair";
    password_hint(least: usize):
        "Use {least} characters or more. A good way is to put three random words together.",
        "Defnyddiwch {least} nod neu fwy. Ffordd dda yw rhoi tri gair ar hap gyda'i gilydd.";
    account_is_ready: "Your account is ready", "Mae eich cyfrif yn barod";
    you_are_signed_in: "You are signed in. Next time, use the same email address or passkey.",
        "Rydych wedi mewngofnodi. Y tro nesaf, defnyddiwch yr un cyfeiriad e-bost neu allwedd mynediad.";
}
