# Foyer's everyday commands. `make` alone lists them.

# What to test or measure: make test PKG=./lobby ARGS='-run TestHost -v'
PKG  ?= ./...
ARGS ?=

# The page that is built into the server. `make run PAGE=` leaves it out, and needs no Node.
PAGE := web/dist/index.html web/graphiql/dist/graphiql.js

# The version that `foyer version` and metrics report.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# Runs a command with a Node that is new enough.
NODE := tools/node.sh

# Runs a command with PostgreSQL, Redis, a Redis Cluster, LiveKit and MinIO.
UP := $(NODE) bin/up -livekit bin/livekit-server -minio bin/minio --

NPM_CI := ci --ignore-scripts --no-audit --no-fund --loglevel=error

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test soak check generate migration bench build setup clean bin/foyer bin/up

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: bin/livekit-server bin/foyer ## start Foyer and LiveKit on this machine; Ctrl-C ends both
	tools/run.sh

test: setup test/env/node/node_modules $(PAGE) bin/livekit-server bin/minio bin/up ## run the tests on real servers (PKG=./lobby ARGS='-run X')
	$(UP) go test -race -shuffle=on -timeout 20m $(ARGS) $(PKG)

soak: setup bin/livekit-server bin/minio bin/up ## break three servers for ten minutes, and count what is lost (docs/operations.md)
	FOYER_SOAK=10m $(UP) go test -count=1 -v -timeout 30m $(ARGS) ./test/soak

check: setup web/node_modules bin/livekit-server bin/minio bin/up ## check generated code, format, linters, types, words, links, go.mod, imports, licences and dependencies
	tools/check.sh

generate: ## regenerate code, after a change of schema/, ent/schema/ or gqlgen.yml
	go generate ./...

migration: setup bin/livekit-server bin/minio bin/up ## draft the SQL for a change of ent/schema/ (NAME=what_changes)
	$(UP) go run ./ent/database/draft $(NAME)

bench: setup test/env/node/node_modules bin/livekit-server bin/minio bin/up ## run the benchmarks on real servers, and compare them with test/bench (PKG, ARGS as for test)
	$(UP) go test -run '^$$' -bench . -benchmem $(ARGS) $(PKG) >bin/bench.txt || { cat bin/bench.txt; false; }
	cat bin/bench.txt
	go -C tools tool benchstat ../test/bench/baseline.txt ../bin/bench.txt

build: bin/foyer bin/livekit-server ## build the server and LiveKit into bin/

setup: ## install the programs that tests need (Debian), and name the git hook for commit titles
	tools/setup.sh

clean: ## remove built files; keeps data/ with the rooms of `make run`
	rm -rf bin
	find web/dist web/graphiql/dist -mindepth 1 ! -name .gitkeep -delete

# Go itself knows when these two are out of date.
bin/foyer: $(PAGE)
	CGO_ENABLED=0 go build -ldflags='-X main.version=$(VERSION)' -o $@ ./server

bin/up:
	go build -o $@ ./test/env/up

# GraphQL clients that tests use.
test/env/node/node_modules: test/env/node/package.json test/env/node/package-lock.json | setup
	$(NODE) npm --prefix test/env/node $(NPM_CI)
	@touch $@

# Sources of the page: all files that npm and Vite do not write themselves, without the tests.
PAGE_SOURCES := $(shell find web schema client \( -name node_modules -o -name dist -o -path web/graphiql \) -prune \
	-o -type f ! -name '*.go' ! -name '*.test.ts' ! -path 'web/src/generated/*' -print)

web/dist/index.html: $(PAGE_SOURCES) | web/node_modules
	$(NODE) npm --prefix web run build
	@touch $@

web/node_modules: web/package.json web/package-lock.json
	$(NODE) npm --prefix web $(NPM_CI)
	@touch $@

web/graphiql/dist/graphiql.js: web/graphiql/build.sh web/graphiql/package-lock.json
	$(NODE) npm --prefix web/graphiql $(NPM_CI)
	web/graphiql/build.sh

# Takes a minute or two, once, and again when tools/ names another version.
bin/livekit-server: tools/go.mod tools/go.sum
	CGO_ENABLED=0 go -C tools build -o ../$@ github.com/livekit/livekit-server/cmd/server
	@touch $@

# Takes three or four minutes, once. Only tests use it: docker-compose.yml builds an image of its own.
bin/minio: tools/minio/go.mod tools/minio/go.sum
	CGO_ENABLED=0 go -C tools/minio build -o ../../$@ github.com/minio/minio
	@touch $@
