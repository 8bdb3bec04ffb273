//! Whoever is found at one address by several names is one server: it has one vote, and it is asked
//! in the strongest way that any of its names wants. Who is to prove what he says is not believed
//! without a proof because another line names him too.

use core::net::SocketAddr;

use crate::config::Proof;

use super::names::Place;
use super::{Action, Client, Level, ServerId};

impl Client {
    /// Whether somebody is asked at this address already, or is to be, at least as strongly as
    /// `server` would be. Who is asked there in a weaker way is not any more.
    pub(super) fn is_taken(
        &mut self,
        server: ServerId,
        at: SocketAddr,
        actions: &mut Vec<Action>,
    ) -> bool {
        let strength = self.proof_of(server).strength();
        let others = (0..self.configured.len()).map(ServerId).filter(|other| *other != server);
        let mut stronger = others.filter(|other| self.proof_of(*other).strength() > strength);
        if let Some(stronger) = stronger.find(|other| self.has_proven_at(*other, at)) {
            self.say_twins(server, stronger, at, actions);
            return true;
        }
        let weaker = |known: ServerId| self.proof_of(known).strength() < strength;
        let known = self.entries.iter().find(|entry| entry.address == at);
        match known.map(|entry| entry.server) {
            Some(known) if weaker(known) => {
                self.say_twins(known, server, at, actions);
                self.forget(actions, |entry| entry.address == at);
                false
            }
            known => known.is_some(),
        }
    }

    /// Whether a server that proves what it says was found at this address last, be it lost now or
    /// not believed.
    fn has_proven_at(&self, server: ServerId, at: SocketAddr) -> bool {
        self.configured.get(server.0).is_some_and(|configured| configured.proven_at == Some(at))
    }

