# Two commands do all the set-up on a fresh Debian or Ubuntu: `make run` and `make test`. Each target is a script.
.PHONY: run build test bench fuzz format lint install clean screenshots
run:
	@scripts/run
build:
	@scripts/setup build && scripts/build
test:
	@scripts/test
bench:
	@scripts/bench
fuzz:
	@scripts/fuzz
format:
	@scripts/setup lint && git ls-files '*.c' '*.h' | xargs clang-format -i
lint:
	@scripts/lint
screenshots:
	@scripts/screenshots
install:
	@scripts/install
clean:
	@rm -rf build build-asan build-tsan build-fuzz build-release
