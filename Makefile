# keepup for those who type make. Building is cargo's; installing is done here.
#
#   make                    build everything
#   make static             build what is installed: keepup linked statically, ntpd dynamically
#   make install            install it (PREFIX=/usr/local, DESTDIR=)
#   make uninstall          remove it
#   make check              run the tests
#   make demo               see it work, in a directory that is thrown away

CARGO ?= cargo
RUSTC ?= rustc
PREFIX ?= /usr/local
DESTDIR ?=

bin = $(DESTDIR)$(PREFIX)/bin
share = $(DESTDIR)$(PREFIX)/share/keepup
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

# With +crt-static cargo wants the target named, or it would link the proc macros statically too.
# ntpd asks the C library for names (NSS), which a static program cannot.
$(target)/dist/keepup: $(sources)
	triple=$$($(RUSTC) -vV | sed -n 's/^host: //p') && \
	RUSTFLAGS="$$RUSTFLAGS -C target-feature=+crt-static" \
	$(CARGO) build --release --target "$$triple" --bin keepup && \
	$(CARGO) build --release --bin ntpd && \
	install -D -m 755 "$(target)/release/ntpd" "$(target)/dist/ntpd" && \
	install -D -m 755 "$(target)/$$triple/release/keepup" "$@"

# A program that runs is replaced by a rename, and a command of somebody else is left alone.
install:
	@set -e; for name in $$("$(BUILT)/keepup" --list); do \
		link="$(bin)/$$name"; \
		there=$$(ls -d "$$link" 2>/dev/null) || continue; \
		if [ "$$(readlink "$$there")" != keepup ]; then \
			echo "install: fatal: $$link is there and not keepup's" >&2; exit 1; \
		fi; \
	done
	@install -d -m 755 "$(bin)" "$(share)"
	@set -e; for name in keepup ntpd; do \
		install -m 755 "$(BUILT)/$$name" "$(bin)/.$$name.new"; \
		mv -f "$(bin)/.$$name.new" "$(bin)/$$name"; \
	done
	@set -e; for name in $$("$(BUILT)/keepup" --list); do ln -sfn keepup "$(bin)/$$name"; done
	@set -e; find service-examples -type d \( -name supervise -o -name main \) -prune \
		-o -type f -print | while read -r file; do \
		if [ -x "$$file" ]; then mode=755; else mode=644; fi; \
		install -D -m "$$mode" "$$file" "$(share)/$$file"; \
	done
	@echo "keepup is in $(bin), its service examples are in $(share)"

uninstall:
	@for link in "$(bin)"/*; do \
		if [ "$$(readlink "$$link")" = keepup ]; then rm -f "$$link"; fi; \
	done
	@rm -f "$(bin)/keepup" "$(bin)/ntpd"
	@rm -rf "$(share)"

check:
	$(CARGO) test --workspace

demo:
	$(CARGO) demo

.PHONY: all static install uninstall check demo
.DEFAULT_GOAL := all
