# Foyer's everyday commands. `make` alone lists them.

# What to test or measure: make test PKG=./lobby ARGS='-run TestHost -v'
PKG  ?= ./...
ARGS ?=

# Runs a command with PostgreSQL, Redis, a Redis Cluster, LiveKit and MinIO at its disposal.
UP := bin/up -livekit bin/livekit-server -minio bin/minio --

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check generate migration bench build setup clean bin/foyer bin/up

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: bin/livekit-server bin/foyer ## start Foyer and LiveKit on this machine; Ctrl-C ends both
	tools/run.sh

test: setup testenv/node/node_modules bin/livekit-server bin/minio bin/up ## run the tests on real servers (PKG=./lobby ARGS='-run X')
	$(UP) go test -race -shuffle=on $(ARGS) $(PKG)

check: setup bin/livekit-server bin/minio bin/up ## see whether generated code, format, linters, go.mod and arrows are in order
	tools/check.sh

generate: ## make the generated code again, after a change of schema/, ent/schema or gqlgen.yml
	go generate ./...

migration: setup bin/livekit-server bin/minio bin/up ## draft the SQL that a change of ent/schema needs (NAME=what_changes)
	$(UP) go run ./ent/database/draft $(NAME)

bench: setup testenv/node/node_modules bin/livekit-server bin/minio bin/up ## run the benchmarks on real servers (PKG, ARGS as for test)
	$(UP) go test -run '^$$' -bench . -benchmem $(ARGS) $(PKG)

build: bin/foyer bin/livekit-server ## build the server and LiveKit into bin/

setup: ## install what tests need: redis-server, postgresql, nginx, node, a C compiler (Debian)
	tools/setup.sh

clean: ## remove what was built; data/, with the rooms of `make run`, stays
	rm -rf bin

# Go knows best when these two are out of date.
bin/foyer:
	CGO_ENABLED=0 go build -o $@ ./server

bin/up:
	go build -o $@ ./testenv/up

# The GraphQL clients that tests ask for their opinion.
testenv/node/node_modules: testenv/node/package.json testenv/node/package-lock.json | setup
	npm --prefix testenv/node ci --ignore-scripts --no-audit --no-fund
	@touch $@

# A minute or two, once, and again when tools/ names another version.
bin/livekit-server: tools/go.mod tools/go.sum
	CGO_ENABLED=0 go -C tools build -o ../$@ github.com/livekit/livekit-server/cmd/server
	@touch $@

# Three or four minutes, once. Only tests want it: docker-compose.yml takes MinIO's own image.
bin/minio: tools/minio/go.mod tools/minio/go.sum
	CGO_ENABLED=0 go -C tools/minio build -o ../../$@ github.com/minio/minio
	@touch $@
