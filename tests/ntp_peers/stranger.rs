//! Somebody who asks at the port of our ntpd, and what he hears.

use std::io;
use std::net::UdpSocket;

use ntp::packet::{self, HEADER};
use ntp::time::Stamp;

use super::peers::PATIENCE;

pub(crate) struct Stranger(pub(crate) UdpSocket);

impl Stranger {
    pub(crate) fn at(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    pub(crate) fn say(&self, bytes: &[u8]) {
        self.0.send(bytes).unwrap();
    }

    pub(crate) fn hear(&self) -> Vec<u8> {
        let mut buffer = [0; 2000];
        // Whoever is stopped and goes on has his wait broken off (signal(7)).
        let is_over = |received: &io::Result<usize>| {
            !received.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
        };
        let mut tries = std::iter::repeat_with(|| self.0.recv(&mut buffer));
        let length = tries.find(is_over).unwrap().unwrap();
        buffer[..length].to_vec()
    }

    pub(crate) fn ask(&self, question: &[u8]) -> Vec<u8> {
        self.say(question);
        self.hear()
    }

    /// What a plain question is answered comes next: those before it got nothing.
    pub(crate) fn gets_nothing(&self, question: &[u8]) {
        self.say(question);
        let nonce = Stamp(0x1122_3344_5566_7788);
        let answer = self.ask(&packet::request(nonce));
        let (header, _) = packet::parse(&answer).unwrap();
        assert_eq!((answer.len(), header.origin), (HEADER, nonce));
    }
}
