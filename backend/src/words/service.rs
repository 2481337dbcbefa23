//! What a person reads between us and a service that asks for them: consent, the end of a session, a service's mistake.

words! {
    why_password: "This service needs your password. Sign in with your email address and password to go on.",
        "Mae angen eich cyfrinair ar y gwasanaeth hwn. Mewngofnodwch gyda'ch cyfeiriad e-bost a'ch cyfrinair i barhau.";

    add_a_way: "Add a way to sign in", "Ychwanegu ffordd o fewngofnodi";
    service_needs_a_way: "{} needs you to sign in in a way that your account does not have yet.",
        "Mae {} yn gofyn i chi fewngofnodi mewn ffordd nad oes gan eich cyfrif eto.";
    way_passkey: "A passkey", "Allwedd mynediad";
    way_second_step: "A second step after your password", "Ail gam ar ôl eich cyfrinair";
    way_second_step_why:
        "After your password you enter a code that we send to your telephone, or that an app on it shows.",
        "Ar ôl eich cyfrinair byddwch yn rhoi cod a anfonwn i'ch ffôn, neu a ddangosir gan ap arno.";
    set_up_a_second_step: "Set up a second step", "Gosod ail gam";
    way_password: "A password", "Cyfrinair";
    way_password_why: "You sign in with your email address and a password that only you know.",
        "Byddwch yn mewngofnodi gyda'ch cyfeiriad e-bost a chyfrinair nad oes neb ond chi yn ei wybod.";
    choose_your_password: "Choose a password", "Dewis cyfrinair";
    we_bring_you_back: "When you have added it, we bring you back to the service.",
        "Pan fyddwch wedi'i ychwanegu, byddwn yn dod â chi yn ôl i'r gwasanaeth.";
    go_back_without: "Go back to the service without adding anything",
        "Mynd yn ôl i'r gwasanaeth heb ychwanegu dim";

    share_your_information: "Share your information", "Rhannu eich gwybodaeth";
    service_asks_to_know: "{} asks to know:", "Mae {} yn gofyn am gael gwybod:";
    what_it_is_used_for: "It uses this to give you its service. We share nothing else about you.",
        "Mae'n defnyddio hyn i roi ei wasanaeth i chi. Nid ydym yn rhannu dim byd arall amdanoch chi.";
    can_stop_sharing: "You can stop sharing in your account at any time.",
        "Gallwch roi'r gorau i rannu yn eich cyfrif ar unrhyw adeg.";
    agree_and_continue: "Agree and continue", "Cytuno a pharhau";
    do_not_share: "Do not share", "Peidio â rhannu";
    fact_it_is_you: "that it is you, each time you sign in to it",
        "mai chi sydd yno, bob tro y byddwch yn mewngofnodi iddo";
    fact_profile: "your NHS number, family name and date of birth", "eich rhif GIG, eich cyfenw a'ch dyddiad geni";
    fact_basic_demographics: "your family name and date of birth", "eich cyfenw a'ch dyddiad geni";
    fact_nhs_number: "your NHS number", "eich rhif GIG";
    fact_family_name: "your family name", "eich cyfenw";
    fact_birthdate: "your date of birth", "eich dyddiad geni";
    fact_identity_level: "how thoroughly your identity was checked", "pa mor drylwyr y gwiriwyd pwy ydych chi";
    fact_first_name: "your first name", "eich enw cyntaf";
    fact_email: "your email address", "eich cyfeiriad e-bost";
    fact_phone: "your mobile phone number", "eich rhif ffôn symudol";
    fact_landline: "your landline number", "eich rhif ffôn llinell dir";
    fact_gp_surgery: "which GP surgery you are registered with", "gyda pha feddygfa rydych wedi cofrestru";
    fact_gp_record: "what opens your record at your GP surgery", "yr hyn sy'n agor eich cofnod yn eich meddygfa";
    fact_core_identity: "your name and date of birth, and that we have checked them",
        "eich enw a'ch dyddiad geni, a'n bod wedi'u gwirio";
    fact_metadata: "what it has noted about you before", "yr hyn y mae wedi'i nodi amdanoch chi o'r blaen";

    services: "Services", "Gwasanaethau";
    of_services: "the services you use", "y gwasanaethau rydych yn eu defnyddio";
    services_title: "Services you use", "Gwasanaethau rydych yn eu defnyddio";
    what_services_are: "You have signed in to these services and agreed that they may know something about you.",
        "Rydych wedi mewngofnodi i'r gwasanaethau hyn ac wedi cytuno iddynt gael gwybod rhywbeth amdanoch chi.";
    no_services: "You have not shared anything about you with a service.",
        "Nid ydych wedi rhannu dim amdanoch chi gyda gwasanaeth.";
    it_may_know: "It may know", "Caiff wybod";
    it_could_know_before: "Before, it could also know", "Yn y gorffennol, câi hefyd wybod";
    proof_of_who_you_are: "Proof of who you are", "Prawf o bwy ydych chi";
    level_low: "Low: your email address", "Isel: eich cyfeiriad e-bost";
    level_medium: "Medium: some of your details were checked", "Canolig: gwiriwyd rhai o'ch manylion";
    level_high: "High: your identity was checked", "Uchel: gwiriwyd pwy ydych chi";
    sharing_since: "Sharing since", "Yn rhannu ers";
    stop_sharing: "Stop sharing", "Rhoi'r gorau i rannu";
    stop_sharing_with(service: &str): "Stop sharing with {service}?", "Rhoi'r gorau i rannu â {service}?";
    stop_sharing_why: "It is signed out at once and can find out nothing more about you from us. It may keep what it knows already: ask the service about that. If you sign in to it again, we will ask you first.",
        "Caiff ei allgofnodi ar unwaith ac ni all gael gwybod dim mwy amdanoch chi gennym ni. Efallai y bydd yn cadw'r hyn y mae'n ei wybod yn barod: gofynnwch i'r gwasanaeth am hynny. Os byddwch yn mewngofnodi iddo eto, byddwn yn gofyn i chi yn gyntaf.";
    done_sharing_stopped: "You share nothing with this service any more",
        "Nid ydych yn rhannu dim gyda'r gwasanaeth hwn mwyach";

    do_you_want_to_sign_out: "Do you want to sign out?", "Ydych chi am allgofnodi?";
    service_asks_to_sign_out:
        "A service asks us to sign you out on this device. You may still be signed in to the service itself.",
        "Mae gwasanaeth yn gofyn i ni eich allgofnodi ar y ddyfais hon. Efallai y byddwch yn dal wedi mewngofnodi i'r gwasanaeth ei hun.";
    stay_signed_in: "Stay signed in", "Aros wedi mewngofnodi";

    this_took_too_long: "This took too long", "Cymerodd hyn ormod o amser";
    an_hour_to_sign_in: "For your security, you have an hour to sign in once a service has sent you here.",
        "Er eich diogelwch, mae gennych awr i fewngofnodi ar ôl i wasanaeth eich anfon yma.";
    start_again_at_the_service: "Go back to the service and start again.",
        "Ewch yn ôl i'r gwasanaeth a dechrau eto.";
    problem_with_the_service: "There is a problem with the service", "Mae problem gyda'r gwasanaeth";
    you_have_done_nothing_wrong:
        "The service that sent you here asked us in a way that we cannot accept. You have done nothing wrong, and nothing about you was shared.",
        "Gofynnodd y gwasanaeth a'ch anfonodd yma i ni mewn ffordd na allwn ei derbyn. Nid ydych wedi gwneud dim o'i le, ac ni rannwyd dim amdanoch chi.";
    tell_the_service: "Go back to the service and try again. If it happens again, tell the service:",
        "Ewch yn ôl i'r gwasanaeth a rhoi cynnig arall arni. Os bydd yn digwydd eto, dywedwch wrth y gwasanaeth:";
}
