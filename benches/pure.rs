//! What is decided for every line, every death and every packet, without a system call.
//!
//! ```text
//! cargo bench --bench pure [-- PART_OF_A_NAME]
//! ```

#![allow(clippy::unwrap_used, reason = "what fails here fails the measurement")]

use std::hint::black_box;
use std::time::Duration;

use contract::status::Wish;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use logger::{Localizer, Prefixer, Script, Sieve};
use service::words::{End, Event, Pid, Survivors};
use service::{Boottime, Monotonic, Now, Service};
use tai::Stamp;

/// What one read of a logger brings at most.
const BLOCK: usize = 64 * 1024;
/// Bytes in a line, its end included.
const LINE: usize = 100;

fn main() {
    divan::main();
}

fn block() -> Vec<u8> {
    let mut line = vec![b'x'; LINE - 1];
    line.push(b'\n');
    line.repeat(BLOCK / LINE)
}

fn stamp(second: u64) -> Stamp {
    Stamp::from_unix(Duration::from_secs(second))
}

/// multilog's actions on a block of lines.
#[divan::bench(args = ["", "t", "-*y* +*", "t -*error* e*x*"])]
fn multilog(bencher: Bencher<'_, '_>, actions: &str) {
    let block = block();
    let words = actions.split_ascii_whitespace().chain(["./main"]).map(str::as_bytes);
    let script = Script::parse(words, |_| None).unwrap();
    let mut sieve = Sieve::new(script, |_| None);
    bencher.counter(BytesCount::new(block.len())).bench_local(|| {
        let mut rest = &block[..];
        while !rest.is_empty() {
            let taken = sieve.feed(rest, || stamp(1_000_000_000));
            let outputs = sieve.outputs();
            outputs.logs.iter_mut().for_each(Vec::clear);
            outputs.alerts.clear();
            rest = &rest[taken..];
        }
    });
}

#[divan::bench]
fn tai64n(bencher: Bencher<'_, '_>) {
    let (block, mut prefixer, mut out) = (block(), Prefixer::default(), Vec::new());
    bencher.counter(ItemsCount::new(BLOCK / LINE)).bench_local(|| {
        out.clear();
        prefixer.feed(&block, || stamp(1_000_000_000), &mut out);
        black_box(out.len())
    });
}

#[divan::bench]
fn tai64nlocal(bencher: Bencher<'_, '_>) {
    let (mut stamped, mut second) = (Vec::new(), 1_000_000_000);
    let mut next = || {
        second += 1;
        stamp(second)
    };
    Prefixer::default().feed(&block(), &mut next, &mut stamped);
    let (mut localizer, mut out) = (Localizer::default(), Vec::new());
    bencher.counter(ItemsCount::new(BLOCK / LINE)).bench_local(|| {
        out.clear();
        localizer.feed(&stamped, &mut |unix| Some(civil(unix)), &mut out);
        black_box(out.len())
    });
}

/// A zone that has the same day for ever: the zone itself is the C library's.
fn civil(unix: i64) -> logger::Civil {
    let second = u8::try_from(unix.rem_euclid(60)).unwrap_or(0);
    let minute = u8::try_from(unix.div_euclid(60).rem_euclid(60)).unwrap_or(0);
    logger::Civil { year: 2001, month: 9, day: 9, hour: 1, minute, second }
}

/// A death and the next start, as the machine of a service lives them.
#[divan::bench]
fn death_and_start(bencher: Bencher<'_, '_>) {
    let at = |secs| {
        let time = Duration::from_secs(secs);
        Now { monotonic: Monotonic(time), boottime: Boottime(time) }
    };
    let mut service = Service::new(at(0), Wish::Up, 1);
    let (mut secs, mut pid) = (0, 1);
    service.step(at(0), Event::Tick);
    service.step(at(0), Event::Started(Ok(Pid(pid))));
    bencher.bench_local(|| {
        secs += 60;
        service.step(at(secs), Event::Ended(Pid(pid), End::Exited(1)));
        service.step(at(secs), Event::Survivors(Survivors::default()));
        service.step(at(secs), Event::Finishing(Ok(None)));
        pid += 1;
        service.step(at(secs), Event::Started(Ok(Pid(pid))));
        assert_eq!(service.pid(), Some(Pid(pid)));
    });
}

/// A packet of a server, read.
#[divan::bench]
fn ntp_packet(bencher: Bencher<'_, '_>) {
    let bytes = ntp::packet::Header { version: 4, ..Default::default() }.encode();
    bencher.bench_local(|| ntp::packet::parse(black_box(&bytes)));
}
