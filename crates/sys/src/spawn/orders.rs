//! What a child is given, and its life before `execve`.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStringExt as _;
use std::ptr;

use nix::sys::signal::SigSet;

use super::call::{call, close_range};
use super::{EXIT_NOT_STARTED, FIRST_OWN_FD, Failed, MARKER, Place, Plan, walk};
use crate::reexec;

/// What the child is given. It owns all that it points to, so that it may outlive its start.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) plan: Plan,
    /// Both end with a null pointer.
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    mask: SigSet,
    /// Whether the descriptor table is the parent's and to be left first.
    pub(super) unshare: bool,
    /// Whether it was born in its control group: then the first step is done.
    pub(super) born: bool,
    /// Whether it has run at all.
    pub(super) lives: bool,
    pub(super) failed: Option<Failed>,
}

impl Orders {
    /// Whoever goes ahead may need `environment` for longer than there is a spawner: it is never
    /// freed.
    pub(super) fn new(plan: Plan, environment: &Environment, mask: SigSet) -> Self {
        let words = plan.argv.iter().map(|word| word.as_ptr());
        let argv = words.chain([ptr::null()]).collect();
        let envp = environment.with(&plan.marker);
        Self { plan, argv, envp, mask, unshare: false, born: false, lives: false, failed: None }
    }

    fn live(&mut self) -> Result<(), Failed> {
        self.lives = true;
        let failed = |at| move |errno| Failed { at, errno };
        walk::enter_held(&self.plan.steps).map_err(failed(Place::Enter))?;
        if self.unshare {
            // No memory for a table of our own: a step would change the parent's descriptors.
            let left = close_range(FIRST_OWN_FD, libc::CLOSE_RANGE_UNSHARE);
            left.map_err(failed(Place::Setup))?;
        }
        for step in self.plan.steps.iter().skip(usize::from(self.born)) {
            walk::walk(step, &self.mask).map_err(failed(Place::of(step)))?;
        }
        let program = self.plan.argv.first().map_or(c"", |program| program.as_ref());
        let args =
            [program.as_ptr().addr(), self.argv.as_ptr().addr(), self.envp.as_ptr().addr(), 0];
        // SAFETY: a path and two arrays of strings, each ended by a null pointer.
        unsafe { call(libc::SYS_execve, args) }.map_err(failed(Place::Exec))?;
        Ok(())
    }
}

/// The child's life before `execve`. It returns only when that failed, with `failed` filled in.
pub(super) extern "C" fn child(orders: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the parent passed a pointer to its `Orders`, which live until we execute or end, and
    // it does not touch them meanwhile: it sleeps, waits for our word, or is another process.
    let orders = unsafe { &mut *orders.cast::<Orders>() };
    orders.failed = orders.live().err();
    EXIT_NOT_STARTED
}

/// The environment as `execve` takes it. It does not change in our lifetime, nor after it: who
/// hangs on its way to `execve` has our memory when we have ended.
#[derive(Debug)]
pub(super) struct Environment(&'static [CString]);

impl Environment {
    pub(super) fn capture() -> Self {
        let others = std::env::vars_os().filter(|(name, _)| name != MARKER);
        let strings =
            others.filter(|(name, _)| name != reexec::VARIABLE).filter_map(|(name, value)| {
                let mut pair = name.into_vec();
                pair.push(b'=');
                pair.extend(value.into_vec());
                CString::new(pair).ok()
            });
        Self(Vec::leak(strings.collect()))
    }

    /// The environment with this entry in it, ended by a null pointer.
    fn with(&self, marker: &CStr) -> Vec<*const libc::c_char> {
        let others = self.0.iter().map(|string| string.as_ptr());
        let mut all = Vec::with_capacity(self.0.len() + 2);
        all.push(marker.as_ptr());
        all.extend(others);
        all.push(ptr::null());
        all
    }
}
