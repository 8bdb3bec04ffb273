use super::*;

const LINK: bool = true;
const DIR: bool = false;

struct Story {
    set: Set,
    now: Monotonic,
}

impl Story {
    fn new() -> Self {
        let mut set = Set::new(3);
        set.settle();
        Self { set, now: Monotonic(Duration::from_secs(1000)) }
    }

    fn sees(&mut self, name: &str, ino: u64, is_link: bool) -> Option<Action> {
        self.sees_changed(name, ino, is_link, 0)
    }

    fn sees_changed(&mut self, name: &str, ino: u64, is_link: bool, at: i128) -> Option<Action> {
        let identity = Identity { dev: 1, ino };
        let sighting = Sighting { identity, is_dir: true, is_link, changed: at };
        self.set.step(self.now, Event::Seen(name.into(), Ok(sighting)))
    }

    fn loses(&mut self, name: &str) {
        assert_eq!(self.set.step(self.now, Event::Gone(name.into())), None);
    }

    fn left(&mut self, entry: u32, all: bool) {
        let entry = EntryId(entry);
        assert_eq!(self.set.step(self.now, Event::Left { entry, all }), None);
    }

    fn waits(&mut self, secs: u64) {
        self.now = self.now + Duration::from_secs(secs);
    }

    fn due(&self) -> Vec<OsString> {
        self.set.due(self.now)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "reads as what a step gives")]