    /// Says it once of the weaker one.
    fn say_twins(
        &mut self,
        weaker: ServerId,
        stronger: ServerId,
        at: SocketAddr,
        actions: &mut Vec<Action>,
    ) {
        let how = match self.proof_of(stronger) {
            Proof::None => String::new(),
            Proof::Key(key) => format!(" with key {key}"),
            Proof::Nts(_) => " by NTS".to_owned(),
        };
        let name = |id: ServerId| self.configured.get(id.0).map(|it| it.server.name.clone());
        let (Some(of_weaker), Some(of_stronger)) = (name(weaker), name(stronger)) else { return };
        let Some(configured) = self.configured.get_mut(weaker.0) else { return };
        if std::mem::replace(&mut configured.is_twin, true) {
            return;
        }
        let what = match (&configured.place, configured.server.pool) {
            (Place::Numeric(_), _) => format!("{of_weaker} is"),
            (Place::Named(_), true) => format!("{at} of the pool {of_weaker} is"),
            (Place::Named(_), false) => format!("{of_weaker}, at {at}, is"),
        };
        let text = format!("{what} {of_stronger}, which is asked{how} and in no other way");
        actions.push(Action::Say(Level::Warning, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::Frequency;
    use crate::client::{Authority, Event, Setup, SourceId};
    use crate::config;
    use crate::discipline::Policy;
    use crate::time::{Now, Raw, Span};

    fn now() -> Now {
        Now { raw: Raw::default() + Span::from_secs(1000), ..Now::default() }
    }

    fn client(configuration: &str) -> Client {
        let setup = Setup {
            servers: config::parse(configuration).unwrap().servers,
            policy: Policy { step: None, panic: None, any_first: false },
            authority: Authority::Observe,
            once: false,
            frequency: Frequency { ratio: 0.0, sd: 1e-4 },
            prepares: false,
            known: Vec::new(),
            permit: String::new(),
            announced: true,
        };
        Client::new(setup, now())
    }

    fn asked(client: &Client) -> Vec<(SocketAddr, Proof)> {
        let proof = |id: SourceId| client.proof(id).map(|(_, proof)| proof.clone());
        let asked = client.entries.iter().map(|entry| (entry.address, proof(entry.id).unwrap()));
        asked.collect()
    }

    fn warnings(actions: &[Action]) -> Vec<&str> {
        let warning = |action| {
            let &Action::Say(Level::Warning, ref text) = action else { return None };
            Some(text.as_str())
        };
        actions.iter().filter_map(warning).collect()
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    const SAID: &str = "plain.example, at 192.0.2.1:123, is nts.example, which is asked by NTS and \
                        in no other way";

    #[test]
    fn a_server_that_turns_out_to_be_one_of_nts_is_not_asked_plainly_any_more() {
        let mut client = client("server plain.example\nserver nts.example nts");
        let (plain, nts) = (ServerId(0), ServerId(1));
        client.step(now(), Event::Resolved(plain, vec![at("192.0.2.1:123").ip()]));
        assert_eq!(asked(&client), [(at("192.0.2.1:123"), Proof::None)]);
        let gone = client.entries[0].id;
        let actions = client.step(now(), Event::Negotiated(nts, at("192.0.2.1:123")));
        assert_eq!(asked(&client), [(at("192.0.2.1:123"), Proof::Nts(None))]);
        assert!(actions.contains(&Action::Forget(gone)));
        assert_eq!(warnings(&actions), [SAID]);
        // Nor where it is not believed any more.
        client.step(now(), Event::Distrusted(nts, "it has expired".to_owned()));
        assert_eq!(asked(&client), []);
        let again = Event::Resolved(plain, vec![at("192.0.2.1:123").ip()]);
        let actions = client.step(now(), again);
        assert_eq!((asked(&client), warnings(&actions)), (vec![], vec![]), "it was said");
        // Once it has moved, the plain one may be whoever it is.
        client.step(now(), Event::Negotiated(nts, at("192.0.2.9:123")));
        client.step(now(), Event::Resolved(plain, vec![at("192.0.2.1:123").ip()]));
        assert_eq!(asked(&client).len(), 2);
    }

    #[test]
    fn the_order_makes_no_difference_and_a_pool_has_the_others() {
        let mut client = client("server nts.example nts\npool plain.example");
        let (nts, pool) = (ServerId(0), ServerId(1));
        client.step(now(), Event::Negotiated(nts, at("192.0.2.1:123")));
        let found = ["192.0.2.1:123", "192.0.2.2:123"].map(|text| at(text).ip()).to_vec();
        let actions = client.step(now(), Event::Resolved(pool, found.clone()));
        let expected =
            [(at("192.0.2.1:123"), Proof::Nts(None)), (at("192.0.2.2:123"), Proof::None)];
        assert_eq!(asked(&client), expected);
        let said = "192.0.2.1:123 of the pool plain.example is nts.example, which is asked by NTS \
                    and in no other way";
        assert!(warnings(&actions).is_empty() || warnings(&actions) == [said], "{actions:?}");
        client.step(now(), Event::Distrusted(nts, "it has expired".to_owned()));
        client.step(now(), Event::Resolved(pool, found));
        assert_eq!(asked(&client), [(at("192.0.2.2:123"), Proof::None)]);
    }

    #[test]
    fn a_key_is_stronger_than_nothing_and_equal_ones_are_asked_once() {
        let mut client =
            client("server 192.0.2.1\nserver k key 5\nserver l key 6\nserver 192.0.2.1:123");
        assert_eq!(asked(&client), [(at("192.0.2.1:123"), Proof::None)]);
        let found = vec![at("192.0.2.1:123").ip()];
        let actions = client.step(now(), Event::Resolved(ServerId(1), found.clone()));
        assert_eq!(asked(&client), [(at("192.0.2.1:123"), Proof::Key(5))]);
        let said = "192.0.2.1 is k, which is asked with key 5 and in no other way";
        assert_eq!(warnings(&actions), [said]);
        let actions = client.step(now(), Event::Resolved(ServerId(2), found));
        assert_eq!(asked(&client), [(at("192.0.2.1:123"), Proof::Key(5))]);
        assert!(warnings(&actions).is_empty());
    }

    #[test]
    fn another_port_is_another_server() {
        let mut client = client("server plain.example:1123\nserver nts.example nts");
        client.step(now(), Event::Resolved(ServerId(0), vec![at("192.0.2.1:123").ip()]));
        client.step(now(), Event::Negotiated(ServerId(1), at("192.0.2.1:123")));
        assert_eq!(asked(&client).len(), 2);
    }
}
