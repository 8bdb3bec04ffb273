//! Stories of ntpd's life, one by one.

use super::life::{Birth, Life};

#[test]
fn it_learns_the_frequency_keeps_the_time_and_writes_down_what_it_knows() {
    let mut life = Life::begin(Birth::with(3));
    life.run(300.0);
    assert!(life.run(20_000.0) < 0.001, "{}", life.log());
    println!("{}", life.log());
    let drift: f64 = life.file("drift").trim().parse().unwrap();
    assert!((drift + 30.0).abs() < 0.1, "{drift}");
}
