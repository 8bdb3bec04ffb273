//! How accurate the client is: RMS errors over several lives in a simulated world, with what chrony
//! publishes of itself beside them where the conditions are the same (chrony's comparison of NTP
//! implementations). `cargo run --release --example accuracy [LIVES]`

#[allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "the tests use the rest")]
#[path = "../crates/ntp/tests/scenarios/mod.rs"]
mod scenarios;
#[allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "the tests use the rest")]
#[path = "../crates/ntp/tests/world/mod.rs"]
mod world;

use std::io::Write as _;

/// Lives for each row, unless it is said.
const LIVES: u64 = 8;

fn main() -> anyhow::Result<()> {
    let lives = std::env::args().nth(1).map_or(Ok(LIVES), |text| text.parse())?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{:20} {:>20} {:>8} {:>10} {:>8} {:>8}",
        "", "time, us", "chrony", "freq, ppb", "< 1 ms", "requests"
    )?;
    for scenario in scenarios::ALL {
        let all: Vec<_> = (1..=lives).map(|seed| scenarios::measure(scenario, seed)).collect();
        let count = f64::from(u32::try_from(all.len())?);
        let mean = |of: fn(&scenarios::Measured) -> f64| -> f64 {
            all.iter().map(of).sum::<f64>() / count
        };
        let time = mean(|one| one.time);
        let spread = all.iter().map(|one| (one.time - time).powi(2)).sum::<f64>() / count;
        let requests = all.iter().map(|one| one.requests).sum::<usize>() / all.len();
        let chrony = scenario.chrony.map_or_else(String::new, |rms| format!("{rms:.0}"));
        writeln!(
            out,
            "{:20} {:>10.1} +- {:>6.1} {chrony:>8} {:>10.1} {:>6.0} s {requests:>8}",
            scenario.name,
            time * 1e6,
            spread.sqrt() * 1e6,
            mean(|one| one.frequency) * 1e9,
            mean(|one| f64::from(one.millisecond)),
        )?;
    }
    Ok(())
}
