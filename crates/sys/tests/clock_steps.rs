//! Nothing here sets the clock: that it is noticed when somebody does is left to a machine that may
//! be spoilt.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use std::os::fd::AsFd as _;
use sys::clock_steps::ClockSteps;
use sys::epoll::Poller;

#[test]
fn no_step_is_seen_where_nobody_took_one() {
    let steps = ClockSteps::watch().unwrap();
    let poller = Poller::new().unwrap();
    poller.add(steps.as_fd(), 7).unwrap();
    for _ in 0..3 {
        assert!(!steps.taken().unwrap());
        let mut ready = Vec::new();
        poller.wait::<4>(Some(Duration::from_millis(20)), &mut ready).unwrap();
        assert_eq!(ready, [], "it asks for no attention");
    }
}
