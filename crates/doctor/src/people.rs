//! `/etc/passwd`, and where else accounts may come from.

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

/// The account called `name` in the text of `/etc/passwd` (passwd(5)).
#[must_use]
pub fn account(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { uid, gid })
    })
}

/// The name of the account with that number.
#[must_use]
pub fn name_of(passwd: &str, uid: u32) -> Option<&str> {
    let uid = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&*uid)).then_some(name)
    })
}

/// Whether `/etc/passwd` has every account there is, by the text of `/etc/nsswitch.conf`
/// (nsswitch.conf(5)). Accounts that systemd makes up while a service runs are none for us.
#[must_use]
pub fn passwd_is_all(nsswitch: &str) -> bool {
    let sources = nsswitch.lines().find_map(|line| line.trim().strip_prefix("passwd:"));
    let local = |source: &str| {
        matches!(source, "files" | "compat" | "systemd" | "altfiles" | "db")
            || source.starts_with('[')
    };
    sources.is_none_or(|sources| sources.split_whitespace().all(local))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nlog:x:101:102::/:/bin/false\nodd:x:a:1:\n";

    #[test]
    fn an_account_is_found_by_its_whole_name_only() {
        assert_eq!(account(PASSWD, "log"), Some(Account { uid: 101, gid: 102 }));
        for name in ["lo", "logs", "", "x", "odd"] {
            assert_eq!(account(PASSWD, name), None, "{name}");
        }
        assert_eq!((name_of(PASSWD, 101), name_of(PASSWD, 102)), (Some("log"), None));
    }

    #[test]
    fn accounts_may_come_from_elsewhere() {
        for all in ["", "passwd: files\n", "passwd:\t\tfiles systemd\n", "group: ldap\n"] {
            assert!(passwd_is_all(all), "{all}");
        }
        for more in ["passwd: files sss", "hosts: dns\n passwd: ldap [NOTFOUND=return] files\n"] {
            assert!(!passwd_is_all(more), "{more}");
        }
    }
}
