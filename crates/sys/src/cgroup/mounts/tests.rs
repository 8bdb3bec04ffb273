use super::*;

fn at(point: &str, root: &str) -> Mount {
    Mount { root: root.into(), point: point.into(), kind: Kind::Unified }
}

fn v1(point: &str, root: &str, options: &[&str]) -> Mount {
    let options = options.iter().map(|&option| option.to_owned()).collect();
    Mount { root: root.into(), point: point.into(), kind: Kind::V1(options) }
}

/// Where our own group is shown, by the texts of both files.
fn unified(mountinfo: &str, cgroup: &str) -> Vec<PathBuf> {
    let own = own_path(cgroup.as_bytes(), None).unwrap();
    let mounts = mounts(mountinfo.as_bytes());
    let unified = mounts.iter().filter(|mount| mount.kind == Kind::Unified);
    unified.filter_map(|mount| shown_at(mount, &own)).collect()
}

/// A host under systemd.
const HOST: &str = "\
22 28 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
31 22 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 \
rw,nsdelegate,memory_recursiveprot
32 22 0:28 / /sys/fs/pstore rw,nosuid,nodev,noexec,relatime shared:10 - pstore pstore rw
";

#[test]
fn a_host_under_systemd_shows_the_group_of_the_unit() {
    assert_eq!(mounts(HOST.as_bytes()), [at("/sys/fs/cgroup", "/")]);
    let unit = "0::/system.slice/keepup.service\n";
    let shown = "/sys/fs/cgroup/system.slice/keepup.service";
    assert_eq!(unified(HOST, unit), [Path::new(shown)]);
    let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a\\x2db.service\n";
    let shown = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/\
                 a\\x2db.service";
    assert_eq!(unified(HOST, user), [Path::new(shown)], "a backslash there is no escape");
}

#[test]
fn a_hybrid_host_shows_version_2_elsewhere_and_the_pids_hierarchy_of_version_1() {
    let mountinfo = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    let cgroup = "9:name=systemd:/user.slice\n8:pids:/user.slice/a:b\n2:cpu,cpuacct:/\n0::/a\n";
    assert_eq!(unified(mountinfo, cgroup), [Path::new("/sys/fs/cgroup/unified/a")]);
    let found = mounts(mountinfo.as_bytes());
    assert_eq!(found[2], v1("/sys/fs/cgroup/pids", "/", &["rw", "pids"]));
    assert_eq!(found[3].kind, v1("", "", &["rw", "cpu", "cpuacct"]).kind);
    let own = |controller| own_path(cgroup.as_bytes(), Some(controller));
    assert_eq!(own("pids"), Some("/user.slice/a:b".into()), "a colon in the name of a group");
    assert_eq!(own("cpuacct"), Some("/".into()));
    assert_eq!(own("memory"), None);
    assert_eq!(own("systemd"), None, "name=systemd is a name, and no controller");
}

#[test]
fn a_container_with_a_namespace_of_its_own_is_at_the_top() {
    let docker = "\
613 604 0:57 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
614 613 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate
";
    assert_eq!(unified(docker, "0::/\n"), [Path::new("/sys/fs/cgroup")]);
    let nspawn = "\
745 711 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup2 rw,nsdelegate
";
    assert_eq!(unified(nspawn, "0::/payload\n"), [Path::new("/sys/fs/cgroup/payload")]);
}

#[test]
fn a_container_without_a_namespace_sees_only_its_own_part() {
    let docker = "\
614 613 0:27 /docker/c0ffee /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate
";
    assert_eq!(unified(docker, "0::/docker/c0ffee\n"), [Path::new("/sys/fs/cgroup")]);
    assert_eq!(unified(docker, "0::/docker/c0ffee/a\n"), [Path::new("/sys/fs/cgroup/a")]);
    assert_eq!(unified(docker, "0::/docker/c0ffee2\n"), [] as [&Path; 0]);
    assert_eq!(unified(docker, "0::/docker\n"), [] as [&Path; 0]);
    assert_eq!(unified(docker, "0::/\n"), [] as [&Path; 0]);
}

#[test]
fn podman_without_root_bind_mounts_the_hosts_and_lies_outside_of_it() {
    let podman = "\
1101 1100 0:27 /../../../.. /sys/fs/cgroup ro,nosuid,relatime - cgroup2 cgroup2 rw,nsdelegate
";
    assert_eq!(unified(podman, "0::/\n"), [] as [&Path; 0], "the names above us are not told");
    let outside = "0::/../../../../init.scope\n";
    assert_eq!(unified(podman, outside), [Path::new("/sys/fs/cgroup/init.scope")]);
    let own = "\
1101 1100 0:27 / /sys/fs/cgroup rw,nosuid,relatime - cgroup2 cgroup2 rw,nsdelegate
";
    assert_eq!(unified(own, "0::/../other\n"), [] as [&Path; 0], "nothing leads upwards");
}

