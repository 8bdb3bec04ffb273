//! UDP sockets with the kernel's time of arrival.
