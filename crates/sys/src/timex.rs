//! Steering the clock: adjtimex and `clock_settime`.
