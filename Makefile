# SPDX-License-Identifier: Apache-2.0
#
# The front door. Everything real happens in CMake and tools/; this is what a person types.

PRESET   ?= release
SCENARIO ?= swarm
SEED     ?=
T        ?= 60
N        ?= 1000000
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

deps: ## install or fetch what the build needs (does nothing when all is there)
	@tools/deps

build: deps ## compile; programs appear in build/bin (PRESET=release|debug|clang|asan|tsan|fuzz)
	@tools/build $(PRESET)

test: build ## run every test (PRESET=..., ARGS="-R name" for some of them)
	@tools/run-tests $(PRESET) $(ARGS)

check: ## all that continuous integration checks on top: format, lint, layers, purity, sanitizers
	@tools/check $(STEPS)

demo: build ## four nodes on this machine, load, a crash, a recovery; ends by itself
	@tools/demo $(ARGS)

sim: build ## all scenarios and crash points, some minutes; one run: make sim SEED=42
	@$(if $(SEED),build/$(PRESET)/bin/creto-sim --scenario $(SCENARIO) --seed $(SEED) $(ARGS),tools/sim $(PRESET))

golden: build ## rewrite the expected texts in tests/golden; then read the difference
	@CR_GOLDEN_REWRITE=1 CRETO_ROOT=$(CURDIR) tools/run-tests $(PRESET) -R golden
	@git --no-pager diff --stat -- tests/golden

bench: build ## measure; one line of JSON per result
	@tools/bench $(PRESET) $(ARGS)

fuzz: ## search for inputs that break a decoder, T seconds for each (T=60)
	@tools/fuzz $(T) $(ARGS)

fuzz-crypto: build ## a million mutated signatures: OpenSSL, the reference and every back end agree (N=1000000)
	@CR_MUTATIONS=$(N) build/$(PRESET)/tests/verify_test

mutants: deps ## are seeded bugs still found? four of them, others after each commit (ARGS=--all)
	@tools/mutants $(ARGS)

models: ## check the models of docs/models with spin: the right ones hold, the wrong ones fail
	@tools/deps --check
	@tools/models

fmt: ## lay out every C file
	@tools/format --fix

clean: ## remove build/ (.deps/ stays)
	@rm -rf build

.PHONY: help deps build test check demo sim golden bench fuzz fuzz-crypto mutants models fmt clean
