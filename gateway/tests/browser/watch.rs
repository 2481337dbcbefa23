//! The watchers themselves: they must see what is wrong, or their silence would mean nothing.

use crate::every_page;
use crate::person::World;

#[tokio::test]
async fn what_breaks_the_content_security_policy_is_heard_and_does_not_run() {
    let world = World::start().await;
    let page = world.page().await;
    page.open_at("/", "One account for public services").await;
    assert_eq!(world.browser.take_noise(), Vec::<String>::new());
    page.eval(
        "const script = document.createElement('script');
         script.textContent = 'window.ran = true';
         document.body.append(script);
         document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\" onclick=\"alert(1)\">x</p>')",
    )
    .await;
    assert_eq!(page.eval("window.ran === true").await, false);
    let heard = async {
        let mut heard = Vec::new();
        while heard.len() < 2 {
            heard.extend(world.browser.take_noise());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        heard
    };
    let heard = tokio::time::timeout(crate::support::browser::PATIENCE, heard).await.expect("complaints").join("\n");
    assert!(heard.contains("Content Security Policy") && heard.contains("script-src"), "{heard}");
    let found = every_page::faults(&page).await.join("\n");
    assert!(found.contains("inline"), "{found}");
    world.browser.take_noise();
}

#[tokio::test]
async fn what_is_not_accessible_is_found() {
    let world = World::start().await;
    let page = world.page().await;
    page.open_at("/", "One account for public services").await;
    page.look(320, "light").await;
    assert_eq!(every_page::faults(&page).await, Vec::<String>::new());
    page.eval(
        "const main = document.querySelector('main');
         main.insertAdjacentHTML('beforeend', '<input><img src=\"/assets/favicon.svg\" width=\"400\">')",
    )
    .await;
    let found = every_page::faults(&page).await.join("\n");
    for fault in ["label at", "image-alt at", "wider than the window"] {
        assert!(found.contains(fault), "{fault} is not in {found}");
    }
}
