# keepup for those who type make. Building is cargo's; installing is done here.
#
#   make                    build everything
#   make static             build what is installed: keepup linked statically, ntpd dynamically
#   make install            install that (PREFIX=/usr/local, DESTDIR=), building it first if need be
#   make uninstall          remove it
#   make check              run the tests
#   make demo               see it work, in a directory that is thrown away
#   cargo pages             write man pages and completions anew, after a change of flags or prose

CARGO ?= cargo
RUSTC ?= rustc
PREFIX ?= /usr/local
DESTDIR ?=

# Where things go, from the root of the installation on.
root = $(DESTDIR)$(PREFIX)
man = share/man/man8
bash = share/bash-completion/completions
zsh = share/zsh/site-functions
fish = share/fish/vendor_completions.d
target = $(or $(CARGO_TARGET_DIR),target)
sources = Cargo.toml Cargo.lock $(shell find src crates -name '*.rs' -o -name Cargo.toml)

# BUILT=dir: install the keepup and the ntpd that lie in dir, and build nothing.
ifndef BUILT
BUILT = $(target)/dist
install: $(BUILT)/keepup
endif

all:
	$(CARGO) build --release --bins

static: $(target)/dist/keepup

# Linked with musl keepup starts in half the time that it takes with glibc and is two thirds as
# large; where rustc has no musl (rustup target add), glibc does. ntpd asks the C library for names
# (NSS), which a static program cannot. keepup has no use for ntpd's ciphers and is built without.
# With +crt-static cargo wants the target named, or it would link the proc macros statically too.
$(target)/dist/keepup: $(sources)
	host=$$($(RUSTC) -vV | sed -n 's/^host: //p') && \
	triple=$$(echo "$$host" | sed s/-gnu/-musl/) && \
	{ [ -d "$$($(RUSTC) --print target-libdir --target "$$triple")" ] || triple=$$host; } && \
	RUSTFLAGS="$$RUSTFLAGS -C target-feature=+crt-static" \
	$(CARGO) build --release --target "$$triple" --bin keepup --no-default-features && \
	$(CARGO) build --release --bin ntpd && \
	install -D -m 755 "$(target)/release/ntpd" "$(target)/dist/ntpd" && \
	install -D -m 755 "$(target)/$$triple/release/keepup" "$@"

# is_ours FILE: a link to keepup or to its completions, or a file that `cargo pages` has written.
is_ours = is_ours() { \
	case $$(readlink "$$1") in keepup | keepup.fish) return 0 ;; esac; \
	[ -f "$$1" ] && head -n 2 "$$1" | grep -q "Written by .cargo pages."; }

# The links: the names of all commands, and beside them those that completions are looked for by.
links = for name in $$("$(BUILT)/keepup" --list) ntpd; do \
	[ $$name = ntpd ] || echo bin/$$name keepup; \
	echo $(bash)/$$name keepup; echo $(fish)/$$name.fish keepup.fish; done
pages = $(patsubst man/%,$(man)/%,$(wildcard man/*)) \
	$(bash)/keepup $(zsh)/_keepup $(fish)/keepup.fish

# A program that runs is replaced by a rename, and what is somebody else's is left alone.
install:
	@{ $(links); printf '%s\n' $(pages); } | { $(is_ours); cd "$(root)" 2>/dev/null || exit 0; \
	while read -r place to; do \
		if { [ -e $$place ] || [ -L $$place ]; } && ! is_ours $$place; then \
			echo "install: fatal: $(root)/$$place is there and not keepup's" >&2; exit 1; \
		fi; \
	done; }
	@install -d -m 755 "$(root)/bin" "$(root)/share/keepup"
	@set -e; for name in keepup ntpd; do \
		install -m 755 "$(BUILT)/$$name" "$(root)/bin/.$$name.new"; \
		mv -f "$(root)/bin/.$$name.new" "$(root)/bin/$$name"; \
	done
	@install -D -m 644 -t "$(root)/$(man)" man/*
	@install -D -m 644 completions/keepup.bash "$(root)/$(bash)/keepup"
	@install -D -m 644 -t "$(root)/$(zsh)" completions/_keepup
	@install -D -m 644 -t "$(root)/$(fish)" completions/keepup.fish
	@set -e; { $(links); } | while read -r link to; do ln -sfn $$to "$(root)/$$link"; done
	@set -e; find service-examples -type d \( -name supervise -o -name main \) -prune \
		-o -type f -print | while read -r file; do \
		if [ -x "$$file" ]; then mode=755; else mode=644; fi; \
		install -D -m "$$mode" "$$file" "$(root)/share/keepup/$$file"; \
	done
	@echo "keepup is in $(root)/bin, its service examples are in $(root)/share/keepup"

uninstall:
	@$(is_ours); cd "$(root)" || exit 0; rm -f bin/ntpd; \
	for file in bin/*; do \
		if [ "$$(readlink "$$file")" = keepup ]; then rm -f "$$file"; fi; \
	done; \
	for file in $(man)/* $(bash)/* $(zsh)/* $(fish)/*; do \
		if is_ours "$$file"; then rm -f "$$file"; fi; \
	done; \
	rm -f bin/keepup; rm -rf share/keepup

check:
	$(CARGO) test --workspace

demo:
	$(CARGO) demo

.PHONY: all static install uninstall check demo
.DEFAULT_GOAL := all
