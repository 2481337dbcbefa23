//! Second steps: asking for one, setting one up, recovery codes, remembered browsers.

words! {
    enter_the_code_we_sent: "Enter the code we sent you", "Rhowch y cod a anfonwyd gennym atoch";
    enter_the_code_from_the_call: "Enter the code from our call", "Rhowch y cod o'n galwad";
    enter_the_code_from_your_app: "Enter the code from your app", "Rhowch y cod o'ch ap";
    texted_to(ending: &str): "We have sent a 6-digit code by text message to your number ending in {ending}.",
        "Rydym wedi anfon cod 6 digid drwy neges destun i'ch rhif sy'n gorffen gyda {ending}.";
    called_at(ending: &str): "We are calling your number ending in {ending} with a 6-digit code.",
        "Rydym yn ffonio'ch rhif sy'n gorffen gyda {ending} gyda chod 6 digid.";
    look_into_your_app: "Open your authenticator app and look for Aldgate.",
        "Agorwch eich ap dilysu a chwiliwch am Aldgate.";
    remember_this_browser: "Do not ask for a code in this browser again",
        "Peidio â gofyn am god yn y porwr hwn eto";
    remember_hint: "Only choose this on a device that nobody else uses.",
        "Dewiswch hyn dim ond ar ddyfais nad oes neb arall yn ei defnyddio.";
    if_no_code_text: "It can take a few minutes. You can ask for another code.",
        "Gall gymryd ychydig funudau. Gallwch ofyn am god arall.";
    use_another_way: "Use another way", "Defnyddio ffordd arall";
    how_do_you_want_a_code: "How do you want to go on?", "Sut ydych chi am barhau?";
    by_text_message: "Send me a text message", "Anfon neges destun ataf";
    by_call: "Call my landline", "Ffonio fy llinell dir";
    by_app: "Use my authenticator app", "Defnyddio fy ap dilysu";
    by_recovery_code: "Use a recovery code", "Defnyddio cod adfer";
    enter_a_recovery_code: "Enter a recovery code", "Rhowch god adfer";
    recovery_code_hint: "You wrote it down or printed it when you set up your second step. Each code works once.",
        "Gwnaethoch ei ysgrifennu neu ei argraffu wrth osod eich ail gam. Mae pob cod yn gweithio unwaith.";
    step_code_wrong: "This code is not correct. Check the code and enter it again",
        "Nid yw'r cod hwn yn gywir. Gwiriwch y cod a'i roi eto";
    recovery_code_malformed: "Enter the 16 letters and numbers of a recovery code",
        "Rhowch 16 llythyren a rhif cod adfer";
    recovery_code_wrong: "This recovery code is not correct, or was used before",
        "Nid yw'r cod adfer hwn yn gywir, neu mae wedi'i ddefnyddio o'r blaen";
    no_more_step_codes: "We cannot send any more codes. Use another way or sign in again",
        "Ni allwn anfon rhagor o godau. Defnyddiwch ffordd arall neu mewngofnodwch eto";
    step_code_not_sent: "We could not send a code. Use another way, or try again in a few minutes",
        "Ni allem anfon cod. Defnyddiwch ffordd arall, neu rhowch gynnig arall arni ymhen ychydig funudau";
    choose_a_way: "Choose how you want to go on", "Dewiswch sut rydych am barhau";

    second_step: "Second step", "Ail gam";
    second_steps_title: "Your second step", "Eich ail gam";
    what_a_second_step_is:
        "A second step is asked for after your password, so that nobody can sign in with your password alone.",
        "Gofynnir am ail gam ar ôl eich cyfrinair, fel na all neb fewngofnodi gyda'ch cyfrinair yn unig.";
    of_second_step: "second step", "eich ail gam";
    mobile_phone: "Mobile phone", "Ffôn symudol";
    landline: "Landline", "Llinell dir";
    authenticator_app: "Authenticator app", "Ap dilysu";
    of_mobile_phone: "mobile phone", "eich ffôn symudol";
    of_landline: "landline", "eich llinell dir";
    of_authenticator_app: "authenticator app", "eich ap dilysu";
    ending_in(ending: &str): "Ends in {ending}", "Yn gorffen gyda {ending}";
    set_up: "Set up", "Wedi'i sefydlu";
    no_second_step: "Not set up", "Heb ei sefydlu";
    change_phone: "Add or change a telephone number", "Ychwanegu neu newid rhif ffôn";
    add_an_app: "Add an authenticator app", "Ychwanegu ap dilysu";
    what_is_your_number: "What is your telephone number?", "Beth yw eich rhif ffôn?";
    number_hint: "A UK mobile or landline number, or one of another country with its code, like +353. We will send a code to it or call it.",
        "Rhif ffôn symudol neu linell dir yn y DU, neu un o wlad arall gyda'i chod, fel +353. Byddwn yn anfon cod iddo neu'n ei ffonio.";
    enter_number: "Enter a telephone number", "Rhowch rif ffôn";
    number_not_digits: "Telephone number must only include digits, spaces and a + at its start",
        "Rhaid i'r rhif ffôn gynnwys digidau, bylchau a + ar ei ddechrau yn unig";
    number_length: "Enter a telephone number in full, like 07700 900 123 or +353 85 012 3456",
        "Rhowch rif ffôn yn llawn, fel 07700 900 123 neu +353 85 012 3456";
    number_not_a_persons: "Enter a mobile or landline number. We do not use numbers that cost more than a call",
        "Rhowch rif ffôn symudol neu linell dir. Nid ydym yn defnyddio rhifau sy'n costio mwy na galwad";
    number_not_served:
        "We cannot send codes to numbers of this country. Enter a UK number, or use an authenticator app or a passkey",
        "Ni allwn anfon codau i rifau'r wlad hon. Rhowch rif yn y DU, neu defnyddiwch ap dilysu neu allwedd mynediad";
    check_your_phone: "Check your telephone", "Edrychwch ar eich ffôn";
    code_sent_to_phone: "We have sent a 6-digit code to {}, or are calling it.",
        "Rydym wedi anfon cod 6 digid i {}, neu rydym yn ei ffonio.";
    of_your_number: "your telephone number", "eich rhif ffôn";
    add_app_first: "Open an authenticator app on your phone and scan this picture, or type the key.",
        "Agorwch ap dilysu ar eich ffôn a sganiwch y llun hwn, neu teipiwch yr allwedd.";
    picture_of_the_key: "QR code with the key for your app", "Cod QR gyda'r allwedd ar gyfer eich ap";
    key_for_the_app: "Key", "Allwedd";
    then_enter_the_code: "Code that the app shows", "Cod mae'r ap yn ei ddangos";
    remove_second_step: "Remove this second step?", "Dileu'r ail gam hwn?";
    remove_second_step_why: "It will not be asked for any more. Without any second step, your password alone opens your account.",
        "Ni ofynnir amdano mwyach. Heb unrhyw ail gam, mae eich cyfrinair yn unig yn agor eich cyfrif.";
    longer_password_first: "Choose a longer password first", "Dewiswch gyfrinair hirach yn gyntaf";
    longer_password_first_why(least: usize):
        "Without this second step, your password alone opens your account. It must then have {least} characters or more, and we do not know that yours has. Choose one that is as long, then remove your second step.",
        "Heb yr ail gam hwn, mae eich cyfrinair yn unig yn agor eich cyfrif. Rhaid bod ganddo {least} nod neu fwy wedyn, ac ni wyddom fod gan eich un chi gynifer. Dewiswch un sydd mor hir, yna dilëwch eich ail gam.";
    done_second_step_set: "Your second step was saved", "Cadwyd eich ail gam";
    done_second_step_removed: "Your second step was removed", "Dilëwyd eich ail gam";
    stronger_first: "Sign in with your second step or a passkey first, then add another",
        "Mewngofnodwch gyda'ch ail gam neu allwedd mynediad yn gyntaf, yna ychwanegwch un arall";

    recovery_codes: "Recovery codes", "Codau adfer";
    of_recovery_codes: "recovery codes", "eich codau adfer";
    codes_left(count: usize): "{count} left", "Yn weddill: {count}";
    what_recovery_codes_are: "A recovery code takes the place of your second step if you lose your phone. Each works once.",
        "Mae cod adfer yn cymryd lle eich ail gam os byddwch yn colli'ch ffôn. Mae pob un yn gweithio unwaith.";
    make_new_codes: "Make new recovery codes", "Creu codau adfer newydd";
    new_codes_replace: "New codes take the place of those you have.", "Mae codau newydd yn cymryd lle'r rhai sydd gennych.";
    your_recovery_codes: "Your recovery codes", "Eich codau adfer chi";
    write_them_down: "Write these codes down or print them now, and keep them somewhere safe. We will not show them again.",
        "Ysgrifennwch y codau hyn neu argraffwch nhw nawr, a'u cadw yn rhywle diogel. Ni fyddwn yn eu dangos eto.";
    i_have_kept_them: "I have kept them", "Rydw i wedi'u cadw";

    remembered_browsers: "Remembered browsers", "Porwyr a gofir";
    of_remembered_browsers: "remembered browsers", "y porwyr a gofir";
    count_of(count: usize): "{count}", "Nifer: {count}";
    what_remembered_browsers_are: "In these browsers we do not ask for your second step. One that is not used for 6 months is forgotten.",
        "Yn y porwyr hyn ni fyddwn yn gofyn am eich ail gam. Anghofir un nad yw'n cael ei ddefnyddio am 6 mis.";
    no_remembered_browsers: "There are none.", "Nid oes dim.";
    remembered_since: "Remembered since", "Cofir ers";
    last_signed_in: "Last signed in", "Mewngofnodwyd ddiwethaf";
    forget: "Forget", "Anghofio";
    done_browser_forgotten: "The browser was forgotten", "Anghofiwyd y porwr";
}
