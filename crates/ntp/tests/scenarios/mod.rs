//! Conditions under which the accuracy of the whole client is measured, in the simulated world.
//! The example `accuracy` prints them all; a few are tests.

use crate::world::{Blow, Character, Peer, TODAY, World, setup};

/// One set of conditions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What chrony's own comparison says of chrony there, RMS error in microseconds.
    pub(crate) chrony: Option<f64>,
    /// Mean jitter each way, seconds; its shape, and its share on the way back.
    pub(crate) jitter: f64,
    pub(crate) shape: u16,
    pub(crate) jitter_back: f64,
    pub(crate) loss: f64,
    /// Random walk of the frequency, ratio per square root of a second.
    pub(crate) wander: f64,
    /// White noise of the frequency, ratio.
    pub(crate) white: f64,
    /// A temperature that swings over two hours: amplitude, ratio.
    pub(crate) swing: f64,
    /// The frequency jumps by this ratio, up and down, every 5000 s.
    pub(crate) jump: f64,
    /// The network is up for the first so many seconds of each day.
    pub(crate) up: f64,
    /// So many servers lie by half a second, of `servers`.
    pub(crate) liars: usize,
    pub(crate) servers: usize,
    pub(crate) options: &'static str,
    /// How long it lasts, and from when on it counts, seconds.
    pub(crate) seconds: u32,
    pub(crate) from: u32,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// RMS time error, seconds, and frequency error, ratio.
    pub(crate) time: f64,
    pub(crate) frequency: f64,
    /// From when on the error stayed below a millisecond within the first hour, seconds.
    pub(crate) millisecond: u32,
    pub(crate) requests: usize,
}

const DAY: f64 = 86_400.0;

const PLAIN: Scenario = Scenario {
    name: "",
    chrony: None,
    jitter: 1e-4,
    shape: 1,
    jitter_back: 1.0,
    loss: 0.0,
    wander: 1e-9,
    white: 0.0,
    swing: 0.0,
    jump: 0.0,
    up: DAY,
    liars: 0,
    servers: 1,
    options: "iburst minpoll 6 maxpoll 10",
    seconds: 40_000,
    from: 8_000,
};

const FIXED: Scenario =
    Scenario { wander: 1e-8, options: "iburst minpoll 6 maxpoll 6", seconds: 20_000, ..PLAIN };

const DIALED: Scenario = Scenario { up: 1800.0, seconds: 6 * 86_400, from: 86_400, ..PLAIN };

const fn row(of: Scenario, name: &'static str, jitter: f64, chrony: f64) -> Scenario {
    Scenario { name, jitter, chrony: Some(chrony), ..of }
}

/// All of them.
pub(crate) const ALL: &[Scenario] = &[
    row(PLAIN, "test 1, 10 us", 1e-5, 35.0),
    row(PLAIN, "test 1, 100 us", 1e-4, 109.0),
    row(PLAIN, "test 1, 1 ms", 1e-3, 475.0),
    row(PLAIN, "test 1, 10 ms", 1e-2, 1603.0),
    row(FIXED, "test 2, 10 us", 1e-5, 14.0),
    row(FIXED, "test 2, 100 us", 1e-4, 56.0),
    row(FIXED, "test 2, 1 ms", 1e-3, 229.0),
    row(FIXED, "test 2, 10 ms", 1e-2, 750.0),
    row(DIALED, "test 3, 10 us", 1e-5, 7273.0),
    row(DIALED, "test 3, 1 ms", 1e-3, 10_706.0),
    row(DIALED, "test 3, 10 ms", 1e-2, 26_105.0),
    Scenario { name: "white noise 1 ppm", white: 1e-6, wander: 0.0, jitter: 1e-3, ..PLAIN },
    Scenario { name: "temperature 1 ppm", swing: 1e-6, ..PLAIN },
    Scenario { name: "jumps of 5 ppm", jump: 5e-6, ..PLAIN },
    Scenario { name: "wander 100 ppb/s", wander: 1e-7, jitter: 1e-3, ..PLAIN },
    Scenario { name: "a fifth lost", loss: 0.2, jitter: 1e-3, ..PLAIN },
    Scenario { name: "queues one way", jitter_back: 0.1, jitter: 1e-3, ..PLAIN },
    Scenario { name: "gamma of shape 4", shape: 4, jitter: 1e-2, ..FIXED },
    Scenario { name: "1 of 4 lies", liars: 1, servers: 4, jitter: 1e-3, ..FIXED },
];

/// Lives through it.
pub(crate) fn measure(scenario: &Scenario, seed: u64) -> Measured {
    let peer = |index: usize| Peer {
        path: 1e-4,
        jitter: scenario.jitter,
        shape: scenario.shape,
        jitter_back: scenario.jitter_back,
        loss: scenario.loss,
        ..Peer::new(if index < scenario.liars { Character::Off(0.5) } else { Character::Honest })
    };
    let peers: Vec<Peer> = (0..scenario.servers).map(peer).collect();
    let setup = setup(scenario.servers, scenario.options);
    let mut world = World::new(seed * 7919 + 13, TODAY, 0.01, 1e-4, setup, &peers);
    world.clock.wander = scenario.wander;
    let (mut time, mut frequency, mut counted, mut millisecond) = (0.0, 0.0, 0.0, 0);
    for second in 0..scenario.seconds {
        let seconds = f64::from(second);
        let phase = seconds * core::f64::consts::TAU / 7200.0;
        world.clock.sway = scenario.white * world.chance.normal() + scenario.swing * phase.sin();
        if second % 5000 == 4999 {
            let sign = if second % 10_000 < 5000 { 1.0 } else { -1.0 };
            world.strike(Blow::Speed(sign * scenario.jump));
        }
        for peer in &mut world.peers {
            peer.loss = if seconds % DAY < scenario.up { scenario.loss } else { 2.0 };
        }
        world.run(1.0);
        if world.error().abs() > 1e-3 && second < 3600 {
            millisecond = second + 1;
        }
        if second >= scenario.from {
            time += world.error().powi(2);
            frequency += world.rate().powi(2);
            counted += 1.0;
        }
    }
    let (time, frequency) = ((time / counted).sqrt(), (frequency / counted).sqrt());
    Measured { time, frequency, millisecond, requests: world.requests }
}
