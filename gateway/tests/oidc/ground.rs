//! An Aldgate that knows a sample's services, one of them that runs, and what somebody does there.

use crate::person::World;
use crate::sample::{Sample, learnt};
use crate::service::Service;
use crate::support::browser::Page;
use serde_json::Value;
use std::process::Command;

pub(crate) struct Ground {
    pub(crate) world: World,
    pub(crate) service: Service,
    _sample: Sample,
}

impl Ground {
    /// Lays out a sample, whose services have their keys already, and starts one of them on a port by a command.
    pub(crate) async fn of(sample: Sample, port: u16, command: impl AsyncFnOnce(&Sample, &World) -> Command) -> Self {
        let world = World::start_with(&sample.registrations()).await;
        sample.lay_out(&format!("http://localhost:{}", world.instance.ports.http));
        let service = Service::start(&mut command(&sample, &world).await, port).await;
        Self { world, service, _sample: sample }
    }

    /// A page of the service, and what it has learnt.
    pub(crate) async fn at(&self, page: &Page, path: &str, h1: &str) -> Value {
        page.open_at(&format!("{}{path}", self.service.origin), h1).await;
        learnt(page).await
    }

    /// Somebody with a password, signed in at the service.
    pub(crate) async fn welcomed(&self, page: &Page, email: &str) -> Value {
        self.world.register_with_password(page, email).await;
        page.open_at(&self.service.origin, "Share your information").await;
        page.press("Agree and continue").await;
        page.arrive("Welcome to the service").await;
        learnt(page).await
    }
}
