//! The pages behind the log-in.

words! {
    passkeys: "Passkeys", "Allweddi mynediad";
    of_passkeys: "passkeys", "eich allweddi mynediad";
    none: "None", "Dim";
    one_passkey: "1 passkey", "1 allwedd mynediad";
    several_passkeys(count: usize): "{count} passkeys", "Nifer yr allweddi mynediad: {count}";
    set: "Set", "Wedi'i osod";
    not_set: "Not set", "Heb ei osod";
    of_password: "password", "eich cyfrinair";
    of_a_password: "a password", "cyfrinair";
    signed_in: "Signed in", "Wedi mewngofnodi";
    here_only: "Here only", "Yma yn unig";
    in_places(count: usize): "In {count} places", "Nifer y lleoedd: {count}";
    of_where_signed_in: "where you are signed in", "ble rydych wedi mewngofnodi";
    make_it_safer: "Make signing in safer", "Gwneud mewngofnodi'n fwy diogel";
    passkey_is_quicker:
        "A passkey is quicker than a password, and nobody can trick you into giving it away.",
        "Mae allwedd mynediad yn gyflymach na chyfrinair, ac ni all neb eich twyllo i'w rhoi i ffwrdd.";
    where_signed_in: "Where you are signed in", "Ble rydych wedi mewngofnodi";
    if_you_do_not_know_one:
        "If you do not know one of these, sign it out. Then look at your passkeys and change your password.",
        "Os nad ydych yn adnabod un o'r rhain, allgofnodwch ohono. Yna edrychwch ar eich allweddi mynediad a newidiwch eich cyfrinair.";
    change_your_password: "Change your password", "Newid eich cyfrinair";
    add_a_password: "Add a password", "Ychwanegu cyfrinair";
    this_one: "This one", "Yr un hwn";
    signed_in_with: "With", "Gyda";
    last_active: "Last active", "Gweithgarwch diwethaf";
    of_this_one: "of this one", "o'r un hwn";
    of_device_since(device: &str, started: &str): "of {device}, signed in {started}",
        "o {device}, mewngofnodwyd {started}";
    unknown_browser: "Unknown browser", "Porwr anhysbys";
    a_browser_on(system: &str): "A browser on {system}", "Porwr ar {system}";
    browser_on(browser: &str, system: &str): "{browser} on {system}", "{browser} ar {system}";
    with_a_passkey: "A passkey", "Allwedd mynediad";
    with_a_password: "A password", "Cyfrinair";
    current_password: "Current password", "Cyfrinair presennol";
    new_password: "New password", "Cyfrinair newydd";
    save_password: "Save password", "Cadw'r cyfrinair";
    done_session_ended: "You are signed out there", "Rydych wedi allgofnodi yno";
    done_password_changed: "Your password was saved", "Cadwyd eich cyfrinair";
}
