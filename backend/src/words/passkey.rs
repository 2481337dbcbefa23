//! Passkeys: the buttons, the list, and why one did not work.

words! {
    passkey_waiting: "Waiting for your passkey…", "Yn aros am eich allwedd mynediad…";
    passkey_signing_in: "Signing you in…", "Yn eich mewngofnodi…";
    passkey_saving: "Saving your passkey…", "Yn cadw eich allwedd mynediad…";
    no_passkeys_here: "This browser cannot use passkeys. Use a password instead.",
        "Ni all y porwr hwn ddefnyddio allweddi mynediad. Defnyddiwch gyfrinair yn lle hynny.";
    no_script_here: "Passkeys need JavaScript, and it is switched off in this browser. Use a password instead.",
        "Mae angen JavaScript ar allweddi mynediad, ac mae wedi'i ddiffodd yn y porwr hwn. Defnyddiwch gyfrinair yn lle hynny.";
    add_a_passkey: "Add a passkey", "Ychwanegu allwedd mynediad";
    add_another_passkey: "Add another passkey", "Ychwanegu allwedd mynediad arall";
    passkey_lets_you:
        "A passkey lets you sign in with your fingerprint, your face or the PIN of your device.",
        "Mae allwedd mynediad yn gadael i chi fewngofnodi gyda'ch ôl bys, eich wyneb neu PIN eich dyfais.";
    passkey_where:
        "You can keep it on this device, on your phone or on a security key. Your device will ask you where.",
        "Gallwch ei chadw ar y ddyfais hon, ar eich ffôn neu ar allwedd ddiogelwch. Bydd eich dyfais yn gofyn i chi ble.";
    no_passkeys_here_add:
        "This browser cannot use passkeys. Sign in with another browser or device to add one.",
        "Ni all y porwr hwn ddefnyddio allweddi mynediad. Mewngofnodwch gyda phorwr neu ddyfais arall i ychwanegu un.";
    no_script_here_add: "Passkeys need JavaScript, and it is switched off in this browser.",
        "Mae angen JavaScript ar allweddi mynediad, ac mae wedi'i ddiffodd yn y porwr hwn.";
    you_can_use_a_password: "You can use a password instead", "Gallwch ddefnyddio cyfrinair yn lle hynny";
    sign_in_faster: "Sign in faster next time", "Mewngofnodi'n gyflymach y tro nesaf";
    only_on_your_own_device:
        "Create one only on a device that is yours: whoever can unlock the device can use the passkey.",
        "Dylech greu un dim ond ar ddyfais sy'n eiddo i chi: gall unrhyw un sy'n gallu datgloi'r ddyfais ddefnyddio'r allwedd mynediad.";
    not_now: "Not now", "Nid nawr";
    no_passkey_created: "No passkey was created. You can go on without one.",
        "Ni chrëwyd allwedd mynediad. Gallwch barhau hebddi.";
    security_key: "Security key", "Allwedd ddiogelwch";
    a_passkey: "Passkey", "Allwedd mynediad";
    passkey_made_on(device: &str): "Passkey made on {device}", "Allwedd mynediad a grëwyd ar {device}";
    your_passkeys: "Your passkeys", "Eich allweddi mynediad";
    you_have_no_passkeys: "You have no passkeys.", "Nid oes gennych allweddi mynediad.";
    created: "Created", "Crëwyd";
    last_used: "Last used", "Defnyddiwyd ddiwethaf";
    not_used_yet: "Not used yet", "Heb ei defnyddio eto";
    kept: "Kept", "Lleoliad";
    kept_backed_up: "Backed up, and ready on your other devices",
        "Copi wrth gefn ar gael, ac yn barod ar eich dyfeisiau eraill";
    kept_on_one_device: "On one device only", "Ar un ddyfais yn unig";
    rename: "Rename", "Ailenwi";
    only_way_hint: "This is your only way to sign in. Add another passkey or a password before you remove it.",
        "Dyma eich unig ffordd o fewngofnodi. Ychwanegwch allwedd mynediad arall neu gyfrinair cyn i chi ei dileu.";
    cannot_remove_yet: "You cannot remove this passkey yet", "Ni allwch ddileu'r allwedd mynediad hon eto";
    only_way_in: "{} is your only way to sign in. Without it, you could not get into your account.",
        "{} yw eich unig ffordd o fewngofnodi. Hebddi, ni allech fynd i mewn i'ch cyfrif.";
    add_another_way_first: "Add another way to sign in first.", "Ychwanegwch ffordd arall o fewngofnodi yn gyntaf.";
    remove_this_passkey: "Remove this passkey?", "Dileu'r allwedd mynediad hon?";
    no_longer_signs_in: "You will not be able to sign in with {} any more.",
        "Ni fyddwch yn gallu mewngofnodi gyda {} mwyach.";
    device_may_offer_it:
        "Your device may still offer it. You can delete it in the settings of your device or password manager.",
        "Efallai y bydd eich dyfais yn dal i'w chynnig. Gallwch ei dileu yng ngosodiadau eich dyfais neu'ch rheolwr cyfrineiriau.";
    remove_passkey: "Remove passkey", "Dileu allwedd mynediad";
    what_to_call_it: "What do you want to call this passkey?", "Beth ydych chi am alw'r allwedd mynediad hon?";
    what_to_call_it_hint: "For example, “My phone” or “Blue security key”.",
        "Er enghraifft, “Fy ffôn” neu “Allwedd ddiogelwch las”.";
    enter_a_name: "Enter a name", "Rhowch enw";
    name_too_long(most: usize): "Name must be {most} characters or fewer", "Rhaid i'r enw fod yn {most} nod neu lai";
    name_unseen: "Name must only include characters that can be seen",
        "Rhaid i'r enw gynnwys nodau y gellir eu gweld yn unig";
    done_passkey_added: "Your passkey was added", "Ychwanegwyd eich allwedd mynediad";
    done_passkey_renamed: "Your passkey was renamed", "Ailenwyd eich allwedd mynediad";
    done_passkey_removed: "Your passkey was removed", "Dilëwyd eich allwedd mynediad";
    other_ways: "Other ways to continue", "Ffyrdd eraill o barhau";
    sign_in_with_a_password: "Sign in with a password", "Mewngofnodi gyda chyfrinair";
    go_to_your_passkeys: "Go to your passkeys", "Mynd i'ch allweddi mynediad";

    unknown_credential: "We do not recognise this passkey", "Nid ydym yn adnabod yr allwedd mynediad hon";
    unknown_credential_why:
        "The passkey you used does not belong to an Aldgate account. It may have been removed.",
        "Nid yw'r allwedd mynediad a ddefnyddiwyd gennych yn perthyn i gyfrif Aldgate. Efallai ei bod wedi'i dileu.";
    unknown_credential_next: "Try again with another passkey, or sign in with a password.",
        "Rhowch gynnig arall arni gydag allwedd mynediad arall, neu mewngofnodwch gyda chyfrinair.";
    account_disabled: "Your account has been stopped", "Mae eich cyfrif wedi'i atal";
    account_disabled_why:
        "Nobody can sign in to this account. A new password or passkey does not change that.",
        "Ni all neb fewngofnodi i'r cyfrif hwn. Nid yw cyfrinair neu allwedd mynediad newydd yn newid hynny.";
    account_disabled_next: "Ask the help desk of the service that you want to use. They can find out why.",
        "Gofynnwch i ddesg gymorth y gwasanaeth rydych am ei ddefnyddio. Gallant ddarganfod pam.";
    bad_signature: "We could not check your passkey", "Nid oeddem yn gallu gwirio eich allwedd mynediad";
    bad_signature_why:
        "The answer from your device does not fit this passkey, so we could not be sure it was you.",
        "Nid yw'r ateb o'ch dyfais yn cyd-fynd â'r allwedd mynediad hon, felly ni allem fod yn siŵr mai chi oedd yno.";
    bad_signature_next: "Try again. If it happens again, use another passkey or a password.",
        "Rhowch gynnig arall arni. Os bydd yn digwydd eto, defnyddiwch allwedd mynediad arall neu gyfrinair.";
    user_not_verified: "Your device did not check that it was you", "Ni wiriodd eich dyfais mai chi oedd yno";
    user_not_verified_why:
        "We only accept a passkey when your device has checked your fingerprint, your face or your PIN.",
        "Dim ond pan fydd eich dyfais wedi gwirio eich ôl bys, eich wyneb neu'ch PIN y byddwn yn derbyn allwedd mynediad.";
    user_not_verified_next:
        "Set up a screen lock or a PIN on your device or security key, then try again.",
        "Gosodwch glo sgrin neu PIN ar eich dyfais neu'ch allwedd ddiogelwch, yna rhowch gynnig arall arni.";
    user_not_present: "Your device did not see you use the passkey",
        "Ni welodd eich dyfais chi'n defnyddio'r allwedd mynediad";
    user_not_present_why: "We only accept a passkey when somebody was there to use it.",
        "Dim ond pan fydd rhywun yno i'w defnyddio y byddwn yn derbyn allwedd mynediad.";
    user_not_present_next:
        "Try again. Touch your security key, or say yes on your device, when you are asked.",
        "Rhowch gynnig arall arni. Cyffyrddwch â'ch allwedd ddiogelwch, neu cytunwch ar eich dyfais, pan ofynnir i chi.";
    challenge_expired: "You ran out of time", "Rydych wedi rhedeg allan o amser";
    challenge_expired_why: "For your security, you have 5 minutes to use your passkey.",
        "Er eich diogelwch, mae gennych 5 munud i ddefnyddio eich allwedd mynediad.";
    try_again_sentence: "Try again.", "Rhowch gynnig arall arni.";
    challenge_used: "This request was already used", "Mae'r cais hwn wedi'i ddefnyddio yn barod";
    challenge_used_why:
        "For your security, each request to use a passkey works only once. You may have pressed a button twice.",
        "Er eich diogelwch, dim ond unwaith y mae pob cais i ddefnyddio allwedd mynediad yn gweithio. Efallai eich bod wedi pwyso botwm ddwywaith.";
    counter_regression: "We could not accept this passkey", "Nid oeddem yn gallu derbyn yr allwedd mynediad hon";
    counter_regression_why: "This passkey may have been copied. To keep your account safe, we did not accept it.",
        "Efallai fod yr allwedd mynediad hon wedi'i chopïo. Er mwyn cadw eich cyfrif yn ddiogel, ni wnaethom ei derbyn.";
    counter_regression_next:
        "Sign in another way. Then remove this passkey from your account and create a new one.",
        "Mewngofnodwch mewn ffordd arall. Yna dilëwch yr allwedd mynediad hon o'ch cyfrif a chreu un newydd.";
    cancelled: "You did not use your passkey", "Ni wnaethoch ddefnyddio eich allwedd mynediad";
    cancelled_why: "The request was cancelled, or it ran out of time.",
        "Cafodd y cais ei ganslo, neu daeth yr amser i ben.";
    cancelled_next: "Try again when you are ready, or use a password.",
        "Rhowch gynnig arall arni pan fyddwch yn barod, neu defnyddiwch gyfrinair.";
    not_supported: "You cannot use a passkey here", "Ni allwch ddefnyddio allwedd mynediad yma";
    not_supported_why: "This browser or device does not support the passkeys that we need.",
        "Nid yw'r porwr na'r ddyfais hon yn cefnogi'r allweddi mynediad sydd eu hangen arnom.";
    not_supported_next: "Use a password, or try again with another browser or device.",
        "Defnyddiwch gyfrinair, neu rhowch gynnig arall arni gyda phorwr neu ddyfais arall.";
    refused: "We could not use your passkey", "Nid oeddem yn gallu defnyddio eich allwedd mynediad";
    refused_why: "Something went wrong while we checked your passkey.",
        "Aeth rhywbeth o'i le wrth i ni wirio eich allwedd mynediad.";
    refused_next: "Try again. If it happens again, use a password.",
        "Rhowch gynnig arall arni. Os bydd yn digwydd eto, defnyddiwch gyfrinair.";
    unavailable: "Sorry, passkeys are not working right now",
        "Mae'n ddrwg gennym, nid yw allweddi mynediad yn gweithio ar hyn o bryd";
    unavailable_why: "There is a problem with our service, or you are not connected to the internet.",
        "Mae problem gyda'n gwasanaeth, neu nid ydych wedi'ch cysylltu â'r rhyngrwyd.";
    unavailable_next: "Check your connection and try again in a few minutes.",
        "Gwiriwch eich cysylltiad a rhowch gynnig arall arni ymhen ychydig funudau.";
    registration_refused: "We could not create your passkey", "Nid oeddem yn gallu creu eich allwedd mynediad";
    registration_refused_why:
        "Your device offered a passkey that we cannot accept. Nothing has changed on your account.",
        "Cynigiodd eich dyfais allwedd mynediad na allwn ei derbyn. Nid oes dim wedi newid ar eich cyfrif.";
    registration_refused_next: "Try again with another device or security key, or use a password.",
        "Rhowch gynnig arall arni gyda dyfais neu allwedd ddiogelwch arall, neu defnyddiwch gyfrinair.";
    already_registered: "You already have a passkey here", "Mae gennych allwedd mynediad yma yn barod";
    already_registered_why:
        "The device or password manager you chose already keeps a passkey for your account.",
        "Mae'r ddyfais neu'r rheolwr cyfrineiriau a ddewisoch eisoes yn cadw allwedd mynediad ar gyfer eich cyfrif.";
    already_registered_next:
        "You can use that passkey to sign in, or choose another device or security key.",
        "Gallwch ddefnyddio'r allwedd mynediad honno i fewngofnodi, neu ddewis dyfais neu allwedd ddiogelwch arall.";
}
