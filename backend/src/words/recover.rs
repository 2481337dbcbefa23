//! Getting an account back, taking changes back, leaving.

words! {
    forgotten_your_password: "Forgotten your password?", "Wedi anghofio eich cyfrinair?";
    choose_a_new_password: "Choose a new password", "Dewis cyfrinair newydd";
    reset_hint: "We will send a link to this address.", "Byddwn yn anfon dolen i'r cyfeiriad hwn.";
    reset_sent: "We have sent a message to {}.", "Rydym wedi anfon neges i {}.";
    reset_sent_next: "Open the link in it within 1 hour to choose a new password.",
        "Agorwch y ddolen sydd ynddi o fewn 1 awr i ddewis cyfrinair newydd.";
    reset_ends_sessions: "You will be signed out everywhere, and then sign in with the new password.",
        "Byddwch yn cael eich allgofnodi ym mhobman, ac yna'n mewngofnodi gyda'r cyfrinair newydd.";
    done_password_reset: "Your password was changed. Sign in with it", "Newidiwyd eich cyfrinair. Mewngofnodwch gydag ef";

    link_expired: "This link is too old", "Mae'r ddolen hon yn rhy hen";
    link_expired_reset: "A link for a new password lasts 1 hour.", "Mae dolen ar gyfer cyfrinair newydd yn para 1 awr.";
    link_expired_undo: "A change can be taken back within 24 hours.", "Gellir dadwneud newid o fewn 24 awr.";
    link_expired_not_me: "You can use this link for 7 days.", "Gallwch ddefnyddio'r ddolen hon am 7 diwrnod.";
    link_used: "This link was already used", "Mae'r ddolen hon wedi'i defnyddio yn barod";
    link_used_why: "For your security, each link works only once.", "Er eich diogelwch, dim ond unwaith y mae pob dolen yn gweithio.";
    link_broken: "This link does not work", "Nid yw'r ddolen hon yn gweithio";
    link_broken_why: "Part of it may be missing. Copy the whole link from our message, or open it there.",
        "Efallai fod rhan ohoni ar goll. Copïwch y ddolen gyfan o'n neges, neu agorwch hi yno.";
    reference_code(code: &str): "Reference: {code}", "Cyfeirnod: {code}";
    ask_for_a_new_link: "Ask for a new link", "Gofyn am ddolen newydd";

    was_it_not_you: "Was this not you?", "Ai nid chi oedd hyn?";
    not_you_what_happens: "If you go on, we sign everyone out of your account, stop its password and recovery codes, and remove passkeys and second steps that were added lately. We then send you a message with the way back in.",
        "Os byddwch yn parhau, byddwn yn allgofnodi pawb o'ch cyfrif, yn atal ei gyfrinair a'i godau adfer, ac yn dileu allweddi mynediad ac ail gamau a ychwanegwyd yn ddiweddar. Yna byddwn yn anfon neges atoch gyda'r ffordd yn ôl i mewn.";
    lock_my_account: "Lock my account", "Cloi fy nghyfrif";
    account_is_locked: "Your account is locked", "Mae eich cyfrif dan glo";
    account_is_locked_next: "Read the message that we have sent to your email address to get back in.",
        "Darllenwch y neges rydym wedi'i hanfon i'ch cyfeiriad e-bost i fynd yn ôl i mewn.";
    something_wrong: "If something here was not done by you", "Os nad chi wnaeth rhywbeth yma";
    lock_own_what_happens: "Lock your account: everyone is signed out, and its password no longer works. We send you a message with the way back in.",
        "Clowch eich cyfrif: mae pawb yn cael eu hallgofnodi, ac nid yw ei gyfrinair yn gweithio mwyach. Byddwn yn anfon neges atoch gyda'r ffordd yn ôl i mewn.";

    take_change_back: "Take this change back?", "Dadwneud y newid hwn?";
    take_back_email: "Your account will have its old email address again, and everyone is signed out of it.",
        "Bydd gan eich cyfrif ei hen gyfeiriad e-bost eto, a bydd pawb yn cael eu hallgofnodi ohono.";
    take_back_phone: "Your account will have its old telephone number again, and everyone is signed out of it.",
        "Bydd gan eich cyfrif ei hen rif ffôn eto, a bydd pawb yn cael eu hallgofnodi ohono.";
    take_back_all_since: "Everything else that was changed or added in the day before, and since then, goes too: contact details, passkeys, second steps and remembered browsers. Your password and recovery codes no longer work.",
        "Bydd popeth arall a newidiwyd neu a ychwanegwyd yn y diwrnod cyn hynny, ac ers hynny, yn mynd hefyd: manylion cyswllt, allweddi mynediad, ail gamau a phorwyr sy'n cael eu cofio. Ni fydd eich cyfrinair na'ch codau adfer yn gweithio mwyach.";
    take_it_back: "Take the change back", "Dadwneud y newid";
    change_taken_back: "The change was taken back", "Mae'r newid wedi'i ddadwneud";
    removed_with_change: "We have removed what was added in the day before the change, and since then, and what somebody else may know:",
        "Rydym wedi dileu'r hyn a ychwanegwyd yn y diwrnod cyn y newid, ac ers hynny, a'r hyn y gallai rhywun arall ei wybod:";
    removed_passkeys(count: u64): "Passkeys: {count}", "Allweddi mynediad: {count}";
    removed_second_steps(count: u64): "Second steps (telephones or an authenticator app): {count}",
        "Ail gamau (ffonau neu ap dilysu): {count}";
    removed_recovery_codes: "Recovery codes", "Codau adfer";
    removed_password: "The password", "Y cyfrinair";
    change_taken_back_next: "Choose a new password now. We will send a link for that to your email address.",
        "Dewiswch gyfrinair newydd nawr. Byddwn yn anfon dolen ar gyfer hynny i'ch cyfeiriad e-bost.";

    what_is_your_new_email: "What is your new email address?", "Beth yw eich cyfeiriad e-bost newydd?";
    old_email_is_told: "We will send a code to it, and tell your old address.",
        "Byddwn yn anfon cod iddo, ac yn rhoi gwybod i'ch hen gyfeiriad.";
    done_email_changed: "Your email address was changed", "Newidiwyd eich cyfeiriad e-bost";

    your_data: "Your data", "Eich data";
    download_your_data: "Download your data", "Lawrlwytho eich data";
    left_out_for_password: "You signed in with a password alone. Sign in with your second step or a passkey, then download your data again to have this too.",
        "Gwnaethoch fewngofnodi gyda chyfrinair yn unig. Mewngofnodwch gyda'ch ail gam neu allwedd mynediad, yna lawrlwythwch eich data eto i gael hyn hefyd.";
    left_out_for_level: "You got your account back by a message. Prove your identity again, then download your data again to have this too.",
        "Cawsoch eich cyfrif yn ôl drwy neges. Profwch pwy ydych chi eto, yna lawrlwythwch eich data eto i gael hyn hefyd.";
    close_your_account: "Close your account", "Cau eich cyfrif";
    close_what_happens: "What we keep about you is deleted, and you are signed out everywhere. Services keep what they have. You can create a new account with your email address at any time.",
        "Bydd yr hyn rydym yn ei gadw amdanoch yn cael ei ddileu, a byddwch yn cael eich allgofnodi ym mhobman. Mae gwasanaethau'n cadw'r hyn sydd ganddynt. Gallwch greu cyfrif newydd gyda'ch cyfeiriad e-bost unrhyw bryd.";
    close_confirm(email: &str): "Enter {email} to confirm", "Rhowch {email} i gadarnhau";
    close_not_confirmed: "Enter the email address of your account", "Rhowch gyfeiriad e-bost eich cyfrif";
    account_is_closed: "Your account is closed", "Mae eich cyfrif wedi cau";
    account_is_closed_next: "What we kept about you is deleted.", "Mae'r hyn roeddem yn ei gadw amdanoch wedi'i ddileu.";
}
