use super::*;

fn judge(line: &str) -> Judgement {
    let script = crate::shell::parse(line);
    let command = script.commands().next().unwrap();
    let daemon = look_up(&command.words[0].text).unwrap();
    daemon.judge(&command.words[1..])
}

#[test]
fn a_program_is_found_by_its_path_its_version_and_as_the_kernel_cuts_its_name() {
    let cure = |name: &str| look_up(name).map(|daemon| daemon.cure);
    assert_eq!(cure("ntpd"), Some("ntpd -n"));
    assert_eq!(cure("/usr/sbin/ntpd"), Some("ntpd -n"));
    assert_eq!(cure("php-fpm8.2"), Some("php-fpm -F"));
    assert_eq!(cure("transmission-da"), Some("transmission-daemon -f"));
    for unknown in ["", "/", "ntp", "ntpdx", "transmission-d", "9", "run"] {
        assert_eq!(cure(unknown), None, "{unknown}");
    }
}

#[test]
fn the_cure_is_found_by_the_process_or_else_by_the_script() {
    assert_eq!(cure_for("ntpd", None), Some("ntpd -n"));
    assert_eq!(cure_for("ntpd", Some("exec cron\n")), Some("ntpd -n"));
    assert_eq!(cure_for("ntpd: worker", Some("#!/bin/sh\nexec cron\n")), Some("cron -f"));
    assert_eq!(cure_for("server", Some("exec ./server\n")), None);
    assert_eq!(cure_for("server", None), None);
}

#[test]
fn no_program_has_two_rows_and_every_row_can_be_cured() {
    let names: Vec<&str> = TABLE.iter().flat_map(|row| row.names).copied().collect();
    for name in &names {
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
    }
    assert!(TABLE.len() >= 40, "{}", TABLE.len());
    for row in TABLE {
        assert!(
            row.names.iter().any(|name| row.cure.starts_with(name))
                || row.names == ["pg_ctl"]
                || row.names.contains(&"apachectl"),
            "{}",
            row.cure
        );
        let signs = row.foreground.len() + row.background.len() + usize::from(row.config.is_some());
        assert!(signs > 0, "{}", row.cure);
    }
}

#[test]
fn every_cure_cures_and_every_sign_of_the_background_is_seen() {
    for row in TABLE {
        let name = row.names[0];
        if !matches!(name, "stunnel" | "apachectl") && row.cure.starts_with(name) {
            assert_eq!(judge(row.cure), Judgement::Fine, "{}", row.cure);
        }
        for sign in row.background {
            assert_eq!(judge(&format!("{name} {sign}")), Judgement::With(sign), "{name}");
        }
        for sign in row.foreground {
            assert_eq!(judge(&format!("{name} {sign}")), Judgement::Fine, "{name} {sign}");
            assert_eq!(judge(&format!("{name} x {sign} y")), Judgement::Fine, "{name} {sign}");
        }
        let alone = judge(name);
        let goes = row.by_default == Place::Background;
        assert_eq!(alone != Judgement::Fine, goes, "{name}: {alone:?}");
        assert_eq!(judge(&format!("{name} $OPTS")), Judgement::Fine, "{name}");
    }
}

#[test]
fn a_letter_may_hide_among_others_and_a_value_is_no_flag() {
    assert_eq!(judge("ntpd -gn"), Judgement::Fine);
    assert_eq!(judge("ntpd -c ./n"), Judgement::Without(Some("-n")));
    assert_eq!(judge("sshd -p 22 -De"), Judgement::Fine);
    assert_eq!(judge("memcached -vd"), Judgement::Fine);
    assert_eq!(judge("memcached -m 64 -d"), Judgement::With("-d"));
    assert_eq!(judge("gunicorn --daemon=1 a:b"), Judgement::With("--daemon"));
    assert_eq!(judge("gunicorn --daemonic a:b"), Judgement::Fine);
    assert_eq!(judge("nginx -g 'daemon off; pid /run/x;'"), Judgement::Fine);
    assert_eq!(judge("nginx -g 'pid /run/x;'"), Judgement::Without(Some("-g 'daemon off;'")));
    assert_eq!(judge("httpd -D FOREGROUND"), Judgement::Fine);
    assert_eq!(judge("exim -bd"), Judgement::With("-bd"));
    assert_eq!(judge("nginx -t"), Judgement::Fine);
}

#[test]
fn the_page_has_every_program_once() {
    let page = page();
    for row in TABLE {
        let name = format!("`{}`", row.names[0]);
        let cells = page
            .lines()
            .filter(|line| line.split('|').nth(1).is_some_and(|cell| cell.contains(&name)));
        assert_eq!(cells.count(), 1, "{name}");
    }
}
