//! The waiting room in a real browser: the page is accessible, and lets somebody in when it is their turn.

use crate::hand_off::faults_everywhere;
use crate::person::World;

#[tokio::test]
async fn a_person_waits_for_their_turn_and_goes_in() {
    let world = World::start_with("[waiting_room]\npeople = 1").await;
    let (inside, waits) = (world.page().await, world.page().await);
    inside.open_at("/register", "What is your email address?").await;
    waits.open_at("/sign-in?return_to=%2Fdemo%2F", "You are in a queue").await;
    waits.assert_says("Your place").await;
    assert_eq!(faults_everywhere(&waits, "waiting_room").await, [""; 0]);
    waits.press("Sign in with a passkey").await;
    waits.arrive("Sign in with a passkey").await;
    waits.press("Go back to the queue").await;
    waits.arrive("You are in a queue").await;
    waits.open_at("/sign-in?ui_locales=cy", "Rydych mewn ciw").await;
    assert_eq!(faults_everywhere(&waits, "waiting_room-in-Welsh").await, [""; 0]);
    waits.press("Mewngofnodi gydag allwedd mynediad").await;
    waits.arrive("Mewngofnodi gydag allwedd mynediad").await;
    waits.press("Mynd yn ôl i'r ciw").await;
    waits.arrive("Rydych mewn ciw").await;
    waits.open_at("/sign-in?ui_locales=en", "You are in a queue").await;
    world.register_with_password(&inside, "ada@example.org").await;
    waits.press("Look again now").await;
    waits.arrive("Sign in").await;
    waits.assert_says("Create an account").await;
}
