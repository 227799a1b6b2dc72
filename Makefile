# The two commands of the README, and what they stand on.
.PHONY: all demo test gate build clean

all: build

build: node_modules/.package-lock.json
	./orlop version

demo: build
	sh tools/demo.sh

test:
	sh tools/test.sh

gate: node_modules/.package-lock.json
	node tools/gate.mjs

node_modules/.package-lock.json: package-lock.json
	npm ci --silent
	touch $@

clean:
	rm -rf dist guest/dist .work
