//! Control groups: all processes of a service, whatever they fork, however they hide.
//!
//! Version 2 is asked for membership, for an end to all at once and for limits; where it is mounted
//! does not matter, and hybrid hosts that mount it without controllers will do ([`Tree`],
//! [`Group`]). On those the limit of processes comes from version 1 ([`V1Pids`]).
//!
//! Nothing here holds a descriptor: a group is a path, and there may be thousands of them.
//!
//! Sources: cgroups(7), the kernel's Documentation/admin-guide/cgroup-v2.rst and
//! cgroup-v1/pids.rst, `proc_pid_mountinfo(5)`.

mod by_hand;
mod entrance;
mod group;
mod keyed;
mod mounts;
mod tree;
mod v1;

pub use group::Group;
pub use tree::{Controller, NoTree, Room, Tree};
pub use v1::{V1Group, V1Pids};