#[test]
fn wsl_shows_both_at_once() {
    let wsl = "\
69 68 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:7 - tmpfs tmpfs rw,mode=755
70 69 0:28 / /sys/fs/cgroup/unified rw,nosuid,noexec,relatime shared:8 - cgroup2 cgroup2 \
rw,nsdelegate
71 69 0:29 / /sys/fs/cgroup/pids rw,nosuid,noexec,relatime shared:9 master:3 - cgroup cgroup \
rw,pids
";
    assert_eq!(unified(wsl, "3:pids:/\n0::/\n"), [Path::new("/sys/fs/cgroup/unified")]);
    assert_eq!(mounts(wsl.as_bytes())[0], v1("/sys/fs/cgroup/pids", "/", &["rw", "pids"]));
}

#[test]
fn blanks_in_a_mount_point_are_told_by_numbers() {
    let odd = "1 2 0:3 /a\\040b /mnt/c\\011d\\134e\\012 rw - cgroup2 none rw\n";
    assert_eq!(unified(odd, "0::/a b/x\n"), [Path::new("/mnt/c\td\\e\n/x")]);
    assert_eq!(unescaped(b"\\"), b"\\");
    assert_eq!(unescaped(b"\\04"), b"\\04");
    assert_eq!(unescaped(b"\\400\\049"), b"\\400\\049", "no byte");
    assert_eq!(unescaped(b"\\377"), b"\xff");
}

#[test]
fn of_two_mounts_on_one_point_the_later_is_seen() {
    let text = "1 2 0:3 / /a rw - cgroup2 a rw\n4 5 0:3 /b /a rw - cgroup2 a rw\n";
    assert_eq!(mounts(text.as_bytes()), [at("/a", "/b")]);
}

#[test]
fn what_is_cut_off_is_no_mount() {
    for text in ["", "\n", "1 2 0:3 /", "1 2 0:3 / /a", "1 2 0:3 / /a rw", "1 2 0:3 / /a rw -"] {
        assert_eq!(mounts(text.as_bytes()), [], "{text}");
    }
    assert_eq!(mounts(b"1 2 0:3 / /a rw cgroup2 a rw"), [], "without its hyphen");
    assert_eq!(mounts(b"1 2 0:3 / /- - - cgroup2 a rw"), [at("/-", "/")]);
}

#[test]
fn a_process_in_no_group_of_version_2_has_no_path() {
    for text in ["", "\n", "0:", "0::", "0::a\n", "1:name=systemd:/a\n", "00::/\n"] {
        assert_eq!(own_path(text.as_bytes(), None), None, "{text:?}");
    }
}

mod any {
    use super::*;
    use proptest::prelude::*;

    fn escaped(bytes: &[u8]) -> String {
        let escape = |byte: &u8| match byte {
            b'!'..=b'[' | b']'..=b'~' => char::from(*byte).to_string(),
            _ => format!("\\{byte:03o}"),
        };
        bytes.iter().map(escape).collect()
    }

    proptest! {
        #[test]
        fn bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = mounts(&bytes);
            let _ = own_path(&bytes, None);
            let _ = own_path(&bytes, Some("pids"));
            prop_assert!(unescaped(&bytes).len() <= bytes.len());
        }

        #[test]
        fn a_point_of_any_bytes_is_found(
            name in prop::collection::vec(1..=255_u8, 1..40),
            optional in prop::collection::vec("(shared|master|propagate_from):[0-9]{1,3}", 0..4),
        ) {
            let (point, optional) = (escaped(&name), [optional, vec!["-".into()]].concat());
            let optional = optional.join(" ");
            let line = format!("9 8 0:7 / /{point} rw,relatime {optional} cgroup2 none rw\n");
            let mut expected = vec![b'/'];
            expected.extend(&name);
            let expected = Mount { point: path(expected), ..at("", "/") };
            prop_assert_eq!(mounts(line.as_bytes()), [expected]);
        }

        #[test]
        fn what_is_shown_lies_below_the_mount(
            root in "(/[a.]{1,2}){0,3}",
            own in "(/[a.]{1,2}){0,4}",
        ) {
            let mount = at("/m", &format!("{root}/"));
            let own = PathBuf::from(format!("{own}/"));
            if let Some(shown) = shown_at(&mount, &own) {
                let below = shown.strip_prefix("/m").unwrap();
                prop_assert!(below.components().all(|part| matches!(part, Component::Normal(_))));
                prop_assert_eq!(mount.root.join(below), own);
            }
        }
    }
}
