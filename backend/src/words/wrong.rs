//! What is wrong with what somebody entered: sentences without a full stop, each at its field.

words! {
    enter_email: "Enter an email address", "Rhowch gyfeiriad e-bost";
    email_too_long: "Email address must be 254 characters or fewer",
        "Rhaid i'r cyfeiriad e-bost fod yn 254 nod neu lai";
    email_spaces: "Email address must not contain spaces", "Rhaid i'r cyfeiriad e-bost beidio â chynnwys bylchau";
    email_no_at: "Email address must contain an @, like name@example.com",
        "Rhaid i'r cyfeiriad e-bost gynnwys @, fel enw@example.com";
    email_several_ats: "Email address must contain only one @, like name@example.com",
        "Rhaid i'r cyfeiriad e-bost gynnwys un @ yn unig, fel enw@example.com";
    email_no_name: "Email address must have a name before the @, like name@example.com",
        "Rhaid i'r cyfeiriad e-bost gael enw cyn yr @, fel enw@example.com";
    email_no_domain: "Email address must have a domain after the @, like name@example.com",
        "Rhaid i'r cyfeiriad e-bost gael parth ar ôl yr @, fel enw@example.com";
    enter_your_password_now: "Enter your password", "Rhowch eich cyfrinair";
    email_or_password_wrong: "The email address or password is not correct",
        "Nid yw'r cyfeiriad e-bost neu'r cyfrinair yn gywir";
    not_current_password: "This is not your current password", "Nid dyma eich cyfrinair presennol";
    enter_a_password: "Enter a password", "Rhowch gyfrinair";
    password_too_short(least: usize): "Password must be {least} characters or more",
        "Rhaid i'r cyfrinair fod yn {least} nod neu fwy";
    password_too_long(most: usize): "Password must be {most} characters or fewer",
        "Rhaid i'r cyfrinair fod yn {most} nod neu lai";
    password_is_email: "Password must not be your email address",
        "Rhaid i'r cyfrinair beidio â bod yr un fath â'ch cyfeiriad e-bost";
    password_common: "This password is one of those that are tried first. Choose another",
        "Mae'r cyfrinair hwn yn un o'r rhai sy'n cael eu rhoi ar brawf gyntaf. Dewiswch un arall";
    password_breached:
        "This password was in a data breach, so people who break into accounts know it. Choose another",
        "Roedd y cyfrinair hwn mewn achos o dor data, felly mae pobl sy'n torri i mewn i gyfrifon yn ei wybod. Dewiswch un arall";
    too_many_times(after: &str): "You have tried too many times. Try again after {after}",
        "Rydych wedi rhoi cynnig arni ormod o weithiau. Rhowch gynnig arall arni ar ôl {after}";
    too_many_passwords(after: &str):
        "Too many passwords were tried, here or somewhere else. Try again after {after}, sign in with a passkey, or use a browser in which you have signed in before",
        "Cafodd gormod o gyfrineiriau eu rhoi ar brawf, yma neu yn rhywle arall. Rhowch gynnig arall arni ar ôl {after}, mewngofnodwch gydag allwedd mynediad, neu defnyddiwch borwr rydych wedi mewngofnodi ynddo o'r blaen";
    enter_the_code: "Enter the 6 digits of your code", "Rhowch 6 digid eich cod";
    code_wrong: "This is not the code that we sent last. Check the code and enter it again",
        "Nid dyma'r cod a anfonwyd gennym ddiwethaf. Gwiriwch y cod a'i roi eto";
    code_spent: "This code can no longer be used. Ask for a new code",
        "Ni ellir defnyddio'r cod hwn mwyach. Gofynnwch am god newydd";
    no_more_codes: "We cannot send any more codes. Enter your email address to start again",
        "Ni allwn anfon rhagor o godau. Rhowch eich cyfeiriad e-bost i ddechrau eto";
}
