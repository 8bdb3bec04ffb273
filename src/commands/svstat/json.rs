//! svstat's JSON: an object on a line for each directory.

use std::borrow::Cow;
use std::fmt::Write as _;

use contract::{Status, Wish};
use tai::Stamp;

use super::processes;
use crate::json::write_string;
use crate::service_dir::ServiceDir;

/// What is known of a service; `error` says why nothing is.
pub(super) fn object(
    dir: ServiceDir<'_>,
    look: Result<(Status, bool), Cow<'static, str>>,
) -> String {
    let mut object = String::from("{\"dir\":");
    write_string(&mut object, &String::from_utf8_lossy(dir.name()));
    match look {
        Ok((status, normally_down)) => write_state(&mut object, dir, &status, normally_down),
        Err(why) => {
            object.push_str(",\"error\":");
            write_string(&mut object, &why);
        }
    }
    object.push('}');
    object
}

fn write_state(object: &mut String, dir: ServiceDir<'_>, status: &Status, normally_down: bool) {
    let state = if status.pid == 0 { "down" } else { "up" };
    let want = match status.want {
        Wish::Up => "\"up\"",
        Wish::Down => "\"down\"",
        Wish::Once => "\"once\"",
    };
    let now = Stamp::from_unix(sys::clock::realtime());
    let seconds = now.secs().saturating_sub(status.since.secs());
    let Status { pid, paused, .. } = status;
    let _ = write!(
        object,
        ",\"state\":\"{state}\",\"pid\":{pid},\"seconds\":{seconds},\"paused\":{paused},\
         \"want\":{want},\"normally_down\":{normally_down},\"remarks\":["
    );
    let monotonic = sys::clock::monotonic();
    let remarks = dir.remarks();
    for (index, remark) in remarks.iter().enumerate() {
        object.push_str(if index == 0 { "" } else { "," });
        write_string(object, remark.words(monotonic).trim_start_matches(", "));
    }
    object.push_str("],\"processes\":[");
    for (index, process) in processes::of(dir).iter().enumerate() {
        object.push_str(if index == 0 { "" } else { "," });
        let _ = write!(object, "{{\"pid\":{},\"parent\":{},\"name\":", process.pid, process.parent);
        write_string(object, &process.name);
        object.push('}');
    }
    object.push(']');
}