fn start(entry: u32, name: &str) -> Option<Action> {
    Some(Action::Start(EntryId(entry), name.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "reads as what a step gives")]
fn refuse(name: &str, why: Refusal) -> Option<Action> {
    Some(Action::Refuse(name.into(), why))
}

#[test]
fn a_link_is_a_service_at_once_and_only_once() {
    let mut story = Story::new();
    assert_eq!(story.sees("a", 1, LINK), start(0, "a"));
    let again = story.sees("a", 1, LINK);
    assert_eq!(again, Some(Action::Rename(EntryId(0), "a".into())), "it may have moved");
    assert_eq!(story.set.deadline(), None, "nothing to wake up for");
}

#[test]
fn a_directory_is_taken_when_it_has_been_left_alone_for_a_while() {
    let mut story = Story::new();
    assert_eq!(story.sees_changed("a", 1, DIR, 5), None);
    assert!(story.due().is_empty());
    story.waits(1);
    assert_eq!(story.due(), ["a"]);
    assert_eq!(story.sees_changed("a", 1, DIR, 6), None, "cp -r is still at it");
    story.waits(1);
    assert_eq!(story.sees_changed("a", 1, DIR, 6), start(0, "a"));
    assert_eq!(story.set.deadline(), None);
}

#[test]
fn directories_of_the_first_listing_are_old() {
    let mut set = Set::new(3);
    let identity = Identity { dev: 1, ino: 1 };
    let seen = Sighting { identity, is_dir: true, is_link: false, changed: 0 };
    let action = set.step(Monotonic::default(), Event::Seen("a".into(), Ok(seen)));
    assert_eq!(action, start(0, "a"));
}

#[test]
fn names_with_a_dot_are_not_looked_at() {
    let mut story = Story::new();
    assert_eq!(story.sees(".a", 1, LINK), None);
    assert_eq!(story.set.names().count(), 0);
}

#[test]
fn a_renamed_link_is_the_same_service() {
    let mut story = Story::new();
    story.sees("a", 1, LINK);
    story.loses("a");
    assert_eq!(story.sees("b", 1, LINK), Some(Action::Rename(EntryId(0), "b".into())));
}

#[test]
fn a_new_directory_under_an_old_name_is_a_new_service_and_the_old_one_stays() {
    let mut story = Story::new();
    story.sees("a", 1, LINK);
    assert_eq!(story.sees("a", 2, LINK), start(1, "a"));
    assert_eq!(story.sees("b", 1, LINK), Some(Action::Rename(EntryId(0), "b".into())));
}

#[test]
fn a_second_name_of_a_service_is_refused_and_inherits_when_the_first_goes() {
    let mut story = Story::new();
    story.sees("a", 1, LINK);
    assert_eq!(story.sees("b", 1, LINK), refuse("b", Refusal::SameAs("a".into())));
    story.loses("a");
    assert_eq!(story.due(), ["b"]);
    assert_eq!(story.sees("b", 1, LINK), Some(Action::Rename(EntryId(0), "b".into())));
}

#[test]
fn a_second_name_inherits_when_the_first_is_given_to_another_directory() {
    let mut story = Story::new();
    story.sees("a", 1, LINK);
    story.sees("b", 1, LINK);
    assert_eq!(story.sees("a", 2, LINK), start(1, "a"));
    assert_eq!(story.due(), ["b"]);
    assert_eq!(story.sees("b", 1, LINK), Some(Action::Rename(EntryId(0), "b".into())));
}

#[test]
fn what_cannot_be_served_is_said_once_and_tried_again() {
    let mut story = Story::new();
    let dangling = |story: &mut Story| story.set.step(story.now, Event::Seen("a".into(), Err(2)));
    assert_eq!(dangling(&mut story), refuse("a", Refusal::CannotStat(2)));
    story.waits(5);
    assert_eq!(story.due(), ["a"]);
    assert_eq!(dangling(&mut story), None);
    story.waits(5);
    assert_eq!(story.sees("a", 1, LINK), start(0, "a"));
    assert_eq!(story.set.deadline(), None);
}

#[test]
fn a_file_is_refused_once_and_forgotten_when_it_goes() {
    let mut story = Story::new();
    let file = Sighting {
        identity: Identity { dev: 1, ino: 9 },
        is_dir: false,
        is_link: false,
        changed: 0,
    };
    let seen = Event::Seen("f".into(), Ok(file));
    assert_eq!(story.set.step(story.now, seen.clone()), refuse("f", Refusal::NotADirectory));
    assert_eq!(story.set.step(story.now, seen.clone()), None);
    assert_eq!(story.set.deadline(), None);
    story.loses("f");
    assert_eq!(story.set.step(story.now, seen), refuse("f", Refusal::NotADirectory));
}

#[test]
fn one_more_than_there_is_room_for_waits_until_there_is() {
    let mut story = Story::new();
    for (ino, name) in [(1, "a"), (2, "b"), (3, "c")] {
        assert!(story.sees(name, ino, LINK).is_some());
    }
    assert_eq!(story.sees("d", 4, LINK), refuse("d", Refusal::TooMany(3)));
    story.loses("b");
    story.left(1, true);
    story.waits(5);
    assert_eq!(story.due(), ["d"]);
    assert_eq!(story.sees("d", 4, LINK), start(3, "d"));
}

#[test]
fn a_service_that_left_is_started_afresh_where_its_name_is_still_there() {
    let mut story = Story::new();
    story.sees("a", 1, LINK);
    story.left(0, true);
    assert_eq!(story.sees("a", 1, LINK), None, "not at once");
    story.waits(5);
    assert_eq!(story.due(), ["a"]);
    assert_eq!(story.sees("a", 1, LINK), start(0, "a"));
}

#[test]
fn a_service_without_a_name_is_forgotten_when_all_of_it_has_left() {
    let mut story = Story::new();
    story.sees("a", 1, LINK);
    story.loses("a");
    story.left(0, false);
    assert_eq!(story.sees("a", 1, LINK), Some(Action::Rename(EntryId(0), "a".into())));
    story.loses("a");
    story.left(0, true);
    assert_eq!(story.sees("a", 1, LINK), start(1, "a"));
}

#[test]
fn a_directory_that_goes_while_it_settles_was_never_a_service() {
    let mut story = Story::new();
    story.sees("a", 1, DIR);
    story.loses("a");
    assert_eq!(story.set.deadline(), None);
    assert_eq!(story.sees("a", 1, LINK), start(1, "a"));
}

#[test]
fn a_service_whose_logger_has_left_is_still_known_when_its_name_goes() {
    let mut story = Story::new();
    story.sees("a", 1, LINK);
    story.left(0, false);
    story.loses("a");
    assert_eq!(story.set.take_forgotten(), [], "the service itself still runs");
    story.waits(5);
    assert_eq!(story.sees("b", 1, LINK), start(0, "b"), "its logger comes back");
    story.loses("b");
    story.left(0, true);
    assert_eq!(story.set.take_forgotten(), [EntryId(0)]);
}

#[test]
fn a_service_that_left_and_then_lost_its_name_is_forgotten() {
    let mut story = Story::new();
    story.sees("a", 1, LINK);
    story.left(0, true);
    assert_eq!(story.set.take_forgotten(), []);
    story.loses("a");
    assert_eq!(story.set.take_forgotten(), [EntryId(0)]);
    assert_eq!(story.set.take_forgotten(), [], "told once");
    assert_eq!(story.sees("a", 1, LINK), start(1, "a"));
}
