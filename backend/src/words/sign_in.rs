//! Signing in and out.

words! {
    sign_in_with_a_passkey: "Sign in with a passkey", "Mewngofnodi gydag allwedd mynediad";
    sign_in_without_script:
        "Passkeys need JavaScript, and it is switched off in this browser. Enter your email address to sign in with a password.",
        "Mae angen JavaScript ar allweddi mynediad, ac mae wedi'i ddiffodd yn y porwr hwn. Rhowch eich cyfeiriad e-bost i fewngofnodi gyda chyfrinair.";
    if_no_account: "If you do not have an account", "Os nad oes gennych chi gyfrif";
    enter_your_password: "Enter your password", "Rhowch eich cyfrinair";
    of_email_address: "email address", "cyfeiriad e-bost";
    sign_in_with_a_passkey_instead: "Sign in with a passkey instead", "Mewngofnodi gydag allwedd mynediad yn lle hynny";
    why_step_up: "For your security, sign in again to go on.",
        "Er eich diogelwch, mewngofnodwch eto i barhau.";
    why_passkey:
        "This page needs a passkey. Sign in with a passkey to go on. If you do not have one, sign in another way and add one in your account.",
        "Mae angen allwedd mynediad ar y dudalen hon. Mewngofnodwch gydag allwedd mynediad i barhau. Os nad oes gennych un, mewngofnodwch mewn ffordd arall ac ychwanegwch un yn eich cyfrif.";
    why_second_step:
        "This page needs a second step after your password, or a passkey. If you have neither, sign in and add one in your account.",
        "Mae angen ail gam ar ôl eich cyfrinair, neu allwedd mynediad, ar y dudalen hon. Os nad oes gennych y naill na'r llall, mewngofnodwch ac ychwanegwch un yn eich cyfrif.";
    why_ended: "You were signed out. Sign in again to go on.",
        "Rydych wedi cael eich allgofnodi. Mewngofnodwch eto i barhau.";

    on_this_device: "On this device", "Ar y ddyfais hon";
    stay_signed_in_elsewhere: "You stay signed in on your other devices.",
        "Byddwch yn dal wedi mewngofnodi ar eich dyfeisiau eraill.";
    on_all_devices: "On all your devices", "Ar eich holl ddyfeisiau";
    when_to_sign_out_everywhere: "Do this if you lost a device, or if someone else may be using your account.",
        "Gwnewch hyn os ydych wedi colli dyfais, neu os gallai rhywun arall fod yn defnyddio eich cyfrif.";
    sign_out_everywhere: "Sign out everywhere", "Allgofnodi ym mhobman";
    you_are_signed_out: "You are signed out", "Rydych wedi allgofnodi";
    signed_out_everywhere: "You are signed out on this device and on all your other devices.",
        "Rydych wedi allgofnodi ar y ddyfais hon ac ar eich holl ddyfeisiau eraill.";
    signed_out_here: "You are signed out on this device.", "Rydych wedi allgofnodi ar y ddyfais hon.";
    close_all_windows: "If other people use this device, close all the windows of this browser.",
        "Os yw pobl eraill yn defnyddio'r ddyfais hon, caewch holl ffenestri'r porwr hwn.";
    sign_in_again: "Sign in again", "Mewngofnodi eto";
    done_signed_out_everywhere: "You are signed out everywhere", "Rydych wedi allgofnodi ym mhobman";
}
