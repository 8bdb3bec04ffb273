//! A server that interleaves, and a client's turn at it.

use ntp::answer::Sample;
use ntp::bank::Frequency;
use ntp::interleave::{self, Pairs};
use ntp::packet::{self, Header, Mode, Request};
use ntp::source::{Heard, Polling, Source};
use ntp::time::{Raw, Short, Span, Stamp};

/// Each way, and what an answer waits between its stamp and the wire.
pub(crate) const WAY: Span = Span::from_nanos(100_000);
pub(crate) const HELD: Span = Span::from_nanos(400_000);
pub(crate) const THETA: Span = Span::from_secs(1_795_305_600);

/// Random enough for nonces, and the same each time.
pub(crate) fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (n ^ (n >> 31)) | 1
}

/// A server that shows the right time, how it keeps pairs, and the client's turn at it.
pub(crate) struct Pair {
    pub(crate) source: Source,
    pub(crate) now: Raw,
    pub(crate) nonces: u64,
    pub(crate) request: Request,
    pub(crate) pairs: Pairs,
}

impl Pair {
    /// Nothing was asked yet, of a server with these options.
    pub(crate) fn new(options: &str) -> Self {
        let config = ntp::config::parse(&format!("server 192.0.2.1 {options}")).unwrap();
        let polling: Polling = config.servers[0].polling;
        let now = Raw::from_nanos(1_000_000_000);
        let source = Source::new(polling, Frequency { ratio: 0.0, sd: 1e-4 }, now);
        let request = Request::from(Stamp(1));
        Self { source, now, nonces: 0, request, pairs: Pairs::default() }
    }

    /// Two exchanges after which answers are interleaved.
    pub(crate) fn settled() -> Self {
        let mut pair = Self::new("xleave");
        assert!(matches!(pair.exchange(), Heard::Sample(..)), "plain");
        assert_eq!(pair.exchange(), Heard::Known);
        pair
    }

    pub(crate) fn nonce(&mut self) -> Stamp {
        self.nonces += 1;
        Stamp(mixed(self.nonces))
    }

    /// Goes on to the next request and sends it.
    pub(crate) fn ask(&mut self) -> Request {
        self.now = self.source.deadline().unwrap();
        assert!(self.source.turn(self.now));
        let nonce = self.nonce();
        self.request = match self.source.shows() {
            Some(origin) => Request::interleaved(origin, self.nonce(), nonce),
            None => Request::from(nonce),
        };
        self.source.sent(self.request, self.now);
        self.request
    }

    /// What the server answers to the request, which it remembers.
    pub(crate) fn answer(&mut self) -> Header {
        let (asked, _) = packet::parse(&self.request.encode()).unwrap();
        let came = (self.now + WAY).wall(THETA);
        let stamp = Stamp::from_wall(came);
        let receive = self.pairs.unique(stamp);
        let last = self.pairs.last_answer_left(&asked);
        self.pairs.remember(receive, Stamp::from_wall(came + HELD));
        let (origin, left) = last.map_or((asked.transmit, stamp), |left| (asked.receive, left));
        Header {
            version: 4,
            mode: Mode::Server,
            stratum: 2,
            root_dispersion: Short::from_seconds(0.001),
            origin,
            receive,
            transmit: interleave::apart(left, receive),
            ..Header::default()
        }
    }

    pub(crate) fn hear(&mut self, header: &Header) -> Heard {
        self.source.hear(&header.encode(), self.now + WAY + HELD + WAY)
    }

    pub(crate) fn exchange(&mut self) -> Heard {
        self.ask();
        let answer = self.answer();
        self.hear(&answer)
    }

    /// An exchange whose answer is a sample.
    pub(crate) fn sample(&mut self) -> Sample {
        let heard = self.exchange();
        let Heard::Sample(sample, _) = heard else { panic!("{heard:?}") };
        sample
    }
}

pub(crate) fn is_sample(heard: &Heard) -> bool {
    matches!(heard, Heard::Sample(..))
}

/// What a stamp and the truth are rounded to.
pub(crate) fn near(span: Span, to: Span) -> bool {
    (span - to).abs() < Span::from_nanos(100)
}
