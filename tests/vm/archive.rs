//! The format of an initramfs: cpio's `newc`, as the kernel tells it in
//! `Documentation/driver-api/early-userspace/buffer-format.rst`.

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_777;

/// An archive that grows.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    names: Vec<String>,
}

impl Archive {
    /// Whether something was put at `path`, which does not begin with a slash.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.names.iter().any(|name| name == path)
    }

    pub(crate) fn directory(&mut self, path: &str) {
        let above = path.rsplit_once('/').map(|(above, _)| above);
        if let Some(above) = above.filter(|above| !self.has(above)) {
            self.directory(above);
        }
        if !self.has(path) {
            self.entry(path, DIRECTORY, &[]);
        }
    }

    /// A file that everybody may run; the directories above it are made.
    pub(crate) fn program(&mut self, path: &str, bytes: &[u8]) {
        self.above(path);
        self.entry(path, PROGRAM, bytes);
    }

    pub(crate) fn link(&mut self, path: &str, to: &str) {
        self.above(path);
        self.entry(path, LINK, to.as_bytes());
    }

    /// The archive, ended.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn above(&mut self, path: &str) {
        if let Some((above, _)) = path.rsplit_once('/') {
            self.directory(above);
        }
    }

    fn entry(&mut self, path: &str, mode: u32, data: &[u8]) {
        let inode = self.names.len() + 1;
        // The fields that are zero: uid, gid; mtime; the numbers of devices; the check sum.
        let head = format!(
            "070701{inode:08x}{mode:08x}{zero}{zero}{one:08x}{zero}{length:08x}{zero}{zero}{zero}\
             {zero}{name:08x}{zero}",
            zero = "00000000",
            one = 1,
            length = data.len(),
            name = path.len() + 1,
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
        self.names.push(path.to_owned());
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[test]
fn directories_above_are_made_once() {
    let mut archive = Archive::default();
    archive.program("a/b/c", b"12345");
    archive.link("a/b/d", "c");
    assert_eq!(archive.names, ["a", "a/b", "a/b/c", "a/b/d"]);
    let bytes = archive.finish();
    assert_eq!(bytes.len() % 4, 0);
    assert!(bytes.windows(14).any(|window| window == b"a/b/c\x0012345\0\0\0"));
}
